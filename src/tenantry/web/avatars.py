"""Avatars: the initials of a name, in a color that follows from the ID of its object."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from markupsafe import Markup

TONES = 8  # colors in static/avatars.css
_WORD = re.compile(r"[^\W_]+")
_SHAPE = '<span class="avatar tone-{}{}" aria-hidden="true">{}</span>'


def avatar(name: str, id_: str, *, square: bool = False) -> Markup:
    """Return the avatar that stands beside a name; organizations have a ``square`` one."""
    from markupsafe import Markup

    shape = " square" if square else ""
    return Markup(_SHAPE).format(tone(id_), shape, initials(name))  # noqa: S704 - a constant


def initials(name: str) -> str:
    """Return the first letters of the first and the last word of a name.

    Of an email address only the part before the @ counts.
    """
    words: list[str] = _WORD.findall(name.partition("@")[0] or name)
    if not words:
        return "·"
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


def tone(id_: str) -> int:
    """Return the number of the color of an object's avatar: always the same for the same ID."""
    return crc32(id_.encode()) % TONES
