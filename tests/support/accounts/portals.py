"""Links and sessions that are made older at once; and pages to look at."""

from __future__ import annotations

from sqlalchemy import bindparam, update

from tenantry.core.times import now
from tenantry.db.sql.statements import Statement
from tenantry.tenants.portal_links.model import portal_links, portal_sessions


def _expiry(table):
    return Statement(
        update(table)
        .where(table.c.id == bindparam("p_id"))
        .values(expire_time=bindparam("p_expire_time"))
        .returning(table.c.id)
    )


_LINK, _SESSION = _expiry(portal_links), _expiry(portal_sessions)


async def expire_link(database, link_id):
    assert await database.fetch_one(_LINK, p_id=link_id, p_expire_time=now() - 1)


async def expire_session(database, session_id):
    assert await database.fetch_one(_SESSION, p_id=session_id, p_expire_time=now() - 1)
