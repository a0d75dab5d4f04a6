"""Reading registered attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.db import crud
from tenantry.tenants.user_attributes.model import UserAttribute, user_attributes

if TYPE_CHECKING:
    from tenantry.db.engine import Session

_OF_KIND = crud.list_all(user_attributes, by=("kind",), order_by="key")


async def of_kind(db: Session, kind: str) -> list[UserAttribute]:
    """Return all attributes of a kind, SSO or DIRECTORY, by their keys."""
    return [UserAttribute.from_row(row) for row in await db.fetch_all(_OF_KIND, p_kind=kind)]
