"""A person or a group of Google Workspace, as SCIM would say it (RFC 7643 sections 4.1 to 4.3).

The same attributes as those that a provider pushes, so that everything after them is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.tenants.directories.scim.schemas import ENTERPRISE, GROUP, USER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MOST = 50  # of a list


def user(found: Mapping[str, Any], *, custom: str = "") -> dict[str, Any]:
    """Return a person of users.list as a User.

    ``custom`` is the URN of custom attributes; a field of the customer's own schemas becomes one by
    its name. The picture is left out: its address is another one each time.
    """
    name = _object(found.get("name"))
    full = _text(name.get("displayName")) or _text(name.get("fullName"))
    work = _first(found.get("organizations"))
    employment = {
        "employeeNumber": _value_of(found.get("externalIds"), "organization"),
        "costCenter": _text(work.get("costCenter")),
        "organization": _text(work.get("name")),
        "department": _text(work.get("department")),
        "manager": _reference(_value_of(found.get("relations"), "manager")),
    }
    own = _own(found.get("customSchemas")) if custom else {}
    return _some(
        {
            "schemas": [USER.id, ENTERPRISE.id, *([custom] if own else [])],
            "externalId": found["id"],
            "userName": _text(found.get("primaryEmail")),
            "name": _some(
                {
                    "formatted": _text(name.get("fullName")),
                    "givenName": _text(name.get("givenName")),
                    "familyName": _text(name.get("familyName")),
                }
            ),
            "displayName": full,
            "title": _text(work.get("title")),
            "userType": _text(work.get("description")),
            "preferredLanguage": _language(found.get("languages")),
            "active": found.get("suspended") is not True and found.get("archived") is not True,
            "emails": _emails(found),
            "phoneNumbers": [
                _some({"value": _text(one.get("value")), "type": _text(one.get("type"))})
                for one in _objects(found.get("phones"))
                if _text(one.get("value"))
            ],
            "addresses": [_address(one) for one in _objects(found.get("addresses"))],
            ENTERPRISE.id: _some(employment),
            **({custom: own} if own else {}),
        }
    )


def group(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return a group of groups.list as a Group without members."""
    name = _text(found.get("name")) or _text(found.get("email")) or found["id"]
    return {"schemas": [GROUP.id], "externalId": found["id"], "displayName": name}


def _emails(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return all addresses: the one of the account first, others as far as they are its own."""
    primary = _text(found.get("primaryEmail"))
    emails: list[dict[str, Any]] = []
    if primary:
        emails.append({"value": primary, "type": "work", "primary": True})
    seen = {primary.lower()}
    others = [_text(one.get("address")) for one in _objects(found.get("emails"))]
    aliases = found.get("aliases")
    others += [_text(one) for one in aliases[:_MOST]] if isinstance(aliases, list) else []
    for address in others:
        if address and address.lower() not in seen:
            seen.add(address.lower())
            emails.append({"value": address, "type": "other"})
    return emails[:_MOST]


def _address(one: Mapping[str, Any]) -> dict[str, Any]:
    return _some(
        {
            "type": _text(one.get("type")),
            "formatted": _text(one.get("formatted")),
            "streetAddress": _text(one.get("streetAddress")),
            "locality": _text(one.get("locality")),
            "region": _text(one.get("region")),
            "postalCode": _text(one.get("postalCode")),
            "country": _text(one.get("countryCode")) or _text(one.get("country")),
        }
    )


def _own(schemas: Any) -> dict[str, Any]:
    """Return the fields of all custom schemas by their names, single values alone."""
    return {
        name: value
        for fields in list(_object(schemas).values())[:_MOST]
        for name, value in list(_object(fields).items())[:_MOST]
        if isinstance(value, str | bool | int | float)
    }


def _language(languages: Any) -> str:
    found = [one for one in _objects(languages) if _text(one.get("languageCode"))]
    preferred = [one for one in found if one.get("preference") == "preferred"]
    return _text((preferred or found or [{}])[0].get("languageCode"))


def _first(ones: Any) -> Mapping[str, Any]:
    """Return the entry that is the primary one, else the first."""
    found = list(_objects(ones))
    return next((one for one in found if one.get("primary") is True), found[0] if found else {})


def _value_of(ones: Any, kind: str) -> str:
    return next((_text(one.get("value")) for one in _objects(ones) if one.get("type") == kind), "")


def _reference(value: str) -> dict[str, Any]:
    return {"value": value} if value else {}


def _objects(ones: Any) -> Iterator[Mapping[str, Any]]:
    return (
        (one for one in ones[:_MOST] if isinstance(one, dict))
        if isinstance(ones, list)
        else iter(())
    )


def _object(one: Any) -> Mapping[str, Any]:
    return one if isinstance(one, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _some(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members that say something: a boolean does, an empty text or list does not."""
    return {name: value for name, value in members.items() if isinstance(value, bool) or value}
