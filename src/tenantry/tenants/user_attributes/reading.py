"""Reading registered attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, select

from tenantry.db.statements import Statement
from tenantry.tenants.user_attributes.model import UserAttribute, user_attributes

if TYPE_CHECKING:
    from tenantry.db.engine import Session

_u = user_attributes.c
_OF_KIND = Statement(
    select(user_attributes).where(_u.kind == bindparam("p_kind", type_=Text)).order_by(_u.key)
)


async def of_kind(db: Session, kind: str) -> list[UserAttribute]:
    """Return all attributes of a kind, SSO or DIRECTORY, by their keys."""
    return [UserAttribute.from_row(row) for row in await db.fetch_all(_OF_KIND, p_kind=kind)]
