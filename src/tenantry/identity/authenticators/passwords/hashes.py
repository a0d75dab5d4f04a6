"""Forms of password hashes: ours, and those that an import brings. Pure functions.

Two families of text: the PHC string format, and the modular crypt format that came before it. The
cost of a hash is bounded, so that none of them can cost a server its memory or many seconds.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

FORMS = (
    "must be a hash by argon2, bcrypt, scrypt or pbkdf2 in PHC or modular crypt format, such as "
    "$argon2id$v=19$m=65536,t=3,p=4$... or $2b$12$..."
)
TOO_DEAR = "is too expensive to verify"

# The bounds of one verification: on a core of 2026, about two seconds at most.
_MEMORY = 256 << 20  # bytes
_ARGON2_PASSES = 1 << 20  # passes over a KiB
_LANES = 16
_BCRYPT_COST = 15
_SCRYPT_BLOCKS = 1 << 22  # mixed: N * r * p
_PBKDF2_ROUNDS = 5_000_000

_BASE64 = r"[A-Za-z0-9+/]{4,512}={0,2}"
_CRYPT64 = r"[./A-Za-z0-9]{4,512}"
_ITOA64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BCRYPT64 = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_BCRYPT_BYTES = 72  # that bcrypt reads of a password
_SCRYPT_BYTES = 32  # of a hash in $7$

Match = re.Match[str]


@dataclass(frozen=True, slots=True)
class _Form:
    """One form: its pattern, its bound, and whether a password is that of a hash."""

    pattern: re.Pattern[str]
    is_dear: Callable[[Match], bool]
    verify: Callable[[bytes, Match], bool]


def problem(text: str) -> str:
    """Return the fault of a hash, "" for none; its text is never repeated."""
    found = _read(text)
    if found is None:
        return FORMS
    form, match = found
    return TOO_DEAR if form.is_dear(match) else ""


def verify(password: bytes, text: str) -> bool:
    """Whether this is the hash of a password; of one that `problem` finds wrong, nothing is.

    It takes its time, and lets other threads run meanwhile.
    """
    found = _read(text)
    if found is None or found[0].is_dear(found[1]):
        return False
    form, match = found
    return form.verify(password, match)


def _read(text: str) -> tuple[_Form, Match] | None:
    for form in _KNOWN:
        if match := form.pattern.fullmatch(text):
            return form, match
    return None


def _number(text: str) -> int:
    """Return a number, or for one of many digits another that is too large as well."""
    return int(text) if len(text) <= 9 else 10**9


def _argon2_is_dear(match: Match) -> bool:
    memory, passes, lanes = map(_number, match.groups())
    dear = memory << 10 > _MEMORY or memory * passes > _ARGON2_PASSES or lanes > _LANES
    return dear or not (passes and lanes and memory >= 8 * lanes)  # RFC 9106 section 3.1


def _verify_argon2(password: bytes, match: Match) -> bool:
    from argon2.exceptions import Argon2Error
    from argon2.low_level import Type, verify_secret

    text = match.string.replace("=$", "$").replace("=$", "$").rstrip("=")
    type_ = {"id": Type.ID, "i": Type.I, "d": Type.D}[text[7:9].rstrip("$")]
    try:
        return verify_secret(text.encode(), password, type_)
    except Argon2Error:
        return False


def _bcrypt_is_dear(match: Match) -> bool:
    return not 4 <= int(match[1]) <= _BCRYPT_COST


def _verify_bcrypt(password: bytes, match: Match) -> bool:
    import bcrypt

    start, known = match[0][:28], match[0][29:]
    # Of its last character 2 bits count; some systems leave others in it, which libraries refuse.
    last = _BCRYPT64[_BCRYPT64.index(match[0][28]) & 0b110000]
    try:
        made = bcrypt.hashpw(password[:_BCRYPT_BYTES], f"{start}{last}".encode())
    except ValueError:
        return False
    return hmac.compare_digest(made[29:], known.encode())


def _scrypt_is_dear(match: Match) -> bool:
    return _is_dear_scrypt(*map(_number, match.groups()[:3]))


def _verify_scrypt(password: bytes, match: Match) -> bool:
    ln, r, p, salt, known = match.groups()
    numbers = int(ln), int(r), int(p)
    return _matches_scrypt(password, _decoded(salt), numbers, _decoded(known))


def _crypt_scrypt_is_dear(match: Match) -> bool:
    return _is_dear_scrypt(*_crypt_numbers(match))


def _verify_crypt_scrypt(password: bytes, match: Match) -> bool:
    known = _crypt_decoded(match[3])
    if len(known) != _SCRYPT_BYTES:
        return False
    return _matches_scrypt(password, match[2].encode(), _crypt_numbers(match), known)


def _crypt_numbers(match: Match) -> tuple[int, int, int]:
    """Return log2(N), r and p: in $7$ 1, 5 and 5 digits of six bits, low ones first."""
    digits = [_ITOA64.index(char) for char in match[1]]
    r, p = (sum(n << 6 * i for i, n in enumerate(part)) for part in (digits[1:6], digits[6:]))
    return digits[0], r, p


def _is_dear_scrypt(ln: int, r: int, p: int) -> bool:
    if not (ln and r and p) or ln > 40:
        return True
    return (128 * r << ln) > _MEMORY or (r * p << ln) > _SCRYPT_BLOCKS


def _matches_scrypt(
    password: bytes, salt: bytes, numbers: tuple[int, int, int], known: bytes
) -> bool:
    ln, r, p = numbers
    most = 2 * _MEMORY  # with its needs beside its blocks
    try:
        made = hashlib.scrypt(
            password, salt=salt, n=1 << ln, r=r, p=p, maxmem=most, dklen=len(known)
        )
    except ValueError:
        return False
    return hmac.compare_digest(made, known)


def _pbkdf2_is_dear(match: Match) -> bool:
    digest, rounds, length, _salt, known = match.groups()
    size = hashlib.new(digest or "sha1").digest_size
    wanted = max(_number(length or "0"), len(_decoded(known)))
    blocks = -(-wanted // size)
    return not 0 < _number(rounds) * blocks <= _PBKDF2_ROUNDS


def _verify_pbkdf2(password: bytes, match: Match) -> bool:
    digest, rounds, length, salt, known = match.groups()
    right = _decoded(known)
    if not right or (length is not None and int(length) != len(right)):
        return False
    made = hashlib.pbkdf2_hmac(
        digest or "sha1", password, _decoded(salt), int(rounds), dklen=len(right)
    )
    return hmac.compare_digest(made, right)


def _decoded(text: str) -> bytes:
    """Return the bytes of base64, also where "." stands for "+" and padding is left out."""
    bare = text.rstrip("=").replace(".", "+")
    if len(bare) % 4 == 1:
        return b""
    return base64.b64decode(bare + "=" * (-len(bare) % 4))


def _crypt_decoded(text: str) -> bytes:
    """Return the bytes that $7$ writes in groups of four digits of six bits, low ones first."""
    made = b""
    for start in range(0, len(text), 4):
        group = text[start : start + 4]
        bits = sum(_ITOA64.index(char) << 6 * i for i, char in enumerate(group))
        made += bits.to_bytes(3, "little")[: len(group) * 6 // 8]
    return made


def _form(
    pattern: str, is_dear: Callable[[Match], bool], verify: Callable[[bytes, Match], bool]
) -> _Form:
    return _Form(re.compile(pattern, re.ASCII), is_dear, verify)


_KNOWN = (
    _form(
        rf"\$argon2(?:id|i|d)(?:\$v=\d{{2}})?\$m=(\d+),t=(\d+),p=(\d+)\${_BASE64}\${_BASE64}",
        _argon2_is_dear,
        _verify_argon2,
    ),
    _form(r"\$2[abxy]\$(\d\d)\$[./A-Za-z0-9]{53}", _bcrypt_is_dear, _verify_bcrypt),
    _form(
        rf"\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$({_BASE64})\$({_BASE64})",
        _scrypt_is_dear,
        _verify_scrypt,
    ),
    _form(
        rf"\$7\$([./A-Za-z0-9]{{11}})([./A-Za-z0-9]{{0,86}})\$({_CRYPT64})",
        _crypt_scrypt_is_dear,
        _verify_crypt_scrypt,
    ),
    _form(
        rf"\$pbkdf2(?:-(sha1|sha224|sha256|sha384|sha512))?\$(?:i=)?(\d+)(?:,l=(\d+))?"
        rf"\$({_BASE64}|{_CRYPT64})\$({_BASE64}|{_CRYPT64})",
        _pbkdf2_is_dear,
        _verify_pbkdf2,
    ),
)
