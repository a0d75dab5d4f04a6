"""`tenantry migrate --distribute`, and a database that is spread as it was asked to be.

No test has Citus itself. A stand-in records each request to it, and parts the tables of
organizations by that (`spreading`): PostgreSQL then refuses a rule that no part can hold alone.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict

import psycopg
import pytest
import spreading
from apis import access_token
from databases import MASTER_KEY
from wires import over_https

import tenantry.app  # noqa: F401 - each room of it declares its tables
from tenantry import worker
from tenantry.access.api_tokens import service as api_tokens
from tenantry.access.clients import organization_clients
from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.crypto import vault
from tenantry.db.opening import open_database
from tenantry.db.postgresql import database as postgresql
from tenantry.db.sql.schema import metadata, postgresql_tables
from tenantry.events.event_log import listing as event_lists
from tenantry.settings import load
from tenantry.tenants.directories import listing as directory_lists
from tenantry.tenants.directories import registry, role_assignments, secrets
from tenantry.tenants.directories.effects import member_events
from tenantry.tenants.directories.listing import Assignment
from tenantry.tenants.directories.model import directory_user_search
from tenantry.tenants.directories.polling.running import Polling
from tenantry.tenants.directories.resources import groups, paging
from tenantry.tenants.directories.resources import people as directory_people
from tenantry.tenants.directories.scim import resources
from tenantry.tenants.domains import service as domains
from tenantry.tenants.memberships import joining, leaving
from tenantry.tenants.memberships import service as memberships
from tenantry.tenants.memberships.model import NamedRole, Rules, Terms
from tenantry.tenants.organizations import listing, service
from tenantry.tenants.organizations.model import organization_search
from tenantry.tenants.organizations.service import OrganizationIdentifier
from tenantry.tenants.portal_links import service as portal_links
from tenantry.tenants.roles import listing as role_lists
from tenantry.tenants.roles import service as roles
from tenantry.tenants.roles.changes import Reference
from tenantry.tenants.roles.listing import Include
from tenantry.tenants.users import listing as people
from tenantry.tenants.users import search as people_search
from tenantry.tenants.users import service as users
from tenantry.tenants.users.model import user_search
from tenantry.tenants.users.service import UserIdentifier

TABLES = [*metadata.sorted_tables, *postgresql_tables.sorted_tables]


# The command


# A database that is spread


@pytest.fixture(scope="module")
def spread_template(postgresql):
    """The name of a database whose tables of organizations are in parts, to be copied."""
    url = postgresql.fresh()
    spreading.migrated(url)
    return postgresql.name_of(url)


@pytest.fixture
def spread_url(spread_template, postgresql):
    """The URL of one of this test's own."""
    url = postgresql.fresh(template=spread_template)
    yield url
    postgresql.drop(url)


# Tables where rows of an organization that is gone stay: for ever, or until the worker comes.
KEPT = ("events", "event_", "organizations_search", "users_search", "directory_users_search")
# The places whose statements go to more than one part, and why they do.
CROSSING = {
    "tenants/organizations/listing.py:page": "a list or a search of all organizations",
    "tenants/users/reading.py:find": "a person's memberships",
    "tenants/users/listing.py:of_environment": "the memberships of the people of a page",
    "db/search/paging.py:read": "a search of all organizations; the memberships of people",
    "tenants/users/service.py:hold_with_memberships": "a person's memberships",
    "tenants/users/service.py:keep_organizations": "a person's organizations",
    "tenants/users/service.py:_leave": "a person's memberships",
    "tenants/users/service.py:_record_leaving": "the organizations that a person leaves",
    "tenants/memberships/leaving.py:_send_away": "whether a person is a member elsewhere",
    "tenants/roles/service.py:_hand_over": "all holders of a role of the environment",
    "tenants/roles/listing.py:count_holders": "all holders of a role of the environment",
    "events/event_log/listing.py:page": "a list of the events of all organizations",
    "events/event_log/sequencing.py:_sequence": "the look for what is new in the log",
    "events/event_log/sequencing.py:run": "whether there is something new in the log",
    "events/event_log/following.py:part": "the log goes by position, over all organizations",
    "events/event_log/retention.py:_prune": "what is too old is removed everywhere",
    "tenants/directories/waiting.py:has_changes": "changes of all directories",
    "tenants/directories/waiting.py:has_polls": "polls of all directories",
    "tenants/directories/effects/member_events.py:run": "changes of all directories, by the worker",
    "tenants/directories/removal.py:run": "which directories are gone, found by the worker",
    "worker.py:run": "what is too old is removed everywhere",
    "tenants/directories/resources/paging.py:page_of_users": "the index, by the directory alone",
    "tenants/directories/polling/running.py:run": "directories that are due",
    "tenants/directories/polling/running.py:_claim": "directories that are due",
    "db/search/index.py:index": "the index of the searches, made by the worker",
}
HOT = {
    "tenants/organizations/service.py:get",
    "tenants/organizations/service.py:_update_in_place",
    "tenants/users/listing.py:of_organization",
    "tenants/memberships/joining.py:_join",
    "tenants/roles/service.py:roles_of",
    "tenants/directories/registry.py:hold",
    "tenants/directories/listing.py:whole",
    "tenants/directories/role_assignments.py:assign",
}
_ROOM = re.compile(r".*/tenantry/(?!db/(?!search))(.*\.py)$")
_PART = re.compile(r"^(\w+?)_part(\d)(_|$)")


class Recorder:
    """Explains each statement, as it runs, and notes which parts it reads."""

    def __init__(self) -> None:
        self.parts: dict[str, int] = defaultdict(int)

    async def explain(self, connection, sql, args):
        if not re.match(r"\s*(WITH|SELECT|INSERT|UPDATE|DELETE)\b", sql):
            return
        place = _place()
        within = connection.is_in_transaction()
        await connection.execute("SAVEPOINT explained" if within else "BEGIN")
        try:
            found = await connection.fetchval(
                f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, FORMAT JSON) {sql}", *args
            )
        except Exception:  # noqa: BLE001 - it will fail once more, where that is expected
            return
        finally:
            await connection.execute("ROLLBACK TO explained" if within else "ROLLBACK")
        parts = set(_read(json.loads(found)[0]["Plan"]))
        self.parts[place] = max(self.parts[place], len(parts))


def _place():
    frame = sys._getframe(2)
    while frame is not None:
        if found := _ROOM.match(frame.f_code.co_filename):
            return f"{found[1]}:{frame.f_code.co_name}"
        frame = frame.f_back
    return "?"


def _read(plan):
    """The numbers of the parts that a plan has read or changed."""
    if plan.get("Actual Loops", 0) and (part := _PART.match(plan.get("Relation Name", ""))):
        yield part[2]
    for child in plan.get("Plans", ()):
        yield from _read(child)


@pytest.fixture
def recorder(monkeypatch):
    recorder = Recorder()
    fetch = postgresql.fetch

    async def recorded(connection, sql, args, *, undone):
        await recorder.explain(connection, sql, args)
        return await fetch(connection, sql, args, undone=undone)

    monkeypatch.setattr(postgresql, "fetch", recorded)
    return recorder


RULES = Rules(7, block_disposable_emails=False, block_public_emails=False)


@pytest.fixture
async def spread_call(spread_url):
    async with open_database(spread_url, MASTER_KEY, pool_size=2) as db:
        yield Call(SYSTEM, db, "req_1")


async def live(call):
    """A good part of the ordinary behaviour; each step looks at the outcome of those before."""
    made = [
        await service.create(
            call,
            region_code="US",
            display_name=f"Acme {number}",
            external_id=f"a-{number}",
            metadata={"plan": "pro"},
        )
        for number in range(12)
    ]
    first, second, third = (OrganizationIdentifier(one.id) for one in made[:3])
    await service.update(call, first, {"display_name": "Umbrella", "slug": "umbrella"})
    await service.set_features(call, first.id, [("scim", True)])
    assert (await service.get(call, first)).slug == "umbrella"
    assert (await service.get(call, OrganizationIdentifier(external_id="a-1"))).id == second.id
    page = await listing.page(call, listing.Filter(), page_size=5, page_token="")
    assert page.total_size == 12
    for narrow, total in (
        (listing.Filter(query="umbr"), 1),
        (listing.Filter(external_id="a-3"), 1),
        (listing.Filter(metadata=(("plan", "pro"),)), 12),
    ):
        found = await listing.page(call, narrow, page_size=5, page_token="")
        assert (found.total_size, len(found.items)) == (total, min(total, 5)), narrow
    await organization_search.catch_up(call.db)
    found = await listing.page(call, listing.Filter(query="umbr"), page_size=5, page_token="")
    assert [one["id"] for one in found.items] == [first.id]

    ada, bob = [
        await joining.create(
            call, first.id, Terms(invite=invite), rules=RULES, email=f"{name}@example.com"
        )
        for name, invite in (("ada", False), ("bob", True))
    ]
    for number in range(3, 9):
        await joining.create(
            call, made[number].id, Terms(), rules=RULES, email=f"p{number}@example.com"
        )
    await joining.add(call, second.id, UserIdentifier(ada.id), Terms(), rules=RULES)
    members = await people.of_organization(call, first.id, page_size=5, page_token="")
    assert (members.total_size, {one.id for one in members.items}) == (2, {ada.id, bob.id})
    for _ in range(2):  # before they are indexed, and after
        found = await people_search.of_organization(
            call, first.id, "ada", page_size=5, page_token=""
        )
        assert [one.id for one in found.items] == [ada.id]
        found = await people_search.of_environment(call, "ada@", page_size=5, page_token="")
        assert [len(one.memberships) for one in found.items] == [2]
        await user_search.catch_up(call.db)
    everybody = await people.of_environment(call, page_size=20, page_token="")
    assert everybody.total_size == 8
    assert len((await users.get(call, UserIdentifier(ada.id))).memberships) == 2

    role = {"display_name": "Role", "description": None, "extends": None, "permission_names": ()}
    await roles.create(call, first.id, name="billing", **role)
    await roles.create(call, None, name="auditor", **role)
    await memberships.add_roles(
        call,
        first.id,
        ada.id,
        [NamedRole("roles", "", "billing"), NamedRole("roles", "", "auditor")],
    )
    held = await memberships.roles_of(call, first.id, ada.id)
    assert {one.name for one in held} >= {"billing", "auditor"}
    await memberships.permissions_of(call, first.id, ada.id)
    assert await role_lists.count_holders(call, None, "auditor") == 1
    assert await role_lists.count_holders(call, first.id, "billing") == 1
    await role_lists.list_all(call, first.id, Include.ALL)
    await roles.remove(call, None, "auditor", Reference("role", "member"))

    await domains.create(
        call, first, domain="acme.com", domain_type="ALLOWED_EMAIL_DOMAIN", txt_label="_x"
    )
    await portal_links.create(call, first.id, ())
    await organization_clients.create(call, first.id, name="Robot")
    await api_tokens.create(
        call,
        prefix="t",
        organization_id=first.id,
        user_id=ada.id,
        custom_claims={},
        expire_time=None,
        description="",
    )
    for narrow in (
        event_lists.Filter(organization_id=first.id),
        event_lists.Filter(organization_id=first.id, types=("organization.updated",)),
        event_lists.Filter(types=("organization.created",)),
    ):
        found = await event_lists.page(call, narrow, page_size=20, page_token="", counted=True)
        assert found.items

    remove = {"cascade": False, "forced": True}
    await leaving.remove_member(call, second.id, UserIdentifier(ada.id), **remove)
    members = await people.of_organization(call, second.id, page_size=5, page_token="")
    assert members.total_size == 0
    await joining.add(call, third.id, UserIdentifier(ada.id), Terms(), rules=RULES)
    await leaving.remove_user(call, UserIdentifier(ada.id), forced=True)
    for one, total in ((first, 1), (third, 0)):
        members = await people.of_organization(call, one.id, page_size=5, page_token="")
        assert members.total_size == total
    await push(call, first.id)
    await service.remove(call, first, leaving.dismiss_members)
    page = await listing.page(call, listing.Filter(), page_size=5, page_token="")
    assert page.total_size == 11
    return first.id, ada.id


async def push(call, organization_id):
    """A directory with a person in a group that has a role."""
    directory = await registry.create(call, organization_id, directory_type="SCIM")
    directory = await registry.enable(call, organization_id, directory.id)
    _, plain = await secrets.create(call, organization_id, directory.id)
    ((_, directory),) = (await secrets.read(call.db, [vault.digest(plain)])).values()
    own = {"domain": "carl.example.com", "domain_type": "ORGANIZATION_DOMAIN", "txt_label": "_x"}
    await domains.create(call, OrganizationIdentifier(organization_id), **own)
    payload = resources.read_user({"userName": "carl@carl.example.com"})
    carl = await directory_people.create(call, directory, payload)
    payload = {"displayName": "Engineering", "members": [{"value": carl.id}]}
    group = (await groups.create(call, directory, resources.read_group(payload))).group
    await role_assignments.assign(
        call, organization_id, directory.id, [Assignment(group.id, "admin")]
    )
    await registry.connected(call, directory)
    await directory_lists.whole(call, directory)
    await directory_lists.of_organization(call, organization_id)
    await paging.page_of_users(call.db, directory, page_size=5, page_token="")
    for _ in range(2):  # before they are indexed, and after
        found = await paging.page_of_users(
            call.db, directory, page_size=5, page_token="", search="carl"
        )
        assert [one.id for one in found.items] == [carl.id]
        await directory_user_search.catch_up(call.db)
    await paging.page_of_groups(call.db, directory, page_size=5, page_token="")


async def work(call):
    """Everything that the worker does, once."""
    settings = load({"TENANTRY_CONFIG": "/dev/null"})
    for job in worker.jobs(settings):
        await job.run(call.db)
        await job.close()
    # It does these where a directory waits for them.
    await member_events.run(call.db)
    polling = Polling(settings)
    await polling.run(call.db)
    await polling.close()


async def test_all_behaves_as_in_one_database(spread_call, spread_url):
    organization_id, user_id = await live(spread_call)
    await work(spread_call)
    # No row is left behind of those that are gone, whatever the database itself would have kept.
    with psycopg.connect(spread_url) as connection:
        for table in TABLES:
            for column, id_ in (("organization_id", organization_id), ("user_id", user_id)):
                if column in table.c and not table.name.startswith(
                    (
                        "events",
                        "event_",
                        "organizations_search",
                        "users_search",
                        "directory_users_search",
                    )
                ):
                    query = f"SELECT count(*) FROM {table.name} WHERE {column} = %s"
                    count = connection.execute(query, [id_]).fetchone()
                    assert count == (0,), (table.name, column)


async def test_a_statement_about_one_organization_reads_one_part(recorder, spread_call):
    await live(spread_call)
    await work(spread_call)
    crossing = {place for place, parts in recorder.parts.items() if parts > 1}
    assert crossing <= CROSSING.keys()
    assert recorder.parts.keys() >= CROSSING.keys()  # a list of places that are there
    assert {place for place, parts in recorder.parts.items() if parts == 1} >= HOT


async def test_a_server_runs_on_it(start_server, spread_url):
    server = start_server("spread", database_url=spread_url)
    async with over_https(server) as http:
        http.headers["authorization"] = (
            f"Bearer {await access_token(http, server.client_id, server.client_secret)}"
        )
        http.base_url = f"{server.url}/api/v1/"
        acme = {"display_name": "Acme", "external_id": "a"}
        path = f"organizations/{(await http.post('organizations', json=acme)).json()['id']}"
        again = await http.post("organizations", json=acme)
        assert again.status_code == 400
        assert "external_id" in again.text
        changed = await http.patch(path, json={"display_name": "Umbrella", "external_id": "b"})
        assert changed.json()["display_name"] == "Umbrella"
        assert (await http.post("organizations", json=acme)).is_success
        user = await http.post(f"{path}/users", json={"email": "ada@example.com"})
        assert user.is_success, user.text
        assert (await http.get(f"{path}/users")).json()["total_size"] == 1
        assert (await http.delete(path)).is_success
        assert (await http.get(path)).status_code == 404
