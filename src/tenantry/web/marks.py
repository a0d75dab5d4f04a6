"""Marks in the text of a page: labels and code of others, and English.

A page says its language once. A text in another one says so itself (WCAG 2.2, 3.1.2), so that it is
read aloud as it should be.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

_MARK = re.compile(r"\*\*(?P<label>[^*]+)\*\*|`(?P<code>[^`]+)`")


def labelled(text: str) -> Markup:
    """Return the text of a guide for a page: `**labels**` in English, code in backticks."""
    from markupsafe import Markup

    found, end = Markup(""), 0
    for mark in _MARK.finditer(text):
        shape = "<b lang='en'>{}</b>" if mark["label"] else "<code>{}</code>"
        found += Markup.escape(text[end : mark.start()])
        found += Markup(shape).format(mark["label"] or mark["code"])  # noqa: S704 - ours
        end = mark.end()
    return found + Markup.escape(text[end:])


def clicks(text: str) -> list[str]:
    """Return the labels to click in turn according to the first sentence of a guide's text.

    A sentence that sets a field, such as **email** as **Name ID format**, has no such labels.
    """
    first = text.partition(". ")[0]
    labels = [mark["label"] for mark in _MARK.finditer(first) if mark["label"]]
    return labels if len(labels) > 1 and "** as **" not in first else []


def spoken(parts: Sequence[tuple[str, str]], language: str) -> Markup:
    """Return texts, each with its language, as one for a page in a language."""
    from markupsafe import Markup

    shapes = (("{}" if each == language else "<span lang='{1}'>{0}</span>") for _, each in parts)
    return Markup("").join(
        Markup(shape).format(*part)  # noqa: S704 - ours
        for shape, part in zip(shapes, parts, strict=True)
    )


def english(text: object) -> Markup:
    """Return a text that is English on a page of any language."""
    from markupsafe import Markup

    return Markup("<span lang='en'>{}</span>").format(text)
