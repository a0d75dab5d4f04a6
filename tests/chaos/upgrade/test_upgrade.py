"""An upgrade from the baseline loses no row, however often it is killed: `long_run.py` has more."""

from __future__ import annotations

import random
import sqlite3
import subprocess
from contextlib import closing

import pytest
from former import columns, fill, hashed
from servers import TENANTRY, LiveServer, without_settings

from tenantry.db import migrate
from tenantry.db.revisions import BASELINE, HEAD

SEED = 5
SECONDS = 2.5  # of a command, of which the import of its modules is most


@pytest.fixture
def former(kind, tmp_path, request, monkeypatch):
    """A database of the baseline with rows in it."""
    url = f"sqlite:///{tmp_path / 'former.db'}"
    if kind == "postgresql":
        url = request.getfixturevalue("postgresql_url")
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "HEAD", BASELINE)
        migrate.upgrade(url)
    fill(url, organizations=2000, events=6000)
    return url


def common(url, migrated):
    mine = columns(migrated)
    return {table: theirs & mine[table] for table, theirs in columns(url).items() if table in mine}


@pytest.mark.one_database
@pytest.mark.timeout(300)
def test_every_row_is_there_after_an_upgrade_that_was_killed_on_its_way(
    former, database_url, tmp_path, request
):
    of = common(former, database_url)
    before = hashed(former, of)
    assert before["events"][0] == 6000
    chance = random.Random(SEED)
    settings = {"TENANTRY_DATA_DIR": str(tmp_path), "TENANTRY_DATABASE_URL": former}

    def start():
        return subprocess.Popen(
            [TENANTRY, "migrate"], env=without_settings() | settings, stdout=subprocess.PIPE
        )

    for _ in range(10 if request.config.getoption("thorough") else 2):
        with start() as process:
            try:
                process.wait(chance.uniform(0.2, SECONDS))
            except subprocess.TimeoutExpired:
                process.kill()
        assert hashed(former, of) == before
    with start() as process:
        out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert HEAD in out.decode()
    assert hashed(former, of) == before


@pytest.mark.thorough
@pytest.mark.timeout(500)
def test_commands_refuse_a_database_older_than_the_baseline(tmp_path):
    before = f"{int(BASELINE) - 1:04}"
    server = LiveServer(tmp_path)
    server.data_dir.mkdir(mode=0o700)
    path = server.data_dir / "tenantry.db"
    migrate.upgrade(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM schema_history WHERE revision > ?", [BASELINE])
        connection.execute("UPDATE schema_history SET revision = ?", [before])
    for command in (("migrate",), ("migrate", "status"), ("org", "list"), ("serve",)):
        refused = subprocess.run(
            [TENANTRY, *command],
            cwd=tmp_path,
            env=server.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert refused.returncode != 0, command
        assert f"this database has schema {before}, and this version upgrades" in refused.stderr
