"""`tenantry status`: in one look how the deployment is doing, and whether to do something."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing

import commands
import psycopg
import pytest
from servers import LiveServer, without_settings

from tenantry import __version__, settings
from tenantry.core.times import SECOND, now
from tenantry.db import copies, migrate
from tenantry.db.opening import database_of, open_database
from tenantry.db.revisions import HEAD
from tenantry.db.sqlite.connections import connect
from tenantry.events.email import service as email_service
from tenantry.transfer.deployment import sizes, status

KEY = b"m" * 32
HOUR = 3600 * SECOND


@pytest.fixture
def url(database_url):
    """A database of this test's own."""
    return database_url


def run_sql(url, statement):
    if url.startswith("sqlite:"):
        with closing(connect(url.removeprefix("sqlite:///"), lambda: "")) as db:
            db.execute(statement)
    else:
        with psycopg.connect(url, autocommit=True) as db:
            db.execute(statement)


async def looked(url, tmp_path, *statements: str):
    known = settings.load({"TENANTRY_DATABASE_URL": url, "TENANTRY_DATA_DIR": str(tmp_path)})
    async with open_database(url, KEY, pool_size=1) as db:
        for statement in statements:
            run_sql(url, statement)
        return await status.look(db, known, db.environment_id)


def mail(number, due, state="QUEUED"):
    return (
        "INSERT INTO mail (id, recipient, template, variables, state, attempts, due_time,"
        f" create_time) VALUES ('m{number}', 'a@b.example', 'invitation', '{{}}', '{state}', 0,"
        f" {due}, {due})"
    )


async def test_a_fresh_database_has_nothing_to_do(url, tmp_path):
    found = await looked(url, tmp_path)
    assert found.problems() == []
    assert {one.kind: one.count for one in found.waiting} == {
        "events": 0,
        "deliveries": 0,
        "mail": 0,
        "logout notifications": 0,
        "directory changes": 0,
    }
    assert found.sizes.database > 100_000
    assert found.sizes.disk_total > found.sizes.disk_free > 0
    assert 0 < len(found.sizes.tables) <= 5
    json.dumps(found.to_json())


async def test_mail_that_is_overdue_is_something_to_do(url, tmp_path):
    at = now()
    later, failed = mail(1, at + HOUR), mail(2, at, "FAILED")
    found = await looked(url, tmp_path, later, failed)
    (one,) = [one for one in found.waiting if one.kind == "mail"]
    assert (one.count, one.overdue, one.failed) == (1, 0.0, 1)
    assert found.problems() == []
    found = await looked(url, tmp_path, mail(3, at - HOUR))
    (one,) = [one for one in found.waiting if one.kind == "mail"]
    assert one.count == 2
    assert 3600 <= one.overdue < 3700
    (problem,) = found.problems()
    assert problem.startswith("mail: the oldest is overdue by 3,6")


QUEUES = ["deliveries", "mail", "logout notifications", "directory changes", "events"]


@pytest.mark.parametrize("kind", QUEUES)
async def test_a_backlog_that_is_worked_off_is_nothing_to_do(url, tmp_path, monkeypatch, kind):
    """After a large import the first is long overdue, and a worker takes one after the other."""
    assert sorted(status._QUEUES) == sorted(QUEUES)
    oldest, taken = now() - HOUR, iter(range(1, 1000))

    async def queue(_):
        return 10_000, oldest + next(taken)

    async def stuck(_):
        return 10_000 + next(taken), oldest  # more comes, and nothing goes

    monkeypatch.setattr(status, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(status, "WATCH_SECONDS", 0.05)
    monkeypatch.setitem(status._QUEUES, kind, queue)
    found = await looked(url, tmp_path)
    (one,) = [one for one in found.waiting if one.kind == kind]
    assert (one.is_late, one.is_progressing) == (True, True)
    assert " s, in progress" in one.line()
    assert found.problems() == []
    monkeypatch.setitem(status._QUEUES, kind, stuck)
    found = await looked(url, tmp_path)
    (problem,) = found.problems()
    assert problem.startswith(f"{kind}: the oldest is overdue by 3,6")
    assert "none was processed in" in problem


async def test_a_worker_that_sends_is_seen_at_work(url, tmp_path, monkeypatch):
    """By the rows themselves: each claim moves the time at which a mail is due."""
    known = settings.load({"TENANTRY_DATABASE_URL": url, "TENANTRY_DATA_DIR": str(tmp_path)})
    async with open_database(url, KEY, pool_size=2) as db:
        for number in range(200):
            run_sql(url, mail(number, now() - HOUR + number))
        real = email_service.waiting

        async def waiting(session):
            await email_service.claim(db)  # as the worker does it meanwhile
            return await real(session)

        monkeypatch.setitem(status._QUEUES, "mail", waiting)
        found = await status.look(db, known, db.environment_id)
        assert found.problems() == []
        monkeypatch.setitem(status._QUEUES, "mail", real)
        monkeypatch.setattr(status, "WATCH_SECONDS", 0.5)
        found = await status.look(db, known, db.environment_id)
        assert [problem.partition(":")[0] for problem in found.problems()] == ["mail"]


def endpoint(number):
    return (
        "INSERT INTO webhook_endpoints (id, url, description, event_types, enabled, ordered,"
        " secret_sealed, revision, create_time, update_time)"
        f" VALUES ('whe_{number}', 'https://x.example', '', '[]', TRUE, FALSE, '', 1, 1, 1)"
    )


def delivery(number, endpoint_number, due):
    return (
        "INSERT INTO webhook_deliveries (id, endpoint_id, event_id, event_type, position, state,"
        " attempts, due_time, replay, create_time)"
        f" VALUES ('whd_{number}', 'whe_{endpoint_number}', 'evt_{number}', 'user.created', 1,"
        f" 'PENDING', 0, {due}, FALSE, 1)"
    )


async def test_deliveries_are_in_progress_beside_an_endpoint_that_is_slow(
    url, tmp_path, monkeypatch
):
    oldest = now() - HOUR
    rows = [endpoint(1), endpoint(2), delivery(1, 1, oldest), delivery(2, 2, oldest + 1)]
    monkeypatch.setattr(status, "WATCH_SECONDS", 0.5)
    found = await looked(url, tmp_path, *rows)
    (problem,) = found.problems()
    assert problem.startswith("deliveries: the oldest is overdue by 3,6")
    assert "`tenantry worker`" in problem
    real = status.webhooks.waiting

    async def waiting(session):
        run_sql(url, f"UPDATE webhook_deliveries SET due_time = {now() + HOUR} WHERE id = 'whd_2'")
        return await real(session)

    looks = iter([real])

    async def queue(session):
        return await next(looks, waiting)(session)

    monkeypatch.setitem(status._QUEUES, "deliveries", queue)
    assert (await looked(url, tmp_path)).problems() == []


async def test_an_event_that_waits_for_its_place_is_something_to_do(url, tmp_path):
    found = await looked(
        url,
        tmp_path,
        "INSERT INTO events (id, type, object, occurred_at, organization_id, actor, request_id)"
        f" VALUES ('evt_1', 'role.created', 'Role', {now() - HOUR}, '', '{{}}', 'r')",
    )
    assert [problem.partition(":")[0] for problem in found.problems()] == ["events"]


async def test_work_that_is_held_is_said_once(url, tmp_path):
    known = settings.load({"TENANTRY_DATABASE_URL": url, "TENANTRY_DATA_DIR": str(tmp_path)})
    async with open_database(url, KEY, pool_size=1) as db:
        run_sql(url, mail(1, now() - HOUR))
        await copies.hold(db, "the database was restored")
        found = await status.look(db, known, db.environment_id)
    assert found.problems() == [
        "outgoing work is held: the database was restored; run `tenantry restore --go` to resume it"
    ]


async def test_a_stream_that_is_behind_says_why(url, tmp_path):
    rows = [
        "INSERT INTO event_log (position, event_id, chain, number, salt, content_hash, hash)"
        f" VALUES ({n}, 'evt_{n}', '', {n}, '', '', '')"
        for n in (1, 2, 3)
    ]
    stream = (
        "INSERT INTO log_streams (name, position, problem, due_time)"
        " VALUES ('syslog+tls://logs', 1, 'connection refused', 0)"
    )
    found = await looked(url, tmp_path, *rows, stream)
    assert [(one.name, one.events) for one in found.streams] == [("syslog+tls://logs", 2)]
    assert "log stream syslog+tls://logs: connection refused" in found.problems()


async def test_a_disk_that_is_nearly_full_is_something_to_do(url, tmp_path, monkeypatch):
    usage = sizes.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(sizes.shutil, "disk_usage", lambda _: usage._replace(free=5 << 20))
    found = await looked(url, tmp_path)
    assert found.problems() == ["the disk is nearly full: 5 MiB are free"]


def test_partitions_are_counted_as_their_table(tmp_path, new_database):
    url = new_database("postgresql")
    run_sql(
        url,
        "INSERT INTO events (id, type, object, occurred_at, organization_id, actor, request_id)"
        " SELECT 'evt_' || n, 't', 'o', n, '', '{}', 'r' FROM generate_series(1, 50000) AS n",
    )
    run_sql(url, "ANALYZE")
    found = asyncio.run(looked(url, tmp_path))
    largest = found.sizes.tables[0]
    assert (largest.name, largest.rows) == ("events", 50_000)
    assert found.sizes.wal > 0


def test_the_command_of_a_running_server(own_server):
    done = own_server.run("status", "--json")
    told = json.loads(done.stdout)
    assert told["server"]["pid"] == own_server.process.pid
    assert told["server"]["public_url"] == own_server.url
    assert told["server"]["version"] == told["version"] == __version__
    assert told["schema"] == told["schema_needed"] == HEAD
    assert told["status"]["environment_id"].startswith("env_")
    shown = own_server.run("status").stdout
    assert f"process {own_server.process.pid}, version {__version__}, {own_server.url}" in shown
    for internal in ("table ", "search", "log stream", "outgoing work", "mail"):
        assert internal not in shown


def test_the_command_where_no_server_runs(tmp_path):
    missing = commands.run("status", cwd=tmp_path, environment=without_settings())
    assert missing.returncode == 1
    assert "no database at" in missing.stderr

    server = LiveServer(tmp_path)
    server.data_dir.mkdir(mode=0o700)
    path = server.data_dir / "tenantry.db"
    path.touch()
    empty = server.run("status")
    assert empty.returncode == 1
    assert "problem: the database is empty" in empty.stdout

    path.unlink()
    migrate.upgrade(f"sqlite:///{path}")
    url = f"sqlite:///{path}"
    run_sql(url, "UPDATE alembic_version SET version_num = '0034'")
    run_sql(url, "CREATE TABLE kept AS SELECT * FROM schema_history")
    run_sql(url, "DELETE FROM schema_history WHERE revision > '0034'")
    behind = server.run("status")
    assert behind.returncode == 1
    assert f"the schema is 0034, this version needs {HEAD}: run `tenantry migrate`" in behind.stdout

    run_sql(url, "INSERT OR IGNORE INTO schema_history SELECT * FROM kept")
    known = settings.load({"TENANTRY_DATA_DIR": str(server.data_dir)})

    async def hold():
        async with database_of(known, pool_size=1) as db:
            await copies.hold(db, "the database was restored")

    asyncio.run(hold())
    held = server.run("status")
    assert held.returncode == 1
    assert "no server with this data folder is running" in held.stdout
    assert "held: the database was restored" in held.stdout
    path.write_bytes(b"no database, and long enough to be looked at as one" * 100)
    damaged = server.run("status", "--json")
    assert damaged.returncode == 1
    assert "not a database" in json.loads(damaged.stdout)["problems"][0]


def test_the_command_where_postgresql_is_away(tmp_path):
    (tmp_path / "data").mkdir(mode=0o700)
    environment = without_settings() | {
        "TENANTRY_DATABASE_URL": "postgresql://somebody:hunter2@127.0.0.1:1/nothing",
    }
    done = commands.run("status", cwd=tmp_path, environment=environment)
    assert done.returncode == 1
    assert "hunter2" not in done.stdout + done.stderr
    assert "problem: the database cannot be reached" in done.stdout
