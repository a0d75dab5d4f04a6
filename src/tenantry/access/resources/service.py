"""The rules of resources: creating, finding, changing, deleting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import bindparam, select

from tenantry.access.resources import values
from tenantry.access.resources.model import Resource, resources
from tenantry.core import errors, ids
from tenantry.core.times import now
from tenantry.db import crud
from tenantry.db.engine import DuplicateKey
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.duplicate_key import taken
from tenantry.db.writes.rows import prefixed, revised
from tenantry.tenants.roles.model import permissions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.call import Call
    from tenantry.db.engine import Row, Session

RESOURCES_MAX = 1000

_p = permissions.c
_COUNT = crud.count(resources)
_GET = crud.get(resources)
_HOLD = crud.hold(resources, allow_references=True)
_HOLDER = crud.get(resources, by=("resource_uri",), columns=("id",))
_INSERT = crud.insert(resources)
_UPDATE = crud.update(resources)
_DELETE = crud.delete(resources, whole_row=True)
# The built-in ones are for the pages of this server.
_PERMISSIONS = Statement(
    select(_p.name).where(_p.built_in.is_(False), _p.name.in_(json_values(bindparam("p_names"))))
)

_Rule = Callable[[Any, bool], Any]
# For each member of the contract: its column, and a rule that returns the value to store.
_RULES: dict[str, tuple[str, _Rule]] = {
    "name": ("name", lambda value, _: values.name(value)),
    "description": ("description", lambda value, _: value),
    "resource_uri": (
        "resource_uri",
        lambda value, production: values.resource_uri(value, production=production),
    ),
    "logo_uri": (
        "logo_uri",
        lambda value, production: values.logo_uri(value, production=production),
    ),
    "scopes": ("scopes", lambda value, _: values.scopes(value)),
    "access_token_expiry": (
        "access_token_expiry",
        lambda value, _: values.access_token_expiry(value),
    ),
    "refresh_token_expiry": (
        "refresh_token_expiry",
        lambda value, _: values.refresh_token_expiry(value),
    ),
    "intersect_scopes_user_permission": ("intersect_permissions", lambda value, _: value),
    "resource_scope_selection_allowed": ("scope_selection", lambda value, _: value),
    "disable_dynamic_client_registration": ("dynamic_registration", lambda value, _: not value),
    "enable_cimd": ("cimd", lambda value, _: value),
    "cimd_client_allowlist_enabled": ("cimd_allowlist_enabled", lambda value, _: value),
    "cimd_client_allowlist": ("cimd_allowlist", lambda value, _: values.cimd_allowlist(value)),
    "xaa_enabled": ("xaa", lambda value, _: value),
}
MEMBERS = tuple(_RULES)


async def create(
    call: Call, *, resource_type: str, members: Mapping[str, Any], production: bool
) -> Resource:
    """Create a resource from members by their names in `MEMBERS`."""
    at = now()
    resource = Resource(
        id=call.db.new_id(ids.RESOURCE),
        resource_type=values.resource_type(resource_type),
        name="",
        access_token_expiry=values.ACCESS_TOKEN_EXPIRY_DEFAULT,
        refresh_token_expiry=values.REFRESH_TOKEN_EXPIRY_DEFAULT,
        create_time=at,
        update_time=at,
    )
    resource = replace(resource, **_columns(members, production=production))
    await _check_scopes(call.db, resource.scopes)
    event = call.event("resource.created", after=resource.to_event())
    try:
        async with call.db.transaction() as db:
            await db.serialize("resources")
            row = await db.fetch_one(_COUNT)
            if row is not None and row["n"] >= RESOURCES_MAX:
                raise errors.InvalidArgument(
                    f"environment has reached its limit of {RESOURCES_MAX} resources; "
                    "delete one first"
                )
            await db.apply(_INSERT, event, **prefixed(resource.to_row()))
    except DuplicateKey:
        raise _taken(resource) from None
    return resource


async def get(db: Session, resource_id: str) -> Resource:
    """Return a resource."""
    row = await db.fetch_one(_GET, p_id=resource_id)
    if row is None:
        raise errors.NotFound("resource")
    return Resource.from_row(row)


async def update(
    call: Call, resource_id: str, members: Mapping[str, Any], *, production: bool
) -> Resource:
    """Change the given members, by their names in `MEMBERS`."""
    changed = _columns(members, production=production)
    try:
        async with call.db.transaction() as db:
            row = await db.fetch_one(_HOLD, p_id=resource_id)
            if row is None:
                raise errors.NotFound("resource")
            before = Resource.from_row(row)
            call.expect(before.revision)
            after = replace(before, **changed)
            if after == before:
                return before
            await _check_scopes(db, [one for one in after.scopes if one not in before.scopes])
            after = revised(after)
            event = call.event("resource.updated", before=before.to_event(), after=after.to_event())
            await db.apply(_UPDATE, event, **prefixed(after.to_row()))
    except DuplicateKey:
        raise _taken(after) from None
    return after


async def remove(call: Call, resource_id: str) -> None:
    """Delete a resource with its clients and consents; their tokens are refused immediately."""
    async with call.db.transaction() as db:
        row = await db.fetch_one(_HOLD, p_id=resource_id)
        if row is None:
            raise errors.NotFound("resource")
        before = Resource.from_row(row)
        call.expect(before.revision)
        await db.fetch_all(_DELETE, p_id=resource_id)
        await db.record(call.event("resource.deleted", before=before.to_event()))


def check_row(row: dict[str, Any]) -> dict[str, Any]:
    """Check a row of an archive and return it, or raise InvalidArgument."""
    try:
        resource = Resource.from_row(cast("Row", row))
    except (TypeError, ValueError):
        raise errors.InvalidArgument("cimd_allowlist: must be pairs of type and value") from None
    values.resource_type(resource.resource_type)
    values.name(resource.name)
    # A deployment that is not in production may have exported it.
    values.resource_uri(resource.resource_uri, production=False)
    values.logo_uri(resource.logo_uri, production=False)
    values.access_token_expiry(resource.access_token_expiry)
    values.refresh_token_expiry(resource.refresh_token_expiry)
    values.cimd_allowlist(resource.cimd_allowlist)
    if not all(isinstance(name, str) for name in values.scopes(resource.scopes)):
        raise errors.InvalidArgument("scopes: must be names of permissions")
    return row


async def _check_scopes(db: Session, names: Sequence[str]) -> None:
    """Refuse scopes that are not permissions of the environment."""
    if not names:
        return
    rows = await db.fetch_all(_PERMISSIONS, p_names=to_json(list(names)))
    known = {row["name"] for row in rows}
    for index, name in enumerate(names):
        if name not in known:
            raise errors.InvalidArgument.field(
                f"resource.scopes[{index}]",
                "in",
                f"{name[:60]!r} is not a permission of this environment; create it first",
            )


def _columns(members: Mapping[str, Any], *, production: bool) -> dict[str, Any]:
    """Return the columns that these members of the contract change, each checked."""
    columns = {}
    for name, value in members.items():
        column, rule = _RULES[name]
        columns[column] = rule(value, production)
    return columns


def _taken(resource: Resource) -> errors.Duplicate:
    return taken(
        "resource_uri", resource.resource_uri, _HOLDER, p_resource_uri=resource.resource_uri
    )
