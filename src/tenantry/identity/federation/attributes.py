"""Attributes of a person from a provider, as a profile, claims and groups; for all protocols.

Values come by keys: the connection's mapping has been applied. A custom attribute becomes a claim
only where the environment has registered it, so that no provider of a customer makes up claims.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from tenantry.core import strict_json
from tenantry.db.ttl_cache import FRESH_SECONDS, TtlCache
from tenantry.tenants.user_attributes import reading
from tenantry.tenants.user_attributes.model import CUSTOM, RESERVED, SSO

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.db.engine import Database
    from tenantry.tenants.user_attributes.model import UserAttribute

GROUPS = "groups"
# Members of a user's profile, and the characters that each may have.
PROFILE = {
    "given_name": 255,
    "family_name": 255,
    "name": 512,
    "preferred_username": 512,
    "phone_number": 50,
    "locale": 64,
    "picture": 2048,
    "gender": 255,
}
_MOST_GROUPS, _LONGEST_GROUP = 1000, 250
_YES, _NO = {"true", "1", "yes"}, {"false", "0", "no"}
_ALL = "all"


class CustomAttributes:
    """The attributes that the environment has registered, as one process knows them."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: TtlCache[str, Sequence[UserAttribute]] = TtlCache(
            self._read, seconds=FRESH_SECONDS, most=1, name="user attributes"
        )

    async def get(self) -> Sequence[UserAttribute]:
        """Return those that become claims: enabled, ours to name, not of the standard ones."""
        return await self._known.get(_ALL) or ()

    async def _read(self, keys: Sequence[str]) -> Mapping[str, Sequence[UserAttribute]]:
        found = [
            one
            for one in await reading.of_kind(self._db, SSO)
            if one.enabled and one.category == CUSTOM and one.key not in RESERVED
        ]
        return dict.fromkeys(keys, found)


def profile(values: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the members of a user's profile that are among these values, shortened if need be."""
    return {key: values[key][0][:longest] for key, longest in PROFILE.items() if values.get(key)}


def claims(
    values: Mapping[str, Sequence[str]], registered: Sequence[UserAttribute]
) -> dict[str, Any]:
    """Return the registered attributes that are among these values, as values of their types.

    A value of another type is left out: an application relies on the type.
    """
    found = {}
    for one in registered:
        value = _typed(one.datatype, values.get(one.key, ()))
        if value is not None:
            found[one.key] = value
    return found


def groups(values: Sequence[str]) -> tuple[str, ...]:
    """Return the names of groups, each once, and no more than a sign-in has room for."""
    named = (value for value in values if 0 < len(value) <= _LONGEST_GROUP)
    return tuple(dict.fromkeys(named))[:_MOST_GROUPS]


def _typed(datatype: str, values: Sequence[str]) -> Any:
    if not values:
        return None
    first = values[0]
    if datatype == "ARRAY":
        return list(values)
    if datatype == "BOOL":
        word = first.lower()
        return word in _YES if word in _YES | _NO else None
    if datatype in {"NUMBER", "OBJECT"}:
        kinds: tuple[type, ...] = (int, float) if datatype == "NUMBER" else (dict,)
        # PostgreSQL cannot keep a NUL.
        with contextlib.suppress(ValueError):
            read = strict_json.loads(first)
            is_kind = isinstance(read, kinds) and not isinstance(read, bool)
            if is_kind and not strict_json.has_nul(read):
                return read
        return None
    return first
