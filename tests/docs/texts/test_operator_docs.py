"""The pages for those who run it: their samples run, and they name what there is."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import asyncpg
import pytest
from doc_programs import forget, management, need, settings_for
from repository import ROOT
from servers import TENANTRY

from tenantry.core.event import KNOWN

if TYPE_CHECKING:
    from pathlib import Path

RUNBOOKS = ROOT / "docs" / "runbooks.md"
SIZING = ROOT / "docs" / "sizing.md"
CHECKLIST = ROOT / "docs" / "guides" / "production-checklist.md"
PAGES = [RUNBOOKS, CHECKLIST]
_FENCE = re.compile(r"^ *```sh\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_SQL = re.compile(r"^```sql\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HOOK = "https://app.example.com/webhooks"
# The others are a minute of commands.
_LATER = [pytest.mark.thorough]
_DECIDE = {"A secret was leaked", "Erase a user", "Move a tenant", "Data"}


def parts(page: Path) -> dict[str, list[str]]:
    """The samples of each section by its heading; those before the first have none."""
    heading, *rest = re.split(r"^## (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = {"": _FENCE.findall(heading)}
    for name, text in zip(rest[::2], rest[1::2], strict=True):
        if blocks := _FENCE.findall(text):
            found[name] = blocks
    return found


def sections():
    for page in PAGES:
        for name in parts(page):
            if name:
                marks = [] if name in _DECIDE else _LATER
                yield pytest.param(page, name, id=f"{page.stem}: {name}", marks=marks)


@pytest.fixture(scope="module")
def working_server(start_server):
    """A running server on SQLite that does what a worker does: doctor finds nothing wrong."""
    server = start_server("operators", background="true")
    yield server
    server.stop()


@pytest.fixture
def reader(working_server, tmp_path):
    """Run samples as a reader does, with something of each kind to act on."""
    need("bash", "curl", "jq", "openssl")
    with management(working_server) as api:

        def post(path, body):
            return api.post(f"/api/v1{path}", json=body).raise_for_status().json()

        acme = post("/organizations", {"display_name": "Acme", "external_id": "my_unique_id"})
        other = post("/organizations", {"display_name": "Other", "external_id": "acme_in_our_app"})
        acme, other = (one["organization"]["id"] for one in (acme, other))
        grace = post(f"/organizations/{acme}/users", {"email": "grace@example.com"})["user"]["id"]
        post(f"/organizations/{other}/users", {"email": "alan@example.com"})
        made = post("/webhooks/endpoints", {"url": _HOOK, "event_types": []})
        program = post(f"/organizations/{acme}/clients", {"name": "Program"})
        variables = {
            "ORGANIZATION_ID": acme,
            "USER_ID": grace,
            "CLIENT_ID": program["client"]["client_id"],
            "ENDPOINT_ID": made["endpoint"]["id"],
        }
        settings = {
            k: v for k, v in working_server.environment.items() if k.startswith("TENANTRY_")
        }

        def run(blocks):
            return subprocess.run(
                ["bash", "-e", "-o", "pipefail", "-c", "\n".join(blocks)],
                env={
                    **settings,
                    **settings_for("sh", working_server),
                    "PATH": f"{TENANTRY.parent}:{working_server.environment['PATH']}",
                    **variables,
                },
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=False,
            )

        yield run
    with management(working_server) as api:  # of before no token may be good
        api.delete(f"/api/v1/webhooks/endpoints/{variables['ENDPOINT_ID']}")
        forget(api)
        for email in ("grace@example.com", "alan@example.com"):
            found = api.get("/api/v1/users:search", params={"query": email}).json()
            for one in found["users"]:
                api.delete(f"/api/v1/users/{one['id']}").raise_for_status()


@pytest.mark.thorough
@pytest.mark.parametrize(("page", "section"), list(sections()))
def test_the_samples_of_a_section_run(page, section, reader, tmp_path):
    found = parts(page)
    done = reader([*found[""], *found[section]])
    assert done.returncode == 0, done.stdout + done.stderr
    if section == "Move a tenant":
        moved = (tmp_path / "tenant.ndjson").read_text()
        assert "grace@example.com" in moved
        assert "alan@example.com" not in moved


def test_every_event_that_is_named_is_there():
    page = RUNBOOKS.read_text(encoding="utf-8")
    table = page[page.index("### Revoke by type") : page.index("### The master key and a copy")]
    last = [row.rstrip("| ").rpartition("|")[2] for row in table.splitlines() if "|" in row]
    named = [name for cell in last for name in re.findall(r"`(\w+\.\w+)`", cell)]
    assert len(named) > 20
    assert [name for name in named if name not in KNOWN] == []


async def test_ones_own_rows_are_measured_on_postgresql(postgresql_migrated):
    sql, _ = _SQL.findall(SIZING.read_text(encoding="utf-8"))
    connection = await asyncpg.connect(postgresql_migrated)
    try:
        rows = {row["name"]: row for row in await connection.fetch(sql)}
    finally:
        await connection.close()
    assert {"organizations", "events", "users_search"} <= rows.keys()
    assert not [name for name in rows if name.startswith("events_")]
    assert rows["events"]["size"].endswith("kB")


def test_ones_own_rows_are_measured_on_sqlite(sqlite_template):
    _, sql = _SQL.findall(SIZING.read_text(encoding="utf-8"))
    with contextlib.closing(sqlite3.connect(sqlite_template)) as db:
        sizes = dict(db.execute(sql))
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        (size,) = db.execute("PRAGMA page_size").fetchone()
        (free,) = db.execute("PRAGMA freelist_count").fetchone()
    assert sum(sizes.values()) == (pages - free) * size
    assert "organizations" in sizes


def test_the_sizes_are_those_of_the_run():
    script = ROOT / "scripts" / "sizes.py"
    done = subprocess.run(
        [sys.executable, script, "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "| organization |" in SIZING.read_text(encoding="utf-8")
