"""Locks: the rows that a change of a directory holds until its transaction ends, and their order.

First the organization and the directory, so that neither is deleted meanwhile; then groups, by
their ids; then people, by their ids; then the accounts and memberships that a change is about. All
who take them in this order wait for each other, and never in a circle. The deletion of a directory
takes them so, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select, true

from tenantry.db.sql.schema import json_list, json_rows, json_values, one_of, to_json
from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories.model import (
    DIRECTORY_ID,
    GIVEN,
    ID,
    ORGANIZATION_ID,
    DirectoryGroup,
    DirectoryUser,
    directories,
    directory_groups,
    directory_members,
    directory_users,
    key,
    of_directory,
)
from tenantry.tenants.directories.scim.faults import Fault
from tenantry.tenants.organizations.model import organizations

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import ColumnElement, FromClause, Select, Table

    from tenantry.db.engine import Session
    from tenantry.tenants.directories.model import Directory

_u, _g, _m = directory_users.c, directory_groups.c, directory_members.c


def groups_of(user_id: ColumnElement[str]) -> ColumnElement[Any]:
    """Return a person's groups as a column `groups`: id and name of each, as JSON."""
    # A subquery for each name: a plan made for an empty table would start a join from all groups.
    name = select(_g.display_name).where(
        *of_directory(directory_groups), _g.id == _m.directory_group_id
    )
    found = select(json_rows(json_list(_m.directory_group_id, name.scalar_subquery())))
    found = found.where(*of_directory(directory_members), _m.directory_user_id == user_id)
    return found.scalar_subquery().label("groups")


def _held_directory() -> FromClause:
    # Others may refer to both meanwhile, and change them, but not delete them.
    organization = (
        select(organizations.c.id)
        .where(organizations.c.id == ORGANIZATION_ID)
        .with_for_update(read=True, key_share=True)
        .cte("held_organization")
    )
    of_it = directories.c.organization_id == organization.c.id
    return (
        select(directories.c.id)
        .select_from(organization.join(directories, of_it))
        .where(directories.c.organization_id == ORGANIZATION_ID, directories.c.id == DIRECTORY_ID)
        .with_for_update(read=True, key_share=True, of=directories)
        .cte("held_directory")
    )


def of_held(table: Table) -> Select[Any]:
    """Return the rows of a table in a directory, held with it."""
    held = _held_directory()
    return (
        select(table)
        .select_from(held.join(table, true()))
        .where(*of_directory(table))
        .with_for_update(of=table)
    )


_HOLD_USER = Statement(of_held(directory_users).where(_u.id == ID).add_columns(groups_of(_u.id)))
_HOLD_USERS = Statement(
    of_held(directory_users)
    .where(one_of(_u.id, GIVEN))
    .order_by(_u.id)
    .add_columns(groups_of(_u.id))
)
_HOLD_GROUPS = Statement(of_held(directory_groups).where(one_of(_g.id, GIVEN)).order_by(_g.id))
_HOLD_GROUP = Statement(of_held(directory_groups).where(_g.id == ID))
_groups_of_user = select(_m.directory_group_id).where(
    *of_directory(directory_members), _m.directory_user_id == ID
)
_HOLD_GROUPS_OF = Statement(
    of_held(directory_groups).where(_g.id.in_(_groups_of_user)).order_by(_g.id)
)
_held = _held_directory()
_others = select(_u.user_name_key).where(
    *of_directory(directory_users), _u.user_name_key.in_(json_values(GIVEN))
)
_taken = _others.subquery("taken")
_HOLD_NAMES = Statement(
    select(_held.c.id, _taken.c.user_name_key).select_from(_held.outerjoin(_taken, true()))
)


def not_found(id_: str) -> Fault:
    """Return the fault of a resource that is not there (RFC 7644 section 3.12)."""
    return Fault(404, "", f"Resource {id_} not found")


async def hold_user(db: Session, directory: Directory, id_: str) -> DirectoryUser:
    """Return a person whom nobody else changes before this transaction ends."""
    row = await db.fetch_one(_HOLD_USER, id=id_, **key(directory))
    if row is None:
        raise not_found(id_)
    return DirectoryUser.with_groups(row)


async def hold_users(
    db: Session, directory: Directory, ids_: Collection[str]
) -> dict[str, DirectoryUser]:
    """Hold those of these people that are there, as `hold_user` does, and return them by id."""
    rows = await db.fetch_all(_HOLD_USERS, given=to_json(list(ids_)), **key(directory))
    return {row["id"]: DirectoryUser.with_groups(row) for row in rows}


async def hold_groups(
    db: Session, directory: Directory, ids_: Collection[str]
) -> dict[str, DirectoryGroup]:
    """Hold those of these groups that are there, as `hold_group` does, and return them by id."""
    rows = await db.fetch_all(_HOLD_GROUPS, given=to_json(list(ids_)), **key(directory))
    return {row["id"]: DirectoryGroup.from_row(row) for row in rows}


async def hold_group(db: Session, directory: Directory, id_: str) -> DirectoryGroup:
    """Return a group that, with its members, nobody else changes before this transaction ends."""
    row = await db.fetch_one(_HOLD_GROUP, id=id_, **key(directory))
    if row is None:
        raise not_found(id_)
    return DirectoryGroup.from_row(row)


async def hold_groups_of(db: Session, directory: Directory, id_: str) -> set[str]:
    """Hold all groups that this person is in, and return their ids."""
    rows = await db.fetch_all(_HOLD_GROUPS_OF, id=id_, **key(directory))
    return {row["id"] for row in rows}


async def hold_names(db: Session, directory: Directory, given: str) -> Collection[str]:
    """Hold a directory, and return which of these keys of user names it has already.

    ``given`` is a JSON array.
    """
    rows = await db.fetch_all(_HOLD_NAMES, given=given, **key(directory))
    if not rows:
        raise not_found(directory.id)
    return {row["user_name_key"] for row in rows if row["user_name_key"] is not None}
