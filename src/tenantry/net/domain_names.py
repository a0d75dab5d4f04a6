"""Names of domains as they stand in DNS: A-labels of IDNA 2008 (RFC 5891), in lower case.

IDNA 2003 made `strasse.de` of `straße.de`, which may be somebody else's; so nothing here maps one
character to others, but for upper case and how accents are written (RFC 5895 sections 2.1, 2.3).
"""

from __future__ import annotations

import unicodedata

MAX_CHARACTERS = 253
# Before the name is read at all: a longer one is not worth the work.
_MAX_TEXT = 255


def to_ascii(text: str) -> str:
    """Return a name in A-labels and lower case, with no dot at its end.

    An ASCII name is returned as it is: DNS compares no more than that.

    Raises:
        ValueError: it is not such a name; the text says why.

    """
    if len(text) > _MAX_TEXT:
        raise ValueError(f"may have {MAX_CHARACTERS} characters at most")
    if text.isascii():
        return text.lower().removesuffix(".")
    import idna  # only where a name is not ASCII

    for character in text:
        if looks_like_ascii(character):
            raise ValueError(f"holds U+{ord(character):04X}, which stands for another character")
    try:
        name = unicodedata.normalize("NFC", text.lower())
        return idna.encode(name, std3_rules=True).decode().removesuffix(".")
    except UnicodeError as problem:
        raise ValueError(f"is not a domain name: {problem}") from None


def normalized(text: str) -> str:
    """Return a name that may be registered, in A-labels and lower case.

    Raises:
        ValueError: it is not such a name; the text says why.

    """
    import idna  # only here, and where a name is not ASCII

    try:
        name = idna.encode(to_ascii(text), std3_rules=True).decode()
    except UnicodeError as problem:
        raise ValueError(f"is not a domain name: {problem}") from None
    if len(name) > MAX_CHARACTERS:
        raise ValueError(f"may have {MAX_CHARACTERS} characters at most")
    if "." not in name:
        raise ValueError("is not a domain name: it has no dot")
    if not name.rpartition(".")[2][:1].isalpha():
        raise ValueError("is not a domain name: its last label does not start with a letter")
    return name


def looks_like_ascii(character: str) -> bool:
    """Whether a character is not ASCII, but becomes so in lower case or compatibility form.

    As the Kelvin sign becomes k, the long s becomes s, and each fullwidth letter its own. A dot of
    another script counts, too: programs take it for the one between labels.
    """
    if character.isascii():
        return False
    forms = (character.lower(), unicodedata.normalize("NFKC", character))
    return any(form.isascii() for form in forms) or "\u3002" in forms
