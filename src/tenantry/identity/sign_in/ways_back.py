"""The application of an auth request that is over, for the link back to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, select

from tenantry.access.clients import ways_on
from tenantry.access.clients.model import clients
from tenantry.core import ids
from tenantry.db.statements import Statement
from tenantry.identity.sign_in.model import auth_requests

if TYPE_CHECKING:
    from tenantry.access.clients.ways_on import WayOn
    from tenantry.db.engine import Session

_FIND = Statement(
    select(*ways_on.COLUMNS)
    .join_from(auth_requests, clients, clients.c.id == auth_requests.c.client_id)
    .where(auth_requests.c.id == bindparam("p_id", type_=Text))
)


async def find(db: Session, request_id: str) -> WayOn | None:
    """Return the way to the application that made an auth request.

    Anybody may know it: an id alone tells nothing else. None for a request that was deleted, and
    where the application has told none.
    """
    if not ids.well_formed(ids.AUTH_REQUEST, request_id):
        return None
    row = await db.fetch_one(_FIND, p_id=request_id)
    return None if row is None else ways_on.of_row(row)
