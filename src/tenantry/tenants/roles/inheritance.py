"""Inheritance of roles, kept as a closure: for each role all that it extends, itself included.

Bases form trees, so all ways from a role up to another lead through the roles in between. A writer
has waited for `serialize("roles")` first: else two changes could close a circle together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, delete, insert, select

from tenantry.db.sql.statements import Statement
from tenantry.tenants.roles.model import role_ancestors

if TYPE_CHECKING:
    from tenantry.db.engine import Session

_a = role_ancestors.c
_role, _base = bindparam("p_role_id", type_=Text), bindparam("p_base_id", type_=Text)
_below, _above = role_ancestors.alias("below"), role_ancestors.alias("above")

_INSERT = Statement(insert(role_ancestors).values(role_id=_role, ancestor_id=_role))
_INHERITS = Statement(select(_a.role_id).where(_a.role_id == _base, _a.ancestor_id == _role))
# All of a role's tree lose the roles above it, and get those above the new base.
_DETACH = Statement(
    delete(role_ancestors).where(
        _a.role_id.in_(select(_below.c.role_id).where(_below.c.ancestor_id == _role)),
        _a.ancestor_id.in_(
            select(_above.c.ancestor_id).where(
                _above.c.role_id == _role, _above.c.ancestor_id != _role
            )
        ),
    )
)
_ATTACH = Statement(
    insert(role_ancestors).from_select(
        ["role_id", "ancestor_id"],
        select(_below.c.role_id, _above.c.ancestor_id).where(
            _below.c.ancestor_id == _role, _above.c.role_id == _base
        ),
    )
)


async def begin(db: Session, role_id: str, base_id: str | None) -> None:
    """Enter a new role, which extends this one or none."""
    await db.fetch_all(_INSERT, p_role_id=role_id)
    if base_id is not None:
        await db.fetch_all(_ATTACH, p_role_id=role_id, p_base_id=base_id)


async def move(db: Session, role_id: str, base_id: str | None) -> bool:
    """Let a role extend another one, or none any more; False where that would close a circle."""
    if base_id is not None and await db.fetch_one(_INHERITS, p_role_id=role_id, p_base_id=base_id):
        return False
    await db.fetch_all(_DETACH, p_role_id=role_id)
    if base_id is not None:
        await db.fetch_all(_ATTACH, p_role_id=role_id, p_base_id=base_id)
    return True
