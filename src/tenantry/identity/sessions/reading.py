"""Reading sessions with their organizations and applications: one statement for any number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, bindparam, exists, literal_column, select

from tenantry.db.sql.schema import json_list, json_rows
from tenantry.identity.sessions.model import (
    ACTIVE,
    NO_ORGANIZATION,
    session_clients,
    session_organizations,
    sessions,
)
from tenantry.tenants.users.model import ACTIVE as MEMBER
from tenantry.tenants.users.model import memberships, users

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select

NOW: ColumnElement[int] = bindparam("p_now", type_=BigInteger)

_s, _o, _c, _m = sessions.c, session_organizations.c, session_clients.c, memberships.c

# Spelled out: the index of lapse times is only for this status, and a parameter could be any.
IS_ACTIVE = _s.status == literal_column(f"'{ACTIVE}'")
# Not ended, not lapsed, and of a person still a member of its organization. That is asked here, for
# the worker ends the sessions of departed people a moment later.
IS_LIVE = (
    IS_ACTIVE
    & (_s.lapse_time > NOW)
    & exists()
    .where(
        _m.organization_id == _s.organization_id,
        _m.user_id == _s.user_id,
        _m.status == literal_column(f"'{MEMBER}'"),
    )
    .correlate(sessions)
)
IS_THERE = exists().where(users.c.id == _s.user_id).correlate(sessions)
# The same of a person in no organization. By itself: few are, and the other one stays simple.
IS_LIVE_ALONE = (
    IS_ACTIVE
    & (_s.lapse_time > NOW)
    & (_s.organization_id == literal_column(f"'{NO_ORGANIZATION}'"))
    & IS_THERE
)

_organizations = (
    select(json_rows(json_list(_o.create_time, _o.organization_id)))
    .where(_o.session_id == _s.id)
    .correlate(sessions)
    .scalar_subquery()
    .label("organizations")
)
_clients = (
    select(json_rows(json_list(_c.create_time, _c.client_id, _c.organization_id)))
    .where(_c.session_id == _s.id)
    .correlate(sessions)
    .scalar_subquery()
    .label("clients")
)


def sessions_with_places() -> Select[Any]:
    """Return all sessions, to be narrowed, as `Session.from_row` reads them."""
    return select(sessions, _organizations, _clients)
