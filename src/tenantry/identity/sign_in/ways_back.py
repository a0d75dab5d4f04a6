"""Where somebody goes back to: the application of an auth request that is gone, or of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, literal_column, select

from tenantry import ids
from tenantry.access.clients import ways_on
from tenantry.access.clients.model import clients
from tenantry.db.statements import Statement
from tenantry.identity.sessions.model import session_clients
from tenantry.identity.sign_in.model import auth_requests

if TYPE_CHECKING:
    from tenantry.access.clients.ways_on import WayOn
    from tenantry.db.engine import Session

_FIND = Statement(
    select(*ways_on.COLUMNS)
    .join_from(auth_requests, clients, clients.c.id == auth_requests.c.client_id)
    .where(auth_requests.c.id == bindparam("p_id", type_=Text))
)


_s = session_clients.c
_OF_SESSION = Statement(
    select(*ways_on.COLUMNS)
    .join_from(session_clients, clients, clients.c.id == _s.client_id)
    .where(_s.session_id == bindparam("p_id", type_=Text))
    .order_by(_s.create_time.desc(), _s.client_id)
    .limit(literal_column("1"))
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


async def of_session(db: Session, session_id: str) -> WayOn | None:
    """Return the way to the application that a session has signed in to last.

    To another one where that has told none.
    """
    row = await db.fetch_one(_OF_SESSION, p_id=session_id)
    way = None if row is None else ways_on.of_row(row)
    return way or await ways_on.of_environment(db)
