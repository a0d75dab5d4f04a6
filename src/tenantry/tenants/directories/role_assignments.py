"""Roles that the members of groups have: one list for a directory, replaced as a whole."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, tuple_

from tenantry.core import errors
from tenantry.db.sql.records import named, records, rows_of, spelled
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories import registry
from tenantry.tenants.directories.listing import Assignment
from tenantry.tenants.directories.model import (
    DIRECTORY_ID,
    GIVEN,
    ORGANIZATION_ID,
    directory_groups,
    directory_role_assignments,
    key,
    of_directory,
)
from tenantry.tenants.memberships import roles, seats
from tenantry.tenants.memberships.model import NamedRole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.tenants.directories.model import Directory

MOST = 1000  # of a directory
_FIELD = "role_assignments.assignments"

_a, _g = directory_role_assignments.c, directory_groups.c
_of_directory = of_directory(directory_role_assignments)
_LIST = Statement(select(_a.directory_group_id, _a.role_id).where(*_of_directory))
# Locked before the organization, as the rows that refer to them lock them after it.
_GROUPS = Statement(
    select(_g.id)
    .where(*of_directory(directory_groups), _g.id.in_(json_values(GIVEN)))
    .order_by(_g.id)
    .with_for_update(read=True, key_share=True)
)
_PAIR = named(directory_role_assignments, "directory_group_id", "role_id")
_given = records("given", _PAIR)
_INSERT = Statement(
    insert(directory_role_assignments).from_select(
        ["organization_id", "directory_id", "directory_group_id", "role_id"],
        select(ORGANIZATION_ID, DIRECTORY_ID, *_given.c),
    )
)
_DELETE = Statement(
    delete(directory_role_assignments).where(
        *_of_directory, tuple_(*_PAIR).in_(rows_of("given", _PAIR))
    )
)


async def assign(
    call: Call, organization_id: str, directory_id: str, given: Sequence[Assignment]
) -> tuple[Directory, list[Assignment]]:
    """Replace all assignments of a directory; its people have the new roles at once.

    An id of a role is "" where the name alone says which one.
    """
    if len(given) > MOST:
        raise errors.InvalidArgument.field(
            _FIELD, "repeated.max_items", f"must have at most {MOST} items"
        )
    async with call.db.transaction() as db:
        # No group gets or loses members meanwhile: they would have the earlier roles.
        before = await registry.hold(call, db, organization_id, directory_id, alone=True)
        asked = await _resolved(db, before, given)
        where = key(before)
        rows = await db.fetch_all(_LIST, **where)
        old = {(row["directory_group_id"], row["role_id"]) for row in rows}
        new = {(one.group_id, one.role_id) for one in asked}
        if old == new:
            return before, asked
        named = [
            NamedRole(f"{_FIELD}[{index}].role_name", one.role_id, one.role_name)
            for index, one in enumerate(given)
        ]
        await registry.check_moved_roles(call, db, before, {id_ for _, id_ in old ^ new}, named)
        await seats.hold(db, organization_id)  # before the roles that the rows refer to
        for statement, pairs in ((_DELETE, old - new), (_INSERT, new - old)):
            if pairs:
                await db.fetch_all(statement, given=_spelled(pairs), **where)
        roles_now = [{"group_id": one.group_id, "role_name": one.role_name} for one in asked]
        after = await registry.save(
            call, db, before, before, "roles_assigned", role_assignments=roles_now
        )
        from tenantry.tenants.directories.effects import role_mapping

        await role_mapping.roles_reassigned(
            replace(call, db=db),
            after,
            sorted({group_id for group_id, _ in old ^ new}),
            dropped={role_id for _, role_id in old} - {role_id for _, role_id in new},
        )
    return after, asked


async def _resolved(
    db: Session, directory: Directory, given: Sequence[Assignment]
) -> list[Assignment]:
    names = {one.role_name for one in given}
    found = await roles.existing(db, directory.organization_id, names) if names else ()
    ids = {role.name: role.id for role in found}
    group_ids = to_json(sorted({one.group_id for one in given}))
    groups = await db.fetch_all(_GROUPS, given=group_ids, **key(directory))
    there = {row["id"] for row in groups}
    asked: dict[Assignment, None] = {}
    for index, one in enumerate(given):
        field = f"{_FIELD}[{index}]"
        if one.group_id not in there:
            raise errors.InvalidArgument.field(
                f"{field}.group_id", "exists", "must be a group of this directory"
            )
        role_id = ids.get(one.role_name)
        if role_id is None:
            raise errors.InvalidArgument.field(
                f"{field}.role_name",
                "exists",
                "must be a role of the environment or the organization",
            )
        if one.role_id not in {"", role_id}:
            raise errors.InvalidArgument.field(
                f"{field}.role_id", "same", f"is not the id of the role {one.role_name}"
            )
        asked[Assignment(one.group_id, one.role_name, role_id)] = None
    return sorted(asked)


def _spelled(pairs: set[tuple[str, str]]) -> str:
    names = [column.name for column in _PAIR]
    return spelled(_PAIR, (dict(zip(names, pair, strict=True)) for pair in sorted(pairs)))
