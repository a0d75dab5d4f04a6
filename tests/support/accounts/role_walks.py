"""Inheritance of roles, as it is kept and as a walk from base to base finds it."""

from __future__ import annotations

from sqlalchemy import select

from tenantry.db.sql.statements import Statement
from tenantry.tenants.roles.model import role_ancestors, roles

_ROLES = Statement(select(roles.c.id, roles.c.base_id))
_ANCESTORS = Statement(select(role_ancestors))


async def closure(db):
    """All pairs of a role and what it is said to extend."""
    return {(row["role_id"], row["ancestor_id"]) for row in await db.fetch_all(_ANCESTORS)}


async def walk(db):
    """All pairs of a role and what it extends."""
    bases = {row["id"]: row["base_id"] for row in await db.fetch_all(_ROLES)}
    pairs = set()
    for start in bases:
        at = start
        while at is not None:
            assert (start, at) not in pairs, "a circle"
            pairs.add((start, at))
            at = bases[at]
    return pairs
