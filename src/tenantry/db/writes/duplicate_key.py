"""The error of a value that another row has, which can say whose it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.core import errors

if TYPE_CHECKING:
    from tenantry.db.engine import Session
    from tenantry.db.sql.statements import Statement


def taken(field: str, value: str, holder: Statement, **params: Any) -> errors.Duplicate:
    """Return the error; ``holder`` selects the ``id`` of the row that has the value.

    The pipeline of calls asks for it, where the caller may see the row.
    """

    async def find(db: Session) -> str:
        row = await db.fetch_one(holder, **params)
        return row["id"] if row is not None else ""

    return errors.Duplicate(field, value, find=find)
