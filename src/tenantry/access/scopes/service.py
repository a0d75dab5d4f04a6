"""Rules and statements of the catalogue of scopes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tenantry.access.scopes.model import Scope, scopes
from tenantry.core import errors, ids
from tenantry.core.times import now
from tenantry.db import crud
from tenantry.db.engine import DuplicateKey
from tenantry.db.writes.duplicate_key import taken
from tenantry.db.writes.rows import prefixed

if TYPE_CHECKING:
    from tenantry.call import Call

SCOPES_MAX = 1000  # they are listed all at once

_COUNT = crud.count(scopes)
_HOLDER = crud.get(scopes, by=("name",), columns=("id",))
_ALL = crud.list_all(scopes, order_by="name")
_HOLD = crud.hold(scopes)
_INSERT = crud.insert(scopes)
_UPDATE = crud.update(scopes, set_=("description", "enabled", "update_time"))
_DELETE = crud.delete(scopes, whole_row=True)


async def create(call: Call, *, name: str, description: str) -> Scope:
    """Add a scope, switched on."""
    at = now()
    scope = Scope(call.db.new_id(ids.SCOPE), name, description, True, at, at)
    try:
        async with call.db.transaction() as db:
            await db.serialize("scopes")
            row = await db.fetch_one(_COUNT)
            if row is not None and row["n"] >= SCOPES_MAX:
                raise errors.InvalidArgument(
                    f"environment has reached its limit of {SCOPES_MAX} scopes"
                )
            event = call.event("scope.created", after=scope.to_event())
            await db.apply(_INSERT, event, **prefixed(scope.to_row()))
    except DuplicateKey:
        raise taken("name", name, _HOLDER, p_name=name) from None
    return scope


async def list_all(call: Call) -> list[Scope]:
    """Return all scopes by name."""
    return [Scope.from_row(row) for row in await call.db.fetch_all(_ALL)]


async def change(
    call: Call, scope_id: str, *, description: str = "", enabled: bool | None = None
) -> Scope:
    """Describe a scope anew, unless with "", and switch it on or off, unless with None."""
    async with call.db.transaction() as db:
        row = await db.fetch_one(_HOLD, p_id=scope_id)
        if row is None:
            raise errors.NotFound("scope")
        before = Scope.from_row(row)
        after = replace(
            before,
            description=description or before.description,
            enabled=before.enabled if enabled is None else enabled,
        )
        if after == before:
            return before
        after = replace(after, update_time=max(now(), before.update_time + 1))
        event = call.event("scope.updated", before=before.to_event(), after=after.to_event())
        await db.apply(_UPDATE, event, **prefixed(after.to_row()))
    return after


async def remove(call: Call, scope_id: str) -> None:
    """Take a scope out of the catalogue; clients keep the name."""
    async with call.db.transaction() as db:
        row = await db.fetch_one(_DELETE, p_id=scope_id)
        if row is None:
            raise errors.NotFound("scope")
        gone = Scope.from_row(row)
        await db.record(call.event("scope.deleted", before=gone.to_event()))
