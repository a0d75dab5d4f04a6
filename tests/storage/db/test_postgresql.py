"""The pool, and a PostgreSQL that goes away: undone calls are told so, and all comes back."""

from __future__ import annotations

import asyncio
import contextlib
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from sqlalchemy import func, select, text
from statements import INSERT_CLIENT, INSERT_KEYS, count, event, names, sql

from tenantry.access.clients.model import clients
from tenantry.api import error_details
from tenantry.core import errors
from tenantry.db.connecting import OpenError
from tenantry.db.engine import DuplicateKey, OutcomeUnknown, Unavailable
from tenantry.db.opening import open_database
from tenantry.db.postgresql import connections, statements
from tenantry.db.postgresql.pool import MOST_WAITING
from tenantry.db.schema_versions import schema_version
from tenantry.db.sql.statements import Statement

KEY = b"m" * 32
SLEEP = sql("SELECT pg_sleep(0.05)")
SLEEP_LONG = Statement(select(func.pg_sleep(10)))


def client(name):
    return {"p_id": f"skc_{name}", "p_name": name}


@pytest.fixture
async def admin(pg, postgresql_migrated):
    """Another connection, to do things to those of the pool."""
    async with open_database(postgresql_migrated, KEY, pool_size=1) as opened:
        await opened.fetch_all(sql("SET application_name = 'admin'"))
        yield opened


async def backends(admin):
    found = await admin.fetch_all(
        sql(
            "SELECT pid, state FROM pg_stat_activity "
            "WHERE application_name LIKE 'tenantry %' AND datname = current_database()"
        )
    )
    return [(row["pid"], row["state"]) for row in found]


async def kill(admin):
    """End every connection of the pool, and wait until each is gone, for two seconds at most."""
    await admin.fetch_all(
        sql(
            "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity "
            "WHERE application_name LIKE 'tenantry %' AND datname = current_database()"
        )
    )


@pytest.mark.parametrize("named", ["SELECT CAST(:text AS TEXT)", "SELECT CAST(:json AS JSONB)"])
async def test_a_nul_is_refused_as_the_fault_of_the_caller(pg, named):
    given = {"text": "a\0"} if ":text" in named else {"json": '"a\\u0000"'}
    with pytest.raises(errors.InvalidArgument, match="must not contain a NUL character"):
        await pg.fetch_all(Statement(text(named)), **given)
    assert await count(pg, "clients") == 0


async def test_a_hundred_tasks_share_two_connections(pg, admin):
    most = 0

    async def watch():
        nonlocal most
        while True:
            most = max(most, len(await backends(admin)))
            await asyncio.sleep(0.01)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(pg.fetch_all(SLEEP) for _ in range(20)))
    await asyncio.gather(
        *(pg.apply(INSERT_CLIENT, event(), **client(f"{number}")) for number in range(80))
    )
    watching.cancel()
    assert most == 2
    assert await count(pg, "clients") == 80


async def test_a_transaction_in_each_of_a_hundred_tasks(pg):
    async def work(number):
        async with pg.transaction() as tx:
            await tx.apply(INSERT_CLIENT, event(), **client(f"{number}"))
            await tx.fetch_all(sql("SELECT 1"))

    await asyncio.gather(*(work(number) for number in range(100)))
    assert await count(pg, "clients") == 100


async def test_those_who_wait_no_longer_take_no_place(pg):
    """As when a slow database makes one client after the other give up."""
    held = [await pg._pool.acquire() for _ in range(2)]
    for _ in range(3):
        waiting = [asyncio.create_task(pg.fetch_all(sql("SELECT 1"))) for _ in range(900)]
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
    late = asyncio.create_task(pg.fetch_all(sql("SELECT 1 AS one")))
    await asyncio.sleep(0)
    for connection in held:
        pg._pool.give_back(connection)
    assert (await asyncio.wait_for(late, 60))[0]["one"] == 1
    assert not pg._pool._waiting


@pytest.mark.parametrize("woken_first", [True, False])
async def test_a_turn_that_nobody_takes_goes_to_the_next(pg, woken_first):
    held = [await pg._pool.acquire() for _ in range(2)]
    waiting = [asyncio.create_task(pg.fetch_all(sql("SELECT 1 AS one"))) for _ in range(3)]
    await asyncio.sleep(0)
    if woken_first:
        pg._pool.give_back(held[0])
        waiting[0].cancel()
    else:
        waiting[0].cancel()
        pg._pool.give_back(held[0])
    done = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 60)
    assert isinstance(done[0], asyncio.CancelledError)
    assert [rows[0]["one"] for rows in done[1:]] == [1, 1]
    pg._pool.give_back(held[1])


async def test_a_pool_closes_all_connections_if_one_is_broken(pg, monkeypatch):
    async def break_off(**_: object):
        raise BrokenPipeError

    held = [await pg._pool.acquire() for _ in range(2)]
    for connection in held:
        pg._pool.give_back(connection)
    monkeypatch.setattr(held[0], "close", break_off)
    await pg._pool.close()
    assert all(connection.is_closed() for connection in held)


async def test_a_turn_that_nobody_takes_is_closed_with_the_pool(pg):
    held = [await pg._pool.acquire() for _ in range(2)]
    waiting = asyncio.create_task(pg._pool.acquire())
    await asyncio.sleep(0)
    pg._pool.give_back(held[0])
    waiting.cancel()
    await pg._pool.close()
    await asyncio.wait([waiting])
    assert held[0].is_closed()
    pg._pool.give_back(held[1])


async def test_too_many_who_wait_are_turned_away(pg):
    held = [await pg._pool.acquire() for _ in range(2)]
    waiting = [asyncio.create_task(pg.fetch_all(sql("SELECT 1"))) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="too many"):
        await pg.fetch_all(sql("SELECT 1"))
    for connection in held:
        pg._pool.give_back(connection)
    await asyncio.gather(*waiting)
    assert pg._pool._open == 2


async def test_killed_connections_are_replaced(pg, admin, eventually):
    await asyncio.gather(*(pg.fetch_all(SLEEP) for _ in range(2)))
    before = {pid for pid, _ in await backends(admin)}
    await kill(admin)

    async def gone():
        return not {pid for pid, _ in await backends(admin)} & before

    await eventually(gone)
    await asyncio.sleep(0.05)  # until the news has come
    for number in range(4):
        await pg.apply(INSERT_CLIENT, event(), **client(f"{number}"))
    assert await names(pg) == ["0", "1", "2", "3"]
    assert pg._pool._open <= 2


async def test_a_read_that_is_cut_off_is_made_once_more(pg, admin, eventually):
    slow = Statement(select(func.pg_sleep(3)))
    assert slow.is_read
    for times in (1, 2):
        reading = asyncio.create_task(pg.fetch_all(slow))
        for _ in range(times):
            await busy(admin, eventually)
            await kill(admin)
        if times == 1:
            assert len(await reading) == 1
        else:
            with pytest.raises(Unavailable):
                await reading
    assert (await pg.fetch_one(sql("SELECT 1 AS one")))["one"] == 1


async def busy(admin, eventually):
    """Wait until a connection of the pool has a statement to run."""

    async def is_so():
        return any(state == "active" for _, state in await backends(admin))

    await eventually(is_so)


async def test_a_change_that_the_server_ends_says_try_again(pg, admin, eventually):
    """It waits for a lock when its connection is ended: it was not made."""
    await pg.fetch_all(INSERT_CLIENT, **client("a"))
    async with admin.transaction() as holding:
        await holding.fetch_all(sql("UPDATE clients SET name = 'held'"))
        changing = asyncio.create_task(
            pg.fetch_all(sql("UPDATE clients SET name = 'changed' RETURNING id"))
        )
        await busy(holding, eventually)
        await kill(holding)
        with pytest.raises(Unavailable):
            await changing
    assert await names(pg) == ["held"]


async def test_a_transaction_that_is_cut_off_says_try_again(pg, admin):
    with pytest.raises(Unavailable):  # noqa: PT012 - all of it is one call
        async with pg.transaction() as tx:
            await tx.apply(INSERT_CLIENT, event(), **client("a"))
            await kill(admin)
            await asyncio.sleep(0.1)
            await tx.apply(INSERT_CLIENT, event(), **client("b"))
    assert await names(pg) == []
    await pg.apply(INSERT_CLIENT, event(), **client("c"))
    assert await names(pg) == ["c"]
    assert pg._pool._open <= 2


async def test_an_error_of_the_caller_is_not_hidden_by_a_lost_connection(pg, admin):
    with pytest.raises(errors.NotFound):  # noqa: PT012 - all of it is one call
        async with pg.transaction() as tx:
            await tx.fetch_all(sql("SELECT 1"))
            await kill(admin)
            await asyncio.sleep(0.1)
            raise errors.NotFound("organization")
    assert await names(pg) == []


async def test_a_deadlock_says_try_again(pg):
    for name in ("a", "b"):
        await pg.fetch_all(INSERT_CLIENT, **client(name))
    both = asyncio.Barrier(2)

    async def swap(first, second):
        async with pg.transaction() as tx:
            await tx.fetch_all(sql(f"UPDATE clients SET name = name WHERE id = 'skc_{first}'"))
            await both.wait()
            await tx.fetch_all(sql(f"UPDATE clients SET name = name WHERE id = 'skc_{second}'"))

    outcomes = await asyncio.gather(swap("a", "b"), swap("b", "a"), return_exceptions=True)
    assert sorted(type(one).__name__ for one in outcomes) == ["NoneType", "Unavailable"]


async def test_a_cancelled_statement_gives_its_connection_back(pg, admin):
    for _ in range(10):
        task = asyncio.create_task(pg.fetch_all(sql("SELECT pg_sleep(600)")))
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.wait([task])
    await asyncio.gather(*(pg.fetch_all(sql("SELECT 1")) for _ in range(10)))
    assert len(await backends(admin)) <= 2
    assert all(state != "idle in transaction" for _, state in await backends(admin))


async def test_a_statement_that_takes_too_long_is_ended_by_the_server(postgresql_migrated):
    """Which says that nothing was changed."""
    async with open_database(postgresql_migrated, KEY, pool_size=1) as db:
        limit = connections._SESSION["statement_timeout"]
        assert (await db.fetch_one(sql("SELECT current_setting('statement_timeout') AS it")))[
            "it"
        ] == limit
        await db.fetch_all(sql("SET statement_timeout = '200ms'"))
        for statement in (SLEEP_LONG, sql("SELECT pg_sleep(10)")):
            with pytest.raises(Unavailable):
                await db.fetch_all(statement)
        with pytest.raises(Unavailable):  # noqa: PT012 - all of it is one call
            async with db.transaction() as tx:
                await tx.fetch_all(INSERT_CLIENT, **client("a"))
                await tx.fetch_all(sql("SELECT pg_sleep(10)"))
        await db.fetch_all(sql(f"SET statement_timeout = '{limit}'"))
        await db.fetch_all(INSERT_CLIENT, **client("b"))
        assert await names(db) == ["b"]


async def test_a_change_that_a_server_does_not_answer_has_an_unknown_outcome(
    postgresql_migrated, monkeypatch
):
    """One that hangs says nothing; a read may be made again in any case."""
    async with open_database(postgresql_migrated, KEY, pool_size=1) as db:
        monkeypatch.setattr(statements, "ANSWER_SECONDS", 0.2)
        with pytest.raises(Unavailable):
            await db.fetch_all(SLEEP_LONG)
        with pytest.raises(Unavailable):  # noqa: PT012 - all of it is one call
            async with db.transaction() as tx:
                await tx.fetch_all(INSERT_CLIENT, **client("a"))
                await tx.fetch_all(sql("SELECT pg_sleep(10)"))
        with pytest.raises(OutcomeUnknown) as unknown:
            await db.fetch_all(sql("SELECT pg_sleep(10)"))
        answer = error_details.translate(unknown.value, "req_1")
        assert (answer.status, answer.code) == (504, errors.Code.DEADLINE_EXCEEDED)
        assert answer.name == "OUTCOME_UNKNOWN"
        monkeypatch.undo()
        await db.fetch_all(INSERT_CLIENT, **client("b"))
        assert await names(db) == ["b"]


async def test_a_text_with_a_nul_is_the_callers_mistake(pg):
    with pytest.raises(errors.InvalidArgument):
        await pg.fetch_all(INSERT_CLIENT, **client("a\0b"))


async def test_a_duplicate_does_not_cost_the_connection(pg, admin):
    row = {"p_organization_id": "org_1", "p_external_id": "a", "p_slug": None}
    await pg.fetch_all(INSERT_KEYS, **row)
    before = await backends(admin)
    for _ in range(5):
        with pytest.raises(DuplicateKey):
            await pg.fetch_all(INSERT_KEYS, **row | {"p_organization_id": "org_2"})
    assert [pid for pid, _ in await backends(admin)] == [pid for pid, _ in before]


class Road:
    """A way to the server that can be closed."""

    def __init__(self, url, folder) -> None:
        self.database = urlsplit(url).path.lstrip("/")
        self.user = urlsplit(url).username
        self._server_socket = f"{parse_qs(urlsplit(url).query)['host'][0]}/.s.PGSQL.5432"
        self._folder = folder
        self._passing = set()
        self._listening = None

    @property
    def url(self):
        return f"postgresql://{self.user}@/{self.database}?host={quote(str(self._folder))}"

    async def open(self):
        self._listening = await asyncio.start_unix_server(
            self._pass, self._folder / ".s.PGSQL.5432"
        )

    async def close(self):
        self._listening.close()
        for writer in self._passing:
            writer.transport.abort()
        await self._listening.wait_closed()
        with contextlib.suppress(FileNotFoundError):
            (self._folder / ".s.PGSQL.5432").unlink()

    async def _pass(self, reader, writer):
        with contextlib.suppress(OSError):
            there = await asyncio.open_unix_connection(self._server_socket)
            self._passing |= {writer, there[1]}
            await asyncio.gather(self._copy(reader, there[1]), self._copy(there[0], writer))

    async def _copy(self, reader, writer):
        try:
            while piece := await reader.read(65536):
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


@pytest.fixture
async def road(postgresql_migrated, tmp_path_factory):
    opened = Road(postgresql_migrated, tmp_path_factory.mktemp("r"))
    await opened.open()
    yield opened
    await opened.close()


async def test_while_the_server_is_away_everything_says_try_again(road):
    async with open_database(road.url, KEY, pool_size=3) as db:
        await asyncio.gather(*(db.fetch_all(SLEEP) for _ in range(3)))
        await road.close()
        for _ in range(3):
            with pytest.raises(Unavailable):
                await db.fetch_one(Statement(clients.select()))
            with pytest.raises(Unavailable):
                await db.apply(INSERT_CLIENT, event(), **client("a"))
            with pytest.raises(Unavailable):
                async with db.transaction():
                    pass
        refused = await asyncio.gather(*(names(db) for _ in range(50)), return_exceptions=True)
        assert {type(one) for one in refused} == {Unavailable}
        await road.open()
        await db.apply(INSERT_CLIENT, event(), **client("b"))
        assert await names(db) == ["b"]


async def test_closing_while_the_server_is_away_is_quiet(road):
    async with open_database(road.url, KEY, pool_size=3) as db:
        await asyncio.gather(*(db.fetch_all(SLEEP) for _ in range(3)))
        await road.close()
    await road.open()


async def test_a_database_that_cannot_be_reached_is_an_error_of_one_line(road):
    await road.close()
    wrong = road.url.replace(f"/{road.database}?", "/nosuchdatabase?")
    for url in (road.url, "postgresql://nobody@127.0.0.1:1/none", "postgresql://[", wrong):
        with pytest.raises(OpenError) as problem:
            async with open_database(url, KEY):
                pass
        assert str(problem.value).startswith("the database cannot be reached: ")
        assert "\n" not in str(problem.value)
        with pytest.raises(OpenError):
            await schema_version(url)
    await road.open()
    with pytest.raises(OpenError, match="nosuchdatabase"):
        await schema_version(wrong)


async def test_closing_ends_every_connection(postgresql_migrated, admin, eventually):
    async with open_database(postgresql_migrated, KEY, pool_size=3) as db:
        await asyncio.gather(*(db.fetch_all(SLEEP) for _ in range(3)))
        opened = len(await backends(admin))

    async def ended():
        return len(await backends(admin)) <= opened - 3

    await eventually(ended)


async def test_a_plan_that_was_made_while_a_table_was_small_goes_by_its_index(pg):
    """Also that of a foreign key, which is made when the first row comes."""
    numbers = "generate_series(CAST(:first AS int), CAST(:last AS int)) n"
    parents = sql(f"INSERT INTO parents SELECT CAST(n AS text) FROM {numbers}")
    child = sql("INSERT INTO children VALUES (:parent)")
    async with pg.transaction() as db:
        await db.fetch_all(sql("CREATE TABLE parents (id text PRIMARY KEY)"))
        await db.fetch_all(sql("CREATE TABLE children (parent text REFERENCES parents)"))
        await db.fetch_all(parents, first=1, last=1)
        await db.fetch_all(sql("ANALYZE parents"))
        await db.fetch_all(child, parent="1")
        await db.fetch_all(parents, first=2, last=1000)
        for number in range(991, 1001):
            await db.fetch_all(child, parent=str(number))
        read = sql("SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'parents'")
        found = await db.fetch_one(read)
    assert found["seq_tup_read"] < 10


async def test_postgresql_asks_silent_connections_whether_they_are_there(pg):
    rows = await pg.fetch_all(
        sql("SELECT name, source FROM pg_settings WHERE name LIKE 'tcp_keepalives_%'")
    )
    assert {row["name"] for row in rows if row["source"] == "client"} == {
        f"tcp_keepalives_{of}" for of in ("idle", "interval", "count")
    }
