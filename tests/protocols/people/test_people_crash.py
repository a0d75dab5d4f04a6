"""The server is killed while people come and go: what it answered is kept, no half of anything is.

A kill in the middle of writes: users, memberships, mail and roles.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import signal
from collections import Counter

import httpx
import pytest
import recorded_events
from apis import access_token, unique
from replays import replayed
from role_walks import closure, walk
from servers import LiveServer
from sqlalchemy import func, select
from wires import over_https

from tenantry import settings
from tenantry.crypto import master_key
from tenantry.db.opening import open_database
from tenantry.db.sql.schema import tallies
from tenantry.db.sql.statements import Statement
from tenantry.events.email.model import mail
from tenantry.tenants.roles.model import permissions, role_holders, role_permissions, roles
from tenantry.tenants.users.model import User, member_tallies, memberships, users

_USERS = Statement(select(users))
_MEMBERSHIPS = Statement(select(memberships))
_HOLDERS = Statement(
    select(role_holders.c.organization_id, role_holders.c.user_id, roles.c.name).join(
        roles, roles.c.id == role_holders.c.role_id
    )
)
_ROLES = Statement(select(roles))
_GIVEN = Statement(
    select(role_permissions.c.role_id, permissions.c.name).join(
        permissions, permissions.c.id == role_permissions.c.permission_id
    )
)
_MAIL = Statement(select(mail))
_TALLY = Statement(select(func.sum(tallies.c.n).label("n")).where(tallies.c.name == "users"))
_MEMBER_TALLIES = Statement(
    select(member_tallies.c.organization_id, func.sum(member_tallies.c.n).label("n")).group_by(
        member_tallies.c.organization_id
    )
)
GONE, UNSURE = "gone", "unsure"  # asked for, and no answer came: both are right


@pytest.fixture(params=["sqlite", "postgresql"])
def doomed(request, tmp_path):
    """A server of this test's own."""
    chosen = {"background": "false"}
    if request.param == "postgresql":
        chosen["database_url"] = request.getfixturevalue("postgresql_url")
    server = LiveServer(tmp_path, **chosen).fork()
    yield server
    server.stop()


class Writer:
    """Makes changes one after the other until there is no answer; notes the answers."""

    def __init__(self, http, headers, organizations, permission_names) -> None:
        self._http, self._headers = http, headers
        self._organizations, self._permissions = organizations, permission_names
        self.members = {}  # (organization, user): names of its roles, GONE or UNSURE
        self.users = {}
        self.roles = {}  # name: (what it extends, names of permissions), GONE or UNSURE

    async def send(self, verb, path, body=None):
        answer = await self._http.request(verb, f"/api/v1/{path}", json=body, headers=self._headers)
        assert answer.is_success, answer.text
        return answer.json()

    async def people(self):
        for number in itertools.count():
            here, there = random.sample(self._organizations, 2)
            invite = "true" if number % 2 else "false"
            answer = await self.send(
                "POST",
                f"organizations/{here}/users?send_invitation_email={invite}",
                {"email": f"{unique()}@example.com", "external_id": unique()},
            )
            user = answer["user"]["id"]
            self.users[user] = "here"
            self.members[here, user] = {"member"}
            place = f"memberships/organizations/{{}}/users/{user}"
            if number % 2:
                await self.send("PATCH", f"invites/organizations/{here}/users/{user}/resend", {})
            await self.change(
                (here, user),
                {"admin", "member"},
                ("PATCH", place.format(here), {"roles": [{"name": "admin"}, {"name": "member"}]}),
            )
            await self.change(
                (there, user),
                {"admin"},
                (
                    "POST",
                    place.format(there),
                    {"roles": [{"name": "admin"}]},
                ),
            )
            await self.change((here, user), GONE, ("DELETE", place.format(here) + "?force=true"))
            if number % 3 == 0:
                self.users[user] = self.members[there, user] = UNSURE
                await self.send("DELETE", f"users/{user}?force=true")
                self.users[user] = self.members[there, user] = GONE

    async def change(self, key, after, call):
        self.members[key] = UNSURE
        await self.send(*call)
        self.members[key] = after

    async def the_roles(self):
        p = self._permissions
        for number in itertools.count():
            base, role = (unique("r").replace("-", "_") for _ in range(2))
            new = {"display_name": "A role"}
            await self.role(base, None, p[:1], "POST roles", {**new, "name": base})
            await self.role(role, base, p, "POST roles", {**new, "name": role})
            await self.role(role, base, p[1:], f"PUT roles/{role}", {})
            self.roles[role] = UNSURE
            await self.send("DELETE", f"roles/{role}/base")
            self.roles[role] = (None, set(p[1:]))
            await self.role(role, base, p[:2], f"PUT roles/{role}", {})
            if number % 2:
                self.roles[base] = self.roles[role] = UNSURE
                await self.send("DELETE", f"roles/{base}?reassign_role_name=member")
                self.roles[base], self.roles[role] = GONE, ("member", set(p[:2]))

    async def role(self, name, base, given, route, body):
        self.roles[name] = UNSURE
        body |= {"permissions": given} | ({"extends": base} if base else {})
        await self.send(*route.split(), body)
        self.roles[name] = (base, set(given))

    async def until_it_dies(self, work):
        try:
            await work()
        except httpx.TransportError:
            return


@pytest.mark.thorough
@pytest.mark.one_database
async def test_killed_while_people_come_and_go_nothing_is_lost_or_half_there(doomed):
    async with over_https(doomed) as http:
        token = await access_token(http, doomed.client_id, doomed.client_secret)
        headers = {"authorization": f"Bearer {token}"}
        setup = Writer(http, headers, [], [])
        organizations = [
            (await setup.send("POST", "organizations", {"display_name": "Acme"}))["id"]
            for _ in range(3)
        ]
        given = [f"permission:{letter}" for letter in "abc"]
        for name in given:
            await setup.send("POST", "permissions", {"name": name})
        writers = [Writer(http, headers, organizations, given) for _ in range(8)]
        work = [
            asyncio.create_task(one.until_it_dies(one.the_roles if n < 2 else one.people))
            for n, one in enumerate(writers)
        ]
        async with asyncio.timeout(60):
            await asyncio.sleep(1.5)
            while sum(len(one.users) for one in writers) <= 20:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        os.killpg(doomed.process.pid, signal.SIGKILL)
        await asyncio.gather(*work)
    doomed.process.wait()

    environment = {k: v for k, v in doomed.environment.items() if k.startswith("TENANTRY_")}
    known = settings.load(environment)
    async with open_database(known.database, master_key.load(known)) as db:
        people, members, made, emails = replayed(await recorded_events.after(db, "", limit=100_000))
        await users_are(db, people)
        there = await members_are(db, members)
        await mails_are(db, emails)
        await roles_are(db, made)
        assert await closure(db) == await walk(db)
        assert (await db.fetch_one(_TALLY))["n"] == len(people)
        counted = {row["organization_id"]: row["n"] for row in await db.fetch_all(_MEMBER_TALLIES)}
        real = Counter(organization for organization, _ in there)
        assert {key: n for key, n in counted.items() if n} == real

    by_name = {role["name"]: role for role in made.values()}
    assert sum(len(one.users) for one in writers) > 20
    assert sum(len(one.roles) for one in writers) > 5
    for one in writers:
        for user_id, state in one.users.items():
            assert state == UNSURE or (user_id in people) == (state != GONE)
        for key, state in one.members.items():
            assert state == UNSURE or there.get(key, GONE) == state
        for name, state in one.roles.items():
            role = by_name.get(name)
            shown = GONE if role is None else (role.get("extends"), set(role["permissions"]))
            assert state in (UNSURE, shown)

    doomed.start()
    async with over_https(doomed) as http:
        again = Writer(http, headers, organizations, given)
        assert (await again.send("GET", "users?page_size=1"))["total_size"] == len(people)
        user = (
            await again.send(
                "POST",
                f"organizations/{organizations[0]}/users",
                {"email": f"{unique()}@example.com"},
            )
        )["user"]
        assert user["id"] > max(people)


async def users_are(db, people):
    """The users are those of the events, revision and all."""
    kept = {row["id"]: User.from_row(row) for row in await db.fetch_all(_USERS)}
    assert {id_: user.to_event() for id_, user in kept.items()} == people


async def members_are(db, members):
    """The memberships and their roles are those of the events; return the names of their roles."""
    held = {
        (row["organization_id"], row["user_id"]): set() for row in await db.fetch_all(_MEMBERSHIPS)
    }
    for row in await db.fetch_all(_HOLDERS):
        held[row["organization_id"], row["user_id"]].add(row["name"])
    by_events = {key: {role["name"] for role in one["roles"]} for key, one in members.items()}
    assert held == by_events
    for row in await db.fetch_all(_MEMBERSHIPS):
        one = members[row["organization_id"], row["user_id"]]
        assert row["status"] == one["membership_status"]
        assert row["invite_resend_count"] == one.get("resent_count", 0)
        assert (row["invite_digest"] is not None) == (row["status"] == "PENDING_INVITE")
    return held


async def mails_are(db, emails):
    """There is a mail for every invitation and reminder, and no other."""
    queued = Counter()
    for row in await db.fetch_all(_MAIL):
        queued[row["organization_id"], json.loads(row["variables"])["user_id"]] += 1
    assert queued == +emails


async def roles_are(db, made):
    """The roles are those of the events, but for the two that came with the environment."""
    given: dict[str, set[str]] = {}
    for row in await db.fetch_all(_GIVEN):
        given.setdefault(row["role_id"], set()).add(row["name"])
    rows = {row["id"]: row for row in await db.fetch_all(_ROLES)}
    names = {id_: row["name"] for id_, row in rows.items()}
    shown = {
        id_: (row["name"], names.get(row["base_id"]), given.get(id_, set()))
        for id_, row in rows.items()
        if row["name"] not in {"admin", "member"}
    }
    assert shown == {
        id_: (role["name"], role.get("extends"), set(role["permissions"]))
        for id_, role in made.items()
    }
