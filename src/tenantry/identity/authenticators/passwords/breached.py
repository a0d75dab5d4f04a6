"""Passwords that were seen in a breach: a sorted file, looked into and never read whole.

As Pwned Passwords publishes it, ordered by hash: a SHA-1 a line in upper-case hex, alone or with
`:COUNT` behind it. Line ends may be those of Unix or Windows.
"""

from __future__ import annotations

import hashlib
import mmap
import re
from typing import TYPE_CHECKING

from tenantry.settings import SettingError

if TYPE_CHECKING:
    from pathlib import Path

_DIGITS = 40
_LINE = re.compile(rb"(\xef\xbb\xbf)?[0-9A-F]{40}(:[0-9]+)?\r?(\n|$)")
_MARK = b"\xef\xbb\xbf"  # that some editors put in front of a text


class BreachedPasswords:
    """One such file.

    It is opened for each look: so it can be replaced by a newer one while the server runs.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            if not _LINE.match(file.read(100)):
                raise SettingError(
                    "breached_passwords",
                    "does not begin with a SHA-1 in 40 upper-case hexadecimal digits",
                )

    def __contains__(self, password: str) -> bool:
        """Whether the file has this password: some thirty looks into a file of a billion."""
        wanted = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()
        with (
            self._path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as lines,
        ):
            return _has(lines, wanted.encode())


def _has(lines: mmap.mmap, wanted: bytes) -> bool:
    """Halve the rest: the line begins at ``low`` or later, and before ``high``."""
    low = len(_MARK) if lines[: len(_MARK)] == _MARK else 0
    high = len(lines)
    while low < high:
        middle = (low + high) // 2
        start = lines.rfind(b"\n", low, middle) + 1 or low
        found = lines[start : start + _DIGITS]
        if found == wanted:
            return True
        if found < wanted:
            end = lines.find(b"\n", start, high)
            low = high if end < 0 else end + 1
        else:
            high = start
    return False
