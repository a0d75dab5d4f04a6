"""Random operations on a directory, held against a plain model of RFC 7644.

The model has documents in dictionaries and members in sets, and does as sections 3.3 to 3.6 say of
each operation. After each of them the directory shows the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sampling import examples
from statements_of_directories import total_of

from tenantry.tenants.directories.resources import groups, people, searching
from tenantry.tenants.directories.resources.searching import Query
from tenantry.tenants.directories.scim import filters, matching, patches
from tenantry.tenants.directories.scim.faults import Fault
from tenantry.tenants.directories.scim.resources import GroupPayload

NAMES = st.sampled_from(["ada", "Ada", "bob", "eve"])
TITLES = st.sampled_from(["CEO", "CTO"])
WHICH = st.integers(0, 5)  # of those that were ever made: also of those that are gone
SOME = st.lists(WHICH, max_size=4)
DOCUMENTS = st.fixed_dictionaries(
    {"userName": NAMES}, optional={"title": TITLES, "active": st.booleans()}
)
CHANGES = st.fixed_dictionaries(
    {}, optional={"userName": NAMES, "title": TITLES, "active": st.booleans()}
)
OPERATIONS = st.one_of(
    st.tuples(st.just("create"), DOCUMENTS),
    st.tuples(st.just("create_many"), st.lists(DOCUMENTS, max_size=3)),
    st.tuples(st.just("replace"), WHICH, DOCUMENTS),
    st.tuples(st.just("patch"), WHICH, CHANGES),
    st.tuples(st.just("remove"), WHICH),
    st.tuples(st.just("create_group"), NAMES, SOME),
    st.tuples(st.just("replace_group"), WHICH, NAMES, st.none() | SOME),
    st.tuples(
        st.just("patch_group"),
        WHICH,
        st.lists(st.tuples(st.sampled_from(["add", "remove", "replace"]), SOME), max_size=4),
    ),
    st.tuples(st.just("rename_group"), WHICH, NAMES),
    st.tuples(st.just("remove_group"), WHICH),
)


@dataclass
class Model:
    """A directory as the RFC has it; each operation answers with a status."""

    users: dict[str, dict] = field(default_factory=dict)
    groups: dict[str, tuple[str, set[str]]] = field(default_factory=dict)
    revisions: dict[str, int] = field(default_factory=dict)
    made: dict[str, list[str]] = field(default_factory=lambda: {"user": [], "group": []})

    def is_taken(self, name: str, *, but: str = "") -> bool:
        taken = {one["userName"].casefold() for id_, one in self.users.items() if id_ != but}
        return name.casefold() in taken

    def put(self, id_: str, document: dict) -> int:
        if id_ not in self.users:
            return 404
        if self.is_taken(document["userName"], but=id_):
            return 409
        if self.users[id_] != document:
            self.users[id_] = document
            self.revisions[id_] += 1
        return 200

    def put_group(self, id_: str, name: str, members: set[str]) -> int:
        if id_ not in self.groups:
            return 404
        if self.groups[id_] != (name, members):
            self.groups[id_] = (name, members)
            self.revisions[id_] += 1
        return 200

    def known(self, ids: list[str]) -> set[str]:
        return self.users.keys() & set(ids)

    def id_of(self, kind: str, number: int) -> str:
        made = self.made[kind]
        return made[number] if number < len(made) else f"dir{kind}_{number}"


async def status_of(attempt):
    try:
        return 200, await attempt
    except Fault as fault:
        return fault.status, None


class Directory:
    """A directory, and the model of it."""

    def __init__(self, call, directory) -> None:
        self.call, self.directory, self.model = call, directory, Model()

    async def do(self, verb, *args: object):
        await getattr(self, verb)(*args)
        await self.compare()

    def enter(self, user):
        self.model.users[user.id] = dict(user.document)
        self.model.revisions[user.id] = 1
        self.model.made["user"].append(user.id)

    async def create(self, document):
        expected = 409 if self.model.is_taken(document["userName"]) else 200
        status, user = await status_of(people.create(self.call, self.directory, document))
        assert status == expected
        if user:
            self.enter(user)

    async def create_many(self, documents):
        found = await people.create_many(self.call, self.directory, documents)
        for document, one in zip(documents, found, strict=True):
            assert isinstance(one, Fault) is self.model.is_taken(document["userName"])
            if not isinstance(one, Fault):
                self.enter(one)

    async def replace(self, number, document):
        id_ = self.model.id_of("user", number)
        expected = self.model.put(id_, document)
        status, _ = await status_of(people.replace(self.call, self.directory, id_, document))
        assert status == expected

    async def patch(self, number, changes):
        id_ = self.model.id_of("user", number)
        expected = self.model.put(id_, {**self.model.users.get(id_, {}), **changes})
        operations = patches.parse({"Operations": [{"op": "replace", "value": changes}]})
        status, _ = await status_of(people.patch(self.call, self.directory, id_, operations))
        assert status == expected

    async def remove(self, number):
        id_ = self.model.id_of("user", number)
        expected = 200 if self.model.users.pop(id_, None) else 404
        for group_id, (_, members) in self.model.groups.items():
            if id_ in members:
                members.remove(id_)
                self.model.revisions[group_id] += 1
        status, _ = await status_of(people.remove(self.call, self.directory, id_))
        assert status == expected

    async def create_group(self, name, numbers):
        ids = [self.model.id_of("user", number) for number in numbers]
        payload = GroupPayload({"displayName": name}, ids)
        changed = await groups.create(self.call, self.directory, payload)
        known = self.model.known(ids)
        assert set(changed.skipped) == set(ids) - known
        self.model.groups[changed.group.id] = (name, known)
        self.model.revisions[changed.group.id] = 1
        self.model.made["group"].append(changed.group.id)

    async def replace_group(self, number, name, numbers):
        id_ = self.model.id_of("group", number)
        ids = None if numbers is None else [self.model.id_of("user", n) for n in numbers]
        expected = self.model.put_group(id_, name, self.model.known(ids or []))
        payload = GroupPayload({"displayName": name}, ids)
        status, _ = await status_of(groups.replace(self.call, self.directory, id_, payload))
        assert status == expected

    async def patch_group(self, number, steps):
        id_ = self.model.id_of("group", number)
        name, before = self.model.groups.get(id_, ("", set()))
        members, sent = set(before), []
        for op, numbers in steps:
            ids = [self.model.id_of("user", n) for n in numbers]
            known = self.model.known(ids)
            if op == "replace":
                members = set(known)
            elif op == "add":
                members |= known
            else:
                members -= known
            value = [{"value": one} for one in ids]
            sent.append({"op": op, "path": "members", "value": value})
        if not sent:
            return
        expected = self.model.put_group(id_, name, members)
        operations = patches.parse({"Operations": sent})
        status, _ = await status_of(groups.patch(self.call, self.directory, id_, operations))
        assert status == expected

    async def rename_group(self, number, name):
        id_ = self.model.id_of("group", number)
        expected = self.model.put_group(id_, name, self.model.groups.get(id_, ("", set()))[1])
        operations = [{"op": "Replace", "path": "displayName", "value": name}]
        status, _ = await status_of(
            groups.patch(self.call, self.directory, id_, patches.parse({"Operations": operations}))
        )
        assert status == expected

    async def remove_group(self, number):
        id_ = self.model.id_of("group", number)
        expected = 200 if self.model.groups.pop(id_, None) else 404
        status, _ = await status_of(groups.remove(self.call, self.directory, id_))
        assert status == expected

    async def compare(self):
        db, directory, model = self.call.db, self.directory, self.model
        found = await searching.users(db, directory, Query(count=200))
        assert {one.id: dict(one.document) for one in found.resources} == model.users
        assert found.total == len(model.users) == (await total_of(db, directory))
        shown = await searching.groups(db, directory, Query(count=200))
        members = {
            one.id: {member.id for member in await groups.members_of(db, directory, one.id)}
            for one in shown.resources
        }
        assert members == {id_: members for id_, (_, members) in model.groups.items()}
        for one in shown.resources:
            assert (one.display_name, one.member_count) == (
                model.groups[one.id][0],
                len(members[one.id]),
            )
        revisions = {one.id: one.revision for one in (*found.resources, *shown.resources)}
        assert revisions == {id_: model.revisions[id_] for id_ in revisions}
        assert {one.id: dict(one.groups) for one in found.resources} == {
            id_: {g: name for g, (name, members) in model.groups.items() if id_ in members}
            for id_ in model.users
        }
        for text in ('userName eq "ADA"', "active eq false", 'title eq "ceo"'):
            query = Query(filter=filters.parse(text))
            matches = matching.matcher(filters.parse(text))
            narrowed = await searching.users(db, directory, query)
            assert [one.id for one in narrowed.resources] == [
                id_ for id_, one in model.users.items() if matches({"active": True, **one})
            ]


@given(operations=st.lists(OPERATIONS, min_size=1, max_size=12))
@settings(
    max_examples=examples(60),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
async def test_a_directory_is_what_the_model_says(by_provider, new_directory, operations):
    one = Directory(by_provider, await new_directory(by_provider.caller.organization_id))
    for verb, *args in operations:
        await one.do(verb, *args)
