"""`tenantry doctor` on a database that refuses: what it is, in one line, and what to do."""

from __future__ import annotations

import base64
import shutil
import sqlite3

import pytest
from databases import MASTER_KEY

from tenantry import settings
from tenantry.doctor import checks, database


def look(url, tmp_path):
    """Its findings about a database."""
    known = settings.load(
        {
            "TENANTRY_DATABASE_URL": url,
            "TENANTRY_DATA_DIR": str(tmp_path),
            "TENANTRY_MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
        }
    )
    found = checks._run("database", database.check_database, known)
    assert "\n" not in found.line()
    return found


@pytest.fixture
def own(postgresql, postgresql_migrated):
    """The URL of a PostgreSQL database of the test's own, and a function that runs SQL in it."""
    return postgresql_migrated, lambda text: postgresql.run(text, postgresql_migrated)


def test_a_postgresql_that_is_well_shows_its_connections(own, tmp_path):
    found = look(own[0], tmp_path)
    assert found.ok, found
    assert "12 of 100 connections" in found.text


def test_a_postgresql_with_fewer_connections_than_the_pool_is_a_problem(own, tmp_path, monkeypatch):
    known = {"TENANTRY_POOL_SIZE": "60", "TENANTRY_WORKERS": "2"}
    real = settings.load
    monkeypatch.setattr(settings, "load", lambda environ: real({**environ, **known}))
    found = look(own[0], tmp_path)
    assert "124 of 100 connections" in found.text
    assert "TENANTRY_POOL_SIZE" in found.advice


TROUBLE = {
    "read-only": (
        "ALTER DATABASE {name} SET default_transaction_read_only = on",
        "read-only",
        "target_session_attrs",
    ),
    "full": (
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = 'disk_full'; END $$;"
        "CREATE TRIGGER full_disk BEFORE UPDATE ON environment EXECUTE FUNCTION full_disk()",
        "no space left",
        "free disk space",
    ),
    "no connections": (
        "CREATE ROLE nobody_{name} LOGIN CONNECTION LIMIT 0",
        "too many connections",
        "max_connections",
    ),
}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_each_trouble_of_postgresql_is_named_in_a_line(own, tmp_path, trouble):
    url, run = own
    assert look(url, tmp_path).ok
    name = url.partition("?")[0].rpartition("/")[2]
    statement, text, advice = TROUBLE[trouble]
    run(statement.format(name=name) if "{name}" in statement else statement)
    if trouble == "no connections":
        url = url.replace("//postgres:@", f"//nobody_{name}@")
    found = look(url, tmp_path)
    assert not found.ok
    assert text in found.text
    assert advice in found.advice


def test_a_locked_and_a_damaged_sqlite_are_named_in_a_line(sqlite_template, tmp_path):
    path = shutil.copy(sqlite_template, tmp_path / "tenantry.db")
    url = f"sqlite:///{path}"
    assert look(url, tmp_path).ok
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    found = look(url, tmp_path)
    assert "locked" in found.text
    assert "has the file open" in found.advice
    other.execute("ROLLBACK")
    other.close()
    path.write_bytes(b"no database" * 1000)
    found = look(url, tmp_path)
    assert "not a database" in found.text
    assert "restore a backup" in found.advice
