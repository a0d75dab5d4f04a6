"""`tenantry import users`, run as an operator runs it."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import time
from collections import Counter

import pytest
from servers import TENANTRY, LiveServer
from user_files import BCRYPT, address, ndjson

pytestmark = pytest.mark.one_database

CUSTOMER = {"organization_external_id": "acme", "organization_name": "Acme"}


@pytest.fixture
def place(tmp_path, database_url):
    """A deployment that does not run: a folder and a database."""
    server = LiveServer(tmp_path, database_url=database_url)
    server.data_dir.mkdir(mode=0o700)
    return server


def written(place, content, name="users.ndjson"):
    file = place.folder / name
    file.write_bytes(content)
    return str(file)


def test_it_imports_and_ends_with_0(place):
    file = written(place, ndjson({"email": address(), **CUSTOMER} for _ in range(20)))
    done = place.run("import", "users", file, "--create-organizations")
    assert done.returncode == 0, done.stderr
    assert "20 rows, 0 refused" in done.stdout
    again = place.run("import", "users", file, "--json")
    assert json.loads(again.stdout)["users"]["unchanged"] == 20


def test_refused_rows_are_reported_and_end_with_1(place):
    rows = [{"email": address()}, {"email": "ada"}, {"email": address(), "locale": "?"}]
    file = written(place, ndjson(rows))
    done = place.run("import", "users", file)
    assert done.returncode == 1
    assert "3 rows, 2 refused" in done.stdout
    assert "line 2: email: " in done.stderr
    assert "line 3: locale: " in done.stderr
    report = place.folder / "refused.ndjson"
    done = place.run("import", "users", file, "--report", str(report), "--json")
    assert done.returncode == 1
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert [(line["line"], line["field"]) for line in lines] == [(2, "email"), (3, "locale")]
    assert json.loads(done.stdout)["refusals"] == lines


def test_every_refused_row_is_in_the_report_file(place):
    file = written(place, ndjson({"email": "ada"} for _ in range(2345)))
    report = place.folder / "refused.ndjson"
    done = place.run("import", "users", file, "--report", str(report))
    assert done.returncode == 1
    lines = [json.loads(line)["line"] for line in report.read_text().splitlines()]
    assert lines == list(range(1, 2346))


def test_a_dry_run_changes_nothing(place):
    file = written(place, ndjson({"email": address(), **CUSTOMER} for _ in range(3)))
    done = place.run("import", "users", file, "--create-organizations", "--dry-run", "--json")
    assert done.returncode == 0
    counted = json.loads(done.stdout)
    assert counted["users"]["created"] == 3
    assert counted["dry_run"] is True
    assert '"type":"user"' not in place.run("export").stdout


@pytest.mark.parametrize("name", ["users.csv", "users.CSV", "users.txt", "users"])
def test_csv_is_known_by_its_name_or_its_start(place, name):
    file = written(place, f"email,name\n{address()},Ada\n".encode(), name)
    done = place.run("import", "users", file, "--json")
    assert json.loads(done.stdout)["users"]["created"] == 1


def test_a_file_can_come_through_a_pipe(place):
    done = subprocess.run(
        [TENANTRY, "import", "users", "-", "--json"],
        input=ndjson([{"email": address(), "password_hash": BCRYPT}]),
        env=place.environment,
        capture_output=True,
        check=False,
    )
    assert json.loads(done.stdout)["users"]["created"] == 1


@pytest.mark.thorough
@pytest.mark.parametrize("ends", [False, True])
def test_an_interruption_says_how_to_go_on(place, ends):
    assert place.run("migrate").returncode == 0
    with subprocess.Popen(
        [TENANTRY, "import", "users", "-"],
        env=place.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(ndjson({"email": address()} for _ in range(1000)))
        process.stdin.flush()
        until = time.monotonic() + 60
        while '"type":"user.' not in place.run("events", "tail", "-n", "1", "--json").stdout:
            assert time.monotonic() < until
        process.send_signal(signal.SIGINT)
        if ends:
            process.stdin.close()
        assert process.wait(60) == 130  # though the pipe may still be open
        assert process.stderr.read() == b"interrupted: run the command again to continue\n"


def test_a_file_that_cannot_be_read_is_one_line(place):
    done = place.run("import", "users", str(place.folder / "none.ndjson"))
    assert done.returncode == 2
    done = place.run("import", "users", written(place, b"name\nAda\n", "users.csv"))
    assert done.returncode == 1
    assert done.stderr.strip() == "tenantry: email: is a required column"


@pytest.mark.thorough
def test_a_terminal_shows_how_far_it_is(place):
    file = written(place, ndjson({"email": address()} for _ in range(5000)))
    parent, child = pty.openpty()
    with subprocess.Popen(
        [TENANTRY, "import", "users", file],
        env=place.environment | {"TERM": "xterm", "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=child,
    ) as process:
        os.close(child)
        shown = b""
        while True:
            try:
                piece = os.read(parent, 65536)
            except OSError:
                break
            shown += piece
        assert process.wait(60) == 0
    assert b"rows, " in shown
    assert b"a second" in shown
    assert b"%" in shown


@pytest.mark.thorough
def test_one_that_was_killed_is_run_again(place):
    """Done rows stay done, the rest is done, and each user has one event."""
    rows = [
        {
            "email": f"ada{n}@example.com",
            "external_id": f"user-{n}",
            "organization_external_id": f"customer-{n // 10}",
            "organization_name": "Customer",
        }
        for n in range(12_000)
    ]
    command = ["import", "users", "--create-organizations", "--json"]
    assert place.run("migrate").returncode == 0
    with subprocess.Popen(
        [TENANTRY, *command, "-"],
        env=place.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(ndjson(rows[:7000]))
        process.stdin.flush()
        until = time.monotonic() + 60
        while '"type":"user.' not in place.run("events", "tail", "-n", "1", "--json").stdout:
            assert time.monotonic() < until
        process.send_signal(signal.SIGKILL)
    command.append(written(place, ndjson(rows)))
    done = json.loads(place.run(*command).stdout)
    assert done["users"]["created"] < 12_000
    assert done["users"]["created"] + done["users"]["unchanged"] == 12_000
    types = Counter(
        json.loads(line)["type"]
        for line in place.run("events", "tail", "-n", "50000", "--json").stdout.splitlines()
    )
    assert types["user.created"] == types["user.organization_membership_created"] == 12_000
    assert types["organization.created"] == 1200
    again = json.loads(place.run(*command).stdout)
    assert again["users"]["unchanged"] == again["memberships"]["unchanged"] == 12_000
