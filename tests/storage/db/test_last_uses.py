"""Last uses: many notes, one write; never backwards; tried again until it is written."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import insert, select

from tenantry.access.clients.model import client_secrets, clients
from tenantry.core.times import now
from tenantry.db.engine import Unavailable
from tenantry.db.sql.records import named, rows_of, spelled
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.last_uses import LastUses

_CLIENT = Statement(
    insert(clients).values(id="skc_1", name="One", create_time=1).returning(clients.c.id)
)
_COLUMNS = named(client_secrets, "id", "client_id", "digest", "suffix", "create_time")
_SECRETS = Statement(
    insert(client_secrets).from_select([c.name for c in _COLUMNS], rows_of("rows", _COLUMNS))
)
_ALL = Statement(select(client_secrets.c.id, client_secrets.c.last_used_time))


@pytest.fixture
def secrets(db):
    """Makes secrets, in number."""

    async def make(number):
        await db.fetch_all(_CLIENT)
        made = [f"sec_{n:05}" for n in range(number)]
        rows = [
            {"id": id_, "client_id": "skc_1", "digest": "", "suffix": "", "create_time": 1}
            for id_ in made
        ]
        await db.fetch_all(_SECRETS, rows=spelled(_COLUMNS, rows))
        return made

    return make


async def _times(db):
    return {row["id"]: row["last_used_time"] for row in await db.fetch_all(_ALL)}


async def test_a_use_is_written_a_second_later(db, secrets, eventually):
    one, other = await secrets(2)
    uses = LastUses(db, client_secrets)
    before = now()
    uses.note(one)
    assert (await _times(db))[one] is None

    async def is_written():
        return (await _times(db))[one] is not None

    await eventually(is_written)
    times = await _times(db)
    assert before <= times[one] <= now()
    assert times[other] is None
    await uses.close()


async def test_thousands_of_rows_are_written_at_the_end(db, secrets):
    made = await secrets(2500)
    uses = LastUses(db, client_secrets)
    for id_ in [*made, *made]:
        uses.note(id_)
    await uses.close()
    assert None not in (await _times(db)).values()


async def test_processes_that_write_the_same_rows_do_not_block_each_other(db, secrets):
    made = await secrets(1000)
    processes = [LastUses(db, client_secrets) for _ in range(4)]
    for number, process in enumerate(processes):
        for id_ in made[:: 1 if number % 2 else -1]:
            process.note(id_)
    latest = now()
    for id_ in made:
        processes[0].note(id_)
    await asyncio.gather(*(process.close() for process in processes))
    assert min((await _times(db)).values()) >= latest
    assert [process.waiting for process in processes] == [0] * 4


async def test_a_time_never_moves_backwards(db, secrets):
    (one,) = await secrets(1)
    late, early = LastUses(db, client_secrets), LastUses(db, client_secrets)
    early.note(one)
    late.note(one)
    await late.close()
    times = await _times(db)
    await early.close()
    assert await _times(db) == times


async def test_what_the_database_refuses_is_written_later(db, secrets, eventually, monkeypatch):
    (one,) = await secrets(1)
    uses = LastUses(db, client_secrets)
    right, tries = db.fetch_all, 0

    async def broken(statement, **params):  # noqa: ANN003
        nonlocal tries
        if statement.is_read:  # the look for a later version
            return await right(statement, **params)
        tries += 1
        if tries == 1:
            raise Unavailable("not now")
        return await right(statement, **params)

    monkeypatch.setattr(db, "fetch_all", broken)
    uses.note(one)
    await eventually(lambda: tries == 2)
    await uses.close()
    assert tries == 2  # nothing is left
    assert (await _times(db))[one] is not None


async def test_a_row_that_is_gone_is_no_error(db, secrets):
    (one,) = await secrets(1)
    uses = LastUses(db, client_secrets)
    uses.note("sec_gone")
    uses.note(one)
    await uses.close()
    assert list(await _times(db)) == [one]
