"""Calls that meet at the same rows: none of them ends in a deadlock, and each is answered."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from in_process import Answer
from members import address

from tenantry.api import error_details
from tenantry.call import Call
from tenantry.core import errors
from tenantry.core.caller import SYSTEM, Caller, Kind
from tenantry.db.postgresql import statements
from tenantry.db.writes.retries import retried
from tenantry.identity.connections import service as connections
from tenantry.identity.connections.federated_identities import FederatedIdentity
from tenantry.identity.federation import sessions as federated
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import Bounds
from tenantry.tenants.memberships import invitations
from tenantry.tenants.memberships import service as memberships
from tenantry.tenants.users import service as users_service

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from locks.conftest import Program

    Calls = list[Awaitable[Any]]

ROUNDS = 6
EACH = 6  # calls of a kind in one round
OPERATOR = Caller(Kind.OPERATOR, "opr_storm", owns=True)


@pytest.fixture
def database_url(postgresql_migrated):
    """SQLite has one writer: no call of another holds a row."""
    return postgresql_migrated


@pytest.fixture
def watches_locks(request):
    # Of many transactions at once nobody could tell the locks apart.
    return "one_after_another" in request.node.name


@pytest.fixture
def deadlocks(monkeypatch):
    """The deadlocks that PostgreSQL has reported to this process."""
    found: list[str] = []
    meant = statements._meant

    def noting(problem, connection, *, undone):
        if isinstance(problem, asyncpg.DeadlockDetectedError):
            found.append(f"{problem}: {problem.detail}")
        return meant(problem, connection, undone=undone)

    monkeypatch.setattr(statements, "_meant", noting)
    return found


async def organization(program: Program, **members: Any) -> str:
    body = {"display_name": "Storm", **members}
    return str((await program.made("/organizations", body, "organization"))["id"])


async def user(program: Program, *organizations: str, roles: tuple[str, ...] = ()) -> str:
    body = {"email": address(), "membership": {"roles": [{"name": one} for one in roles]}}
    first, *others = organizations
    path = f"/organizations/{first}/users?send_invitation_email=false"
    made = await program.made(path, body, "user")
    for other in others:
        assert (await join(program, other, made["id"])).status == 201
    return str(made["id"])


async def role(program: Program, organization_id: str = "") -> str:
    name = f"role_{random.getrandbits(40):x}"
    within = f"/organizations/{organization_id}" if organization_id else ""
    await program.made(f"{within}/roles", {"name": name, "display_name": name}, "role")
    return name


def join(program: Program, organization_id: str, user_id: str, **body: Any) -> Awaitable[Any]:
    path = f"{place(organization_id, user_id)}?send_invitation_email=false"
    return program("POST", path, body)


def place(organization_id: str, user_id: str) -> str:
    return f"/memberships/organizations/{organization_id}/users/{user_id}"


def imported(program: Program, rows: list[dict[str, Any]]) -> Awaitable[Any]:
    lines = "\n".join(json.dumps(row) for row in rows)
    return program("POST", "/users:import", lines.encode(), content_type="application/x-ndjson")


async def organization_and_its_users(program: Program) -> Calls:
    one = await organization(program)
    users = [await user(program, one) for _ in range(EACH)]
    return [
        program("DELETE", f"/organizations/{one}"),
        *(program("DELETE", f"/users/{each}") for each in users),
    ]


async def two_organizations_of_the_same_users(program: Program) -> Calls:
    one, two = await organization(program), await organization(program)
    users = [
        await user(program, *((one, two) if number % 2 else (two, one))) for number in range(EACH)
    ]
    return [
        *(program("DELETE", f"/organizations/{each}") for each in (one, two)),
        *(program("DELETE", f"/users/{each}") for each in users[::3]),
    ]


async def users_of_the_same_organizations(program: Program) -> Calls:
    homes = [await organization(program) for _ in range(3)]
    users = [await user(program, *random.sample(homes, 3), roles=("admin",)) for _ in range(EACH)]
    return [program("DELETE", f"/users/{each}?force=true") for each in users]


async def role_that_is_assigned(program: Program) -> Calls:
    one = await organization(program)
    gone, other = await role(program), await role(program)
    users = [await user(program, one, roles=(gone,)) for _ in range(EACH)]
    further = [await user(program, one) for _ in range(EACH)]
    return [
        program("DELETE", f"/roles/{gone}?reassign_role_name={other}"),
        *(
            program(
                "POST",
                f"/organizations/{one}/users/{each}/roles",
                [{"role_name": gone}, {"role_name": other}],
            )
            for each in further
        ),
        *(program("DELETE", f"/organizations/{one}/users/{each}/roles/{gone}") for each in users),
    ]


async def role_of_members_who_leave(program: Program) -> Calls:
    homes = [await organization(program) for _ in range(2)]
    gone, other = await role(program), await role(program)
    users = [await user(program, *homes, roles=(gone,)) for _ in range(EACH)]
    return [
        program("DELETE", f"/roles/{gone}?reassign_role_name={other}"),
        program("DELETE", f"/organizations/{homes[0]}"),
        *(program("DELETE", f"/users/{each}") for each in users[::2]),
        *(program("DELETE", place(homes[1], each)) for each in users[1::2]),
    ]


async def members_who_change(program: Program) -> Calls:
    one = await organization(program)
    first, second = await role(program, one), await role(program, one)
    users = [await user(program, one, roles=(first,)) for _ in range(EACH)]
    return [
        *(program("PATCH", place(one, each), {"roles": [{"name": second}]}) for each in users),
        *(program("DELETE", f"{place(one, each)}?cascade=true") for each in users),
        program("DELETE", f"/organizations/{one}/roles/{first}?reassign_role_name={second}"),
    ]


async def organization_that_is_joined(program: Program) -> Calls:
    one, home = await organization(program), await organization(program)
    users = [await user(program, home) for _ in range(EACH)]
    return [
        program("DELETE", f"/organizations/{one}"),
        *(join(program, one, each) for each in users),
        *(
            program("POST", f"/organizations/{one}/users", {"email": address()})
            for _ in range(EACH)
        ),
    ]


async def organization_that_gets_things(program: Program) -> Calls:
    one = await organization(program)
    member = await user(program, one)
    within = f"/organizations/{one}"
    token = {"organization_id": one}
    return [
        program("DELETE", within),
        *(program("PUT", f"{within}/portal_links") for _ in range(4)),
        program("POST", f"{within}/connections", {"provider": "OKTA", "type": "SAML"}),
        program("POST", f"{within}/directories", {"directory_type": "SCIM"}),
        program("POST", f"{within}/domains", {"domain": f"{random.getrandbits(60):x}.example"}),
        program("POST", f"{within}/clients", {"name": "storm"}),
        program("POST", f"{within}/roles", {"name": "storm", "display_name": "storm"}),
        program("POST", "/tokens", token),
        program("POST", "/tokens", {**token, "user_id": member}),
        program("POST", f"{within}/users", {"email": address()}),
        program("PATCH", within, {"display_name": "other"}),
        program("PATCH", f"{within}/settings", {"features": [{"name": "scim", "enabled": True}]}),
    ]


async def imports_and_deletions(program: Program) -> Calls:
    keys = [f"storm-{random.getrandbits(60):x}" for _ in range(2)]
    homes = [await organization(program, external_id=key) for key in keys]
    users = [(await user(program, *homes), number) for number in range(EACH)]
    known = [(await program("GET", f"/users/{each}")).json["user"]["email"] for each, _ in users]
    new = [address() for _ in range(EACH)]

    def rows(key: str) -> list[dict[str, Any]]:
        mixed = [*known, *new]
        random.shuffle(mixed)
        return [
            {
                "email": one,
                "organization_external_id": key,
                "user_profile": {"first_name": f"{random.getrandbits(20):x}"},
            }
            for one in mixed
        ]

    return [
        *(imported(program, rows(key)) for key in keys * 2),
        program("DELETE", f"/organizations/{homes[0]}"),
        *(program("DELETE", f"/users/{each}") for each, _ in users),
    ]


async def scim(program: Program, organization_id: str) -> Callable[..., Awaitable[Any]]:
    """Requests of the identity provider of a new directory of an organization."""
    made = await program.made(
        f"/organizations/{organization_id}/directories",
        {"directory_type": "SCIM", "directory_provider": "OKTA"},
        "directory",
    )
    path = f"/organizations/{organization_id}/directories/{made['id']}/secrets"
    secret = (await program("POST", path)).json["plain_secret"]

    def push(verb: str, path: str, body: Any = None) -> Awaitable[Any]:
        return program.asgi_client(
            verb,
            f"/directory/{made['id']}/scim/v2{path}",
            None if body is None else json.dumps(body).encode(),
            authorization=f"Bearer {secret}",
            content_type="application/scim+json",
        )

    return push


@dataclass
class Pushed:
    """An organization whose directory has pushed people and a group of them."""

    organization_id: str
    directory_id: str
    push: Callable[..., Awaitable[Any]]
    domain: str
    people: list[str]  # ids in the directory
    users: list[str]
    group: str


async def pushed(program: Program) -> Pushed:
    one = await organization(program)
    domain = f"{random.getrandbits(60):x}.example"
    await program.made(f"/organizations/{one}/domains", {"domain": domain}, "domain")
    push = await scim(program, one)
    people = []
    for number in range(EACH):
        person = {"userName": f"p{number}@{domain}", "active": True}
        people.append((await push("POST", "/Users", person)).json["id"])
    members = [{"value": id_} for id_ in people]
    group = await push("POST", "/Groups", {"displayName": "Storm", "members": members})
    (directory,) = (await program("GET", f"/organizations/{one}/directories")).json["directories"]
    named = [{"group_id": group.json["id"], "role_name": await role(program)}]
    path = f"/organizations/{one}/directories/{directory['id']}/groups/-/roles:assign"
    assigned = await program("PUT", path, {"assignments": named})
    assert assigned.status == 200, assigned.body
    listed = (await program("GET", f"/organizations/{one}/users?page_size=30")).json["users"]
    users = [each["id"] for each in listed]
    assert len(users) == EACH
    return Pushed(one, directory["id"], push, domain, people, users, group.json["id"])


def group_patch(verb: str, *ids: str) -> dict[str, Any]:
    members = [{"value": id_} for id_ in ids]
    return {"Operations": [{"op": verb, "path": "members", "value": members}]}


def pushes(it: Pushed) -> Calls:
    active = {"Operations": [{"op": "replace", "path": "active", "value": True}]}
    inactive = {"Operations": [{"op": "replace", "path": "active", "value": False}]}
    named = {"Operations": [{"op": "replace", "path": "name.givenName", "value": "Storm"}]}
    return [
        *(it.push("PATCH", f"/Users/{one}", inactive) for one in it.people),
        *(it.push("PATCH", f"/Users/{one}", active) for one in it.people),
        *(it.push("PATCH", f"/Users/{one}", named) for one in it.people),
        it.push("PATCH", f"/Groups/{it.group}", group_patch("remove", *it.people[:4])),
        it.push("PATCH", f"/Groups/{it.group}", group_patch("add", *it.people[::-1])),
        it.push("POST", "/Users", {"userName": f"new@{it.domain}", "active": True}),
        it.push("DELETE", f"/Users/{it.people[0]}"),
    ]


async def pushes_and_members_who_leave(program: Program) -> Calls:
    it = await pushed(program)
    return [
        *pushes(it),
        *(program("DELETE", f"{place(it.organization_id, one)}") for one in it.users[::2]),
        *(program("DELETE", f"/users/{one}") for one in it.users[1::2]),
    ]


async def pushes_and_a_directory_that_goes(program: Program) -> Calls:
    it = await pushed(program)
    path = f"/organizations/{it.organization_id}/directories/{it.directory_id}"

    async def remove() -> Any:
        await program("PATCH", f"{path}:disable")
        return await program("DELETE", path)

    return [*pushes(it), remove()]


async def pushes_and_an_organization_that_goes(program: Program) -> Calls:
    it = await pushed(program)
    return [*pushes(it), program("DELETE", f"/organizations/{it.organization_id}")]


async def sessions_of_users_who_are_deleted(program: Program) -> Calls:
    home = await organization(program)
    users = [await user(program, home) for _ in range(EACH)]
    made = {each: [(await session(program, each, home)).id for _ in range(2)] for each in users}
    return [
        *(program("POST", f"/users/{each}/sessions/revoke") for each in users),
        *(program("POST", f"/sessions/{one}/revoke") for of in made.values() for one in of),
        *(program("DELETE", f"/users/{each}") for each in users),
        program("DELETE", f"/organizations/{home}"),
    ]


async def session(program: Program, user_id: str, organization_id: str, db: Any = None) -> Any:
    begun, _ = await sessions.begin(
        Call(SYSTEM, db or program.db, "req_storm"),
        user_id=user_id,
        organization_id=organization_id,
        client_id=None,
        amr=(),
        bounds=Bounds(60, None),
        custom_claims={},
    )
    return begun


async def invitations_that_are_accepted(program: Program) -> Calls:
    one = await organization(program)
    users = [
        (await program.made(f"/organizations/{one}/users", {"email": address()}, "user"))["id"]
        for _ in range(EACH)
    ]

    async def accept(user_id: str) -> None:
        async with program.db.transaction() as db:
            call = Call(SYSTEM, db, "req_storm")
            await invitations.accept(call, one, user_id, verified=True)

    return [
        *(served(partial(accept, each)) for each in users),
        *(program("DELETE", f"/users/{each}") for each in users[::2]),
        program("DELETE", f"/organizations/{one}"),
    ]


async def sign_ins_at_a_connection_that_goes(program: Program) -> Calls:
    one = await organization(program)
    path = f"/organizations/{one}/connections"
    made = await program.made(path, {"provider": "OKTA", "type": "SAML"}, "connection")
    domain = await program.made(
        f"/organizations/{one}/domains", {"domain": f"{random.getrandbits(60):x}.example"}, "domain"
    )
    users = [await user(program, one) for _ in range(EACH)]

    async def sign_in(user_id: str) -> None:
        """As the last step of a sign-in does it (`sign_in.completing`)."""
        async with program.db.transaction() as db:
            call = Call(SYSTEM, db, "req_storm")
            if await users_service.signed_in(call, user_id, verified=True) is None:
                raise errors.NotFound("user")
            if await memberships.hold_place(db, one, user_id) is None:
                raise errors.NotFound("membership")
            begun = await session(program, user_id, one, db)
            if not await federated.keep(
                db,
                begun.id,
                made["id"],
                FederatedIdentity(subject=user_id, email="ada@storm.example"),
                user_id=user_id,
                is_proved=False,
                claims={},
            ):
                raise errors.NotFound("connection")

    await served(partial(sign_in, users[0]))
    return [
        *(served(partial(sign_in, each)) for each in users * 3),
        program("DELETE", f"{path}/{made['id']}"),
        program("DELETE", f"/organizations/{one}/domains/{domain['id']}"),
        *(program("DELETE", f"/users/{each}") for each in users[::3]),
    ]


async def connections_that_operators_change(program: Program) -> Calls:
    """Each change queues mail to the organization's admin, which refers to the organization."""
    one = await organization(program)
    await user(program, one, roles=("admin",))
    path = f"/organizations/{one}/connections"
    made = await program.made(path, {"provider": "OKTA", "type": "OIDC"}, "connection")
    config = {
        "client_id": "us",
        "client_secret": "a-secret-of-some-length",
        "issuer": "https://storm.example",
        "authorize_uri": "https://storm.example/authorize",
        "token_uri": "https://storm.example/token",
        "jwks_uri": "https://storm.example/keys",
    }
    change = {"provider": "OKTA", "type": "OIDC", "oidc_config": config}
    for verb, each, body in (("PATCH", "", change), ("PATCH", ":enable", {})):
        answer = await program(verb, f"{path}/{made['id']}{each}", body)
        assert answer.status == 200, answer.body

    async def annotate(n: int) -> None:
        call = Call(OPERATOR, program.db, "req_storm")
        await connections.keep_context(call, one, made["id"], {"n": n})

    return [
        *(served(partial(annotate, n)) for n in range(EACH)),
        program("DELETE", f"/organizations/{one}"),
    ]


async def served(work: Callable[[], Awaitable[None]]) -> Answer:
    """The answer of a step that no request of the API makes."""
    try:
        await retried(work)
    except Exception as problem:  # noqa: BLE001 - translated as it is for a request
        error = error_details.translate(problem, "req_storm")
        return Answer(error.status, body=str(error).encode())
    return Answer(200)


STORMS: list[Callable[[Program], Awaitable[Calls]]] = [
    organization_and_its_users,
    two_organizations_of_the_same_users,
    users_of_the_same_organizations,
    role_that_is_assigned,
    role_of_members_who_leave,
    members_who_change,
    organization_that_is_joined,
    organization_that_gets_things,
    imports_and_deletions,
    pushes_and_members_who_leave,
    pushes_and_a_directory_that_goes,
    pushes_and_an_organization_that_goes,
    sessions_of_users_who_are_deleted,
    invitations_that_are_accepted,
    sign_ins_at_a_connection_that_goes,
    connections_that_operators_change,
]


@pytest.mark.parametrize("storm", STORMS, ids=lambda storm: storm.__name__)
async def test_no_call_fails_of_another(program, deadlocks, storm):
    random.seed(storm.__name__)
    answers: list[Any] = []
    for _ in range(ROUNDS):
        calls = await storm(program)
        random.shuffle(calls)
        answers += await asyncio.gather(*calls)
    assert not deadlocks
    failed = [one for one in answers if one.status >= 500]
    assert not failed, [one.body for one in failed[:3]]
    assert any(one.status in {200, 204} for one in answers)


@pytest.mark.thorough
@pytest.mark.parametrize("storm", STORMS, ids=lambda storm: storm.__name__)
async def test_one_after_another_each_keeps_the_order_of_locks(program, db, storm):
    """See `lock_recorder`: the fixture `db` fails where a transaction leaves the order."""
    random.seed(storm.__name__)
    calls = await storm(program)
    answers = [await call for call in calls[::-1]]
    assert {one.status for one in answers} <= {200, 201, 204, 400, 401, 403, 404}
    assert db.lock_recorder.statements > len(calls)
