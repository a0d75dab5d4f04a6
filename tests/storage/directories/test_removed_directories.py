"""A directory that is deleted is gone at once, and all that it had soon after, by the worker."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from directory_worlds import world
from sqlalchemy import func, select

import tenantry.app  # noqa: F401 - declares the tables of all rooms
from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories import model, registry, removal
from tenantry.tenants.directories.polling import staging
from tenantry.tenants.directories.scim.faults import Fault
from tenantry.tenants.memberships import leaving
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.organizations.service import OrganizationIdentifier
from tenantry.transfer.bulk.archives.dump import dump_environment

PROGRAM = Path(__file__).with_name("removing_worker.py")
KEPT = (
    *(model.directory_users, model.directory_emails, model.directory_groups),
    *(model.directory_members, model.directory_role_assignments, model.directory_tallies),
    model.directory_polled,
)


async def left(db):
    """The number of rows of each table that has some."""
    found = {}
    for table in KEPT:
        row = await db.fetch_one(Statement(select(func.count().label("n")).select_from(table)))
        if row["n"]:
            found[table.name] = row["n"]
    return found


async def until_idle(db):
    """Run the worker's job until it has nothing to do."""
    async with asyncio.timeout(60):
        while await removal.run(db) == 0.0:
            pass


@pytest.fixture
async def acme(db):
    """A directory of a few people and groups."""
    acme = await world(db)
    found = [await acme.create(name) for name in ("ada", "bob", "cyd", "dee", "eve")]
    await acme.group("Engineers", *found)
    await acme.group("Sales", *found[:3])
    return acme


@pytest.fixture
def few(monkeypatch):
    """Two rows in one transaction, and three such transactions in one run."""
    monkeypatch.setattr(removal, "AT_ONCE", 2)
    monkeypatch.setattr(removal, "_FULL", 3)


async def remove(call, acme, what):
    if what == "directory":
        await registry.remove(call, acme.organization.id, acme.directory.id)
    else:
        identity = OrganizationIdentifier(acme.organization.id)
        await organizations.remove(call, identity, leaving.dismiss_members)


@pytest.mark.parametrize("what", ["directory", "organization"])
@pytest.mark.usefixtures("few")
async def test_all_that_it_had_goes_in_steps(db, other, call, acme, what):
    before = await left(db)
    assert before.keys() >= {"directory_users", "directory_members", "directory_emails"}
    await until_idle(db)
    assert await left(db) == before  # it is there
    await remove(call, acme, what)
    assert (await left(db))["directory_users"] == 5
    assert await removal.run(db) == 0.0
    between = await left(other)
    assert 0 < between["directory_members"] < before["directory_members"]
    await until_idle(other)
    assert await left(db) == {}


@pytest.mark.thorough
async def test_a_worker_that_is_killed_in_between_leaves_the_rest_to_the_next(
    db, database_url, call, acme
):
    many = [f"person {number}" for number in range(5000)]
    await staging.add(db, acme.directory, staging.PERSON, many)
    await remove(call, acme, "directory")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", str(PROGRAM), database_url, stdout=asyncio.subprocess.PIPE
    )
    assert await process.stdout.readline() == b"started\n"
    async with asyncio.timeout(60):
        while (await left(db))["directory_polled"] == len(many):  # noqa: ASYNC110 - looks
            await asyncio.sleep(0.01)
    process.kill()
    await process.wait()
    rest = await left(db)
    assert 0 < rest["directory_polled"] < len(many)
    assert rest["directory_tallies"]
    # PostgreSQL takes a moment to see that the process is gone, and holds its lock until then.
    async with asyncio.timeout(60):
        while await left(db):
            await removal.run(db)


async def test_nobody_finds_what_waits(db, call, acme):
    ada = await acme.person("ada")
    await remove(call, acme, "directory")
    with pytest.raises(Fault):
        await acme.create("fay")
    with pytest.raises(Fault):
        await acme.change(ada, active=False)
    assert (await left(db))["directory_users"] == 5
    async with db.snapshot() as snapshot:
        pages = dump_environment(snapshot, with_password_hashes=False)
        lines = [line async for page in pages for line in page]
    assert not [line for line in lines if b'"directory' in line]
