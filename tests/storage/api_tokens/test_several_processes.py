"""Two servers on one database: what one ends, the other refuses within a second."""

from __future__ import annotations

from functools import partial

import pytest
from apis import Api, access_token, refused
from factories import Make
from servers import LiveServer
from sqlalchemy import select
from waiting import ends_within_a_second
from wires import Rest

from tenantry import settings
from tenantry.access.api_tokens.model import api_tokens
from tenantry.crypto import master_key
from tenantry.db.opening import open_database
from tenantry.db.sql.statements import Statement

_ALL = Statement(select(api_tokens))


@pytest.fixture
async def processes(tmp_path, postgresql_migrated):
    """The API of each of two processes, and the first one itself."""
    common = {"database_url": postgresql_migrated, "background": "false"}
    first = LiveServer(tmp_path, **common).fork()
    second = LiveServer(tmp_path, data_dir=first.data_dir, public_url=first.url, **common)
    try:
        # Its own URL for us; what it says of itself is that of the first.
        second.url = f"https://localhost:{second.port}"
        second.fork()
        wires = Rest(first), Rest(second)
        token = await access_token(wires[0].http, first.client_id, first.client_secret)
        yield first, *(Api(wire, (("authorization", f"Bearer {token}"),)) for wire in wires)
        for wire in wires:
            await wire.aclose()
    finally:
        second.stop()
        first.stop()


async def test_an_invalidated_token_is_refused_everywhere_within_a_second(processes):
    _, here, there = processes
    organization = await Make(here).organization()
    for _ in range(3):
        made = await here.tokens.create_token(token={"organization_id": organization["id"]})
        await there.tokens.validate_token(token=made["token"])
        await here.tokens.invalidate_token(token=made["token_id"])
        ask = partial(there.tokens.validate_token, token=made["token"])
        with refused("NOT_FOUND", says="^token not found$"):
            await ends_within_a_second(ask)


@pytest.mark.thorough
async def test_last_uses_are_written_before_a_process_ends(processes):
    first, here, _ = processes
    organization = await Make(here).organization()
    made = await here.tokens.create_token(token={"organization_id": organization["id"]})
    await here.tokens.validate_token(token=made["token"])
    assert first.stop() == 0
    known = settings.load({k: v for k, v in first.environment.items() if k.startswith("TENANTRY_")})
    async with open_database(known.database, master_key.load(known), pool_size=1) as database:
        (row,) = await database.fetch_all(_ALL)
    assert row["last_used_time"] is not None
