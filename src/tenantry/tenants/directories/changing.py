"""Changes of a directory: of its name, type and status, groups to follow, mapped attributes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import or_, select

from tenantry.core import errors
from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories import registry, secrets
from tenantry.tenants.directories.effects import profiles
from tenantry.tenants.directories.model import (
    ALL,
    DIRECTORY_ID,
    ORGANIZATION_ID,
    POLL,
    SELECTED,
    Directory,
    directories,
    directory_groups,
    directory_users,
    key,
    of_row,
)
from tenantry.tenants.user_attributes import reading as user_attributes
from tenantry.tenants.user_attributes.model import DIRECTORY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.call import Call
    from tenantry.db.engine import Session

MOST_GROUPS = 1000  # that a polled directory follows
MAX_ID = 256  # characters of a group's id at the provider
_MOST_MAPPED = 50
# Columns that decide which people and groups a directory has.
_OF_SOURCE = ("directory_type", "enabled", "groups_tracked", "external_groups")
_OF_PROVIDER = {"email", "groups"}  # which these are is said by their own places

_d = directories.c


_IS_USED = Statement(
    select(_d.id).where(
        _d.organization_id == ORGANIZATION_ID,
        _d.id == DIRECTORY_ID,
        or_(
            *(
                select(table.c.id).where(of_row(table)).exists()
                for table in (directory_users, directory_groups)
            )
        ),
    )
)


async def update(
    call: Call,
    organization_id: str,
    directory_id: str,
    *,
    directory_type: str,
    enabled: bool,
    mappings: Sequence[tuple[str, str]],
    groups: Sequence[Mapping[str, str]],
    **texts: str,
) -> Directory:
    """Change a directory; what is "", empty or False stays. ``texts`` are other members of it."""
    async with call.db.transaction() as db:
        before = await registry.hold(call, db, organization_id, directory_id)
        after = before
        if directory_type and directory_type != before.directory_type:
            await _check_type(db, before, directory_type)
            after = replace(after, directory_type=directory_type)
        changed: dict[str, Any] = {name: text for name, text in texts.items() if text}
        after = replace(after, **changed)
        if mappings:
            mapping = await _mapping(db, mappings, "directory.mappings")
            after = replace(after, attribute_mapping=mapping)
        if groups:
            after = _following(after, groups, "directory.groups")
        if enabled:
            after = await _enabled(call, db, before, after)
        if any(getattr(before, name) != getattr(after, name) for name in _OF_SOURCE):
            await registry.check_roles(call, db, before)
        return await registry.save(call, db, before, after, "updated")


async def follow_groups(
    call: Call, organization_id: str, directory_id: str, external_ids: Sequence[str]
) -> None:
    """Have a polled directory follow these groups of its provider, or all for ``ALL`` alone."""
    async with call.db.transaction() as db:
        before = await registry.hold(call, db, organization_id, directory_id, for_source=True)
        if list(external_ids) == [ALL]:
            _check_polled(before, "external_ids")
            after = replace(before, groups_tracked=ALL, external_groups=())
        else:
            known = {one["external_id"]: one for one in before.external_groups}
            named = [dict(known.get(id_, {"external_id": id_})) for id_ in external_ids]
            after = _following(before, named, "external_ids")
        await registry.save(call, db, before, after, "updated")


async def map_attributes(
    call: Call, organization_id: str, directory_id: str, attributes: Sequence[tuple[str, str]]
) -> Directory:
    """Replace the attributes that are mapped: our pairs and theirs."""
    async with call.db.transaction() as db:
        before = await registry.hold(call, db, organization_id, directory_id)
        mapping = await _mapping(db, attributes, "attribute_mapping.attributes")
        after = replace(before, attribute_mapping=mapping)
        return await registry.save(call, db, before, after, "updated")


async def _enabled(call: Call, db: Session, before: Directory, after: Directory) -> Directory:
    """Return a directory that is on; if that is new, it causes an event."""
    changed = registry.switched(after, enabled=True)
    if changed == after:
        return after
    await db.record(registry.event(call, "enabled", before, replace(before, enabled=True)))
    return changed


async def _check_type(db: Session, before: Directory, directory_type: str) -> None:
    registry.check_type(directory_type)
    is_used = await db.fetch_one(_IS_USED, **key(before)) is not None
    if is_used or await secrets.of_directory(db, before):
        raise errors.InvalidArgument.field(
            "directory.directory_type",
            "immutable",
            "cannot be changed once the directory has secrets, users or groups; create another one",
        )


async def _mapping(
    db: Session, attributes: Sequence[tuple[str, str]], field: str
) -> dict[str, str]:
    if len(attributes) > _MOST_MAPPED:
        raise errors.InvalidArgument.field(
            field, "repeated.max_items", f"must have at most {_MOST_MAPPED} items"
        )
    registered = {one.key for one in await user_attributes.of_kind(db, DIRECTORY)}
    mapping: dict[str, str] = {}
    for index, (ours, map_to) in enumerate(attributes):
        place = f"{field}[{index}].key"
        if ours in mapping:
            raise errors.InvalidArgument.field(place, "repeated.unique", f"{ours} is mapped twice")
        if ours in _OF_PROVIDER:
            raise errors.InvalidArgument.field(
                place, "in", f"{ours} is a standard SCIM attribute and cannot be mapped"
            )
        if ours not in profiles.MAPPABLE and ours not in registered:
            raise errors.InvalidArgument.field(
                place,
                "exists",
                f"{ours[:60]} is not a user attribute; register it first",
            )
        mapping[ours] = map_to
    return mapping


def _following(directory: Directory, groups: Sequence[Mapping[str, str]], field: str) -> Directory:
    _check_polled(directory, field)
    if len(groups) > MOST_GROUPS:
        raise errors.InvalidArgument.field(
            field, "repeated.max_items", f"must have at most {MOST_GROUPS} items"
        )
    for index, group in enumerate(groups):
        if not 0 < len(group["external_id"]) <= MAX_ID:
            raise errors.InvalidArgument.field(
                f"{field}[{index}]", "string.max_len", f"must be 1 to {MAX_ID} characters"
            )
    following = tuple({group["external_id"]: dict(group) for group in groups}.values())
    return replace(directory, groups_tracked=SELECTED, external_groups=following)


def _check_polled(directory: Directory, field: str) -> None:
    if directory.directory_type != POLL:
        raise errors.InvalidArgument.field(
            field,
            "polled",
            "can only be set for a polled directory",
        )
