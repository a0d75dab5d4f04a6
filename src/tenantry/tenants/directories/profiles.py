"""The document of a person in our words: a pure reading of RFC 7643 section 4.

By the directory's own mapping, from our name of an attribute to theirs, or else by the names of the
RFC. Names are compared without regard to case; one of theirs may be a path such as
`name.givenName`, with or without the URN of its schema.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tenantry import errors
from tenantry.db.schema import to_json
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
_BETWEEN_DIGITS = re.compile(r"[\s().-]")

# Members of a person in events: the paths of the attributes, the first that is there.
_TEXTS: dict[str, tuple[str, ...]] = {
    "given_name": ("name.givenName",),
    "family_name": ("name.familyName",),
    "nickname": ("nickName",),
    "title": ("title",),
    "user_type": ("userType",),
    "phone_number": ("phoneNumbers",),
    "picture": ("photos",),
    "profile": ("profileUrl",),
    "language": ("preferredLanguage",),
    "locale": ("locale",),
    "zoneinfo": ("timezone",),
    "employee_id": (f"{_ENTERPRISE}:employeeNumber",),
    "department": (f"{_ENTERPRISE}:department",),
    "cost_center": (f"{_ENTERPRISE}:costCenter",),
    "division": (f"{_ENTERPRISE}:division",),
    "organization": (f"{_ENTERPRISE}:organization",),
}
# Members that a directory's mapping may fill from another place.
MAPPABLE = frozenset({"name", "preferred_username", *_TEXTS})
_OF_PROFILE = (
    *("name", "given_name", "family_name", "preferred_username", "picture"),
    *("phone_number", "locale"),
)


def find(document: Mapping[str, Any], path: str) -> Any:
    """Return the value at a path of a person's document, None where there is none.

    A name without a URN is looked for in the core first, then in the enterprise extension, then
    in all others. Of a list it is the primary entry, or the first one, and of that its `value`.
    """
    urn, _, name = path.rpartition(":")
    known = {key.lower(): key for key in document}
    if urn:
        is_core = urn.lower() == _CORE.lower()
        place = document if is_core else document.get(known.get(urn.lower(), urn))
        return _within(place, name)
    found = _within(document, path)
    if found is not None:
        return found
    extensions = sorted(
        (key for key in document if key.lower().startswith("urn:")),
        key=lambda key: (key.lower() != _ENTERPRISE.lower(), key),
    )
    for key in extensions:
        found = _within(document[key], path)
        if found is not None:
            return found
    return None


def told(user: DirectoryUser, mapping: Mapping[str, str]) -> dict[str, Any]:
    """Return what events tell of a person beside ids, groups, roles and custom attributes."""
    document = user.document
    shown: dict[str, Any] = {"preferred_username": user.user_name, "name": _name(document)}
    for name, paths in _TEXTS.items():
        shown[name] = _text(_first(document, paths))
    for name, path in mapping.items():
        if name in MAPPABLE:
            shown[name] = _text(find(document, path)) or shown.get(name)
    address = _entry(find_whole(document, "addresses"))
    if isinstance(address, dict):
        shown["address"] = address
    return {name: value for name, value in shown.items() if value}


def custom(
    document: Mapping[str, Any], mapping: Mapping[str, str], keys: Collection[str]
) -> dict[str, Any]:
    """Return the custom attributes that the environment has registered and a document has."""
    found = {key: find(document, mapping.get(key, key)) for key in sorted(keys)}
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


def find_whole(document: Mapping[str, Any], name: str) -> Any:
    """Return an attribute of the core as it stands."""
    for key, value in document.items():
        if key.lower() == name.lower():
            return value
    return None


def _within(place: Any, path: str) -> Any:
    for name in path.split("."):
        place = _entry(place)
        if not isinstance(place, dict):
            return None
        place = find_whole(place, name)
    entry = _entry(place)
    return entry.get("value") if isinstance(entry, dict) and isinstance(place, list) else entry


def _entry(value: Any) -> Any:
    """Return of a list of objects the primary one, or the first; anything else as it is."""
    if not isinstance(value, list) or not value or not isinstance(value[0], dict):
        return value
    primary = (one for one in value if isinstance(one, dict) and one.get("primary") is True)
    return next(primary, value[0])


def _first(document: Mapping[str, Any], paths: tuple[str, ...]) -> Any:
    return next((found for path in paths if (found := find(document, path)) is not None), None)


def _name(document: Mapping[str, Any]) -> str | None:
    whole = _text(_first(document, ("displayName", "name.formatted")))
    if whole:
        return whole
    parts = [_text(find(document, f"name.{part}")) for part in ("givenName", "familyName")]
    return " ".join(part for part in parts if part) or None


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None
