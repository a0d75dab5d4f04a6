"""The application of an auth request that is over, for the link back to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, select

from tenantry.access.clients.model import clients
from tenantry.access.clients.uris import return_targets
from tenantry.core import ids
from tenantry.db.sql.statements import Statement
from tenantry.identity.sign_in.model import auth_requests

if TYPE_CHECKING:
    from tenantry.access.clients.uris.return_targets import ReturnTarget
    from tenantry.db.engine import Session

_FIND = Statement(
    select(*return_targets.COLUMNS)
    .join_from(auth_requests, clients, clients.c.id == auth_requests.c.client_id)
    .where(auth_requests.c.id == bindparam("p_id", type_=Text))
)


async def find(db: Session, request_id: str) -> ReturnTarget | None:
    """Return the way to the application that made an auth request.

    Anybody may know it: an id alone tells nothing else. None for a request that was deleted, and
    where the application has told none.
    """
    if not ids.well_formed(ids.AUTH_REQUEST, request_id):
        return None
    row = await db.fetch_one(_FIND, p_id=request_id)
    return None if row is None else return_targets.of_row(row)
