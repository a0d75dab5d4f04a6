"""Common and guessable passwords, which new passwords must not be (NIST SP 800-63B 3.1.1.2)."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHORTEST_WORD = 3  # of the product's name or an email address
_MOST_SCORED = 72  # characters: zxcvbn takes no more
_MOST_LOOKUPS = 25_000  # some 100 ms of zxcvbn; at least 11 characters are scored
_SEPARATORS = re.compile(r"[\W_]+")


def is_common(password: str) -> bool:
    """Return whether a password is in the list, with or without digits and punctuation around it.

    "Password2027!" is as common as "password": attackers try such variants first.
    """
    if len(set(password)) == 1:
        return True
    return any(_is_listed(word) for word in {password.casefold(), _base(password)})


def is_derived(password: str, sources: Iterable[str]) -> bool:
    """Return whether a password is a name or an email address with digits and punctuation around.

    ``sources`` are the product's name and the user's email address.
    """
    base = _SEPARATORS.sub("", _base(password))
    return any(base in _words(source) for source in sources)


def score(password: str, sources: Iterable[str]) -> int:
    """Return the strength of a password by zxcvbn, from 0 (trivial) to 4 (very hard to guess)."""
    from zxcvbn import zxcvbn

    words = [word for source in sources for word in _words(source)]
    found: int = zxcvbn(_scored(password), user_inputs=words)["score"]
    return found


def _scored(password: str) -> str:
    """Return the beginning of a password that zxcvbn scores in a limited time.

    zxcvbn looks up every substring, once for each combination of the letters that digits and
    symbols may stand for ("1" for "i" or "l"): several hundred combinations for some passwords.
    """
    from zxcvbn.matching import L33T_TABLE, relevant_l33t_subtable

    scored = password[:_MOST_SCORED]
    while (
        prod(map(len, relevant_l33t_subtable(scored, L33T_TABLE).values())) * len(scored) ** 2
        > _MOST_LOOKUPS
    ):
        scored = scored[:-1]
    return scored


def _words(source: str) -> set[str]:
    """Return the words of a name or an email address, and the whole without separators."""
    local, _, domain = source.casefold().partition("@")
    parts = [*_SEPARATORS.split(local), _SEPARATORS.sub("", local), domain.partition(".")[0]]
    words = {part.strip("0123456789") for part in parts}
    return {word for word in words if len(word) >= _SHORTEST_WORD}


def _base(password: str) -> str:
    """Return a password in lower case without the digits and punctuation at its ends."""
    return re.sub(r"^[\W\d_]+|[\W\d_]+$", "", password.casefold())


def _is_listed(word: str) -> bool:
    return "\n" not in word and f"\n{word}\n" in _common_passwords()


@cache
def _common_passwords() -> str:
    """Return the list of common passwords that zxcvbn comes with: 30,000 lines, 240 KB.

    The module of the list is executed alone and not kept. The package builds dictionaries of names
    and words beside it, which take 20 MB.
    """
    package = find_spec("zxcvbn")
    assert package is not None
    assert package.submodule_search_locations is not None
    path = Path(package.submodule_search_locations[0], "frequency_lists.py")
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return "\n".join(("", *module.FREQUENCY_LISTS["passwords"], ""))
