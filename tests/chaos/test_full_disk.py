"""A full disk under PostgreSQL: the commands that an operator asks report it."""

from __future__ import annotations

import json

import pytest
from disks import Disk
from servers import LiveServer, PostgreSQL


@pytest.fixture
def disk(tmp_path):
    """A small file system."""
    with Disk.mounted(tmp_path / "disk") as mounted:
        if mounted is None:
            pytest.skip("this user may not mount a file system")
        yield mounted


@pytest.fixture
def postgresql_on_disk(disk):
    """A PostgreSQL whose files are there."""
    folder = disk.folder / "postgresql"
    folder.mkdir()
    server = PostgreSQL(folder)
    yield server
    server.close()


@pytest.mark.thorough
async def test_a_full_disk_is_reported_to_the_operator(tmp_path, disk, postgresql_on_disk):
    """By `doctor` and `status`, which no failed write of their own has told before."""
    server = LiveServer(
        tmp_path, database_url=postgresql_on_disk.fresh(), background="false"
    ).start()
    try:
        assert server.run("status").returncode == 0
        async with disk.during(None):
            looked = server.run("status")
            assert looked.returncode == 1
            assert "problem: the database has no room left" in looked.stderr + looked.stdout
            doctor = server.run("doctor", "--json")
            assert doctor.returncode == 1
            (found,) = [
                one for one in json.loads(doctor.stdout)["checks"] if one["check"] == "database"
            ]
            assert not found["ok"]
            assert "free disk space" in found["advice"]
        assert server.run("status").returncode == 0
    finally:
        server.stop()
