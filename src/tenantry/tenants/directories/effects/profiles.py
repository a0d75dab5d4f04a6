"""The document of a person in our words: a pure reading of RFC 7643 section 4.

By the directory's own mapping, from our name of an attribute to theirs, or else by the names of the
RFC. Names are compared without regard to case; one of theirs may be a path such as
`name.givenName`, with or without the URN of its schema.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from tenantry.core import errors
from tenantry.db.sql.schema import to_json
from tenantry.tenants.users import values

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tenantry.tenants.directories.model import DirectoryUser

CUSTOM_MAX = 20  # custom attributes of a profile
CUSTOM_KEY_LENGTHS = 3, 25
CUSTOM_VALUE_MAX = 256
# Where `users.values` leaves the length to the contract.
_LONGEST = {"given_name": 255, "family_name": 255, "preferred_username": 512, "picture": 2048}

_ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
_ENTERPRISE_KEY, _CORE_KEY = _ENTERPRISE.lower(), _CORE.lower()
_BETWEEN_DIGITS = re.compile(r"[\s().-]")

# Members of a person in events: the paths of the attributes.
_TEXTS: dict[str, str] = {
    "given_name": "name.givenName",
    "family_name": "name.familyName",
    "nickname": "nickName",
    "title": "title",
    "user_type": "userType",
    "phone_number": "phoneNumbers",
    "picture": "photos",
    "profile": "profileUrl",
    "language": "preferredLanguage",
    "locale": "locale",
    "zoneinfo": "timezone",
    "employee_id": f"{_ENTERPRISE}:employeeNumber",
    "department": f"{_ENTERPRISE}:department",
    "cost_center": f"{_ENTERPRISE}:costCenter",
    "division": f"{_ENTERPRISE}:division",
    "organization": f"{_ENTERPRISE}:organization",
}
# Members that a directory's mapping may fill from another place than this, their usual one.
USUAL = {"name": "displayName", "preferred_username": "userName"} | {
    name: path.rpartition(":")[2] for name, path in _TEXTS.items()
}
MAPPABLE = frozenset(USUAL)
_OF_PROFILE = (
    *("name", "given_name", "family_name", "preferred_username", "picture"),
    *("phone_number", "locale"),
)


class _Names:
    """The attributes of a document by their names, case-insensitively; made once to find many."""

    __slots__ = ("_core", "_extensions")

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._core = {key.lower(): value for key, value in document.items()}
        urns = sorted(key for key in self._core if key.startswith("urn:"))
        urns.sort(key=lambda urn: urn != _ENTERPRISE_KEY)  # which comes first
        self._extensions = {urn: _by_name(self._core[urn]) for urn in urns}

    def find(self, path: str) -> Any:
        """Return the value at a path, or None.

        A name without a URN is looked up in the core schema first, then in the enterprise
        extension, then in all others. The value of a list is the `value` of its primary entry, or
        of its first one.
        """
        urn, parts = _parts(path)
        if urn:
            if urn == _CORE_KEY:
                return _within(self._core, parts)
            return _within(self._extensions.get(urn) or _by_name(self._core.get(urn)), parts)
        found = _within(self._core, parts)
        for extension in self._extensions.values() if found is None else ():
            found = _within(extension, parts)
            if found is not None:
                break
        return found

    def whole(self, name: str) -> Any:
        """Return an attribute of the core as it stands."""
        return self._core.get(name)

    def texts(self) -> dict[str, str | None]:
        """Return the texts of `_TEXTS`; most documents have few of them, and no extension."""
        core, extended = self._core, bool(self._extensions)
        return {
            name: _text(self.find(path))
            for name, path in _TEXTS.items()
            if extended or _parts(path)[1][0] in core
        }


@functools.lru_cache(maxsize=1000)
def _parts(path: str) -> tuple[str, tuple[str, ...]]:
    """Return the URN of a path, "" for none, and its names, all in lower case."""
    urn, _, name = path.lower().rpartition(":")
    return urn, tuple(name.split("."))


def _by_name(place: Any) -> dict[str, Any]:
    return {key.lower(): value for key, value in place.items()} if isinstance(place, dict) else {}


def told(user: DirectoryUser, mapping: Mapping[str, str]) -> dict[str, Any]:
    """Return the event fields of a user except IDs, groups, roles and custom attributes."""
    names = _Names(user.document)
    shown: dict[str, Any] = {"preferred_username": user.user_name, "name": _name(names)}
    shown |= names.texts()
    for name, path in mapping.items():
        if name in MAPPABLE:
            shown[name] = _text(names.find(path)) or shown.get(name)
    address = _entry(names.whole("addresses"))
    if isinstance(address, dict):
        shown["address"] = address
    return {name: value for name, value in shown.items() if value}


def custom(
    document: Mapping[str, Any], mapping: Mapping[str, str], keys: Collection[str]
) -> dict[str, Any]:
    """Return the custom attributes that the environment has registered and a document has."""
    if not keys:
        return {}
    names = _Names(document)
    found = {key: names.find(mapping.get(key, key)) for key in sorted(keys)}
    return {key: value for key, value in found.items() if value is not None}


def profile(
    user: DirectoryUser, mapping: Mapping[str, str], keys: Collection[str]
) -> dict[str, Any]:
    """Return the profile of an account after a person's document; what it cannot take is left out.

    Custom attributes are texts there; other values are written as JSON.
    """
    shown = told(user, mapping)
    taken: dict[str, Any] = {}
    for name in _OF_PROFILE:
        value = shown.get(name)
        if value is None or len(value) > _LONGEST.get(name, len(value)):
            continue
        if name == "phone_number":
            value = _BETWEEN_DIGITS.sub("", value)
        if name == "locale":
            value = value.replace("_", "-")
        try:
            taken |= values.profile({}, {name: value}, "user_profile")
        except errors.InvalidArgument:
            continue
    shortest, longest = CUSTOM_KEY_LENGTHS
    texts = {
        key: value if isinstance(value, str) else to_json(value)
        for key, value in custom(user.document, mapping, keys).items()
        if shortest <= len(key) <= longest
    }
    fitting = {key: text for key, text in texts.items() if 0 < len(text) <= CUSTOM_VALUE_MAX}
    if fitting:
        taken["custom_attributes"] = dict(list(fitting.items())[:CUSTOM_MAX])
    return taken


def news(
    account: Mapping[str, Any],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    keys: Collection[str],
) -> dict[str, Any]:
    """Return the changes by which an account's profile follows that of a person: ``after``.

    A member that the person's had ``before`` and has no more is cleared where the account still
    has the same. Of custom attributes only those of these keys are the directory's.
    """
    changes = {name: value for name, value in after.items() if name != "custom_attributes"}
    for name in before.keys() - after.keys() - {"custom_attributes"}:
        if account.get(name) == before[name]:
            changes[name] = ""
    held = account.get("custom_attributes") or {}
    kept = {key: value for key, value in held.items() if key not in keys}
    mine = {**kept, **(after.get("custom_attributes") or {})}
    changes["custom_attributes"] = dict(list(mine.items())[:CUSTOM_MAX])
    return {
        name: value
        for name, value in changes.items()
        if value != account.get(name) and (value or account.get(name))
    }


def _within(named: Mapping[str, Any], parts: tuple[str, ...]) -> Any:
    """Return the value at a path, whose names are in lower case."""
    place = named.get(parts[0])
    if place is None:
        return None
    for name in parts[1:]:
        place = _entry(place)
        if not isinstance(place, dict):
            return None
        place = next((value for key, value in place.items() if key.lower() == name), None)
    entry = _entry(place)
    return entry.get("value") if isinstance(entry, dict) and isinstance(place, list) else entry


def _entry(value: Any) -> Any:
    """Return of a list of objects the primary one, or the first; anything else as it is."""
    if not isinstance(value, list) or not value or not isinstance(value[0], dict):
        return value
    primary = (one for one in value if isinstance(one, dict) and one.get("primary") is True)
    return next(primary, value[0])


def _name(names: _Names) -> str | None:
    # The first that is there.
    whole = names.find("displayName")
    if whole is None:
        whole = names.find("name.formatted")
    if shown := _text(whole):
        return shown
    parts = [_text(names.find(f"name.{part}")) for part in ("givenName", "familyName")]
    return " ".join(part for part in parts if part) or None


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None
