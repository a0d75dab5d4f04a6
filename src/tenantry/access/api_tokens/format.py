"""The form of an API token: a prefix, 43 characters of chance, 6 of a checksum.

The 43 are 256 random bits and the 6 the CRC-32 (ISO 3309) of all before it, both as numbers in
Base62 (`0-9A-Za-z`, the most significant first). So a program that finds one in a repository or a
log recognizes it by its form, and without asking anybody that it is no accident. For secret
scanners, with the prefix of the settings in place of `tnat_`:

    \\btnat_[0-9A-Za-z]{49}\\b
"""

from __future__ import annotations

import re
import secrets
import string
import zlib

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_BITS = 256
_RANDOM = 43  # characters: 62**43 is just over 2**256
_CHECKSUM = 6  # 62**6 is over 2**32
# Any prefix that the settings may name: tokens with a former one stay good.
_FORM = re.compile(rf"[a-z][a-z0-9]{{1,14}}_[0-9A-Za-z]{{{_RANDOM + _CHECKSUM}}}")


def new(prefix: str) -> str:
    """Return a new token."""
    text = prefix + _base62(secrets.randbits(_BITS), _RANDOM)
    return text + _checksum(text)


def well_formed(text: str) -> bool:
    """Whether a text could be a token; of mistyped ones, one in 4,000,000,000 passes."""
    return _FORM.fullmatch(text) is not None and _checksum(text[:-_CHECKSUM]) == text[-_CHECKSUM:]


def _checksum(text: str) -> str:
    return _base62(zlib.crc32(text.encode()), _CHECKSUM)


def _base62(number: int, length: int) -> str:
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits = _DIGITS[digit] + digits
    return digits
