"""The attributes that are registered, for those that fill them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, select

from tenantry.db.statements import Statement
from tenantry.tenants.user_attributes.model import user_attributes

if TYPE_CHECKING:
    from tenantry.db.engine import Session

_a = user_attributes.c
_ENABLED = Statement(select(_a.key).where(_a.kind == bindparam("p_kind", type_=Text), _a.enabled))


async def enabled(db: Session, kind: str) -> frozenset[str]:
    """Return the keys of the attributes of a kind, of `model`, that are enabled."""
    return frozenset(row["key"] for row in await db.fetch_all(_ENABLED, p_kind=kind))
