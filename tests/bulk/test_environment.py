"""The whole environment out and in again: the same ids, times and revisions, byte for byte."""

from __future__ import annotations

import asyncio
import json

import pytest
from apis import unique
from environments import environments, written
from hypothesis import HealthCheck, given, settings
from servers import LiveServer
from user_files import ARGON2, BCRYPT, MASTER_KEY, address, ndjson, run

from tenantry import errors
from tenantry.bulk import archive, dump, restore
from tenantry.caller import SYSTEM, Call
from tenantry.db.opening import open_database
from tenantry.db.schema import metadata
from tenantry.users import memberships, search

# Tables that no export has, each for a reason: see `tenantry.bulk.archive`.
LEFT_OUT = {
    *("clients", "client_secrets", "signing_keys"),  # the deployment's credentials
    *("portal_links", "portal_sessions", "mail", "replies"),  # over soon
    "events",  # the past
    *("tallies", "member_tallies", "role_ancestors"),  # made from the others
}


async def exported(db, *, with_password_hashes=True):
    async with db.snapshot() as snapshot:
        pages = dump.dump(snapshot, with_password_hashes=with_password_hashes)
        return b"".join([line async for lines in pages for line in lines])


async def imported(db, content, *, piece=1000):
    async def pieces():
        for start in range(0, len(content), piece):
            yield content[start : start + piece]

    return await restore.restore(Call(SYSTEM, db, "req_1"), pieces())


async def through(url, content):
    """What comes out of a database after a file went in."""
    async with open_database(url, MASTER_KEY, pool_size=2) as db:
        await imported(db, content)
        return await exported(db)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(environments())
def test_any_environment_comes_back_from_both_databases(fresh_url, lines):
    content = written(lines)
    out = asyncio.run(through(fresh_url("sqlite"), content))
    assert out.splitlines() == content.splitlines()
    assert asyncio.run(through(fresh_url("postgresql"), out)) == out


def test_every_table_is_exported_or_left_out_for_a_reason():
    import tenantry.app  # noqa: F401 - declares the tables of all rooms

    kinds = {kind.table.name for kind in archive.KINDS.values()}
    listed = {"role_permissions", "role_holders"}
    assert kinds | listed | {"environment"} | LEFT_OUT == set(metadata.tables)


async def test_a_fresh_database_comes_back(db, fresh_url):
    content = await exported(db)
    assert await through(fresh_url("sqlite"), content) == content
    types = [json.loads(line)["type"] for line in content.splitlines()]
    assert types == ["environment", *["permission"] * 12, "role", "role", "end"]


async def test_hashes_are_exported_only_when_asked_for(call, db):
    await run(call, {"email": address(), "password_hash": BCRYPT})
    await run(call, {"email": address(), "password_hash": ARGON2})
    without = await exported(db, with_password_hashes=False)
    assert b"$2b$" not in without
    assert b"argon2" not in without
    assert (await exported(db)).count(b"password_hash") == 2


async def test_an_export_shows_one_moment(call, db):
    """What is committed while it goes on is not in it."""
    await run(call, {"email": address()})
    async with db.snapshot() as snapshot:
        pages = dump.dump(snapshot, with_password_hashes=False)
        lines = list(await anext(pages))
        customer = {"organization_external_id": unique(), "organization_name": "Late"}
        late = {"email": address(), **customer}
        assert (await run(call, late, create_organizations=True)).users.created == 1
        lines += [line async for page in pages for line in page]
    assert late["email"].encode() not in b"".join(lines)
    assert late["email"].encode() in await exported(db)


async def test_what_was_imported_goes_on_living(call, db, fresh_url):
    """Searches, tallies and effective permissions are there as well."""
    organization = {"organization_external_id": "acme", "organization_name": "Acme"}
    email = address()
    await run(call, {"email": email, **organization, "roles": ["admin"]}, create_organizations=True)
    content = await exported(db)
    for kind in ("sqlite", "postgresql"):
        async with open_database(fresh_url(kind), MASTER_KEY, pool_size=2) as other:
            counts = await imported(other, content)
            assert counts["user"] == counts["membership"] == counts["organization"] == 1
            there = Call(SYSTEM, other, "req_1")
            page = await search.of_environment(there, email[:8], page_size=10, page_token="")
            assert page.total_size == 1
            (user,) = page.users
            (place,) = user.memberships
            held = await memberships.permissions_of(there, place.organization_id, user.id)
            assert len(held) == 12
            again = await run(there, {"email": email, **organization, "roles": ["admin"]})
            assert again.users.unchanged == again.memberships.unchanged == 1


async def test_only_a_fresh_database_takes_an_environment(call, db):
    content = await exported(db)
    await run(call, {"email": address()})
    with pytest.raises(errors.InvalidArgument, match="not fresh: it has users"):
        await imported(db, content)


@pytest.fixture
async def content(db):
    """The file of an environment, as lines."""
    customer = {"organization_external_id": "acme", "organization_name": "Acme"}
    row = {"email": "ada@example.com", "external_id": "ada", **customer}
    await run(Call(SYSTEM, db, "req_1"), row, create_organizations=True)
    return [json.loads(line) for line in (await exported(db)).splitlines()]


def line_of(content, type_):
    return next(index for index, line in enumerate(content) if line["type"] == type_)


@pytest.mark.parametrize(
    ("type_", "change", "says"),
    [
        ("environment", {"format": 2}, "line 1: format: must be 1"),
        ("environment", {"type": "user"}, "line 1: is not the first line"),
        ("environment", {"id": "org_1"}, "line 1: id: is not the id of an environment"),
        ("user", {"email": None}, "email: is required"),
        ("user", {"email": 7}, "email: is not of its type"),
        ("user", {"revision": 2**63}, "revision: is not of its type"),
        ("user", {"revision": True}, "revision: is not of its type"),
        ("user", {"profile": "text"}, "profile: is not of its type"),
        ("user", {"email_verified": 1}, "email_verified: is not of its type"),
        ("user", {"id": "usr_abc"}, "id: is not usr_ followed by digits"),
        ("user", {"favourite": "blue"}, "favourite: is not a member of a user"),
        ("user", {"type": "person"}, "type: there is no 'person'"),
        ("user", {"type": ["user"]}, "type: there is no"),
        ("membership", {"role_ids": "admin"}, "role_ids: must be a list of ids"),
        ("membership", {"role_ids": ["role_1"]}, "refers to one that does not come before it"),
        ("membership", {"organization_id": "org_1"}, "refers to one that does not come before it"),
        ("organization", {"max_allowed_users": 2**31}, "max_allowed_users: is not of its type"),
        ("permission", {"name": "sk_org_users_read"}, "name: a value that must be unique"),
        ("role", {"default_creator": False}, "default_creator: 0 roles"),
        ("end", {"lines": 3}, "lines: must be"),
    ],
)
async def test_a_line_that_is_wrong_is_named(fresh_url, content, type_, change, says):
    content[line_of(content, type_)] |= change
    async with open_database(fresh_url("sqlite"), MASTER_KEY) as other:
        before = await exported(other)
        with pytest.raises(errors.InvalidArgument, match=says):
            await imported(other, written(content))
        assert await exported(other) == before  # nothing of it stays


async def test_a_circle_of_roles_does_not_come_in(fresh_url, content):
    at = line_of(content, "role")
    content[at]["base_id"] = content[at + 1]["id"]
    async with open_database(fresh_url("postgresql"), MASTER_KEY) as other:
        with pytest.raises(errors.InvalidArgument, match="has to come before it"):
            await imported(other, written(content))


async def test_a_file_that_is_cut_off_is_refused(fresh_url, content):
    whole = written(content)
    async with open_database(fresh_url("sqlite"), MASTER_KEY) as other:
        for part in (whole[:-40], b"".join(whole.splitlines(keepends=True)[:-1]), b""):
            with pytest.raises(errors.InvalidArgument):
                await imported(other, part)
        with pytest.raises(errors.InvalidArgument, match="after the end"):
            await imported(other, whole + whole)
        await imported(other, whole)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_commands_move_an_environment(tmp_path, fresh_url, kind):
    (tmp_path / "old").mkdir()
    old = LiveServer(tmp_path / "old", database_url=fresh_url("sqlite"))
    (tmp_path / "new").mkdir()
    new = LiveServer(tmp_path / "new", database_url=fresh_url(kind))
    file = tmp_path / "users.ndjson"
    file.write_bytes(
        ndjson(
            {"email": address(), "organization_external_id": f"c{n}", "organization_name": "C"}
            for n in range(50)
        )
    )
    done = old.run("import", "users", str(file), "--create-organizations", "--json")
    assert done.returncode == 0, done.stderr
    first, second = tmp_path / "first.ndjson", tmp_path / "second.ndjson"
    assert old.run("export", "--output", str(first)).returncode == 0
    assert first.stat().st_mode & 0o077 == 0
    done = new.run("import", "environment", str(first), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["membership"] == 50
    assert new.run("export", "-o", str(second)).returncode == 0
    assert first.read_bytes() == second.read_bytes()
    assert new.run("export").stdout.encode() == first.read_bytes()
    again = new.run("import", "environment", str(first))
    assert again.returncode == 1
    assert "not fresh" in again.stderr
