"""Which tables `tenantry migrate --distribute` distributes, and when it changes nothing."""

from __future__ import annotations

import json
import re

import psycopg
import spreading
from repository import ROOT
from servers import LiveServer

import tenantry.app  # noqa: F401 - each room of it declares its tables
from tenantry.db import migrate
from tenantry.db.postgresql import distribution
from tenantry.db.sql.schema import metadata, postgresql_tables
from tenantry.db.sql.sharding import sharding_of

SCALING = ROOT / "docs" / "scaling.md"


TABLES = [*metadata.sorted_tables, *postgresql_tables.sorted_tables]


def tables_of(url):
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')")
        return {name for (name,) in rows if not name.startswith(("pg_", "sql_"))}


def run(url, folder, *arguments: str):
    asked = ("migrate", "--distribute", "--experimental", *arguments)
    return LiveServer(folder, database_url=url).run(*asked)


def test_without_experimental_nothing_is_changed(postgresql_url, tmp_path):
    spreading.install(postgresql_url)
    before = tables_of(postgresql_url)
    done = LiveServer(tmp_path, database_url=postgresql_url).run("migrate", "--distribute")
    assert done.returncode == 1
    assert done.stderr.startswith("tenantry: --distribute is experimental and not supported: ")
    assert "add --experimental" in done.stderr
    assert done.stderr.count("\n") == 1
    assert tables_of(postgresql_url) == before


def test_experimental_alone_migrates_and_distributes_nothing(postgresql_url, tmp_path):
    spreading.install(postgresql_url)
    done = LiveServer(tmp_path, database_url=postgresql_url).run("migrate", "--experimental")
    assert done.returncode == 0, done.stderr
    assert spreading.asked_for(postgresql_url) == []


def test_the_guide_says_that_it_is_not_supported():
    page = " ".join(SCALING.read_text().split())
    assert "## Citus is experimental" in page
    assert "`tenantry migrate --distribute --experimental`" in page
    # No step on the page is refused.
    assert not re.search(r"run (it with )?`(tenantry migrate )?--distribute`", page)


def test_a_server_without_citus_is_left_as_it_is(postgresql_url, tmp_path):
    done = run(postgresql_url, tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("tenantry: nothing was changed: this server has no Citus; ")
    assert done.stderr.count("\n") == 1
    assert tables_of(postgresql_url) == set()


def test_sqlite_is_left_as_it_is(tmp_path):
    done = run(f"sqlite:///{tmp_path / 'empty.db'}", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("tenantry: nothing was changed: SQLite ")
    assert not (tmp_path / "empty.db").exists()


def test_each_table_is_spread_as_it_says(postgresql_url, tmp_path):
    spreading.install(postgresql_url)
    done = json.loads(run(postgresql_url, tmp_path, "--json").stdout)
    assert done["applied"][-1] == done["revision"]
    assert done["distributed"] == list(distribution.steps().values())
    asked = {name: (column, beside) for name, column, beside in spreading.asked_for(postgresql_url)}
    expected = {}
    for table in TABLES:
        of = sharding_of(table)
        if of.is_reference:
            expected[table.name] = (None, None)
        elif of.is_of_organization:
            beside = "none" if table.name == "organizations" else "organizations"
            expected[table.name] = (of.column, beside)
    assert asked == expected
    # Again: nothing is left to be done.
    again = run(postgresql_url, tmp_path)
    assert again.returncode == 0
    assert "already distributed" in again.stdout


def test_what_was_cut_off_is_finished(postgresql_url, tmp_path):
    spreading.install(postgresql_url)
    migrate.upgrade(postgresql_url)
    all_steps = list(distribution.steps().values())
    with psycopg.connect(postgresql_url) as connection:
        for statement in (one for one in all_steps[::2]):
            connection.execute(statement)
    done = json.loads(run(postgresql_url, tmp_path, "--json").stdout)
    assert done["distributed"] == all_steps[1::2]


def test_tables_come_after_those_that_they_refer_to():
    order = list(distribution.steps())
    for table in TABLES:
        for rule in table.foreign_key_constraints:
            if str(rule.name) not in order and table.name in order:
                to = rule.referred_table.name
                assert order.index(to) <= order.index(table.name), rule.name


def test_the_guide_shows_what_the_command_runs():
    shown = re.search(r"```sql\n(.*?)```", SCALING.read_text(), re.DOTALL)
    assert shown is not None
    lines = [line for line in shown[1].splitlines() if line]
    assert lines == [f"{line};" for line in distribution.steps().values()]
