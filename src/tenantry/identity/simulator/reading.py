"""Reading the connections that the simulator is one side of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import literal_column, or_

from tenantry.db.sql.statements import Statement
from tenantry.identity.connections.listing import Listed, with_names
from tenantry.identity.connections.model import IDP_SIMULATOR, OIDC, SAML, connections

if TYPE_CHECKING:
    from tenantry.db.engine import Session

_MOST = 100
_ALL = Statement(
    with_names()
    .where(
        connections.c.provider == IDP_SIMULATOR,
        or_(connections.c.type == OIDC, connections.c.type == SAML),
    )
    .order_by(connections.c.id)
    .limit(literal_column(str(_MOST)))
)


async def all_connections(db: Session) -> list[Listed]:
    """Return them with the names of their organizations, the oldest first, 100 at most."""
    return [Listed.from_row(row) for row in await db.fetch_all(_ALL)]
