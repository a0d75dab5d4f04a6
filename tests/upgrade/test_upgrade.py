"""An upgrade from schema 0005 loses no row, however often it is killed: `long_run.py` has more."""

from __future__ import annotations

import random
import subprocess

import pytest
from former import SCHEMA, columns, fill, hashed
from servers import TENANTRY, without_settings
from sqlalchemy import create_engine

from tenantry.db import migrate
from tenantry.db.revisions import HEAD

SEED = 5
SECONDS = 2.5  # of a command, of which the import of its modules is most


@pytest.fixture
def former(kind, tmp_path, request):
    """A database of then with rows in it."""
    from alembic import command

    if kind == "sqlite":
        url = f"sqlite:///{tmp_path / 'former.db'}"
        engine = create_engine(url)
    else:
        url = request.getfixturevalue("postgresql_url")
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:", 1))
    with engine.begin() as connection:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, SCHEMA)
    engine.dispose()
    fill(url, organizations=2000, events=6000)
    return url


def common(url, migrated):
    mine = columns(migrated)
    return {table: theirs & mine[table] for table, theirs in columns(url).items() if table in mine}


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
