"""The languages that people are spoken to in, on pages and by mail, and choosing one of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

DEFAULT = "en"  # where nobody understands another
LANGUAGES = (DEFAULT, "de", "fr", "es", "it", "nl", "pt")
OF_OPERATORS = (DEFAULT, "de")  # those of the console
_HEADER_MAX = 1000  # characters that are read of Accept-Language
# A language and its weight (RFC 9110 sections 12.4.2 and 12.5.4).
_RANGE = re.compile(
    r"\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9-]*)?\s*(?:;\s*[qQ]=([01](?:\.\d{0,3})?)\s*)?"
)


def best(
    accepted: str, wanted: Sequence[str] = (), spoken: Collection[str] = LANGUAGES
) -> str | None:
    """Return the one of ``spoken`` that a person understands best; None where that is not known.

    ``wanted`` is ui_locales, the best first (OpenID Connect Core 1.0 section 3.1.2.1); it goes
    before ``accepted``, the browser's Accept-Language. Of a tag such as de-AT the language counts.
    """
    for tag in (*map(_language, wanted), *_ranked(accepted)):
        if tag in spoken:
            return tag
        if tag == "*":
            break
    return None


def _language(tag: str) -> str:
    return tag.partition("-")[0].lower()


def _ranked(accepted: str) -> Iterator[str]:
    found = []
    for part in accepted[:_HEADER_MAX].split(","):
        read = _RANGE.fullmatch(part)
        weight = float(read[2] or 1) if read else 0.0
        if read and 0 < weight <= 1:
            found.append((-weight, read[1].lower()))
    for _, language in sorted(found, key=lambda each: each[0]):
        yield language
