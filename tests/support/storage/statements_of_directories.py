"""Statements that the tests of directories share."""

from __future__ import annotations

from sqlalchemy import Text, bindparam, select

from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories.model import user_tally

_KEY = [bindparam(name, type_=Text) for name in ("organization_id", "directory_id")]
_TOTAL = Statement(select(user_tally.of(*_KEY).label("total")))


async def total_of(db, directory):
    """How many people a directory counts."""
    key = {"organization_id": directory.organization_id, "directory_id": directory.id}
    row = await db.fetch_one(_TOTAL, **key)
    return row["total"] or 0
