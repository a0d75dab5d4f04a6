"""A database that was restored sends nothing again, until the operator says so."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import shutil
import sqlite3
import threading
import time

import httpx
import pytest
from servers import LiveServer
from sqlalchemy import text

from tenantry import settings, worker
from tenantry.db import copies
from tenantry.db.opening import open_database
from tenantry.db.sql.statements import Statement

KEY = b"m" * 32
HOUR = 3_600_000_000


def eventually(holds, seconds=30):
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.fixture
def received():
    """The requests to a webhook receiver of this machine, and its URL."""
    got = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(self.rfile.read(int(self.headers["content-length"])).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield got, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def back_up(server, postgresql, target):
    """Copy the database of a stopped server; return the settings of the copy."""
    url = server.environment.get("TENANTRY_DATABASE_URL")
    target.mkdir(mode=0o700)
    for name in ("master.key", "credentials.json"):
        shutil.copy(server.data_dir / name, target)
    if url is None:
        source = sqlite3.connect(server.data_dir / "tenantry.db")
        copy = sqlite3.connect(target / "tenantry.db")
        with contextlib.closing(source), contextlib.closing(copy):
            source.backup(copy)
        return {}
    return {"database_url": postgresql.fresh(template=postgresql.name_of(url))}


def create(server, name):
    """Create an organization, whose event webhooks and log streams get."""
    grant = {"grant_type": "client_credentials"}
    with httpx.Client(base_url=server.url, verify=server.trust) as client:
        secret = (server.client_id, server.client_secret)
        token = client.post("/oauth/token", data=grant, auth=secret).json()["access_token"]
        bearer = {"authorization": f"Bearer {token}"}
        made = client.post("/api/v1/organizations", json={"display_name": name}, headers=bearer)
        assert made.status_code in {200, 201}, made.text


@pytest.mark.parametrize(
    "database", [pytest.param("sqlite", marks=pytest.mark.thorough), "postgresql"]
)
def test_a_backup_that_is_started_elsewhere_sends_nothing_until_told(
    database, tmp_path, postgresql, received
):
    got, url = received
    stream = tmp_path / "events.ndjson"
    options = {"outgoing_allow": "127.0.0.0/8", "log_streams": f"file://{stream}"}
    if database == "postgresql":
        options["database_url"] = postgresql.fresh()
    server = LiveServer(tmp_path, **options)
    server.start()
    assert server.run("webhook", "create", url).returncode == 0
    create(server, "One")
    eventually(lambda: "One" in str(got) and stream.exists() and "One" in stream.read_text())
    server.stop()
    idle = LiveServer(tmp_path, **options | {"background": "false"}).start()
    create(idle, "Two")  # is yet to be sent
    idle.stop()

    elsewhere = back_up(server, postgresql, tmp_path / "restored")
    server.start()
    eventually(lambda: "Two" in str(got) and "Two" in stream.read_text())
    server.stop()
    sent, written = list(got), stream.read_text()

    copy = LiveServer(tmp_path, **options | elsewhere | {"data_dir": tmp_path / "restored"})
    copy.start()
    try:
        assert httpx.get(f"{copy.url}/readyz", verify=copy.trust).status_code == 200
        eventually(lambda: "logout notifications are held" in copy.log.read_text())
        create(copy, "Three")
        said = copy.run("doctor").stdout
        assert "the database was copied or moved: run `tenantry restore --go`" in said
        assert (got, stream.read_text()) == (sent, written)

        assert copy.run("restore").stdout.startswith("outgoing work is already held")
        assert copy.run("restore", "--go").stdout == "outgoing work resumes\n"
        eventually(lambda: all(name in str(got[len(sent) :]) for name in ("Two", "Three")))
        eventually(lambda: "Three" in stream.read_text())
        assert copy.run("restore", "--go").stdout == "outgoing work was not held\n"
    finally:
        copy.stop()


@pytest.fixture
def url(database_url):
    """A database of this test's own."""
    return database_url


def machine(url, folder):
    """The settings of a machine with a data folder of its own."""
    folder.mkdir(mode=0o700, exist_ok=True)
    return settings.load({"TENANTRY_DATABASE_URL": url, "TENANTRY_DATA_DIR": str(folder)})


async def put_back(db, microseconds):
    back = text("UPDATE environment SET beat_time = beat_time - :by RETURNING id")
    await db.fetch_all(Statement(back), by=microseconds)


async def test_more_machines_and_fresh_data_folders_hold_nothing(url, tmp_path):
    for name in ("a", "b", "a", "c"):
        known = machine(url, tmp_path / name)
        async with open_database(url, KEY, pool_size=1) as db:
            await copies.notice(db, known)
            assert await copies.beat(db, known) == copies.BEAT_SECONDS
            assert await copies.held(db) is None


async def test_a_database_that_is_put_back_in_its_place_is_held(url, tmp_path):
    known = machine(url, tmp_path / "a")
    async with open_database(url, KEY, pool_size=1) as db:
        await copies.notice(db, known)
        await copies.beat(db, known)
        await put_back(db, HOUR)
    async with open_database(url, KEY, pool_size=1) as db:
        await copies.notice(db, known)
        assert await copies.held(db) == "the database was reset to an earlier state"
        assert await copies.go(db)
        await copies.notice(db, known)
        assert await copies.held(db) is None


async def test_a_database_that_is_put_back_under_a_running_process_is_held(url, tmp_path):
    known = machine(url, tmp_path / "a")
    async with open_database(url, KEY, pool_size=1) as db:
        await copies.beat(db, known)
        await put_back(db, HOUR)
        await copies.beat(db, known)
        assert await copies.held(db) is not None


class Interrupted:
    """A database session; after each of its reads another process notes that it is in use."""

    def __init__(self, db, beat) -> None:
        self._db, self._beat = db, beat

    async def fetch_one(self, statement, **params):  # noqa: ANN003
        row = await self._db.fetch_one(statement, **params)
        await self._beat()
        return row

    def __getattr__(self, name) -> object:
        return getattr(self._db, name)


@pytest.mark.parametrize("looks", [copies.notice, copies.beat])
async def test_processes_that_start_at_once_hold_nothing(url, tmp_path, looks):
    """The other's beat is the first one, or the first after a night."""
    known = machine(url, tmp_path / "a")
    async with open_database(url, KEY, pool_size=2) as db:
        await looks(Interrupted(db, lambda: copies.beat(db, known)), known)
        assert await copies.held(db) is None


async def test_a_standby_that_was_some_minutes_behind_is_not(url, tmp_path):
    known = machine(url, tmp_path / "a")
    async with open_database(url, KEY, pool_size=1) as db:
        await copies.beat(db, known)
        await put_back(db, HOUR // 12)
        await copies.notice(db, known)
        assert await copies.held(db) is None


async def test_what_is_held_is_all_that_goes_to_people_and_receivers(url, tmp_path):
    """And all else goes on: the log, retention, look-ups."""
    streams = "file:///tmp/never.ndjson"
    known = settings.load({"TENANTRY_DATABASE_URL": url, "TENANTRY_LOG_STREAMS": streams})
    sending = {job.name for job in worker.jobs(known) if job.sends}
    assert sending == {"webhooks", "mail", f"log stream {streams}", "logout notices"}
    ran = []

    def job(name, *, sends):
        async def run(_db):
            ran.append(name)
            return 0.01

        return worker.Job(name, run, sends=sends)

    stop = asyncio.Event()
    async with open_database(url, KEY, pool_size=2) as db:
        await copies.hold(db, "the database was restored")
        todo = [job("sends", sends=True), job("keeps", sends=False)]
        work = asyncio.create_task(worker.run(db, todo, stop))
        while len(ran) < 20:  # noqa: ASYNC110 - counted by the job
            await asyncio.sleep(0.01)
        assert set(ran) == {"keeps"}
        await copies.go(db)
        async with asyncio.timeout(60):
            while "sends" not in ran:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        stop.set()
        await work
