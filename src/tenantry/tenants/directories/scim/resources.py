"""Resources (RFC 7643 sections 3 and 4): what providers send, and how we answer.

A document is what of a resource is kept: attributes by their canonical names, extensions by their
URNs, without id, meta, groups, members, and passwords. Providers deviate from the RFC, so values
are taken for what they mean: "True" for a boolean, one value in a list for a single one, a bare
text for an attribute that has a value. An attribute without a value is not in a document.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from tenantry.core import errors, strict_json, times
from tenantry.net import email_addresses
from tenantry.tenants.directories.scim.faults import Fault, quotable
from tenantry.tenants.directories.scim.paths import Place
from tenantry.tenants.directories.scim.schemas import GROUP, INDEXED, MEMBERS, USER, Record, fold
from tenantry.tenants.directories.scim.selections import USUAL
from tenantry.tenants.directories.scim.values import invalid, member_ids

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.tenants.directories.scim.schemas import Schema
    from tenantry.tenants.directories.scim.selections import Selection

LARGEST = 64 << 10  # bytes of a document as JSON
MOST_EXTENSIONS = 10


@dataclass(slots=True, eq=False, repr=False)
class GroupPayload(Record):
    """A group that was sent: its document, and the ids of its members; None without members."""

    document: dict[str, Any]
    members: list[str] | None


def read_user(payload: object, *, custom: Schema | None = None) -> dict[str, Any]:
    """Return the document of a user that a provider sends (POST, PUT).

    Names are taken in any case. Attributes that we do not know, and those that only we change, are
    ignored; an extension that we do not know is kept as it is.
    """
    document = _read(payload, USER, custom)
    return checked(document, USER)


def read_group(payload: object) -> GroupPayload:
    """Return a group that a provider sends (POST, PUT)."""
    document = checked(_read(payload, GROUP, None), GROUP)
    given = next((v for k, v in document_of(payload).items() if k.casefold() == "members"), None)
    return GroupPayload(document, None if given is None else member_ids(given))


def document_of(payload: object) -> dict[str, Any]:
    """Return a sent value that must be an object."""
    if not isinstance(payload, dict):
        raise Fault(400, "invalidSyntax", "The body must be a JSON object.")
    return payload


def _read(payload: object, schema: Schema, custom: Schema | None) -> dict[str, Any]:
    document: dict[str, Any] = {}
    seen: set[str] = set()
    for key, given in document_of(payload).items():
        place = Place.of(key, schema, custom, whole=isinstance(given, dict))
        if place is None or place.attribute is MEMBERS:
            continue
        if (said := f"{place.urn}:{place.name}.{place.sub}") in seen:
            raise Fault(400, "invalidSyntax", f"{quotable(key)} is repeated.")
        seen.add(said)
        place.put(document, given, custom)
    return document


def checked(document: dict[str, Any], schema: Schema) -> dict[str, Any]:
    """Return a document that may be kept."""
    for one in schema.attributes:
        if one.required and one.name not in document:
            raise invalid(one.name, "is required")
    if sum(":" in key for key in document) > MOST_EXTENSIONS:
        raise Fault(
            400, "invalidValue", f"A resource can have at most {MOST_EXTENSIONS} extensions."
        )
    try:
        text = orjson.dumps(document)
    except orjson.JSONEncodeError:
        raise _unfit(document) from None
    if len(text) > LARGEST:
        raise Fault(
            400,
            "invalidValue",
            f"A resource can have at most {LARGEST} bytes, but has {len(text)}.",
        )
    if strict_json.has_nul(document, spelled=text):
        raise _unfit(document)
    return document


def _unfit(document: Mapping[str, Any]) -> Fault:
    """Return the refusal of a document that JSON or a database cannot hold, by its attribute."""
    for key, value in document.items():
        try:
            orjson.dumps({key: value})
        except orjson.JSONEncodeError:
            return invalid(
                quotable(key), "contains an unpaired surrogate or a number that is too large"
            )
        if strict_json.has_nul({key: value}):
            return invalid(quotable(key), "contains a NUL character")
    return invalid("The resource", "is not valid JSON")


def columns(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a `DirectoryUser` that its document decides.

    Its address is the primary one, else the first for work, else the first, else a user name that
    is an address; "" if there is none that mail can reach.
    """
    user_name: str = document["userName"]
    email = address(document)
    return {
        "user_name": user_name,
        "user_name_key": fold(user_name),
        "external_id": document.get("externalId"),
        "display_name_key": fold(document.get("displayName", "")),
        "email": email,
        "email_key": email_addresses.key(email) if email else "",
        "active": document.get("active", True),
    }


def name_keys(document: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the keys that a user is found by the family name and the given name with.

    A key that ends after `INDEXED` characters and one more equals no shorter text.
    """
    name = document.get("name", {})
    names = {"family_name_key": "familyName", "given_name_key": "givenName"}
    return {key: fold(name.get(of, ""))[: INDEXED + 1] or None for key, of in names.items()}


def group_columns(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a `DirectoryGroup` that its document decides."""
    name: str = document["displayName"]
    return {
        "display_name": name,
        "display_name_key": fold(name),
        "external_id": document.get("externalId"),
    }


def address(document: Mapping[str, Any]) -> str:
    """Return the e-mail address that names a person's account; "" for none: see `columns`."""
    entries = [one for one in document.get("emails", ()) if _is_address(one.get("value", ""))]
    if entries:
        return min(entries, key=_rank)["value"]  # type: ignore[no-any-return]
    user_name: str = document["userName"]
    return user_name if _is_address(user_name) else ""


def _rank(entry: Mapping[str, Any]) -> int:
    if entry.get("primary") is True:
        return 0
    return 1 if fold(entry.get("type", "")) == "work" else 2


def _is_address(text: str) -> bool:
    try:
        email_addresses.checked(text)
    except errors.InvalidArgument:
        return False
    return True


def addresses(document: Mapping[str, Any]) -> list[str]:
    """Return the keys of all e-mail addresses of a user, each once, to find the user by."""
    values = (one.get("value") for one in document.get("emails", ()))
    return list(dict.fromkeys(email_addresses.key(value) for value in values if value))


def meta(
    resource_type: str, *, location: str, create_time: int, update_time: int, revision: int
) -> dict[str, Any]:
    """Return the meta of a resource (RFC 7643 section 3.1); times in microseconds since 1970."""
    return {
        "resourceType": resource_type,
        "created": times.proto_json(create_time),
        "lastModified": times.proto_json(update_time),
        "location": location,
        "version": f'W/"{revision}"',
    }


def represent(
    schema: Schema,
    document: Mapping[str, Any],
    *,
    id: str,  # noqa: A002 - the RFC's name
    meta: Mapping[str, Any],
    groups: Sequence[Mapping[str, Any]] | None = None,
    members: Sequence[Mapping[str, Any]] | None = None,
    selection: Selection = USUAL,
) -> dict[str, Any]:
    """Return a resource as it is answered.

    Groups of a user, and members of a group, are as RFC 7643 has them, with value, display, $ref
    and type; None or nothing leaves them out.
    """
    extensions = [urn for urn in document if ":" in urn]
    resource = {"schemas": [schema.id, *extensions], "id": id, **document}
    if groups:
        resource["groups"] = groups
    if members:
        resource["members"] = members
    resource["meta"] = meta
    return resource if selection is USUAL else selection.apply(resource)
