"""The last release and this version on one database, under load: no call fails, there and back."""

from __future__ import annotations

import asyncio
import re
import subprocess

import pytest
from apis import Api
from balanced_load import Load, Rest
from factories import Make
from last_release import LastRelease, source
from servers import TENANTRY, LiveServer
from signins import SignIns

from tenantry import settings
from tenantry.crypto import master_key
from tenantry.db.opening import open_database
from tenantry.db.revisions import FENCE, HEAD, RELEASED
from tenantry.db.schema_versions import schema_version

CALLS = 40  # of each side in each step
THOROUGH = 600
PEOPLE = 3


@pytest.fixture(params=["sqlite", "postgresql"])
def deployment(request, tmp_path):
    """Make processes of one deployment, on a database that none has opened."""
    shared = {"drain_seconds": 2, "rate_limit_failures": "", "public_url": "https://localhost:1"}
    if request.param == "postgresql":
        shared["database_url"] = request.getfixturevalue("postgresql_url")
    made = []

    def make(kind):
        server = kind(tmp_path, **shared)
        made.append(server)
        return server

    yield make
    for server in made:
        server.stop()


async def started(server):
    return await asyncio.to_thread(server.start)


async def people(load, server):
    """Sign some people in: from now on their tokens are refreshed by either side."""
    named = {k: v for k, v in server.environment.items() if k.startswith("TENANTRY_")}
    known = settings.load(named)
    wire = Rest(server)
    token = await load._token(load.sides[0])
    rest = Api(wire, (("authorization", f"Bearer {token}"),))
    async with open_database(known.database, master_key.load(known), pool_size=2) as database:
        sign_ins = SignIns(database, wire.http, rest, Make(rest))
        for _ in range(PEOPLE):
            app = await sign_ins.application()
            load.sign_in(app, (await sign_ins.tokens(app))["refresh_token"])
    await wire.aclose()


@pytest.mark.thorough
@pytest.mark.timeout(300)
async def test_no_call_fails_while_the_last_release_is_replaced_and_comes_back(deployment, request):
    calls = THOROUGH if request.config.getoption("thorough") else CALLS
    before, after = deployment(LastRelease), deployment(LiveServer)
    await started(before)
    load = Load((before.client_id, before.client_secret))
    former = await load.add("former", before)
    async with load.running():
        await load.go_on(calls)
        # It migrates beside the former one, and serves.
        await started(after)
        this = await load.add("this", after)
        await people(load, after)
        await load.go_on(calls)
        await load.remove(former)
        await load.go_on(calls)
        # Rolled back: the former one starts on the schema of this one.
        await started(before)
        former = await load.add("former", before)
        await load.go_on(calls)
        await load.remove(this)
        await load.go_on(calls)
        if calls == THOROUGH:  # and forward again
            await started(after)
            await load.add("this", after)
            await load.go_on(calls)
    assert load.failed == []
    answered = sum(load.answered.values())
    print(f"0 failed of {answered} calls, the slowest took {load.slowest:.2f} s")
    kinds = {kind for _, kind in load.answered}
    assert {kind for side, kind in load.answered if side == "former"} == kinds
    assert {kind for side, kind in load.answered if side == "this"} == kinds
    verified = await asyncio.to_thread(after.run, "events", "verify")
    assert verified.returncode == 0, verified.stderr
    for server in (before, after):
        assert '"level":"error"' not in server.log.read_text().replace(" ", "")
        assert "Traceback" not in server.log.read_text()


@pytest.mark.thorough
async def test_a_command_of_the_last_release_runs_on_the_schema_of_this_one(deployment):
    before = deployment(LastRelease)  # in a new database of ours, it would have no place
    await started(before)
    await asyncio.to_thread(before.stop)
    after = deployment(LiveServer)
    await started(after)
    url = after.environment.get("TENANTRY_DATABASE_URL")
    if url is not None:
        assert await schema_version(url) == HEAD
    code, out = await asyncio.to_thread(command, before, "migrate")
    assert (code, out) == (0, f"at {RELEASED} already\n")
    await asyncio.to_thread(after.stop)  # that release takes any other version for a former one
    code, out = await asyncio.to_thread(command, before, "doctor")
    assert re.search(r"^ok +database ", out, re.MULTILINE), out


def command(server, *arguments: str):
    """Run a command of another version: a process of its own."""
    done = subprocess.run(
        [TENANTRY, *arguments],
        cwd=server.folder,
        env=server.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout or done.stderr


def test_the_last_release_is_the_one_whose_schema_is_named():
    """`RELEASED` and the baseline of these tests move together."""
    revisions = (source() / "tenantry" / "db" / "revisions.py").read_text()
    assert f'HEAD = "{RELEASED}"' in revisions


def test_no_migration_since_the_last_release_stops_that_one():
    """Else it could not run beside this version, and a rollback would need a restore.

    Where that has to be, the release is a new major version, and its notes say so.
    """
    assert FENCE <= RELEASED
