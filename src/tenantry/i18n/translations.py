"""English texts of this package, and their translations into other languages.

English stays with the page that shows it, in `words/en.toml`. A translation is an entry of the
gettext catalogue `i18n/locale/{language}.po`: `msgctxt` is the place of the text, `msgid` the
English text. A changed English text matches no entry, so readers get English until the text is
translated again, as they do where an entry is fuzzy, empty, or has other placeholders than English.
"""

from __future__ import annotations

import functools
import json
import re
import string
import sys
import tomllib
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENTRY = re.compile(
    rb'((?:^#.*\n)*)^msgctxt "(STRINGS)"\nmsgid "(STRINGS)"\nmsgstr "(STRINGS)"$'.replace(
        b"STRINGS", rb'.*(?:"\n".*)*'
    ),
    re.MULTILINE,
)
_FUZZY = re.compile(rb"^#,.*\bfuzzy\b", re.MULTILINE)
_keys: dict[tuple[str, str], tuple[str, str]] = {}  # all languages share them, to save memory


@functools.cache
def english(*room: str) -> Mapping[str, str]:
    """Return the English texts of a package by `section.key`; none where it has no words.

    They are in `words/en.toml`, or in all files of the folder `words/en`.
    """
    words = files("tenantry").joinpath(*room, "words")
    one, several = words / "en.toml", words / "en"
    found = sorted(several.iterdir(), key=lambda file: file.name) if several.is_dir() else [one]
    return {
        f"{section}.{key}": sys.intern(text)
        for file in found
        if file.is_file() and file.name.endswith(".toml")
        for section, texts in tomllib.loads(file.read_text(encoding="utf-8")).items()
        for key, text in texts.items()
    }


@functools.cache
def catalogue(language: str) -> Mapping[tuple[str, str], str]:
    """Return the translations of a language by place and English text; none of one without any."""
    file = files("tenantry").joinpath("i18n", "locale", f"{language}.po")
    return read(file.read_bytes()) if file.is_file() else {}


def translated(language: str, place: str, texts: Mapping[str, str]) -> dict[str, str]:
    """Return the texts of a place by their keys; one without a translation stays English."""
    known = catalogue(language)
    return {key: known.get((f"{place}:{key}", text), text) for key, text in texts.items()}


def read(content: bytes) -> dict[tuple[str, str], str]:
    """Return the entries of a PO file that can be shown."""
    found = {}
    for entry in _ENTRY.finditer(content):
        comments, place, source, translation = entry.groups()
        source, translation = _unquoted(source), _unquoted(translation)
        if (
            translation
            and not (comments and _FUZZY.search(comments))
            and placeholders(source) == placeholders(translation)
        ):
            key = (_unquoted(place), sys.intern(source))
            found[_keys.setdefault(key, key)] = translation
    return found


def placeholders(text: str) -> set[tuple[str, str | None, str | None]] | None:
    """Return the placeholders of a text; None if it cannot be formatted."""
    if "{" not in text and "}" not in text:
        return set()
    try:
        parts = [*string.Formatter().parse(text)]
    except ValueError:
        return None
    return {(name, spec, conversion) for _, name, spec, conversion in parts if name is not None}


def _unquoted(strings: bytes) -> str:
    """Return the text of a string without its outer quotes; "" for one that is not well-formed.

    A string may go on in further lines.
    """
    try:
        if b"\\" not in strings and b"\n" not in strings:
            return strings.decode()
        return str(json.loads(b'"%b"' % strings.replace(b'"\n"', b""), strict=False))
    except ValueError:
        return ""
