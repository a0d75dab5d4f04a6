"""Management clients with scopes: every call needs one, and none leads to more than they hold."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest
from apis import access_token, refused, unique
from served import SERVICES
from wires import ApiError

from tenantry.access.clients import management_scopes, service
from tenantry.api import policy
from tenantry.api.methods import of_service
from tenantry.call import Call
from tenantry.core import errors
from tenantry.core.caller import SYSTEM, Caller, Kind

ALL = frozenset(management_scopes.SCOPES)


class Anything:
    """It has a method of any name."""

    def __getattr__(self, name: str) -> object:
        return self


METHODS = [method for contract in SERVICES for method in of_service(contract, Anything())]


def client(*scopes: str):
    return Caller(Kind.MANAGEMENT_CLIENT, "skc_1", permissions=frozenset(scopes))


def for_anybody(method):
    return method.for_anybody and not method.permissions


def for_management(method):
    try:
        policy.check(method, Caller(Kind.MANAGEMENT_CLIENT, "skc_1"))
    except errors.PermissionDenied:
        return False
    return not for_anybody(method)


def test_every_call_of_a_management_client_has_a_scope_and_every_scope_is_one_of_a_call():
    calls = [method for method in METHODS if for_management(method)]
    assert len(calls) > 250
    assert [method.path for method in calls if not method.scopes] == []
    assert {scope for method in calls for scope in method.scopes} == (
        ALL | {management_scopes.OPERATORS_WRITE}
    )


def test_a_call_takes_its_scope_and_no_other_one():
    for method in METHODS:
        if not for_management(method):
            continue
        for scope in method.scopes:
            policy.check(method, client(scope))
        with pytest.raises(errors.PermissionDenied) as problem:
            policy.check(method, client(*(ALL - set(method.scopes))))
        assert all(scope in problem.value.message for scope in method.scopes), method.path


def test_without_a_scope_a_client_makes_the_calls_that_anybody_makes():
    for method in METHODS:
        if for_anybody(method):
            policy.check(method, client())


def test_with_every_scope_that_can_be_given_nobody_administers_operators():
    operators = [m for m in METHODS if m.service == "tenantry.v1.OperatorService" and not m.reads]
    assert len(operators) == 5
    for method in operators:
        with pytest.raises(errors.PermissionDenied, match=r"operators:write"):
            policy.check(method, client(*ALL))


@pytest.mark.parametrize(
    ("scopes", "place"),
    [
        (["operators:write"], "[0]"),
        (["users:read", "users:everything"], "[1]"),
        (["*", "users:read"], ""),
        (["USERS:READ"], "[0]"),
    ],
)
async def test_only_scopes_of_the_contract_are_taken(rest, database, scopes, place):
    made, _ = await service.create(Call(SYSTEM, database, "req_1"), name="Limited")
    with refused("INVALID_ARGUMENT") as it:
        await rest.client_settings.update_client_settings(
            client_id=made.id, settings={"management_scopes": scopes}
        )
    assert it.value.fields == [it.value.spelled(f"settings.management_scopes{place}")]


@pytest.fixture
async def limited(database, http):
    """Make a management client with these scopes; return its id and a function for its tokens."""

    async def make(*scopes: str):
        call = Call(SYSTEM, database, "req_1")
        made, secret = await service.create(call, name="Limited", scopes=scopes)

        async def token(**form: str):
            return await access_token(http, made.id, secret, **form)

        return made.id, token

    return make


def claims_of(token):
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


def bearer(api, token):
    return api.sending(authorization=f"Bearer {token}")


@pytest.mark.everywhere
async def test_a_token_carries_the_scopes_of_its_client_and_is_limited_to_them(api, limited):
    _, token = await limited("organizations:read", "users:read")
    text = await token()
    assert claims_of(text)["scope"] == "organizations:read users:read"
    assert claims_of(text)["scopes"] == ["organizations:read", "users:read"]
    caller = bearer(api, text)
    await caller.organizations.list_organization()
    await caller.users.list_users()
    organization = {"display_name": unique()}
    with refused("PERMISSION_DENIED", says="organizations:write"):
        await caller.organizations.create_organization(organization=organization)
    operator = {"email": f"{unique()}@example.com", "role": "OWNER"}
    with refused("PERMISSION_DENIED", says="operators:write"):
        await caller.operators.invite_operator(operator=operator)


async def test_a_client_asks_for_fewer_scopes_and_never_for_more(rest, limited):
    _, token = await limited("organizations:read", "users:read")
    caller = bearer(rest, await token(scope="users:read"))
    await caller.users.list_users()
    with refused("PERMISSION_DENIED", says="organizations:read"):
        await caller.organizations.list_organization()
    with pytest.raises(AssertionError, match="invalid_scope"):
        await token(scope="users:read users:write")


async def test_a_limit_counts_within_a_second_and_a_token_never_grows(rest, limited):
    client_id, token = await limited("organizations:read", "users:read")
    first = bearer(rest, await token())
    assert await may(first.users.list_users)

    async def give(*scopes: str):
        await rest.client_settings.update_client_settings(
            client_id=client_id, settings={"management_scopes": list(scopes)}
        )

    await give("organizations:read")
    await until(lambda: may(first.users.list_users), false=True)
    assert await may(first.organizations.list_organization)
    await give("*")
    await until(lambda: may(first.users.list_users))
    assert not await may(first.roles.list_roles)
    await until(lambda: is_unlimited(token))
    unlimited = bearer(rest, await token())
    assert await may(unlimited.roles.list_roles)
    # A token of before has no limit of its own, and gets that of its client.
    await give("organizations:read")
    await until(lambda: may(unlimited.roles.list_roles), false=True)


async def may(call):
    try:
        await call()
    except ApiError as problem:
        if problem.code != "PERMISSION_DENIED":
            raise
        return False
    return True


async def is_unlimited(token):
    return "management_scopes" not in claims_of(await token())


async def until(condition, *, false=False):
    """Ask again until it is so: what a client may do is remembered for less than a second."""
    async with asyncio.timeout(60):
        while await condition() is false:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_client_of_before_holds_every_scope(rest, server, token):
    assert "management_scopes" not in claims_of(token)
    answer = await rest.client_settings.get_client_settings(client_id=server.client_id)
    assert answer["settings"]["management_scopes"] == ["*"]
    await rest.operators.list_operators()


async def test_what_is_beside_the_contract_needs_a_scope_as_well(limited, http):
    _, token = await limited("users:write")
    headers = {"authorization": f"Bearer {await token()}", "content-type": "application/x-ndjson"}
    for path in ("/api/v1/events:stream", "/api/v1/events:export"):
        answer = await http.get(path, headers=headers)
        assert answer.status_code == 403, path
        assert "events:read" in answer.json()["message"]
    answer = await http.post("/api/v1/users:import", headers=headers, content=b"")
    assert answer.status_code != 403
    path = "/api/v1/users:import?create_organizations=true"
    answer = await http.post(path, headers=headers, content=b"")
    assert answer.status_code == 403
    assert "organizations:write" in answer.json()["message"]
    _, token = await limited("users:read")
    headers["authorization"] = f"Bearer {await token()}"
    answer = await http.post("/api/v1/users:import", headers=headers, content=b"")
    assert answer.status_code == 403
    assert "users:write" in answer.json()["message"]


async def test_tokens_of_other_clients_need_scopes(database, http, make, rest):
    organization_id = (await make.organization())["id"]
    machine = await make.client(organization_id)
    of_machine = await access_token(http, *machine)
    answer = await rest.tokens.create_token(token={"organization_id": organization_id})
    tokens = (of_machine, answer["token"])
    others = [one for one in management_scopes.SCOPES if not one.startswith("api_credentials:")]
    call = Call(SYSTEM, database, "req_1")

    async def asking(*scopes: str):
        made, secret = await service.create(call, name="Limited", scopes=scopes)

        async def ask(endpoint, token):
            form = {"client_id": made.id, "client_secret": secret, "token": token}
            return await http.post(f"/oauth/{endpoint}", data=form)

        return ask

    async def active(ask):
        return [(await ask("introspect", token)).json()["active"] for token in tokens]

    weak, reads = await asking(*others), await asking("api_credentials:read")
    assert await active(weak) == [False, False]
    for ask in (weak, reads):
        for token in tokens:
            await ask("revoke", token)
    assert await active(reads) == [True, True]
    ends = await asking("api_credentials:rotate")
    for token in tokens:
        assert (await ends("revoke", token)).status_code == 200
    assert await active(reads) == [False, False]


async def test_a_preview_of_a_token_shows_a_user_to_who_may_read_users(rest, limited, make):
    user = await make.user()
    preview = {"template": {"address": "user.email"}, "user_id": user["id"]}
    _, token = await limited("interceptors:read")
    with refused("PERMISSION_DENIED", says="users:read"):
        await bearer(rest, await token()).interceptors.preview_token_template(**preview)
    _, token = await limited("interceptors:read", "users:read")
    caller = bearer(rest, await token())
    answer = await caller.interceptors.preview_token_template(**preview)
    assert answer["claims"]["address"] == user["email"]
