"""Every rpc refuses the callers that its contract does not admit, and works for those that it does.

The contract states the kinds of caller (`auth_option.authentication_type`), their permissions, and
the fields that users and portal sessions may send (`tenantry.v1.rpc`).
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from apis import Api, access_token, refused
from served_rpcs import METHODS, call, fields_for, request_of, sendable
from signins import claims_of
from wires import over_https

from tenantry.access.clients import management_scopes, service
from tenantry.access.clients.client_cache import ClientCache
from tenantry.call import Call
from tenantry.core.caller import SYSTEM, Kind
from tenantry.identity.grants import subjects
from tenantry.identity.tokens.key_ring import KeyRing
from tenantry.identity.tokens.signed_tokens import SignedTokens
from tenantry.identity.tokens.user_tokens import UserTokens
from tenantry.tenants.environment.effective import Effective

if TYPE_CHECKING:
    from wires import Headers

    from tenantry.api.methods import Method

ALL_SCOPES = frozenset(management_scopes.SCOPES)
# The contract admits these callers, but only to objects that this suite does not have.
NOT_TRIED = {
    # A portal session sees the sign-ins of its organization's users, not a pending one.
    ("GetSignIn", Kind.PORTAL_SESSION),
    # Users do not find those of other organizations, whom a management client can add.
    ("CreateMembership", Kind.USER_SESSION),
}


def admits(method: Method, kind: Kind) -> bool:
    """Whether the contract admits a user or a portal session that holds every permission."""
    return bool(method.allowed & kind.bits) and kind in method.fields


@contextlib.contextmanager
def refuses(caller: str, code: str):
    """The call inside is refused; a failure names the caller."""
    try:
        with refused(code):
            yield
    except BaseException as problem:
        problem.add_note(f"caller: {caller}")
        raise


def bearer(token: str) -> Headers:
    return (("authorization", f"Bearer {token}"),)


INVALID = (
    "garbage",
    "API key",
    "expired token",
    "token of another deployment",
    "token of a deleted client",
)


@pytest.fixture(scope="module")
async def invalid(app, app_database, new_objects, start_app):
    """Tokens that are nobody's, by name."""
    objects, gone = new_objects(), new_objects()
    machine = await gone.get("machine")
    elsewhere = await start_app("elsewhere")
    async with over_https(app) as http, over_https(elsewhere) as other:
        own = await access_token(http, app.client_id, app.client_secret)
        foreign = await access_token(other, elsewhere.client_id, elsewhere.client_secret)
        removed = await access_token(http, machine["client_id"], machine["plain_secret"])
    await gone.api.clients.delete_organization_client(
        organization_id=await gone.get("org"), client_id=machine["client_id"]
    )
    sign = await KeyRing(app_database).signer("RS256")
    return {
        "garbage": "garbage",
        "API key": (await objects.get("api_token"))["token"],
        "expired token": sign({**claims_of(own), "exp": 1}),
        "token of another deployment": foreign,
        "token of a deleted client": removed,
    }


PROTECTED = [name for name, method in METHODS.items() if not method.for_anybody]


@pytest.mark.parametrize("caller", INVALID)
async def test_invalid_tokens_are_refused(app_wires, invalid, caller):
    """Also where no token is needed."""
    api = Api(app_wires["connect"], bearer(invalid[caller]))

    async def check(name: str) -> None:
        with refuses(f"{caller}, {name}", "UNAUTHENTICATED"):
            await call(api, METHODS[name], sendable(name))

    # Concurrently, because the server waits before it reads keys again for an unknown key.
    await asyncio.gather(*map(check, METHODS))


@pytest.mark.parametrize("name", PROTECTED)
async def test_a_token_is_required(app_wires, name):
    for via in ("rest", "grpc", "connect"):
        with refuses(f"nobody, by {via}", "UNAUTHENTICATED"):
            await call(Api(app_wires[via]), METHODS[name], sendable(name))


@pytest.fixture(scope="module")
async def callers(app, new_objects, management):
    """Headers of callers that hold nothing, and of a member and a portal session with all."""
    objects, member = new_objects(), new_objects()
    machine = await objects.get("machine")
    async with over_https(app) as http:
        token = await access_token(http, machine["client_id"], machine["plain_secret"])
    empty = await management.roles.create_role(
        role={"name": "without_permissions", "display_name": "Nothing"}
    )
    answer = await management.users.create_user_and_membership(
        organization_id=await objects.get("org"),
        send_invitation_email=False,
        user={
            "email": "member@example.com",
            "membership": {"roles": [{"name": empty["role"]["name"]}]},
        },
    )
    member.preset(org=await objects.get("org"), usr=answer["user"]["id"])
    return {
        "organization client": bearer(token),
        "member without permissions": (("cookie", await member.get("user_cookie")),),
        "administrator": (("cookie", await objects.get("user_cookie")),),
        "portal session": (("cookie", await objects.get("portal_cookie")),),
    }


def denied(method: Method) -> list[str]:
    """Return the callers that the contract does not admit."""
    found = ["organization client"]
    if not method.own:
        found.append("member without permissions")
    if not admits(method, Kind.USER_SESSION):
        found.append("administrator")
    if not admits(method, Kind.PORTAL_SESSION):
        found.append("portal session")
    return found


@pytest.mark.parametrize("name", PROTECTED)
async def test_callers_of_other_kinds_are_refused(app_wires, callers, name):
    for caller in denied(METHODS[name]):
        with refuses(caller, "PERMISSION_DENIED"):
            await call(Api(app_wires["connect"], callers[caller]), METHODS[name], sendable(name))


@pytest.fixture(scope="module")
def user_token(new_objects):
    """Issue an access token of a user, without a scope of this API."""
    objects = new_objects()

    async def issue() -> str:
        secret = (await objects.get("session"))[1]
        db, issuer = objects.database, objects.settings.public_url
        ring, client = KeyRing(db), await ClientCache(db).find(objects.server.client_id)
        made = UserTokens(
            db,
            ring,
            SignedTokens(ring, issuer),
            issuer=issuer,
            effective=Effective(objects.settings),
            compact=True,
        )
        subject = await subjects.find_of_cookie(db, secret)
        return (await made.issue(made.draft(client), client, subject, ["openid"])).token

    return issue


@pytest.mark.parametrize(
    "name", [name for name in PROTECTED if not (METHODS[name].own and METHODS[name].token)]
)
async def test_a_user_token_without_the_scope_is_refused(app_wires, user_token, name):
    api = Api(app_wires["connect"], bearer(await user_token()))
    with refused("PERMISSION_DENIED"):
        await call(api, METHODS[name], sendable(name))


@pytest.fixture(scope="module")
def limited(app, app_database):
    """Return the headers of a management client with these scopes."""
    made: dict[frozenset[str], str] = {}

    async def headers(scopes: frozenset[str]) -> Headers:
        if scopes not in made:
            by = Call(SYSTEM, app_database, "req_1")
            client, secret = await service.create(by, name="Limited", scopes=sorted(scopes))
            async with over_https(app) as http:
                made[scopes] = await access_token(http, client.id, secret)
        return bearer(made[scopes])

    return headers


@pytest.mark.parametrize("name", PROTECTED)
async def test_a_management_client_without_the_scope_is_refused(app_wires, limited, name):
    """Though it holds every other one."""
    method = METHODS[name]
    headers = await limited(ALL_SCOPES - set(method.scopes))
    with refused("PERMISSION_DENIED"):
        await call(Api(app_wires["connect"], headers), method, sendable(name))
    if not method.allowed & Kind.MANAGEMENT_CLIENT.bits:
        with refused("PERMISSION_DENIED"):
            await call(Api(app_wires["connect"], await limited(ALL_SCOPES)), method, sendable(name))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param(name, kind, id=f"{name}-{kind.label}")
        for name, method in METHODS.items()
        for kind in (Kind.USER_SESSION, Kind.PORTAL_SESSION)
        if not method.for_anybody and admits(method, kind) and (name, kind) not in NOT_TRIED
    ],
)
async def test_the_contract_admits_the_caller(app_wires, objects, management, name, kind):
    """A user or portal session with every permission calls about its own organization."""
    method = METHODS[name]
    # Users assign roles with no more permissions than their own.
    objects.preset(env_role=(await management.roles.get_role(role_name="member"))["role"])
    request = fields_for(await request_of(method, objects), method.fields[kind])
    cookie = "user_cookie" if kind is Kind.USER_SESSION else "portal_cookie"
    await call(Api(app_wires["connect"], (("cookie", await objects.get(cookie)),)), method, request)
