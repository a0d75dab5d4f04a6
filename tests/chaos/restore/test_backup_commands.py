"""`tenantry backup` and `tenantry restore` beside a server, and on PostgreSQL."""

from __future__ import annotations

import json

import commands
import pytest
from servers import LiveServer, without_settings

from tenantry.db import migrate


def changed(folder, **members: object):
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | members))


@pytest.mark.thorough
def test_the_commands_beside_a_server_that_runs(tmp_path):
    server = LiveServer(tmp_path)
    server.start()
    try:
        made = server.run("backup", "backup", "--keys", "keys")
        assert made.returncode == 0, made.stderr
        assert "rows as of 20" in made.stdout
        assert "store it separately from the backup" in made.stdout
        again = server.run("backup", "backup")
        assert (again.returncode, again.stdout) == (1, "")
        assert "is there already" in again.stderr
        within = server.run("backup", "next", "--keys", "next/keys")
        assert within.returncode == 2
        assert "must not be inside the backup" in within.stderr
        bare = server.run("backup", "bare", "--json")
        assert json.loads(bare.stdout)["manifest"]["environment_id"].startswith("env_")
        assert "the master key is not in the backup" in server.run("backup", "third").stdout
        running = server.run("restore", "backup")
        assert running.returncode == 1
        assert "is in use: process" in running.stderr
        assert server.answers()
    finally:
        assert server.stop() == 0
    assert server.run("backup").returncode == 2  # no folder is named

    # On a machine of its own that has nothing but the two folders.
    elsewhere = tmp_path / "elsewhere"
    copy = LiveServer(tmp_path, data_dir=elsewhere)
    asked = ("restore", "backup", "--keys", "keys")
    put = copy.run(*asked)
    assert put.returncode == 0, put.stderr
    assert "outgoing work is held" in put.stdout
    copy.start()
    try:
        assert (elsewhere / "tls" / "ca.pem").read_bytes() == server.ca.read_bytes()
        assert copy.client_secret == server.client_secret
        assert "the database was restored: run `tenantry restore --go`" in copy.run("doctor").stdout
        assert json.loads(copy.run("restore", "--go", "--json").stdout) == {
            "held": False,
            "changed": True,
        }
    finally:
        copy.stop()
    for wrong in (("backup", "--go"), ("--keys", "keys")):
        assert copy.run("restore", *wrong).returncode == 2


@pytest.mark.thorough
def test_on_postgresql_it_says_how_without_the_password(tmp_path, postgresql_url):
    migrate.upgrade(postgresql_url)
    (tmp_path / "data").mkdir(mode=0o700)
    secret = f"{postgresql_url}&password=hunter2"
    environment = without_settings() | {
        "TENANTRY_DATABASE_URL": secret,
        "TENANTRY_DATA_DIR": str(tmp_path / "data"),
    }

    def run(*arguments: str):
        return commands.run(*arguments, cwd=tmp_path, environment=environment)

    said = run("backup")
    assert said.returncode == 1
    assert "problem: archive_mode is off" in said.stdout
    assert "pg_basebackup --dbname=" in said.stdout
    assert "pgbackrest --stanza=tenantry" in said.stdout
    assert "hunter2" not in said.stdout + said.stderr
    assert json.loads(run("backup", "--json").stdout)["problem"]
    written = run("backup", "folder")
    assert written.returncode == 1
    assert "folder was not written" in written.stderr
    assert "use pg_dump or WAL archiving" in written.stderr
    assert "PostgreSQL does it by its own programs" in run("restore", "folder").stderr
    assert not (tmp_path / "folder").exists()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://a:b@host:5432/db", "postgresql://a@host:5432/db"),
        (
            "postgresql://a:b%40c@host/db?sslmode=verify-full",
            "postgresql://a@host/db?sslmode=verify-full",
        ),
        ("postgresql://host/db?pgbouncer=session&password=x", "postgresql://host/db"),
        ("postgresql://a@/db?host=/run/postgresql", "postgresql://a@/db?host=/run/postgresql"),
        ("postgresql://a:b@[::1]:5432,h2:5433/db", "postgresql://a@[::1]:5432,h2:5433/db"),
    ],
)
def test_the_connection_is_shown_without_its_password(url, shown):
    from tenantry.db import archiving

    assert archiving.without_password(url) == shown
