"""The drill of operators: 100,000 organizations are lost, and come back whole, held until told.

``DRILL_ORGANIZATIONS=1000 pytest --thorough -s tests/chaos/restore`` is shorter.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing

import psycopg
import pytest
from servers import TENANTRY, LiveServer, PostgreSQL, free_port
from standbys import BINARIES, socket_of

ORGANIZATIONS = int(os.environ.get("DRILL_ORGANIZATIONS", "100000"))
# These change by being started: the environment counts its processes and notes when it was used.
_OWN = {"environment"}
pytestmark = [pytest.mark.thorough, pytest.mark.timeout(3600)]


def fill(server, numbers):
    """Bring in an organization with a person for each of these numbers, by the import."""
    path = server.folder / "people.csv"
    with path.open("w") as file:
        file.write("email,organization_external_id,organization_name\n")
        for n in numbers:
            file.write(f"person{n}@example{n % 5000}.com,crm-{n},Company {n} Ltd\n")
    command(server, "import", "users", str(path), "--create-organizations")


def command(server, *arguments: str, **settings: str):
    """Run one of ours, however long it takes."""
    done = subprocess.run(
        [TENANTRY, *arguments],
        cwd=server.folder,
        env=server.environment | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def sealed(server):
    """Wait until each event has its place in the log, and the search every row."""
    until = time.monotonic() + 600
    while True:
        done = server.run("status", "--json")
        told = json.loads(done.stdout)["status"]
        events = next(one for one in told["waiting"] if one["kind"] == "events")
        if not events["count"] and not told["search"]:
            return
        assert time.monotonic() < until
        time.sleep(0.5)


def hashes_of_sqlite(path):
    """The number of rows of each table, and a hash over all of them."""
    with closing(sqlite3.connect(path)) as db:
        names = db.execute(
            "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
            " AND name NOT LIKE 'sqlite_%' ORDER BY name"
        ).fetchall()
        return {
            name: _hashed(
                db.execute(f'SELECT * FROM "{name}"{"" if by_key else " ORDER BY rowid"}')
            )
            for name, by_key in names
            if name not in _OWN
        }


def hashes_of_postgresql(url):
    """The number of rows of each table, and a hash over all of them, in an order of their own."""
    with psycopg.connect(url) as db:
        names = db.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND NOT relispartition"
            " AND relnamespace = current_schema()::regnamespace"
            " UNION SELECT relname FROM pg_class WHERE relkind = 'p' ORDER BY 1"
        ).fetchall()
        asked = (
            "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) FROM {} AS t"
        )
        return {
            name: db.execute(asked.format(name)).fetchone() for (name,) in names if name not in _OWN
        }


def _hashed(rows):
    digest, n = hashlib.sha256(), 0
    for row in rows:
        digest.update(repr(row).encode())
        n += 1
    return n, digest.hexdigest()


def assert_held_until_told(copy, stream):
    """Start a restored server: it answers, proves its log, and sends nothing until it may."""
    copy.start()
    try:
        before = stream.read_bytes() if stream.exists() else b""
        verified = command(copy, "events", "verify", "--json")
        assert json.loads(verified)["problems"] == []
        assert "the database was restored" in copy.run("status").stdout
        assert (stream.read_bytes() if stream.exists() else b"") == before == b""
        assert copy.run("restore", "--go").returncode == 0
        until = time.monotonic() + 60
        while not (stream.exists() and stream.stat().st_size):
            assert time.monotonic() < until
            time.sleep(0.1)
    finally:
        copy.stop()


def test_on_sqlite(tmp_path):
    server = LiveServer(tmp_path, simulator="false").start()
    fill(server, range(ORGANIZATIONS))
    sealed(server)
    seconds = {}
    began = time.monotonic()
    said = command(server, "backup", "backup", "--keys", "keys")
    seconds["backup"] = time.monotonic() - began
    server.stop()
    kept = hashes_of_sqlite(tmp_path / "backup" / "tenantry.db")
    shutil.rmtree(server.data_dir)  # the disaster

    stream = tmp_path / "events.ndjson"
    copy = LiveServer(tmp_path, data_dir=tmp_path / "new", log_streams=f"file://{stream}")
    began = time.monotonic()
    command(copy, "restore", "backup", "--keys", "keys")
    seconds["restore"] = time.monotonic() - began
    assert hashes_of_sqlite(tmp_path / "new" / "tenantry.db") == kept
    assert kept["organizations"][0] == kept["users"][0] == ORGANIZATIONS
    assert_held_until_told(copy, stream)
    print(said, {name: round(value, 1) for name, value in seconds.items()})


class Archived:
    """A PostgreSQL that keeps its log, from which a moment of it is restored."""

    def __init__(self) -> None:
        self.postgresql = PostgreSQL()
        data = socket_of(self.postgresql.fresh())
        self.owner = data.stat()
        self.folder = data.parent / "drill"
        self.archive = self.folder / "archive"
        self.make(self.folder)
        self.make(self.archive)
        for name, value in {
            "archive_mode": "on",
            "archive_command": f"test ! -f {self.archive}/%f && cp %p {self.archive}/%f",
            "wal_level": "replica",
            "max_wal_senders": "4",
            "fsync": "on",
        }.items():
            self.postgresql.run(f"ALTER SYSTEM SET {name} = '{value}'")
        self.postgresql.stop()
        self.postgresql.start()

    def make(self, path):
        path.mkdir(mode=0o700)
        self.give(path)

    def give(self, path):
        os.chown(path, self.owner.st_uid, self.owner.st_gid)

    def program(self, name, *arguments: str):
        """Run a program of PostgreSQL as the user of the server."""
        done = subprocess.run(
            [BINARIES / name, *arguments],
            user=self.owner.st_uid if os.getuid() == 0 else None,
            cwd="/",
            # A server that goes on would hold a pipe open.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL if name == "pg_ctl" else subprocess.PIPE,
            check=False,
        )
        assert done.returncode == 0, (name, arguments, done.stderr)

    def archived(self):
        """Have everything up to now in the archive."""
        with psycopg.connect(self.postgresql._server.get_uri(), autocommit=True) as db:
            (wanted,) = db.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
            until = time.monotonic() + 60
            while True:
                (last,) = db.execute("SELECT last_archived_wal FROM pg_stat_archiver").fetchone()
                if last is not None and last >= wanted:
                    return
                assert time.monotonic() < until
                time.sleep(0.1)


def test_on_postgresql_to_a_point_in_time(tmp_path):
    archived = Archived()
    url = archived.postgresql.fresh()
    restored = archived.folder / "restored"
    started = False
    seconds = {}
    server = LiveServer(tmp_path, database_url=url, simulator="false").start()
    try:
        fill(server, range(ORGANIZATIONS // 2))
        said = command(server, "backup")  # 0: its log is archived
        assert "ok: the WAL is archived" in said
        began = time.monotonic()
        source = url.replace(f"/{PostgreSQL.name_of(url)}?", "/postgres?")
        base = ("--pgdata", str(restored), "--checkpoint=fast", "--wal-method=none")
        archived.program("pg_basebackup", "--dbname", source, *base)
        seconds["pg_basebackup"] = time.monotonic() - began
        fill(server, range(ORGANIZATIONS // 2, ORGANIZATIONS))
        sealed(server)
        server.stop()
        kept = hashes_of_postgresql(url)
        with psycopg.connect(url) as db:
            (moment,) = db.execute("SELECT clock_timestamp()::text").fetchone()
            db.execute("DELETE FROM memberships")  # the disaster
            db.execute("DELETE FROM organizations")
        archived.archived()

        port = free_port()
        added = (
            f"restore_command = 'cp {archived.archive}/%f %p'\n"
            f"recovery_target_time = '{moment}'\n"
            "recovery_target_action = 'promote'\n"
            "archive_mode = off\n"
        )
        with (restored / "postgresql.auto.conf").open("a") as file:
            file.write(added)
        (restored / "recovery.signal").touch()
        archived.give(restored / "recovery.signal")
        began = time.monotonic()
        options = f"-p {port} -c listen_addresses=127.0.0.1 -k ''"
        log = str(archived.folder / "log")
        archived.program("pg_ctl", "-D", str(restored), "-l", log, "-w", "-o", options, "start")
        started = True
        again = f"postgresql://postgres@127.0.0.1:{port}/{PostgreSQL.name_of(url)}"
        _promoted(again)
        seconds["recovery"] = time.monotonic() - began
        assert hashes_of_postgresql(again) == kept
        assert kept["organizations"][0] == kept["users"][0] == ORGANIZATIONS

        stream = tmp_path / "events.ndjson"
        new = tmp_path / "new"
        new.mkdir(mode=0o700)
        for name in ("master.key", "credentials.json"):
            shutil.copy(server.data_dir / name, new)
        copy = LiveServer(
            tmp_path, data_dir=new, database_url=again, log_streams=f"file://{stream}"
        )
        assert copy.run("restore").stdout.startswith("outgoing work is held")
        assert_held_until_told(copy, stream)
        print({name: round(value, 1) for name, value in seconds.items()})
    finally:
        server.stop()
        if started:
            archived.program("pg_ctl", "-D", str(restored), "-m", "immediate", "stop")
        archived.postgresql.close()


def _promoted(url):
    until = time.monotonic() + 300
    while True:
        try:
            with psycopg.connect(url) as db:
                if not db.execute("SELECT pg_is_in_recovery()").fetchone()[0]:
                    return
        except psycopg.OperationalError:
            pass
        assert time.monotonic() < until
        time.sleep(0.2)
