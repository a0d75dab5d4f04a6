"""A server that runs while the program of a later version changes the schema under it."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from later_program import LATER, Later
from servers import TENANTRY, LiveServer

from tenantry import __version__
from tenantry.db import sqlite_processes
from tenantry.db.revisions import HEAD


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
def client(older):
    with httpx.Client(base_url=older.url, verify=older.trust) as made:
        form = {
            "grant_type": "client_credentials",
            "client_id": older.client_id,
            "client_secret": older.client_secret,
        }
        token = made.post("/oauth/token", data=form).json()["access_token"]
        made.headers["authorization"] = f"Bearer {token}"
        yield made


def create(client):
    return client.post("/api/v1/organizations", json={"display_name": "Acme"})


def code_of(answer):
    return answer.json()["details"][0]["error_code"]


def eventually(condition):
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.thorough
@pytest.mark.one_database
def test_a_migration_that_an_older_process_does_not_know_is_refused_beside_it(
    older, client, tmp_path
):
    later = Later(tmp_path, older_may_run=False)
    code, _, problem = later.run(older, "migrate")
    assert code == 1
    assert problem.count("\n") == 1
    assert f"the schema stays at {HEAD}" in problem
    seen = f"tenantry {__version__} (schema {HEAD}) "
    if "TENANTRY_DATABASE_URL" in older.environment:
        pid = int(re.search(rf"{re.escape(seen)}(\d+)@", problem)[1])
        assert re.search(r"\(\d+ connections, last seen [0-2] s ago\)", problem), problem
    else:
        pid = int(re.search(r"process (\d+) \(", problem)[1])
    assert pid == older.process.pid
    code, out, _ = later.run(older, "doctor")
    assert code == 1
    assert re.search(
        rf"the schema is {HEAD}, this version needs {LATER}; a previous version is running: "
        rf".*\b{pid}\b.*: "
        "run `tenantry migrate`",
        out,
    ), out
    assert create(client).status_code == 201
    assert client.get("/readyz").status_code == 200


@pytest.mark.thorough
def test_a_start_of_the_later_version_is_refused_too(older, tmp_path):
    later = Later(tmp_path, older_may_run=False)
    other = LiveServer(tmp_path, **older._settings_but("listen"))
    with subprocess.Popen(
        [TENANTRY, "serve"],
        cwd=tmp_path,
        env=other.environment | {"PYTHONPATH": str(later.source)},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        _, problem = process.communicate(timeout=60)
    assert process.returncode not in (0, None)
    assert f"the schema stays at {HEAD}: a process of a previous version is running" in problem


@pytest.mark.one_database
def test_an_older_process_changes_nothing_once_the_schema_is_a_later_one(older, client, tmp_path):
    later = Later(tmp_path, older_may_run=False)
    made = create(client).json()["organization"]["id"]
    code, out, problem = later.run(older, "migrate", "--beside-older")
    assert (code, out) == (0, f"applied {LATER}\n"), problem
    answer = create(client)
    assert answer.status_code == 503
    assert code_of(answer) == "DATABASE_UPGRADED"
    eventually(lambda: client.get("/readyz").status_code == 503)
    assert code_of(client.get("/readyz")) == "DATABASE_UPGRADED"
    assert client.get("/livez").status_code == 200
    assert code_of(client.get(f"/api/v1/organizations/{made}")) == "DATABASE_UPGRADED"
    log = older.log.read_text()
    belongs = f"this database belongs to version {__version__} (schema {LATER}) or a later one"
    assert "this process must be stopped" in log
    assert belongs in log
    assert "Traceback" not in log
    older.stop()
    # The later version goes on where it was.
    code, out, problem = later.run(older, "client", "create", "Later")
    assert code == 0, problem
    refused = older.run("client", "list")
    assert refused.returncode == 1
    assert f"(schema {LATER})" in refused.stderr


@pytest.mark.thorough
@pytest.mark.one_database
def test_a_migration_that_only_adds_is_made_beside_an_older_process(older, client, tmp_path):
    later = Later(tmp_path, older_may_run=True)
    code, out, problem = later.run(older, "migrate")
    assert (code, out) == (0, f"applied {LATER}\n"), problem
    looked = time.monotonic() + 2  # it looks once a second
    while time.monotonic() < looked:
        assert create(client).status_code == 201
        assert client.get("/readyz").status_code == 200


@pytest.mark.thorough
@pytest.mark.one_database
def test_a_migration_waits_for_a_process_that_is_about_to_end(older, tmp_path):
    later = Later(tmp_path, older_may_run=False)
    process = later.begin(older, "migrate")
    older.stop()
    out, problem = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, f"applied {LATER}\n"), problem


def test_only_processes_of_ours_are_in_the_way(tmp_path):
    """A program that backs a file up may have it open all the time, in whatever language."""
    path = tmp_path / "tenantry.db"
    script = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]);"
        "c.executescript('PRAGMA journal_mode=WAL; CREATE TABLE t (a); SELECT * FROM t');"
        "print('open', flush=True); sys.stdin.read()"
    )
    command = tmp_path / "bin" / "tenantry"
    module = tmp_path / "modules" / "tenantry" / "__main__.py"
    backup = tmp_path / "backup.py"
    for file in (command, module, backup):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(script)
    python = str(Path(sys.executable).resolve())
    for words, seen in (
        ([python, "-P", command], True),
        ([python, "-m", "tenantry"], True),
        ([python, backup], False),
    ):
        path.unlink(missing_ok=True)
        with subprocess.Popen(
            [*words, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=module.parent.parent,
        ) as process:
            assert process.stdout.readline() == "open\n"
            found = sqlite_processes.running(path)
            process.stdin.close()
        assert bool(found) == seen, found
