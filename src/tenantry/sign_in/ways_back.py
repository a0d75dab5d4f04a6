"""Where somebody begins again whose auth request is gone: what their application says for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, select

from tenantry import ids
from tenantry.clients.model import clients
from tenantry.db.statements import Statement
from tenantry.sign_in.model import auth_requests

if TYPE_CHECKING:
    from tenantry.db.engine import Session

_FIND = Statement(
    select(clients.c.initiate_login_uri)
    .join_from(auth_requests, clients, clients.c.id == auth_requests.c.client_id)
    .where(auth_requests.c.id == bindparam("p_id", type_=Text))
)


async def find(db: Session, request_or_error_id: str) -> str | None:
    """Return the initiate_login_uri of the application that made an auth request.

    Anybody may know it: an id alone tells nothing else. None for a request that was deleted, and
    where the application has none.
    """
    request_id = request_or_error_id
    if ids.well_formed(ids.AUTH_ERROR, request_or_error_id):
        request_id = ids.AUTH_REQUEST + request_or_error_id.removeprefix(ids.AUTH_ERROR)
    if not ids.well_formed(ids.AUTH_REQUEST, request_id):
        return None
    row = await db.fetch_one(_FIND, p_id=request_id)
    uri: str | None = row["initiate_login_uri"] if row else None
    return uri
