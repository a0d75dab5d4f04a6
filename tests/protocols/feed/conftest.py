"""The stream and the export of a running server, beside which a worker's job gives positions."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import feeds
import pytest
from sqlalchemy import bindparam, select
from wires import over_https

from tenantry.core.caller import SYSTEM
from tenantry.core.event import Event
from tenantry.db.event_rows import log
from tenantry.db.sql.statements import Statement
from tenantry.events.event_log import following, sequencing
from tenantry.events.event_log.model import event_log

if TYPE_CHECKING:
    from tenantry.db.engine import Session

_IN_LOG = Statement(
    select(event_log.c.position).where(event_log.c.event_id == bindparam("event_id"))
)


@pytest.fixture
async def sealed(database):
    """Give events their positions as a worker does, and wait until all so far have theirs."""

    async def work():
        while True:  # noqa: ASYNC110 - as a worker does
            await asyncio.sleep(await sequencing.sequence(database))

    async def wait():
        newest = (await log.last(database, limit=1))[0]["id"]
        while await database.fetch_one(_IN_LOG, event_id=newest) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    working = asyncio.create_task(work())
    yield wait
    working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working


@pytest.fixture
async def client(server, token):
    """An HTTP client of the server, as the management client."""
    headers = {"authorization": f"Bearer {token}"}
    async with over_https(server) as http:
        http.headers.update(headers)
        yield http


@pytest.fixture
def happen(database):
    """Record events in the server's database, or in a transaction on it."""

    async def record(organization_id: str, *names: str, session: Session | None = None) -> None:
        await feeds.record(session or database, organization_id, *names)

    return record


@pytest.fixture
async def start(database, sealed):
    """The id of the newest event in the log, made to start behind."""
    role = {"id": "role_1", "name": "start", "display_name": "Start", "description": ""}
    await database.record(
        Event(type="role.created", actor=SYSTEM.actor, request_id="req_start", after=role)
    )
    await sealed()
    found = await following.event_at(database, await following.head(database))
    assert found is not None
    return found
