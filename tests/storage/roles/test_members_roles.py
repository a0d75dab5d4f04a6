"""The permissions of members: all of their roles and bases, by one query that uses indexes."""

from __future__ import annotations

import asyncio
import functools
import json
import re

import pytest
from role_rows import hold, join, organization, role

from tenantry.core import errors
from tenantry.db.engine import ForeignKey
from tenantry.tenants.roles import listing, permissions, service
from tenantry.tenants.roles.changes import Reference
from tenantry.tenants.roles.listing import Include


@pytest.fixture
async def office(call):
    """An organization with roles one above the other, and one beside them."""
    for name in ("read", "write", "erase", "count"):
        await permissions.create(call, name=name, description=f"May {name}")
    home = await organization(call)
    reader = await role(call, None, "reader", permissions=["read"])
    writer = await role(call, None, "writer", extends="reader", permissions=["write"])
    clerk = await role(call, home, "clerk", extends="writer", permissions=["erase", "read"])
    counter = await role(call, home, "counter", permissions=["count"])
    return home, {one.name: one.id for one in (reader, writer, clerk, counter)}


async def may(db, organization_id, user_id):
    found = await service.effective_permissions(db, organization_id, user_id)
    assert [one.id for one in found] == sorted({one.id for one in found}, reverse=True)
    return {one.name for one in found}


async def test_a_member_may_all_that_the_roles_permit_together(db, office):
    home, roles = office
    for held, expected in (
        ((), set()),
        (("reader",), {"read"}),
        (("writer",), {"read", "write"}),
        (("clerk",), {"read", "write", "erase"}),
        (("counter", "reader"), {"count", "read"}),
        (("clerk", "writer", "reader"), {"read", "write", "erase"}),
    ):
        user = await join(db, home, *(roles[name] for name in held))
        assert await may(db, home, user) == expected
        found = await service.roles_of(db, home, user)
        assert [one.name for one in found] == [name for name in roles if name in held]


async def test_a_role_in_one_organization_is_none_in_another(db, call, office):
    home, roles = office
    other = await organization(call)
    user = await join(db, home, roles["writer"])
    assert await may(db, other, user) == set()
    assert await service.roles_of(db, other, user) == []


async def test_changes_show_at_once(db, call, office):
    home, roles = office
    user = await join(db, home, roles["clerk"])
    (held,) = await service.roles_of(db, home, user)
    assert held.permissions == ("erase", "read", "write")
    await service.add_permissions(call, "reader", ["count"])
    assert await may(db, home, user) == {"read", "write", "erase", "count"}
    (held,) = await service.roles_of(db, home, user)
    assert held.permissions == ("count", "erase", "read", "write")
    await service.end_base(call, None, "writer")
    assert await may(db, home, user) == {"read", "write", "erase"}
    await permissions.remove(call, "erase")
    assert await may(db, home, user) == {"read", "write"}
    (held,) = await service.roles_of(db, home, user)
    assert held.permissions == ("read", "write")


@pytest.mark.parametrize("at_once", [1, 2, 200_000])
async def test_holders_move_however_many_and_none_holds_twice(
    db, call, office, monkeypatch, at_once
):
    monkeypatch.setattr(service, "_AT_ONCE", at_once)
    home, roles = office
    other = await organization(call)
    one = await join(db, home, roles["reader"])
    both = await join(db, home, roles["reader"], roles["counter"])
    away = await join(db, other, roles["reader"])
    third = await role(call, None, "third")
    with pytest.raises(errors.InvalidArgument, match="assigned to users"):
        await service.remove(call, None, "reader", None)
    await service.remove(call, None, "reader", Reference("reassign_role_id", id=third.id))
    for where, user, held in (
        (home, one, ["third"]),
        (home, both, ["counter", "third"]),
        (other, away, ["third"]),
    ):
        assert [role.name for role in await service.roles_of(db, where, user)] == held
    assert await listing.count_holders(call, None, "third") == 3
    assert await listing.count_holders(call, home, "third") == 2


async def test_a_role_that_goes_is_never_held(db, call, office):
    home, _ = office
    for number in range(5):
        made = await role(call, None, f"short_{number}")
        users = [await join(db, home) for _ in range(20)]
        done = await asyncio.gather(
            *(hold(db, home, user, made.id) for user in users[:10]),
            service.remove(call, None, made.name, None),
            *(hold(db, home, user, made.id) for user in users[10:]),
            return_exceptions=True,
        )
        removal = done.pop(10)
        refused = [one for one in done if one is not None]
        assert all(isinstance(one, ForeignKey) for one in refused), refused
        if removal is None:
            assert len(refused) == 20
        else:
            assert removal.message == "role cannot be deleted as it is assigned to users"
            assert not refused
            assert await listing.count_holders(call, None, made.name) == 20


async def test_who_comes_while_holders_move_is_left_out_or_moved(db, call, office):
    home, _ = office
    heir = await role(call, None, "heir")
    for number in range(5):
        made = await role(call, None, f"short_{number}")
        users = [await join(db, home) for _ in range(20)]
        done = await asyncio.gather(
            *(hold(db, home, user, made.id) for user in users[:10]),
            service.remove(call, None, made.name, Reference("reassign_role_name", "heir")),
            *(hold(db, home, user, made.id) for user in users[10:]),
            return_exceptions=True,
        )
        assert done.pop(10) is None
        for user, outcome in zip(users, done, strict=True):
            assert outcome is None or isinstance(outcome, ForeignKey)
            held = [one.id for one in await service.roles_of(db, home, user)]
            assert held == ([heir.id] if outcome is None else [])


MEMBERS, ROLES, GIVEN = 10_000, 5_000, 20
# Each member holds two roles of one organization; each role extends the one before it, in lines
# of five, and has 20 permissions.
FILL = f"""
SET session_replication_role = replica;
INSERT INTO organizations (id, display_name, region_code, metadata, features, revision,
  create_time, update_time) VALUES ('org_1', 'Acme', 'US', '{{}}', '[]', 1, 1, 1);
INSERT INTO permissions SELECT 'perm_' || n, 'p' || n, '', false, 1, 1, 1
  FROM generate_series(1, 1000) n;
INSERT INTO roles SELECT 'role_' || n, 'org_1', 'r' || n, 'R', NULL,
  CASE WHEN n % 5 > 0 THEN 'role_' || (n - 1) END, false, false, 1, 1, 1
  FROM generate_series(0, {ROLES - 1}) n;
INSERT INTO role_ancestors SELECT 'role_' || n, 'role_' || a
  FROM generate_series(0, {ROLES - 1}) n, generate_series(n - n % 5, n) a;
INSERT INTO role_permissions SELECT 'role_' || n, 'perm_' || (1 + (n * {GIVEN} + p) % 1000)
  FROM generate_series(0, {ROLES - 1}) n, generate_series(1, {GIVEN}) p;
INSERT INTO users (id, email, email_key, profile, metadata, email_verified, revision,
  create_time, update_time)
  SELECT 'usr_' || n, 'e' || n, 'e' || n, '{{}}', '{{}}', true, 1, 1, 1
  FROM generate_series(1, {MEMBERS}) n;
INSERT INTO memberships (organization_id, user_id, id, status, metadata, provisioning_method,
  create_time, invite_resend_count)
  SELECT 'org_1', 'usr_' || n, 'mem_' || n, 'ACTIVE', '{{}}', 'x', 1, 0
  FROM generate_series(1, {MEMBERS}) n;
INSERT INTO role_holders SELECT 'org_1', 'usr_' || n, 'role_' || (n * k % {ROLES})
  FROM generate_series(1, {MEMBERS}) n, generate_series(1, 2) k ON CONFLICT DO NOTHING;
SET session_replication_role = origin;
ANALYZE
"""
ARGUMENTS = {
    "p_organization_id": "org_1",
    "p_user_id": "usr_777",
    "p_role_id": "role_7",
    "p_target_id": "role_9",
    "p_key": "r7",
}
BIG = re.compile(
    r"Seq Scan on (role_holders|memberships|role_ancestors|role_permissions|users|roles)\b"
)


@pytest.fixture
async def explain(db):
    """The plan of a statement among 10,000 members, as a server in use makes it."""
    connection = await db._pool.acquire()
    for statement in FILL.split(";\n"):
        await connection.execute(statement)

    async def explain(statement):
        words, arguments = statement.bind("postgresql", ARGUMENTS)
        literals = ", ".join(json.dumps(one).replace('"', "'") for one in arguments)
        # As the pool runs it: planned once, for any arguments.
        await connection.execute(f"PREPARE tried AS {words}")
        rows = await connection.fetch(f"EXPLAIN (ANALYZE, COSTS OFF) EXECUTE tried({literals})")
        await connection.execute("DEALLOCATE tried")
        return "\n".join(row[0] for row in rows)

    yield explain
    db._pool.give_back(connection)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_what_a_member_may_is_found_by_indexes(explain):
    for statement in (
        service._EFFECTIVE,
        service._HELD_BY,
        service._HELD,
        listing._COUNT,
        listing._COUNT_IN_ORGANIZATION,
        listing._statement(True, Include.ALL, "name"),
        listing._statement(False, Include.ALL, "name"),
        listing._statement(False, Include.OWN, "base_id"),
    ):
        steps = await explain(statement)
        assert not BIG.search(steps), steps


def _run(words, arguments, connection):
    return connection.execute(words, arguments).fetchall()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_on_sqlite_too(db):
    for statement in (
        service._EFFECTIVE,
        service._HELD_BY,
        service._HELD,
        listing._COUNT,
        listing._statement(True, Include.ALL, "name"),
    ):
        words, arguments = statement.bind("sqlite", ARGUMENTS)
        explain = functools.partial(_run, f"EXPLAIN QUERY PLAN {words}", arguments)
        rows = await db._writer.run(explain)
        steps = "\n".join(row["detail"] for row in rows)
        assert "SCAN role" not in steps, steps
