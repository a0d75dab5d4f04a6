"""The steps of an upgrade: a column, indexes built under load, a back-fill, and its contract.

The migration is of these tests alone, in a copy of our program: the next version. The server of
this one writes meanwhile.
"""

from __future__ import annotations

import json
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import psycopg
import pytest
from later_program import LATER, Later
from servers import LiveServer

from tenantry.db.revisions import HEAD

MIGRATION = """
_INITIALS = "upper(substr(display_name, 1, 3))"
locks = ("organizations",)
indexes = (
    Index("ix_organizations__initials", "organizations", "initials, id"),
    Index("ix_events__request_id", "events", "request_id", where="request_id <> ''"),
)
back_fills = (
    BackFill(
        "organizations",
        ("id",),
        f"initials = {_INITIALS}",
        f"initials IS DISTINCT FROM {_INITIALS}",
    ),
)


def upgrade() -> None:
    op.add_column("organizations", sa.Column("initials", sa.Text))


def contract() -> None:
    op.create_table("contracted", sa.Column("id", sa.Text, primary_key=True))
"""
ROWS, THOROUGH = 10_000, 200_000
WRITERS = 4
FILL = (
    """
    INSERT INTO organizations (id, display_name, region_code, create_time, update_time, revision,
      metadata, features)
    SELECT 'org_' || (1000000 + n), 'Unit ' || n, 'US', 1, 1, 1, '{}', '{}'
    FROM generate_series(1, %(rows)s) n
    """,
    """
    INSERT INTO events (id, type, object, occurred_at, organization_id, actor, request_id)
    SELECT 'evt_' || (1000000 + n), 'organization.created', 'Organization', %(now)s,
      'org_' || (1000000 + n), '{}', 'req_' || n
    FROM generate_series(1, %(rows)s) n
    """,
)
VALID = """
    SELECT relname, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE relname IN ('ix_organizations__initials', 'ix_events__request_id')
"""

PARTS = (
    "SELECT indisvalid FROM pg_index WHERE indexrelid::regclass::text LIKE 'ix_events__request%'"
)


@pytest.fixture
def later(tmp_path):
    """The next version."""
    return Later(tmp_path, MIGRATION, older_may_run=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def older(request, tmp_path):
    """A running server of this version, soon a former one."""
    settings = {}
    if request.param == "postgresql":
        settings["database_url"] = request.getfixturevalue("postgresql_url")
    started = LiveServer(tmp_path, **settings).fork()
    yield started
    started.stop()


@pytest.fixture
def on_postgresql(postgresql_url, tmp_path):
    """The same on PostgreSQL."""
    started = LiveServer(tmp_path, database_url=postgresql_url).fork()
    yield started
    started.stop()


@pytest.fixture
def rows(request):
    return THOROUGH if request.config.getoption("thorough") else ROWS


class Writers:
    """Clients of the former server."""

    def __init__(self, server: LiveServer) -> None:
        self.server = server
        self.seconds: list[float] = []
        self.failed: list[str] = []
        self.over = threading.Event()
        with httpx.Client(base_url=server.url, verify=server.trust) as http:
            form = {"client_id": server.client_id, "client_secret": server.client_secret}
            form["grant_type"] = "client_credentials"
            token = http.post("/oauth/token", data=form).json()["access_token"]
        self.headers = {"authorization": f"Bearer {token}"}

    def write(self) -> None:
        with httpx.Client(
            base_url=self.server.url, verify=self.server.trust, headers=self.headers, timeout=30
        ) as http:
            while not self.over.is_set():
                made = self._ask(http, "POST", "", "New")
                if made is not None:
                    self._ask(http, "PATCH", f"/{made['organization']['id']}", "Changed")
                # One that was there: the back-fill comes by it too.
                self._ask(http, "PATCH", f"/org_{1000001 + len(self.seconds) % ROWS}", "Old")

    def _ask(self, http, method, path, name):
        start = time.monotonic()
        url = f"/api/v1/organizations{path}"
        answer = http.request(method, url, json={"display_name": name})
        self.seconds.append(time.monotonic() - start)
        if not answer.is_success:
            self.failed.append(answer.text)
            return None
        return answer.json()


@contextmanager
def writing(server):
    writers = Writers(server)
    with ThreadPoolExecutor(WRITERS) as threads:
        running = [threads.submit(writers.write) for _ in range(WRITERS)]
        try:
            yield writers
        finally:
            writers.over.set()
    for one in running:
        one.result()


def fill(url, rows):
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in FILL:
            connection.execute(statement, {"rows": rows, "now": time.time_ns() // 1000})
        connection.execute("ANALYZE organizations, events")


def asked(url, query):
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def status(later, older):
    code, out, problem = later.run(older, "migrate", "status", "--json")
    assert code == 0, problem
    return json.loads(out)


def step_of(found, kind):
    steps = [one for one in found["steps"] if one["revision"] == LATER]
    (step,) = [one for one in steps if one["kind"] == kind]
    return step


def eventually(condition, seconds=60):
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until
        time.sleep(0.05)
    return found


@pytest.mark.thorough
@pytest.mark.timeout(600)
def test_calls_go_on_while_indexes_are_built_and_values_are_filled_in(
    on_postgresql, later, rows, request
):
    older = on_postgresql
    url = older.environment["TENANTRY_DATABASE_URL"]
    fill(url, rows)
    with writing(older) as writers:
        start = time.monotonic()
        code, out, problem = later.run(older, "migrate")
        took = time.monotonic() - start
        assert (code, out) == (0, f"applied {LATER}\n"), problem
        migrated = len(writers.seconds)
        assert dict(asked(url, VALID)) == {
            "ix_organizations__initials": True,
            "ix_events__request_id": True,
        }
        # A worker of the next version is killed on its way, and another one goes on.
        worker = later.begin(older, "worker")
        step = "SELECT done, total FROM schema_steps WHERE kind = 'back-fill' AND done > 0"
        eventually(lambda: asked(url, step))
        worker.send_signal(signal.SIGKILL)
        worker.communicate()
        found = status(later, older)
        killed = step_of(found, "back-fill")
        assert killed["state"] == "running"
        assert killed["total"] >= rows
        assert f"version {found['version']}" not in found["next"]
        assert [one["schema"] for one in found["processes"]] == [HEAD]
        if not request.config.getoption("thorough"):
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("UPDATE schema_steps SET due_time = 0")
        start = time.monotonic()
        worker = later.begin(older, "worker")
        # Of those that were there: while the former version runs, new rows come without.
        lacking = "SELECT FROM organizations WHERE length(id) = 11 AND initials IS NULL LIMIT 1"
        eventually(lambda: not asked(url, lacking), 300)
        filled = time.monotonic() - start
        worker.terminate()
        worker.communicate()
    assert writers.failed == []
    print(
        f"{rows:,} rows: migrated in {took:.1f} s beside {migrated} calls, filled in {filled:.1f} s"
        f"; 0 failed of {len(writers.seconds)} calls, the slowest took {max(writers.seconds):.2f} s"
    )
    # A busy machine is slow by itself; locks would hold them for longer.
    assert max(writers.seconds) < 30


@pytest.mark.thorough
def test_an_index_whose_build_was_killed_is_built_anew(on_postgresql, later):
    url = on_postgresql.environment["TENANTRY_DATABASE_URL"]
    fill(url, 1000)
    with psycopg.connect(url) as holder:
        # An index waits for each transaction that has changed its table, here a partition.
        (partition,) = holder.execute("SELECT max(tableoid::regclass::text) FROM events").fetchone()
        holder.execute(f"UPDATE {partition} SET request_id = 'x' WHERE id = 'evt_1000001'")
        with later.begin(on_postgresql, "migrate") as process:
            building = "SELECT FROM pg_stat_progress_create_index WHERE lockers_total > 0"
            eventually(lambda: asked(url, building))
            found = status(later, on_postgresql)
            process.kill()
        holder.rollback()
    indexes = [one for one in found["steps"] if one["kind"] == "index" and one["revision"] == LATER]
    assert [one["state"] for one in indexes] == ["running", "waiting"]
    assert any("tenantry migrate" in line for line in found["next"])
    assert (False,) in asked(url, PARTS)
    code, out, problem = later.run(on_postgresql, "migrate")
    assert (code, out) == (0, f"already at {LATER}\n"), problem
    assert [valid for _, valid in asked(url, VALID)] == [True, True]
    assert set(asked(url, PARTS)) == {(True,)}


@pytest.mark.thorough
def test_several_that_start_at_once_build_each_index_once(on_postgresql, later):
    """One that waits for its turn is not waited for by the index."""
    fill(on_postgresql.environment["TENANTRY_DATABASE_URL"], 1000)
    processes = [later.begin(on_postgresql, "migrate") for _ in range(3)]
    ends = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], ends
    # A process that starts after the others have finished finds nothing to do.
    said = {out for out, _ in ends}
    assert f"applied {LATER}\n" in said
    assert said <= {f"applied {LATER}\n", f"already at {LATER}\n"}
    url = on_postgresql.environment["TENANTRY_DATABASE_URL"]
    assert [valid for _, valid in asked(url, VALID)] == [True, True]


@pytest.mark.thorough
def test_a_contract_waits_for_the_last_process_of_before_and_then_closes_it_out(older, later):
    floor = status(later, older)["floor"]
    made = later.run(older, "migrate")
    assert made[:2] == (0, f"applied {LATER}\n"), made
    found = status(later, older)
    assert (found["floor"], found["database_schema"]) == (floor, LATER)
    assert floor < LATER
    assert step_of(found, "contract")["state"] == "waiting"
    assert any("migrate --contract" in line for line in found["next"])
    code, _, problem = later.run(older, "migrate", "--contract")
    assert code == 1
    assert f"a process runs that may need what {LATER} takes away" in problem
    assert str(older.process.pid) in problem
    older.stop()
    # Rolled back, as long as nothing is taken away.
    older.start()
    older.stop()
    code, out, problem = later.run(older, "migrate", "--contract")
    assert code == 0, problem
    assert out.endswith(f"removed the obsolete schema of {LATER}\n")
    found = status(later, older)
    assert found["floor"] == LATER
    assert {one["state"] for one in found["steps"]} == {"done"}
    assert found["next"] == ["none"]
    refused = older.run("migrate")
    assert refused.returncode == 1
    assert f"this database belongs to version {found['version']} (schema {LATER})" in refused.stderr
    after = later.server(older).start()
    try:
        with writing(after) as writers:
            eventually(lambda: len(writers.seconds) > 3)
    finally:
        after.stop()
    assert not [one for one in writers.failed if "not found" not in one.lower()]


@pytest.mark.thorough
def test_the_next_release_takes_away_by_itself(older, tmp_path):
    later = Later(tmp_path / "later", MIGRATION, older_may_run=True, released=True)
    assert later.run(older, "migrate")[:2] == (0, f"applied {LATER}\n")
    assert step_of(status(later, older), "contract")["state"] == "waiting"  # the former one runs
    older.stop()
    after = later.server(older).start()
    try:
        done = eventually(lambda: step_of(status(later, older), "back-fill")["state"] == "done")
        assert done
        assert step_of(status(later, older), "contract")["state"] == "running"
    finally:
        after.stop()
    assert later.run(older, "migrate")[0] == 0
    assert step_of(status(later, older), "contract")["state"] == "done"
