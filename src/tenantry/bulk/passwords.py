"""Hashes of passwords that come from another system: their form is checked, nothing is opened.

Two families of text: the PHC string format, and the modular crypt format that came before it.
What they ask of sign-in later is bounded here: a hash must not cost a server minutes.
"""

from __future__ import annotations

import re

FORMS = (
    "must be a hash by argon2, bcrypt, scrypt or pbkdf2 in PHC or modular crypt format, such as "
    "$argon2id$v=19$m=65536,t=3,p=4$... or $2b$12$..."
)
TOO_DEAR = "asks for more work than sign-in gives it"

_BASE64 = r"[A-Za-z0-9+/]{4,512}={0,2}"
_CRYPT64 = r"[./A-Za-z0-9]{4,512}"
# Each with the most that its numbers may be, in their order.
_KNOWN = (
    (
        rf"\$argon2(?:id|i|d)(?:\$v=\d{{2}})?\$m=(\d+),t=(\d+),p=(\d+)\${_BASE64}\${_BASE64}",
        (4 << 20, 64, 64),  # KiB of memory, passes, lanes
    ),
    (r"\$2[abxy]\$(\d\d)\$[./A-Za-z0-9]{53}", (18,)),
    (rf"\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\${_BASE64}\${_BASE64}", (22, 32, 64)),
    (rf"\$7\$[./A-Za-z0-9]{{11}}[./A-Za-z0-9]{{0,86}}\${_CRYPT64}", ()),
    (
        rf"\$pbkdf2(?:-sha(?:1|224|256|384|512))?\$(?:i=)?(\d+)(?:,l=(\d+))?"
        rf"\$(?:{_BASE64}|{_CRYPT64})\$(?:{_BASE64}|{_CRYPT64})",
        (10_000_000, 512),  # rounds, bytes
    ),
)
_COMPILED = tuple((re.compile(pattern, re.ASCII), most) for pattern, most in _KNOWN)


def problem(text: str) -> str:
    """Return what is wrong with a hash, "" for nothing; its text is never repeated."""
    for pattern, most in _COMPILED:
        if found := pattern.fullmatch(text):
            numbers = zip(found.groups(), most, strict=True)
            dear = any(len(n) > 9 or int(n) > limit for n, limit in numbers if n is not None)
            return TOO_DEAR if dear else ""
    return FORMS
