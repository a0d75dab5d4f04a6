"""The name that was meant by one that there is not."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Characters of a name, and how many it is compared with: that takes a millisecond at most.
_LONGEST = 40
_MOST = 100
_ALIKE = 0.75


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that is most like this one; "" where nothing is much like it.

    `displayName`, `Display-Name` and `dsplay_name` are like `display_name`; so is `name`, if no
    other known name begins or ends with it.
    """
    if not 2 <= len(name) <= _LONGEST:
        return ""
    spelled = {_plain(one): one for one, _ in zip(known, range(_MOST), strict=False)}
    wanted = _plain(name)
    if wanted in spelled:
        return spelled[wanted]
    if alike := difflib.get_close_matches(wanted, spelled, 1, _ALIKE):
        return spelled[alike[0]]
    longer = [
        one for one in spelled.values() if one.endswith(f"_{name}") or one.startswith(f"{name}_")
    ]
    return longer[0] if len(longer) == 1 else ""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about a name that there is not: ", did you mean ...?" or ""."""
    found = nearest(name, known)
    return f", did you mean {found}?" if found else ""


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
