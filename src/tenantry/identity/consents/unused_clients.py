"""Deletion of registered clients that nobody uses.

A client that registered itself lasts for a day without a consent. One that had a consent is in use
while it has a refresh token, or a consent that is not older than `registrations.USED_TIME`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, exists, literal_column, or_, select, update

from tenantry.access.clients.model import clients
from tenantry.access.registrations import service as registrations_service
from tenantry.access.registrations.model import registrations
from tenantry.core.times import now
from tenantry.db.sql.statements import Statement
from tenantry.identity.consents.model import consents
from tenantry.identity.grants.model import refresh_tokens

if TYPE_CHECKING:
    from tenantry.db.engine import Session

AT_ONCE = 500

_c, _r = clients.c, registrations.c
_due = (
    select(_r.client_id)
    .where(_r.expire_time <= bindparam("p_now"))
    .order_by(_r.expire_time, _r.client_id)
    .limit(literal_column(str(AT_ONCE)))
)
_is_used = or_(
    exists().where(
        refresh_tokens.c.client_id == _r.client_id, refresh_tokens.c.revoke_time.is_(None)
    ),
    exists().where(
        consents.c.client_id == _r.client_id, consents.c.grant_time > bindparam("p_since")
    ),
)
_KEEP = Statement(
    update(registrations)
    .where(_r.client_id.in_(_due), _is_used)
    .values(expire_time=bindparam("p_expire_time"))
    .returning(_r.client_id)
)
_DELETE = Statement(
    delete(clients)
    .where(_c.id.in_(_due), ~exists().where(_r.client_id == _c.id, _is_used))
    .returning(_c.id)
)


async def prune(db: Session) -> bool:
    """Delete unused clients, some at a time; return whether there may be more."""
    at = now()
    params = {"p_now": at, "p_since": at - registrations_service.USED_TIME}
    kept = await db.fetch_all(_KEEP, **params, p_expire_time=at + registrations_service.USED_TIME)
    deleted = await db.fetch_all(_DELETE, **params)
    return len(kept) + len(deleted) >= AT_ONCE
