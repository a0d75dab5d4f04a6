"""The members of an organization whom a directory of it has: what they are there is its word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, select

from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories.model import directories, directory_users

if TYPE_CHECKING:
    from collections.abc import Collection

    from tenantry.db.engine import Session

_u, _d = directory_users.c, directories.c
_HELD = Statement(
    select(_u.user_id)
    .join(
        directories,
        (_d.organization_id == _u.organization_id) & (_d.id == _u.directory_id),
    )
    .where(
        _u.organization_id == bindparam("organization_id", type_=Text),
        _u.user_id.in_(json_values(bindparam("user_ids", type_=Text))),
        _d.enabled,
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
