"""Avatars: the initials of a name, in a color that follows from the ID of its object."""

from __future__ import annotations

import re
from zlib import crc32

TONES = 8  # colors in lists.css
_WORD = re.compile(r"[^\W_]+")


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
