"""Batches of a bulk request have the results of separate operations."""

from __future__ import annotations

import itertools
import re
from types import MappingProxyType
from typing import Any

import orjson
import pytest
from directory_worlds import role, told, world
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from providers import BULK, PATCH_OP, patch
from sampling import examples

from tenantry.core import errors
from tenantry.db.engine import OutcomeUnknown
from tenantry.endpoints.scim import batches, bulk
from tenantry.endpoints.scim.exchanges import Exchange
from tenantry.net.http import Request
from tenantry.tenants.directories.resources import groups, people, searching
from tenantry.tenants.directories.resources.searching import Query
from tenantry.tenants.memberships import joining
from tenantry.tenants.memberships.model import Rules, Terms
from tenantry.tenants.organizations import service as organizations

RULES = Rules(invitation_days=15, block_disposable_emails=False, block_public_emails=False)

ID = re.compile(r"\b([a-z]+)_(?:[0-9]{10,}|x)\b")
TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
_numbers = itertools.count()

NAMES = st.sampled_from(["ada", "Ada", "bob", "eve", "mia", "leo", "zoe"])
ADDRESSES = st.sampled_from(["ada", "bob", "eve", "mia", "elsewhere", "", "known"])
# Of the users and groups that are there, and one that is not.
WHICH, GROUP = st.integers(0, 6), st.integers(0, 3)
USER = st.fixed_dictionaries(
    {"userName": NAMES},
    optional={
        "address": ADDRESSES,
        "active": st.booleans(),
        "displayName": st.sampled_from(["Ada", "Bob", 7]),
        "title": st.sampled_from(["CEO", "CTO"]),
    },
)
CHANGE = st.fixed_dictionaries(
    {},
    optional={
        "userName": NAMES,
        "active": st.booleans(),
        "displayName": st.sampled_from(["Ada", "Bob"]),
        "title": st.sampled_from(["CEO", "CTO", ["x"]]),
    },
)
MEMBERS = st.lists(WHICH, max_size=2)
MOVES = st.lists(
    st.tuples(st.sampled_from(["add", "add", "add", "remove", "replace"]), MEMBERS),
    min_size=1,
    max_size=2,
)
VERSION = st.sampled_from([None, None, None, None, 'W/"1"', 'W/"2"'])
KINDS = {
    "create": st.tuples(USER),
    "replace": st.tuples(WHICH, USER, VERSION, st.sampled_from([True, True, False])),
    "patch": st.tuples(WHICH, CHANGE, VERSION),
    "switch": st.tuples(WHICH, st.booleans()),
    "remove": st.tuples(WHICH, VERSION),
    "create_group": st.tuples(NAMES, MEMBERS),
    "move": st.tuples(GROUP, MOVES, VERSION),
    "rename_group": st.tuples(GROUP, NAMES),
}


def run_of(kind: str) -> st.SearchStrategy[list[Any]]:
    """Operations of one kind, mostly about different users or groups."""
    one = KINDS[kind].map(lambda given: (kind, *given))
    if kind == "move":
        return st.lists(one, min_size=2, max_size=6)
    unique = st.lists(one, min_size=2, max_size=6, unique_by=lambda given: repr(given[1]))
    return unique | st.lists(one, min_size=1, max_size=3)


class Side:
    """An organization with a directory of six users and three groups, and its bulk requests."""

    def __init__(self, made: Any) -> None:
        self.world = made
        self.users: list[str] = []
        self.groups: list[str] = []

    def user(self, members: dict[str, Any]) -> dict[str, Any]:
        found = {name: value for name, value in members.items() if name != "address"}
        address = members.get("address", members["userName"].lower())
        if address == "elsewhere":
            found["emails"] = [{"value": "x@elsewhere.example"}]
        elif address:
            found["emails"] = [{"value": f"{address}@{self.world.domain}"}]
        return found

    def operation(self, number: int, kind: str, *given: Any) -> dict[str, Any]:
        found = getattr(self, f"_{kind}")(*given)
        return found | ({"bulkId": f"b{number}"} if found["method"] == "POST" else {})

    def _create(self, members):
        return {"method": "POST", "path": "/Users", "data": self.user(members)}

    def _replace(self, which, members, version, keeps_name):
        if keeps_name:
            members = {**members, "userName": f"old{which}", "address": f"old{which}"}
        path = f"/Users/{self.users[which]}"
        return {"method": "PUT", "path": path, "data": self.user(members), "version": version}

    def _patch(self, which, change, version):
        return self.patched(self.users[which], change) | {"version": version}

    def patched(self, id_: str, change: dict[str, Any]) -> dict[str, Any]:
        data = {"schemas": [PATCH_OP], "Operations": [{"op": "replace", "value": change}]}
        return {"method": "PATCH", "path": f"/Users/{id_}", "data": data}

    def _switch(self, which, active):
        return self._patch(which, {"active": active}, None)

    def _remove(self, which, version):
        return {"method": "DELETE", "path": f"/Users/{self.users[which]}", "version": version}

    def _create_group(self, name, members):
        return {
            "method": "POST",
            "path": "/Groups",
            "data": {"displayName": name, "members": self._members(members)},
        }

    def _move(self, which, steps, version):
        operations = [
            {"op": op, "path": "members", "value": self._members(members)} for op, members in steps
        ]
        data = {"schemas": [PATCH_OP], "Operations": operations}
        path = f"/Groups/{self.groups[which]}"
        return {"method": "PATCH", "path": path, "data": data, "version": version}

    def _rename_group(self, which, name):
        operation = {"op": "replace", "path": "displayName", "value": name}
        data = {"schemas": [PATCH_OP], "Operations": [operation]}
        return {"method": "PATCH", "path": f"/Groups/{self.groups[which]}", "data": data}

    def _members(self, which):
        return [{"value": self.users[n] if n < 6 else f"bulkId:b{n}"} for n in which]

    async def send(self, operations: list[dict[str, Any]], **members: Any) -> Any:
        body = orjson.dumps({"schemas": [BULK], "Operations": operations, **members})
        request = Request("POST", "/Bulk", "", MappingProxyType({}), body, "req_scim")
        x = Exchange(request, self.world.directory, self.world.call(), "https://t", None, {})
        answer = await bulk.answered(x)
        return {"Operations": orjson.loads(answer.body)["Operations"], "skipped": x.skipped}

    async def begin(self, role_id: str) -> None:
        made = await self.send([self._create({"userName": f"old{n}"}) for n in range(6)])
        self.users = [one["location"].rpartition("/")[2] for one in made["Operations"]]
        self.users.append("diruser_x")
        for name, members, roles in (
            ("One", [0], (role_id,)),
            ("Two", [1, 2], ()),
            ("Three", [], ()),
        ):
            group = await self.world.group(name, roles=roles)
            add = [self.users[n] for n in members]
            await groups.change_members(self.world.call(), self.world.directory, group.id, add=add)
            self.groups.append(group.id)
        self.groups.append("dirgroup_x")

    async def state(self) -> list[Any]:
        """Return all that a bulk request may change."""
        made = self.world
        db, directory = made.db, made.directory
        await made.tell()
        users = (await searching.users(db, directory, Query(count=200))).resources
        found = (await searching.groups(db, directory, Query(count=200))).resources
        names = sorted({one.email.partition("@")[0] for one in users if one.email})
        return [
            [(one.id, one.revision, one.document, one.active, one.groups) for one in users],
            [(one.id, one.revision, one.document, one.member_count) for one in found],
            [[m.id for m in await groups.members_of(db, directory, one.id)] for one in found],
            [
                (name, await made.status(name), await made.roles(name))
                for name in names
                if await made.user(name)
            ],
        ]


def neutral(found: Any, domain: str) -> str:
    """Return a text without what two runs differ by: ids, times and the domain."""
    numbers: dict[str, str] = {}

    def numbered(match: re.Match[str]) -> str:
        return numbers.setdefault(match[0], f"{match[1]}#{len(numbers)}")

    text = orjson.dumps(found, default=list, option=orjson.OPT_INDENT_2).decode()
    return TIME.sub("T", ID.sub(numbered, text.replace(domain, "DOMAIN")))


async def outcome(call, operations, most_failures, *, is_modular, seats, role_id):
    """Return all that a bulk request leaves and answers, in an organization of its own."""
    domain = f"w{next(_numbers)}.example"
    made = await world(call.db, domain)
    made.is_modular = is_modular
    other = (await world(call.db, f"other.{domain}")).organization
    await joining.create(call, other.id, Terms(), rules=RULES, email=f"known@{domain}")
    side = Side(made)
    await side.begin(role_id)
    await organizations.set_max_allowed_users(call, made.organization.id, seats)
    after = (await told(call.db))[-1]["id"]
    sent = [side.operation(number, *one) for number, one in enumerate(operations)]
    answer = await side.send(sent, **({"failOnErrors": most_failures} if most_failures else {}))
    state = await side.state()
    events = [(e["type"], e["before"], e["after"]) for e in await told(call.db, after)]
    return neutral([answer, state, events], domain)


@pytest.fixture
def watches_locks(request, watches_locks):
    """Whether the lock order is checked: for one batch of each kind."""
    return watches_locks and request.node.originalname == "test_a_batch_needs_few_statements"


@pytest.fixture
async def role_id(db):
    """A role that the first group of each directory is mapped to."""
    return await role(db, "engineer")


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(
    max_examples=max(4, examples(16)),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
async def test_a_batch_has_the_results_of_its_operations_one_by_one(call, role_id, kind, data):
    further = data.draw(st.sampled_from([None, *KINDS]))
    operations = data.draw(run_of(kind)) + (data.draw(run_of(further)) if further else [])
    most_failures = data.draw(st.sampled_from([0, 0, 0, 1, 2]))
    seats = data.draw(st.sampled_from([None, None, None, 8]))
    members = {"is_modular": data.draw(st.booleans()), "seats": seats, "role_id": role_id}
    together = await outcome(call, operations, most_failures, **members)
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(batches, "batch_of", lambda *_: None)
        alone = await outcome(call, operations, most_failures, **members)
    assert together == alone


def users(side: Side, number: int) -> list[dict[str, Any]]:
    return [side.operation(n, "create", {"userName": f"new{n}"}) for n in range(number)]


async def test_a_batch_needs_few_statements(call, role_id):
    side = Side(await world(call.db, "few.example"))
    await side.begin(role_id)
    for make in (
        lambda _: users(side, batches.MOST),
        lambda ids: [side.patched(id_, {"active": False}) for id_ in ids],
        lambda ids: [side.patched(id_, {"active": True}) for id_ in ids],
        lambda ids: [
            {"method": "POST", "path": "/Groups", "data": {"displayName": id_}} for id_ in ids
        ],
        lambda ids: [
            {
                "method": "PATCH",
                "path": f"/Groups/{side.groups[1]}",
                "data": patch({"op": "add", "path": "members", "value": [{"value": id_}]}),
            }
            for id_ in ids
        ],
        lambda ids: [{"method": "DELETE", "path": f"/Users/{id_}"} for id_ in ids],
    ):
        operations = make(side.users[7:])
        before = call.db.reads + call.db.changes
        made = (await side.send(operations))["Operations"]
        assert {one["status"] for one in made} <= {"200", "201", "204"}
        assert len(made) == batches.MOST
        assert call.db.reads + call.db.changes - before < batches.MOST
        if len(side.users) == 7:
            side.users += [one["location"].rpartition("/")[2] for one in made]


async def test_a_batch_that_fails_is_made_one_by_one(call, role_id, monkeypatch):
    async def lost(*_: Any) -> None:
        raise errors.ConcurrentChange

    side = Side(await world(call.db, "lost.example"))
    monkeypatch.setattr(people, "create_many", lost)
    made = (await side.send(users(side, 5)))["Operations"]
    assert [one["status"] for one in made] == ["201"] * 5


async def test_a_batch_whose_outcome_is_unknown_is_not_made_again(call, monkeypatch):
    async def unknown(*_: Any) -> None:
        raise OutcomeUnknown(OSError("the connection was lost"))

    side = Side(await world(call.db, "unknown.example"))
    monkeypatch.setattr(people, "create_many", unknown)
    different = {"method": "DELETE", "path": "/Users/diruser_x"}
    made = (await side.send([*users(side, 5), different]))["Operations"]
    assert [one["status"] for one in made] == ["504"] * 5
