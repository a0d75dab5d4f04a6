"""Where somebody begins again whose auth request is gone: what their application says for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, select

from tenantry import ids
from tenantry.clients.model import clients
from tenantry.db.statements import Statement
from tenantry.sign_in.model import auth_requests

if TYPE_CHECKING:
    from tenantry.db.engine import Row, Session

_FIND = Statement(
    select(clients.c.initiate_login_uri)
    .join_from(auth_requests, clients, clients.c.id == auth_requests.c.client_id)
    .where(auth_requests.c.id == bindparam("p_id", type_=Text))
)
_OF_CLIENT = Statement(
    select(clients.c.initiate_login_uri).where(clients.c.id == bindparam("p_id", type_=Text))
)


async def find(db: Session, request_id: str) -> str | None:
    """Return the initiate_login_uri of the application that made an auth request.

    Anybody may know it: an id alone tells nothing else. None for a request that was deleted, and
    where the application has none.
    """
    if not ids.well_formed(ids.AUTH_REQUEST, request_id):
        return None
    return _uri(await db.fetch_one(_FIND, p_id=request_id))


async def of_client(db: Session, client_id: str | None) -> str | None:
    """Return the initiate_login_uri of an application, if it has one."""
    return None if client_id is None else _uri(await db.fetch_one(_OF_CLIENT, p_id=client_id))


def _uri(row: Row | None) -> str | None:
    uri: str | None = row["initiate_login_uri"] if row else None
    return uri
