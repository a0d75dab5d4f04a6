"""Avatars: the initials of an object's name in a color derived from its ID, below its logo."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from markupsafe import Markup

TONES = 8  # colors in static/avatars.css
_WORD = re.compile(r"[^\W_]+")
_SHAPE = '<span class="avatar tone-{}{}" aria-hidden="true">{}{}</span>'
_LOGO = '<img src="{}" alt="" loading="lazy" width="28" height="28">'


def avatar(name: str, id_: str, *, square: bool = False, logo: str = "") -> Markup:
    """Return the avatar beside a name. Avatars of organizations are ``square``.

    Screen readers skip it, because it repeats the name. `lists.js` removes a logo that cannot be
    loaded, so that the initials appear.
    """
    from markupsafe import Markup

    image = Markup(_LOGO).format(logo) if logo else ""  # noqa: S704 - a constant
    shape = " square" if square else ""
    return Markup(_SHAPE).format(tone(id_), shape, initials(name), image)  # noqa: S704 - a constant


def initials(name: str) -> str:
    """Return the first letters of the first and the last word of a name.

    Of an email address, only the part before the @ is used.
    """
    words: list[str] = _WORD.findall(name.partition("@")[0] or name)
    if not words:
        return "·"
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


def tone(id_: str) -> int:
    """Return the number of the color of an object's avatar, which depends only on the ID."""
    return crc32(id_.encode()) % TONES
