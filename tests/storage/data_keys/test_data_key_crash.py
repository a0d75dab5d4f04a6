"""Killed in the middle of a change of keys: all values open, and the change is made again."""

from __future__ import annotations

import asyncio
import base64
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sealed_rows
from databases import MASTER_KEY
from servers import TENANTRY, without_settings
from sqlalchemy import bindparam, update

from tenantry.access.data_keys import masters, service
from tenantry.core.times import MINUTE
from tenantry.crypto.master_key import LocalKey
from tenantry.crypto.vault import head_of
from tenantry.db.connecting import OpenError
from tenantry.db.encryption import key_rows, reencryption
from tenantry.db.encryption.key_rows import ACTIVE, DEPRECATED, DESTROYED
from tenantry.db.opening import open_database
from tenantry.db.sql.schema import data_keys
from tenantry.db.sql.statements import Statement

VALUES = 6000
KILLS = 4
NEW = LocalKey(b"n" * 32)
_EARLIER = Statement(
    update(data_keys)
    .where(data_keys.c.version == bindparam("p_version"))
    .values(create_time=data_keys.c.create_time - MINUTE)
    .returning(data_keys.c.version)
)
_CUT_OFF = Path(__file__).parent / "cut_off.py"


@pytest.fixture
def environment(database_url, tmp_path):
    """The settings of a process of this deployment."""
    (tmp_path / "data").mkdir()
    return without_settings() | {
        "TENANTRY_DATA_DIR": str(tmp_path / "data"),
        "TENANTRY_DATABASE_URL": database_url,
        "TENANTRY_MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
    }


@pytest.fixture
def new_key(tmp_path):
    """The file of another master key."""
    path = tmp_path / "new.key"
    path.write_bytes(base64.b64encode(NEW.key))
    path.chmod(0o600)
    return path


async def at_once(call):
    """Let a new data key seal now: it was made a minute ago."""
    made = await service.create(call)
    await call.db.fetch_all(_EARLIER, p_version=made.version)
    await service.activate(call, made.version)
    await key_rows.read(call.db)
    assert call.db.vault.version == made.version
    return made.version


async def until(holds, process=None):
    end = time.monotonic() + 60
    while not await holds():
        assert time.monotonic() < end, "it never held"
        assert process is None or process.poll() is None
        await asyncio.sleep(0.005)


@pytest.mark.thorough
@pytest.mark.parametrize("command", [["worker"], ["data-key", "re-encrypt"]], ids="-".join)
async def test_one_that_seals_anew_is_killed_and_another_goes_on(command, db, call, environment):
    chance = random.Random(command[0])
    await sealed_rows.add(db, VALUES)
    version = await at_once(call)
    head, seen = head_of(version), []

    async def resealed():
        return (await reencryption.progress(db)).resealed

    for _ in range(KILLS):
        before = await resealed()
        process = started(environment, *command)

        async def goes_on(before=before):
            return await resealed() > before

        await until(goes_on, process)
        await asyncio.sleep(chance.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        found = await sealed_rows.opened(db)
        assert found.keys() == {head_of(version - 1), head}, "it was killed at the end"
        assert await resealed() == found[head]  # what it says is what it did
        seen.append(found[head])
    assert seen == sorted(set(seen))
    count, unreadable, finished = await service.reencrypt(call, seconds=60)
    assert (unreadable, finished) == ({}, True)
    found = await sealed_rows.opened(db)
    assert found == {head: seen[-1] + count}
    assert found[head] >= VALUES


def started(environment, *arguments: str):
    """A command under way."""
    return subprocess.Popen(
        [TENANTRY, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def killed(place, environment, *arguments: str):
    """Kill a command where it stands still; nothing of it goes on."""
    process = subprocess.Popen(
        [sys.executable, "-P", _CUT_OFF, place, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
    )
    for line in process.stdout:
        if line == b"stands still\n":
            break
    else:
        pytest.fail(f"it came to its end: {process.wait()}")
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()


async def opens(environment, key):
    """Whether a master key opens the database, and with it all values."""
    try:
        async with open_database(environment["TENANTRY_DATABASE_URL"], key) as other:
            await sealed_rows.opened(other)
    except OpenError:
        return False
    return True


async def states(db):
    return [one.state for one in await masters.list_all(db)]


def command(environment, *arguments: str):
    return subprocess.run(
        [TENANTRY, *arguments], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.thorough
@pytest.mark.one_database
@pytest.mark.parametrize(
    ("place", "is_done"),
    [
        (
            "tenantry.db.encryption.key_rows:unwrapped:2",
            False,
        ),  # it has wrapped, and written nothing
        ("tenantry.access.data_keys.masters:get:1", False),  # within its transaction
        ("tenantry.cli.running:say:1", True),  # before anybody was told
    ],
    ids=["wrapped", "written", "committed"],
)
async def test_another_master_key_killed_between_its_steps(
    place, is_done, db, environment, new_key
):
    await sealed_rows.add(db, 5)
    rotate = ["master-key", "rotate", "--to-file", str(new_key)]
    await asyncio.to_thread(killed, place, environment, *rotate)
    assert await opens(environment, LocalKey(MASTER_KEY))
    assert await opens(environment, NEW) is is_done
    assert await states(db) == ([DEPRECATED, ACTIVE] if is_done else [ACTIVE])
    again = await asyncio.to_thread(command, environment, *rotate)
    if is_done:
        assert "is the master key already: nothing was done" in again.stderr
    else:
        assert again.returncode == 0, again.stderr
    assert await states(db) == [DEPRECATED, ACTIVE]
    for key in (LocalKey(MASTER_KEY), NEW):
        assert await opens(environment, key)


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("place", "is_done"),
    [
        ("tenantry.access.data_keys.masters:get:2", False),
        ("tenantry.cli.running:say:1", True),
    ],
    ids=["written", "committed"],
)
async def test_the_end_of_a_master_key_killed_between_its_steps(
    place, is_done, db, call, environment
):
    await sealed_rows.add(db, 5)
    await masters.rotate(call, NEW)
    destroy = ["master-key", "destroy", "1", "--yes"]
    await asyncio.to_thread(killed, place, environment, *destroy)
    assert await opens(environment, NEW)
    assert await opens(environment, LocalKey(MASTER_KEY)) is not is_done
    environment |= {"TENANTRY_MASTER_KEY": base64.b64encode(NEW.key).decode()}
    again = await asyncio.to_thread(command, environment, *destroy)
    if is_done:
        assert "is DESTROYED" in again.stderr
    else:
        assert again.returncode == 0, again.stderr
    assert await states(db) == [DESTROYED, ACTIVE]
    assert await opens(environment, NEW)
    assert not await opens(environment, LocalKey(MASTER_KEY))


@pytest.mark.thorough
@pytest.mark.one_database
@pytest.mark.parametrize("place", ["_create:1", "_change:1", "_change:2"])
async def test_another_data_key_killed_between_its_steps(place, db, environment):
    rotate = ["data-key", "rotate"]
    place = f"tenantry.access.data_keys.service:{place}"
    await asyncio.to_thread(killed, place, environment, *rotate)
    assert [one.state for one in await service.list_all(db)] == [ACTIVE]
    again = await asyncio.to_thread(command, environment, *rotate)
    assert again.returncode == 0, again.stderr
    assert [one.state for one in await service.list_all(db)] == [DEPRECATED, ACTIVE]


@pytest.mark.thorough
@pytest.mark.one_database
async def test_commands_at_once_make_one_data_key_and_destroy_none_that_seals(db, environment):
    rotations = [started(environment, "data-key", "rotate") for _ in range(3)]
    done = [await asyncio.to_thread(one.communicate) for one in rotations]
    assert sorted(one.returncode for one in rotations) == [0, 1, 1]
    said = sorted(err.decode() for _, err in done)
    assert said[0] == ""
    assert all("data key 2 was activated just now: nothing was done" in one for one in said[1:])
    assert [one.state for one in await service.list_all(db)] == [DEPRECATED, ACTIVE]
    for version, why in (("2", "data key 2 is ACTIVE"), ("1", "data key 1 is kept until")):
        refused = await asyncio.to_thread(
            command, environment, "data-key", "destroy", version, "--yes"
        )
        assert refused.returncode == 1
        assert why in refused.stderr
