"""The rules of permissions: creating, finding, listing, changing, deleting.

The built-in ones are what the admin portal and the widgets check: nobody changes them.
"""

from __future__ import annotations

import functools
from enum import Enum
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, false, func, select, true

from tenantry.core import errors, ids
from tenantry.core.times import now
from tenantry.db import crud
from tenantry.db.engine import DuplicateKey
from tenantry.db.lists import pages
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.duplicate_key import taken
from tenantry.db.writes.rows import prefixed, revised, row_of
from tenantry.tenants.roles.catalogue import RAISE
from tenantry.tenants.roles.model import Permission, permissions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenantry.call import Call
    from tenantry.db.engine import Session

PERMISSIONS_MAX = 1000

_p = permissions.c
_COUNT = crud.count(permissions)
_FIND = crud.get(permissions, by=("name",))
_NAMED = Statement(select(_p.id, _p.name).where(_p.name.in_(json_values(bindparam("p_names")))))
_INSERT = crud.insert(permissions)
_UPDATE = crud.update(permissions, set_=("description", "revision", "update_time"))
# The only change of one that a role shows.
_DELETE = Statement(delete(permissions).where(_p.id == bindparam("p_id")).returning(_p.id), RAISE)


class Kind(Enum):
    """Which permissions a list holds."""

    ALL = "all"
    BUILT_IN = "built in"
    OWN = "own"


async def create(call: Call, *, name: str, description: str) -> Permission:
    """Create a permission."""
    _check_caller(call)
    at = now()
    permission = Permission(
        id=call.db.new_id(ids.PERMISSION),
        name=name,
        description=description,
        built_in=False,
        revision=1,
        create_time=at,
        update_time=at,
    )
    event = call.event("permission.created", after=permission.to_event())
    try:
        async with call.db.transaction() as db:
            await db.serialize("roles")
            row = await db.fetch_one(_COUNT)
            if row is not None and row["n"] >= PERMISSIONS_MAX:
                raise errors.InvalidArgument(
                    f"environment has reached its limit of {PERMISSIONS_MAX} permissions; "
                    "delete one first"
                )
            await db.apply(_INSERT, event, **prefixed(row_of(permission, permissions)))
    except DuplicateKey:
        raise taken("name", name, _FIND, p_name=name) from None
    return permission


async def get(call: Call, name: str) -> Permission:
    """Return a permission."""
    _check_caller(call)
    return await _find(call.db, name)


async def describe(call: Call, name: str, description: str) -> Permission:
    """Change what a permission says about itself.

    Raises:
        errors.InvalidArgument: it is built in.

    """
    _check_caller(call)
    async with call.db.transaction() as db:
        await db.serialize("roles")
        before = await _changeable(call, db, name)
        if before.description == description:
            return before
        after = revised(
            before,
            description=description,
        )
        await db.apply(
            _UPDATE,
            call.event("permission.updated", before=before.to_event(), after=after.to_event()),
            **prefixed(row_of(after, permissions)),
        )
    return after


async def remove(call: Call, name: str) -> None:
    """Delete a permission, and take it from the roles that hold it.

    Raises:
        errors.InvalidArgument: it is built in.

    """
    _check_caller(call)
    async with call.db.transaction() as db:
        await db.serialize("roles")
        gone = await _changeable(call, db, name)
        event = call.event("permission.deleted", before=gone.to_event())
        await db.apply(_DELETE, event, p_id=gone.id)


async def page(
    call: Call, kind: Kind, *, page_size: int, page_token: str
) -> pages.Page[Permission]:
    """Return one page of permissions, the newest first.

    ``page_size`` 0 is the default of 10.
    """
    _check_caller(call)
    position = pages.position(
        call.db, f"permissions {kind.value}", page_size=page_size, page_token=page_token
    )
    rows = await call.db.fetch_all(_page_statement(kind, position.direction), **position.params)
    total = await call.db.fetch_one(_total_statement(kind))
    assert total is not None
    return position.page(rows, total["total"]).of(Permission.from_row)


async def ids_of(db: Session, names: Iterable[str]) -> dict[str, str]:
    """Return the ids of the permissions of these names, as far as there are any."""
    rows = await db.fetch_all(_NAMED, p_names=to_json(sorted(set(names))))
    return {row["name"]: row["id"] for row in rows}


def _check_caller(call: Call) -> None:
    if call.caller.organization_id is not None:
        raise errors.PermissionDenied


async def _find(db: Session, name: str) -> Permission:
    row = await db.fetch_one(_FIND, p_name=name)
    if row is None:
        raise errors.NotFound("permission")
    return Permission.from_row(row)


async def _changeable(call: Call, db: Session, name: str) -> Permission:
    permission = await _find(db, name)
    if permission.built_in:
        raise errors.InvalidArgument(
            f"permission {name} is built in and cannot be changed or deleted"
        )
    call.expect(permission.revision)
    return permission


_CONDITIONS = {
    Kind.ALL: true(),
    Kind.BUILT_IN: _p.built_in == true(),
    Kind.OWN: _p.built_in == false(),
}


@functools.cache
def _page_statement(kind: Kind, direction: str) -> Statement:
    return crud.list_page(select(permissions).where(_CONDITIONS[kind]), _p.id, direction)


@functools.cache
def _total_statement(kind: Kind) -> Statement:
    counted = select(func.count().label("total")).select_from(permissions)
    return Statement(counted.where(_CONDITIONS[kind]))
