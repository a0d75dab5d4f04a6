"""One organization from one deployment to another that is in use."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from apis import Api, access_token
from databases import MASTER_KEY
from environments import environments, written
from factories import Make
from hypothesis import HealthCheck, assume, given, settings
from sampling import examples
from servers import TENANTRY, LiveServer
from sqlalchemy import select
from user_files import BCRYPT, ndjson, run
from wires import Rest

from tenantry.access.api_tokens import service as api_tokens
from tenantry.access.clients import organization_clients
from tenantry.access.scopes import service as scopes
from tenantry.call import Call
from tenantry.core import errors
from tenantry.core.caller import SYSTEM
from tenantry.db.opening import open_database
from tenantry.db.sql.schema import events
from tenantry.db.sql.statements import Statement
from tenantry.events.event_log import sequencing
from tenantry.events.event_log.verification import verify
from tenantry.identity.connections import service as connections
from tenantry.tenants.directories import registry
from tenantry.tenants.directories.effects import provisioning
from tenantry.tenants.directories.resources import people as pushing
from tenantry.tenants.directories.scim import resources
from tenantry.tenants.domains import service as domains
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.organizations.service import OrganizationIdentifier
from tenantry.tenants.roles import permissions
from tenantry.tenants.roles import service as roles
from tenantry.tenants.users import search
from tenantry.transfer.bulk.archives.dump import dump_environment, dump_organization
from tenantry.transfer.bulk.archives.restore import restore_environment, restore_organization

_TYPES = Statement(select(events.c.type, events.c.organization_id, events.c.after))
_OF_ENVIRONMENT = {"environment", "permission", "role", "scope"}


async def whole(db):
    """All that an export of the environment has."""
    return await _read(db, dump_environment)


async def exported(db, organization, **options: Any):
    """The file of one organization."""
    return await _read(db, dump_organization, organization, **options)


async def _read(db, function, *arguments: Any, **options: Any):
    async with db.snapshot() as snapshot:
        pages = function(snapshot, *arguments, **{"with_password_hashes": True} | options)
        return b"".join([line async for lines in pages for line in lines])


async def _pieces(content, piece=1000):
    for start in range(0, len(content), piece):
        yield content[start : start + piece]


async def imported(db, content, **options: Any):
    call = Call(SYSTEM, db, "req_1")
    options = {"region": "US"} | options
    return await restore_organization(call, _pieces(content), **options)


def parsed(content):
    return [json.loads(line) for line in content.splitlines()]


def normalized(content, *, but=()):
    """The lines of a file by names of roles and permissions, which have ids of their own here."""
    start, *lines = parsed(content)
    names = {**start["roles"], **start["permissions"]}
    for line in lines:
        line.pop("region_code", None)
        for member in ("base_id", "role_id"):
            if member in line:
                line[member] = names.get(line[member], line[member])
        for member in ("role_ids", "permission_ids"):
            if member in line:
                line[member] = sorted(names.get(id_, id_) for id_ in line[member])
    kept = [line for line in lines if line["type"] not in but]
    needed = [sorted(start["roles"].values()), sorted(start["permissions"].values())]
    return start["id"], needed, start["scopes"], sorted(json.dumps(line) for line in kept)


def bare(lines):
    """The lines of the same environment without its organizations, and with ids of its own."""
    kept = [line for line in lines if line["type"] in _OF_ENVIRONMENT]
    kept = [line for line in kept if line.get("organization_id") is None]
    text = written([*kept, {"type": "end", "lines": len(kept)}])
    return text.replace(b'"role_1', b'"role_2').replace(b'"perm_1', b'"perm_2')


async def _moved(source, target, lines):
    """The file of each organization of an environment, out of it and out of where it went."""
    there = [line["id"] for line in lines if line["type"] == "organization"]
    async with (
        open_database(source, MASTER_KEY, pool_size=2) as old,
        open_database(target, MASTER_KEY, pool_size=2) as new,
    ):
        await restore_environment(Call(SYSTEM, old, "req_1"), _pieces(written(lines)))
        await restore_environment(Call(SYSTEM, new, "req_1"), _pieces(bare(lines)))
        files = []
        for id_ in there:
            file = await exported(old, id_)
            arrival = await imported(new, file, join_people=True)
            assert arrival.conflicts == []
            files.append((file, await exported(new, id_)))
        return files


@pytest.mark.parametrize(
    "kinds",
    [
        ("sqlite", "postgresql"),
        pytest.param(("postgresql", "sqlite"), marks=pytest.mark.thorough),
    ],
)
def test_any_organization_comes_to_another_environment_as_it_was(new_database, kinds):
    @settings(max_examples=examples(12), deadline=None, suppress_health_check=list(HealthCheck))
    @given(environments())
    def check(lines):
        known = {line["name"] for line in lines if _is_role(line, of_environment=True)}
        own = {line["name"] for line in lines if _is_role(line, of_environment=False)}
        assume(not known & own)
        for before, after in asyncio.run(_moved(*map(new_database, kinds), lines)):
            assert normalized(after) == normalized(before)

    check()


def _is_role(line, *, of_environment):
    return line["type"] == "role" and (line["organization_id"] is None) == of_environment


@pytest.fixture
async def acme(call):
    """An organization with one of each; two people, the second of whom is in another one too."""
    await scopes.create(call, name="orders:read", description="")
    await permissions.create(call, name="orders:write", description="")
    owner = await organizations.create(
        call, region_code="US", display_name="Acme", external_id="acme", slug="acme"
    )
    await domains.create(
        call,
        OrganizationIdentifier(owner.id),
        domain="acme.example.com",
        domain_type="ORGANIZATION_DOMAIN",
        txt_label="_label",
    )
    await roles.create(
        call,
        owner.id,
        name="buyer",
        display_name="Buyer",
        description=None,
        extends="member",
        permission_names=["orders:write"],
    )
    rows = [
        {"email": "ada@acme.example.com", "external_id": "ada", "roles": ["admin"]},
        {"email": "bob@acme.example.com", "given_name": "Bob", "roles": ["buyer"]},
        {"email": "bob@acme.example.com", "organization_external_id": "initech"},
    ]
    rows[0]["password_hash"] = BCRYPT
    for row in rows:
        row.setdefault("organization_external_id", "acme")
        row["organization_name"] = "Initech"
    assert (await run(call, *rows, create_organizations=True)).refused == 0
    people = {user.email: user for user in await found(call.db, "acme.example.com")}
    bob = people["bob@acme.example.com"]
    for user_id in (None, bob.id):
        await api_tokens.create(
            call,
            prefix="tok",
            organization_id=owner.id,
            user_id=user_id,
            custom_claims={},
            expire_time=None,
            description="",
        )
    await organization_clients.create(call, owner.id, name="Machine", scopes=["orders:read"])
    await connections.create(call, owner.id, type_="SAML", provider="OKTA", provider_key="")
    directory = await registry.create(call, owner.id, directory_type="SCIM")
    directory = await registry.enable(call, owner.id, directory.id)
    pushed = replace(call, caller=provisioning.caller_of(directory, is_modular=False))
    payload = {"userName": bob.email, "emails": [{"value": bob.email}]}
    await pushing.create(pushed, directory, resources.read_user(payload))
    return owner


@pytest.fixture
def ready(new_database, sqlite_template, postgresql_template):
    """Makes a database that has what the organization refers to; its templates take a loop."""

    @asynccontextmanager
    async def open_(kind, *, scope="orders:read", permission="orders:write"):
        async with open_database(new_database(kind), MASTER_KEY, pool_size=2) as db:
            there = Call(SYSTEM, db, "req_1")
            await scopes.create(there, name=scope, description="")
            await permissions.create(there, name=permission, description="")
            yield db

    return open_


async def found(db, part):
    page = await search.of_environment(Call(SYSTEM, db, "req_1"), part, page_size=10, page_token="")
    return page.items


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_an_organization_goes_on_in_another_environment(db, acme, ready, kind):
    file = await exported(db, "acme")
    assert file == await exported(db, acme.id)
    assert "Initech" not in file.decode()
    async with ready(kind) as other:
        await run(
            Call(SYSTEM, other, "req_1"),
            {"email": "eve@example.com", "organization_external_id": "e"}
            | {"organization_name": "E"},
            create_organizations=True,
        )
        arrival = await imported(other, file, region="EU")
        assert arrival.conflicts == []
        assert (arrival.counts["user"], arrival.counts["membership"], arrival.joined) == (2, 2, 0)
        again = await exported(other, "acme")
        assert normalized(again) == normalized(file)
        assert parsed(again)[1]["region_code"] == "EU"
        people = await found(other, "acme.example.com")
        assert sorted(user.email[:3] for user in people) == ["ada", "bob"]
        assert all(len(user.memberships) == 1 for user in people)
        there = await organizations.get(
            Call(SYSTEM, other, "req_1"), OrganizationIdentifier(external_id="acme")
        )
        assert (there.id, there.slug) == (acme.id, "acme")
        rows = await other.fetch_all(_TYPES)
        (event,) = (row for row in rows if row["organization_id"] == acme.id)
        assert event["type"] == "organization.imported"
        assert json.loads(event["after"]) == {"id": acme.id, **arrival.counts, "joined": 0}
        while await sequencing.sequence(other) == 0:
            pass
        assert (await verify(other)).problems == 0
        second = await imported(other, file)
        assert second.conflicts[0] == f"line 1: the organization {acme.id} is here already"


@pytest.mark.usefixtures("acme")
async def test_hashes_of_passwords_go_along_only_when_asked_for(db):
    assert BCRYPT.encode() in await exported(db, "acme")
    assert BCRYPT.encode() not in await exported(db, "acme", with_password_hashes=False)


@pytest.mark.usefixtures("acme")
async def test_an_organization_that_is_not_there_is_not_exported(db):
    with pytest.raises(errors.NotFound, match="organization not found"):
        await exported(db, "nobody")


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_dry_run_says_it_and_changes_nothing(db, ready, kind):
    file = await exported(db, "acme")
    async with ready(kind) as other:
        before, happened = await whole(other), len(await other.fetch_all(_TYPES))
        tried = await imported(other, file, dry_run=True)
        assert await whole(other) == before
        assert len(await other.fetch_all(_TYPES)) == happened
        done = await imported(other, file)
        assert (tried.counts, tried.conflicts) == (done.counts, [])


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_person_who_is_here_joins_only_when_asked_for(db, ready, kind):
    file = await exported(db, "acme")
    async with ready(kind) as other:
        there = Call(SYSTEM, other, "req_1")
        row = {"email": "Bob@acme.example.com", "given_name": "Robert", "external_id": "robert"}
        customer = {"organization_external_id": "e", "organization_name": "E"}
        assert (await run(there, row | customer, create_organizations=True)).refused == 0
        (bob,) = await found(other, "bob@")
        before = await whole(other)
        refused = await imported(other, file)
        (user,) = (
            line
            for line in parsed(file)
            if line["type"] == "user" and line["email"] == "bob@acme.example.com"
        )
        (conflict,) = refused.conflicts
        assert conflict.endswith(f"the user {user['id']}, {user['email']}, is here as {bob.id}")
        assert (refused.people_here, refused.counts) == (1, {})
        assert await whole(other) == before

        arrival = await imported(other, file, join_people=True)
        assert (arrival.joined, arrival.counts["user"]) == (1, 1)
        (now_,) = await found(other, "bob@")
        assert now_.id == bob.id
        assert (now_.profile, now_.external_id) == (bob.profile, "robert")
        places = {place.organization_name: place for place in now_.memberships}
        assert set(places) == {"E", "Acme"}
        assert [role.name for role in places["Acme"].roles] == ["buyer"]
        again = await exported(other, "acme")
        assert user["id"].encode() not in again
        renamed = again.replace(bob.id.encode(), user["id"].encode())
        assert normalized(renamed, but={"user"}) == normalized(file, but={"user"})
        # It is a token of this person, by the id here.
        tokens = [line for line in parsed(again) if line["type"] == "api_token"]
        assert sorted(token.get("user_id", "") for token in tokens) == ["", bob.id]
        (pushed,) = (line for line in parsed(again) if line["type"] == "directory_user")
        assert pushed["user_id"] == bob.id


async def test_a_person_in_two_organizations_comes_with_each(call, db, acme, ready):
    """The second one finds the person whom the first one brought."""
    async with ready("sqlite") as other:
        assert (await imported(other, await exported(db, acme.id))).conflicts == []
        second = await exported(db, "initech")
        assert len((await imported(other, second)).conflicts) == 1
        assert (await imported(other, second, join_people=True)).joined == 1
        (bob,) = await found(other, "bob@")
        assert [place.organization_name for place in bob.memberships] == ["Acme", "Initech"]
        (old,) = await found(call.db, "bob@")
        assert bob.id == old.id


async def _external_id(there):
    await organizations.create(there, region_code="US", display_name="X", external_id="acme")


async def _slug(there):
    await organizations.create(there, region_code="US", display_name="X", slug="acme")


async def _domain(there):
    other = await organizations.create(there, region_code="US", display_name="X")
    name = {"domain": "acme.example.com", "domain_type": "ORGANIZATION_DOMAIN"}
    await domains.create(there, OrganizationIdentifier(other.id), **name, txt_label="_label")


async def _role(there):
    await roles.create(
        there,
        None,
        name="buyer",
        display_name="Buyer",
        description=None,
        extends=None,
        permission_names=[],
    )


async def _person(there, **row: Any):
    customer = {"organization_external_id": "e", "organization_name": "E"}
    assert not (await run(there, row | customer, create_organizations=True)).refused


async def _same_external_id(there):
    await _person(there, email="x@example.com", external_id="ada")


async def _unproved(there):
    await _person(there, email="bob@acme.example.com", email_verified=False)


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize(
    ("before", "says"),
    [
        (_external_id, "the external_id 'acme' is that of org_"),
        (_slug, "the slug 'acme' is that of org_"),
        (_domain, "the domain 'acme.example.com' is of org_"),
        (_role, "its own role 'buyer' is a role of the environment here"),
        (_same_external_id, "the external_id 'ada' of ada@acme.example.com is that of usr_"),
        (_unproved, "bob@acme.example.com is here as usr_"),
    ],
)
async def test_conflicts_are_named_and_nothing_comes(db, ready, kind, before, says):
    file = await exported(db, "acme")
    async with ready(kind) as other:
        await before(Call(SYSTEM, other, "req_1"))
        there = await whole(other)
        arrival = await imported(other, file, join_people=True)
        assert [says in conflict for conflict in arrival.conflicts] == [True], arrival.conflicts
        assert await whole(other) == there


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_nobody_comes_as_a_person_whom_a_provider_of_others_knows(db, ready, kind):
    lines = parsed(await exported(db, "acme"))
    (ada,) = (line for line in lines if line.get("email") == "ada@acme.example.com")
    async with ready(kind) as other:
        there = Call(SYSTEM, other, "req_1")
        owner = await organizations.create(there, region_code="US", display_name="X")
        of_others = await connections.create(
            there, owner.id, type_="SAML", provider="OKTA", provider_key=""
        )
        ada["sub"] = f"{of_others.id};eve"
        arrival = await imported(other, written(lines))
        (conflict,) = arrival.conflicts
        assert conflict.endswith(f"the sub {ada['sub']!r} belongs to a connection that exists here")
        assert await found(other, "acme.example.com") == []


@pytest.mark.usefixtures("acme")
async def test_the_names_that_the_environment_lacks_are_all_told(db, ready):
    lines = parsed(await exported(db, "acme"))
    lines[0]["roles"] |= {"role_7": "auditor"}
    async with ready("sqlite", scope="others", permission="others") as other:
        arrival = await imported(other, written(lines))
        assert arrival.conflicts == [
            f"line 1: the environment here has no {name}: create it first"
            for name in ("role 'auditor'", "permission 'orders:write'", "scope 'orders:read'")
        ]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_ids_and_credentials_that_are_taken_are_named(db, acme, ready, kind):
    """As where the same rows came by another organization's file."""
    file = await exported(db, "acme")
    other_file = file.replace(acme.id.encode(), b"org_77").replace(b'"acme"', b'"umbrella"')
    async with ready(kind) as other:
        assert (await imported(other, file)).conflicts == []
        before = await whole(other)
        told = (await imported(other, other_file, join_people=True)).conflicts
        for type_ in ("role", "domain", "connection", "client", "client_secret", "api_token"):
            for line in parsed(file):
                if line["type"] == type_:
                    expected = f"the id {line['id']} of a {type_} is taken here"
                    assert any(one.endswith(expected) for one in told)
        assert sum(one.endswith("the digest of a api_token is taken here") for one in told) == 2
        assert sum("is of " + acme.id in one for one in told) == 1  # the domain
        assert await whole(other) == before


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("type_", "change", "says"),
    [
        ("organization_export", {"format": 2}, "line 1: format: must be 1"),
        ("organization_export", {"id": "usr_1"}, "line 1: id: is not an organization ID"),
        (
            "organization_export",
            {"type": "environment"},
            "line 1: is not the first line of an exported org",
        ),
        ("organization_export", {"roles": []}, "roles: must have a name for each ID"),
        ("organization_export", {"scopes": [1]}, "scopes: must be a list of names"),
        ("organization", {"id": "org_1"}, "id: must be org_"),
        ("domain", {"organization_id": "org_1"}, "organization_id: must be org_"),
        ("domain", {"connection_id": "conn_1"}, "connection_id of a domain is not in the file"),
        ("connection", {"organization_id": "org_1"}, "organization_id: must be org_"),
        ("client", {"organization_id": "org_1"}, "organization_id: must be org_"),
        ("api_token", {"organization_id": "org_1"}, "organization_id: must be org_"),
        ("role", {"organization_id": None}, "organization_id: must be org_"),
        ("role", {"default_member": True}, "are only for roles of the environment"),
        ("role", {"base_id": "role_1"}, "base_id: a line refers to one that does not come"),
        ("role", {"permission_ids": ["perm_1"]}, "permission_ids: has an ID that"),
        ("role", {"type": "permission"}, "type: unknown type 'permission'"),
        ("domain", {"type": "token_template"}, "type: unknown type 'token_template'"),
        ("client_secret", {"client_id": "skc_1"}, "client_id: a line refers to one"),
        ("membership", {"user_id": "usr_1"}, "user_id: a line refers to one"),
        ("membership", {"role_ids": ["role_1"]}, "role_ids: a line refers to one"),
        ("api_token", {"user_id": "usr_1"}, "user_id: a line refers to one"),
        ("end", {"lines": 3}, "lines: must be"),
    ],
)
async def test_a_line_that_reaches_beyond_the_organization_is_refused(
    db, ready, type_, change, says
):
    lines = parsed(await exported(db, "acme"))
    next(line for line in lines if line["type"] == type_).update(change)
    async with ready("sqlite") as other:
        before = await whole(other)
        with pytest.raises(errors.InvalidArgument, match=says):
            await imported(other, written(lines))
        assert await whole(other) == before


@pytest.mark.usefixtures("acme")
async def test_a_file_of_an_organization_is_whole_and_is_none_of_an_environment(
    db, ready, new_database
):
    file = await exported(db, "acme")
    lines = parsed(file)
    async with ready("sqlite") as other:
        with pytest.raises(errors.InvalidArgument, match="ends before the organization does"):
            await imported(other, b"".join(file.splitlines(keepends=True)[:-1]))
        for type_, says in (
            ("organization", "before it|not in the file"),
            ("membership", "not a member"),
        ):
            less = [line for line in lines if line["type"] != type_]
            if type_ == "membership":
                less = [line for line in less if "user_id" not in line]
            less[-1] = {"type": "end", "lines": len(less) - 1}
            with pytest.raises(errors.InvalidArgument, match=says):
                await imported(other, written(less))
        with pytest.raises(errors.InvalidArgument, match="first line of an exported organization"):
            await imported(other, await whole(db))
    async with open_database(new_database("sqlite"), MASTER_KEY) as fresh:
        with pytest.raises(errors.InvalidArgument, match="first line of an exported environment"):
            await restore_environment(Call(SYSTEM, fresh, "req_1"), _pieces(file))


def _killed_within(server, content):
    """Kill the import of a file that it has the beginning of."""
    with subprocess.Popen(
        [TENANTRY, "import", "organization", "-"],
        stdin=subprocess.PIPE,
        cwd=server.folder,
        env=server.environment,
    ) as process:
        process.stdin.write(content)
        process.kill()


@asynccontextmanager
async def _api(server):
    wire = Rest(server)
    token = await access_token(wire.http, server.client_id, server.client_secret)
    yield Api(wire, (("authorization", f"Bearer {token}"),))
    await wire.aclose()


async def _seen(api, id_):
    """All that the API shows of an organization, its environment aside."""
    role = (await api.roles.get_organization_role(org_id=id_, role_name="buyer"))["role"]
    return role["id"], _of_it(
        [
            role,
            await api.organizations.get_organization(id=id_),
            await api.users.list_organization_users(organization_id=id_),
            await api.domains.list_domains(organization_id=id_),
            await api.clients.list_organization_clients(organization_id=id_),
            await api.directories.list_directories(organization_id=id_),
        ]
    )


def _of_it(shown):
    if isinstance(shown, list):
        return [_of_it(one) for one in shown]
    if not isinstance(shown, Mapping):
        return shown
    of_environment = {"environment_id", "next_page_token", "region_code", "directory_endpoint"}
    if shown.get("id", "").startswith("role_"):
        of_environment.add("id")
    return {name: _of_it(v) for name, v in shown.items() if name not in of_environment}


@pytest.mark.thorough
@pytest.mark.usefixtures("sqlite_template", "postgresql_template")
@pytest.mark.parametrize(
    "kinds",
    [
        ("sqlite", "postgresql"),
        pytest.param(("postgresql", "sqlite"), marks=pytest.mark.thorough),
    ],
)
async def test_the_commands_move_a_customer_between_running_servers(tmp_path, new_database, kinds):
    old, new = (
        LiveServer(tmp_path / name, database_url=new_database(kind), background="false")
        for name, kind in zip(("old", "new"), kinds, strict=True)
    )
    for server in (old, new):
        server.folder.mkdir()
        server.start()
    file = tmp_path / "acme.ndjson"
    try:
        async with _api(old) as api:
            make = Make(api)
            id_ = (await make.organization(external_id="acme"))["id"]
            user = await make.user(id_)
            role = {"name": "buyer", "display_name": "Buyer"}
            await api.roles.create_organization_role(org_id=id_, role=role)
            await make.domain(id_)
            machine = await make.client(id_)
            await api.directories.create_directory(
                organization_id=id_, directory={"directory_type": "SCIM"}
            )
            token = await api.tokens.create_token(
                token={"organization_id": id_, "user_id": user["id"]}
            )
            await make.user()
            rows = [
                {"email": f"{n}@acme.example.com", "organization_external_id": "acme"}
                for n in range(400)
            ]
            people = tmp_path / "people.ndjson"
            people.write_bytes(ndjson(rows))
            assert old.run("import", "users", str(people)).returncode == 0
            before = await _seen(api, id_)
        done = old.run("export", "--organization", "acme", "--output", str(file))
        assert done.returncode == 0, done.stderr
        assert file.stat().st_mode & 0o077 == 0
        async with _api(new) as api:
            await Make(api).user()  # it is in use
            tried = new.run("import", "organization", str(file), "--dry-run")
            assert (tried.returncode, "Would be imported" in tried.stdout) == (0, True)
            # Killed in the middle, it leaves nothing; so it can be run again. A pipe holds less
            # than is written here, so the command has begun.
            content = file.read_bytes()[:-1000]
            assert len(content) > 3 * 65_536
            await asyncio.to_thread(_killed_within, new, content)
            done = new.run("import", "organization", str(file), "--json")
            assert done.returncode == 0, done.stdout + done.stderr
            assert json.loads(done.stdout)["imported"]["user"] == 401
            assert await _seen(api, id_) == before
            shown = await api.tokens.validate_token(token=token["token"])
            assert shown["token_info"] == token["token_info"]
            assert await access_token(api.wire.http, *machine)
        assert new.run("events", "verify").returncode == 0
        report = tmp_path / "conflicts.txt"
        done = new.run("import", "organization", str(file), "--report", str(report))
        assert done.returncode == 1
        assert "existing users: --join-people" in done.stdout
        assert report.read_text().startswith(f"line 1: the organization {id_} is here already\n")
    finally:
        for server in (old, new):
            server.stop()
