"""The members of an organization whom a directory of it has: what they are there is its word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, select

from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories.model import ORGANIZATION_ID, directories, directory_users, of_row

if TYPE_CHECKING:
    from collections.abc import Collection

    from tenantry.db.engine import Session

_u = directory_users.c
_HELD = Statement(
    select(_u.user_id)
    .join(directories, of_row(directory_users))
    .where(
        _u.organization_id == ORGANIZATION_ID,
        _u.user_id.in_(json_values(bindparam("user_ids", type_=Text))),
        directories.c.enabled,
    )
    .distinct()
)


async def held(db: Session, organization_id: str, user_ids: Collection[str]) -> frozenset[str]:
    """Return those of these users whom an enabled directory of the organization has."""
    if not user_ids:
        return frozenset()
    rows = await db.fetch_all(
        _HELD, organization_id=organization_id, user_ids=to_json(sorted(user_ids))
    )
    return frozenset(row["user_id"] for row in rows)
