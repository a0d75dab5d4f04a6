"""Names that third parties give themselves, made safe to show (pure functions).

A name may imitate another one: with letters of other alphabets that look alike, with characters
that are invisible or turn the direction of text, or by its length.
"""

from __future__ import annotations

import re
import unicodedata

MAX_CHARACTERS = 128
_DEFAULT = "MCP client"
# Control, format (direction, zero width), surrogate, private and unassigned characters, and
# separators of lines. A joiner between letters of emoji or Indic scripts is lost: that is legible.
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_MOST_MARKS = 2  # combining characters on one letter: more of them cover the lines around it
_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "GEORGIAN", "LISU")
# Letters of these alphabets have doubles in the Latin one; names of them alone can imitate too.
_LOOKALIKES = frozenset("аеорсухіјѕԁӏԛԝһΑΒΕΖΗΙΚΜΝΟΡΤΥΧοАВЕЅІЈКМНОРСТХ")


def clean(text: str | None, *, fallback: str = _DEFAULT, most: int = MAX_CHARACTERS) -> str:
    """Return a name in one line of visible characters, shortened to ``most`` of them."""
    normal = unicodedata.normalize("NFKC", (text or "")[: 4 * most])
    kept, marks = [], 0
    for character in normal:
        category = unicodedata.category(character)
        if category in _INVISIBLE and not character.isspace():
            continue
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        if marks <= _MOST_MARKS:
            kept.append(character)
    name = re.sub(r"\s+", " ", "".join(kept)).strip()
    if not any(unicodedata.category(character)[0] in "LN" for character in name):
        return fallback
    return name if len(name) <= most else f"{name[: most - 1].rstrip()}…"


def is_confusable(name: str) -> bool:
    """Whether a name can imitate another one by letters that look like Latin ones.

    This is a name that mixes alphabets in which letters look alike, or that consists only of
    letters of another alphabet that look like Latin ones.
    """
    scripts = {script for character in name if (script := _script(character))}
    if len(scripts) > 1:
        return True
    letters = [character for character in name if character.isalpha()]
    return bool(letters) and all(character in _LOOKALIKES for character in letters)


def _script(character: str) -> str:
    if not character.isalpha():
        return ""
    name = unicodedata.name(character, "")
    return next((script for script in _SCRIPTS if name.startswith(script)), "")
