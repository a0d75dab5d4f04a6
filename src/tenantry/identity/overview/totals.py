"""The numbers of organizations and users, and the revision of the schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, select

from tenantry.db.sql.schema import schema_history
from tenantry.db.sql.statements import Statement
from tenantry.tenants.organizations.model import ORGANIZATIONS, organization_tally
from tenantry.tenants.users.model import USERS, user_tally

if TYPE_CHECKING:
    from tenantry.db.engine import Session

_TOTALS = Statement(
    select(
        organization_tally.of(ORGANIZATIONS).label("organizations"),
        user_tally.of(USERS).label("users"),
        select(func.max(schema_history.c.revision)).scalar_subquery().label("revision"),
    )
)


class Totals(NamedTuple):
    """The numbers of a deployment."""

    organizations: int
    users: int
    revision: str


async def read(db: Session) -> Totals:
    """Return the totals of now."""
    row = await db.fetch_one(_TOTALS)
    assert row is not None
    return Totals(row["organizations"] or 0, row["users"] or 0, row["revision"] or "")
