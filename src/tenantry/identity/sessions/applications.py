"""The application that a session, or an organization's members, signed in to last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, literal_column, select

from tenantry.access.clients.model import clients
from tenantry.access.clients.uris import return_targets
from tenantry.db.sql.statements import Statement
from tenantry.identity.sessions.model import (
    NO_ORGANIZATION,
    session_clients,
    session_organizations,
    sessions,
)

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from tenantry.access.clients.uris.return_targets import ReturnTarget
    from tenantry.db.engine import Session

_SESSIONS = 100  # of an organization, the newest, among which its last application is looked for

_c, _o, _s = session_clients.c, session_organizations.c, sessions.c
_one: ColumnElement[int] = literal_column("1")
_OF_SESSION = Statement(
    select(*return_targets.COLUMNS)
    .join_from(session_clients, clients, clients.c.id == _c.client_id)
    .where(
        _c.session_id == bindparam("p_session_id", type_=Text),
        clients.c.resource_id.is_(None),
    )
    .order_by(_c.create_time.desc(), _c.client_id)
    .limit(_one)
)
_ORGANIZATION_ID = bindparam("p_organization_id", type_=Text)
_newest = (
    select(_o.session_id)
    .where(_o.organization_id == _ORGANIZATION_ID)
    .order_by(_o.session_id.desc())
    .limit(literal_column(str(_SESSIONS)))
    .subquery("newest")
)
_OF_ORGANIZATION = Statement(
    select(*return_targets.COLUMNS)
    .select_from(_newest)
    .join(sessions, (_s.id == _newest.c.session_id) & _s.impersonation.is_(None))
    .join(
        session_clients,
        (_c.session_id == _newest.c.session_id) & (_c.organization_id == _ORGANIZATION_ID),
    )
    .join(clients, (clients.c.id == _c.client_id) & clients.c.resource_id.is_(None))
    .order_by(_c.create_time.desc(), _c.session_id.desc(), _c.client_id)
    .limit(_one)
)


async def client_id_of_session(db: Session, session_id: str) -> str | None:
    """Return the ID of the application that a session signed in to last."""
    row = await db.fetch_one(_OF_SESSION, p_session_id=session_id)
    return None if row is None else row["id"]


async def of_session(db: Session, session_id: str, organization_id: str) -> ReturnTarget | None:
    """Return the way to the application that a session signed in to last.

    For a session without one, that of `of_organization`.
    """
    row = await db.fetch_one(_OF_SESSION, p_session_id=session_id)
    return return_targets.of_row(row) if row else await of_organization(db, organization_id)


async def of_organization(db: Session, organization_id: str) -> ReturnTarget | None:
    """Return the way to the application that a member last signed in to for an organization.

    If no member has signed in yet, return that of the only application, if there is only one.
    """
    row = None
    if organization_id != NO_ORGANIZATION:
        row = await db.fetch_one(_OF_ORGANIZATION, p_organization_id=organization_id)
    return return_targets.of_row(row) if row else await return_targets.of_only_application(db)
