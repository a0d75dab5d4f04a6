"""Nobody changes a client that can do more than they can: every rpc of clients, every caller.

The rpcs are read off the contract, and the fields that they change off their messages: a new one
fails here until this file says what it does.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from apis import snake_case
from protobuf import DescFieldValueMessage
from served import SERVICES
from sqlalchemy import select

from tenantry.access.clients import (
    applications,
    client_settings,
    management_scopes,
    organization_clients,
    service,
)
from tenantry.access.clients.credentials import secrets
from tenantry.access.clients.model import (
    ENV,
    M2M,
    PUBLIC,
    Client,
    client_secrets,
    clients,
)
from tenantry.access.clients.reading import ClientIdentifier
from tenantry.access.clients.rpc import ClientService, ClientSettingsService, ResourceClientService
from tenantry.access.resources.rpc import ResourceService
from tenantry.access.scopes.rpc import ScopeService
from tenantry.api import messages, policy
from tenantry.api.methods import of_service
from tenantry.call import Call
from tenantry.core import errors
from tenantry.core.caller import ANONYMOUS, SYSTEM, Caller, Kind
from tenantry.db.sql.statements import Statement
from tenantry.gen.scalekit.v1.clients import clients_pb
from tenantry.gen.tenantry.v1 import client_settings_pb
from tenantry.identity.consents.rpc import ConsentService
from tenantry.identity.tokens import api_scopes
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.portal_links import service as portal_links
from tenantry.tenants.portal_links.model import PortalSession

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenantry.db.engine import Database, Session

Rights: TypeAlias = "frozenset[str] | None"  # None: everything

# Those about scopes of the catalogue name no client.
SCOPE_RPCS = {"create_scope", "list_scopes", "update_scope", "delete_scope"}
# They name a client as a filter of something else.
ABOUT_OTHERS = {"list_auth_requests", "list_sign_ins"}
# Clients of resources call no rpc, and have no scopes of this API.
OF_RESOURCES = {
    snake_case(method.name)
    for contract in SERVICES
    for method in contract.methods
    if contract.name == "ClientService" and ("Resource" in method.name or "Consent" in method.name)
}
CONTRACT = {
    snake_case(method.name)
    for contract in SERVICES
    for method in contract.methods
    if contract.name in {"ClientService", "ClientSettingsService"}
    or any(field.name == "client_id" for field in method.input.fields)
} - (SCOPE_RPCS | ABOUT_OTHERS | OF_RESOURCES)
METHODS = {
    snake_case(method.name): method
    for module, *rooms in (
        (
            clients_pb,
            ClientService(production=False, api_access=True),
            ScopeService(),
            ResourceService(production=False, public_url=""),
            ResourceClientService(production=False),
            ConsentService(),
        ),
        (client_settings_pb, ClientSettingsService()),
    )
    for method in of_service(module.desc().services[0], *rooms)
    if snake_case(method.name) not in OF_RESOURCES
}
READS = {rpc for rpc in METHODS if rpc.startswith(("get_", "list_"))}
MAKES = {"create_client", "create_organization_client"}

SOME = frozenset({"users:read", "sso:write"})
# The rights of each target.
TARGETS: dict[str, Rights] = {
    "management client": None,
    "management client with scopes": SOME,
    "application with API access": None,
    "application with scopes": SOME,
    "application without API access": frozenset(),
    "application that calls for users": frozenset({"organizations:write", "users:delete"}),
    "single-page application": frozenset(),
    "native application that calls for users": frozenset({"sso:write"}),
    "machine": frozenset(),
}
FOR_USERS = {
    "application that calls for users": ["organizations_write", "organizations_users_remove"],
    "native application that calls for users": ["connections_write"],
}
URI, OWN_URI = "https://app.example/cb", "https://new.example/cb"


def _management(*scopes: str) -> Caller:
    return Caller(Kind.MANAGEMENT_CLIENT, "skc_1", permissions=frozenset(scopes))


def _user(**by: Any) -> Caller:
    held = frozenset(api_scopes.NAMES)
    return Caller(Kind.USER_SESSION, "usr_1", "org_1", held, "ses_1", **by)


_OF_CLIENTS = [scope for scope in management_scopes.SCOPES if scope.startswith("api_credentials:")]
CALLERS = {
    "nobody": ANONYMOUS,
    "machine": Caller(Kind.ORGANIZATION_CLIENT, "m2morg_1", "org_1", frozenset()),
    "portal": portal_links.caller(PortalSession("pss_1", "org_1", portal_links.FEATURES, 0)),
    "user": _user(),
    "user by an access token": _user(token_scopes=frozenset(api_scopes.NAMES)),
    "directory": Caller(Kind.DIRECTORY, "dir_1", "org_1", frozenset()),
    "reader": Caller(Kind.OPERATOR, "opr_1", reads_only=True),
    "operator": Caller(Kind.OPERATOR, "opr_1"),
    "owner": Caller(Kind.OPERATOR, "opr_1", owns=True),
    "every scope": Caller(Kind.MANAGEMENT_CLIENT, "skc_1"),
    "every scope by its name": _management(*management_scopes.SCOPES),
    "the scopes of the target": _management(*_OF_CLIENTS, *SOME),
    "one scope less": _management(*_OF_CLIENTS, "users:read"),
    "scopes of clients alone": _management(*_OF_CLIENTS),
    "one to read clients": _management("api_credentials:read"),
    "other scopes": _management(*SOME),
    "no scope": _management(),
}

_JWKS = {
    "keys": [
        {
            "kty": "EC",
            "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        }
    ]
}
# A value of each field that differs from what every target has; None: see `variants`.
CHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    "update_client": (
        "client",
        {
            "name": "Renamed",
            "post_login_uris": ["https://new.example/cb"],
            "post_logout_redirect_uris": ["https://new.example/out"],
            "back_channel_logout_uris": ["https://new.example/logout"],
            "initiate_login_uri": "https://new.example/start",
            "access_token_expiry": 120,
            "scopes": ["reports:read"],
            "custom_claims": [{"key": "k", "value": "v"}],
            "disallow_scalekit_api_access": None,
            "grant_types": ["authorization_code"],
            "enforce_pkce": True,
            "ip_allowlist": {"opted_in": True, "cidrs": [{"value": "192.0.2.0/24"}]},
        },
    ),
    "update_organization_client": (
        "client",
        {
            "name": "Renamed",
            "description": "Renamed",
            "scopes": ["reports:read"],
            "audience": ["https://api.example"],
            "custom_claims": [{"key": "k", "value": "v"}],
            "expiry": 900,
        },
    ),
    "update_client_settings": (
        "settings",
        {
            "jwks": _JWKS,
            "token_endpoint_auth_method": "client_secret_post",
            "access_token_signing_alg": "ES256",
            "management_scopes": ["users:read"],
            "token_exchange": {"audiences": ["https://api.example"]},
        },
    ),
}
LABELS = {"name", "description"}  # which no caller's rights have to cover


TYPES = {
    name: next(
        (
            type_
            for word, type_ in (
                ("management", ENV),
                ("single-page", "SPA"),
                ("native", "NTV"),
                ("machine", M2M),
            )
            if name.startswith(word)
        ),
        "WEB_APP",
    )
    for name in TARGETS
}


def _new(name: str) -> dict[str, Any]:
    """The request of create_client for a target."""
    switched_off = "without" in name or "for users" in name
    return {
        "client": {
            "name": "App",
            "client_type": TYPES[name],
            "scopes": FOR_USERS.get(name, []),
            "disallow_scalekit_api_access": switched_off,
        }
    }


async def made(call: Call, name: str) -> Attempts:
    """A new target."""
    rights = TARGETS[name]
    if TYPES[name] == M2M:
        organization = await organizations.create(call, region_code="EU", display_name="Acme")
        client, _ = await organization_clients.create(call, organization.id, name="M")
    elif TYPES[name] == ENV:
        client, _ = await service.create(call, name="M", scopes=sorted(rights or {"*"}))
        client = await service.add_redirect_uri(call, URI, production=False)
    else:
        members = _new(name)["client"]
        type_ = members.pop("client_type")
        client = await applications.create(
            call, client_type=type_, members=members, production=False
        )
        if rights and name not in FOR_USERS:
            client = await client_settings.update(call, client.id, management_scopes=sorted(rights))
    ids: list[str] = []
    if client.client_type not in PUBLIC:
        identity = ClientIdentifier(client.id, anywhere=True)
        ids = [(await secrets.add(call, identity))[0].id for _ in range(2)]
        await secrets.set_status(call, identity, ids[1], "INACTIVE")
    return Attempts(name, client, tuple(ids))


class Attempts:
    """One target, and each call about it that its type allows."""

    def __init__(self, name: str, client: Client, secret_ids: tuple[str, ...]) -> None:
        self.name, self.client, self.secret_ids = name, client, secret_ids
        self.rights = TARGETS[name]

    def variants(self, rpc: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each change of the target that the rpc makes: its field, and the request."""
        if not self._is_named_by(rpc):
            return
        if rpc in CHANGES:
            yield from self._updates(rpc)
        elif "secret" in rpc:
            yield from self._of_secrets(rpc)
        elif rpc == "set_environment_initiate_login_uri":
            yield "uri", {"initiate_login_uri": OWN_URI}
        elif "environment" in rpc:
            yield "uri", {"redirect_uri": URI if rpc.startswith("remove") else OWN_URI}
        else:
            yield "", {} if rpc.startswith("list_client") else self._key(rpc)

    def _is_named_by(self, rpc: str) -> bool:
        type_ = self.client.client_type
        if "environment" in rpc:
            return type_ == ENV  # the oldest one
        if rpc == "delete_client" and type_ == ENV:
            return False  # by the command line
        return "settings" in rpc or ("organization_client" in rpc) == (type_ == M2M)

    def _key(self, rpc: str) -> dict[str, Any]:
        key = {"client_id": self.client.id}
        if "organization_client" in rpc:
            key["organization_id"] = str(self.client.organization_id)
        if rpc == "list_organization_clients":
            del key["client_id"]
        return key

    def _updates(self, rpc: str) -> Iterator[tuple[str, dict[str, Any]]]:
        body, changes = CHANGES[rpc]
        for field, value in changes.items():
            if field == "disallow_scalekit_api_access":
                value = self.client.api_access  # noqa: PLW2901 - the other one than it is
            if self._can_have(field):
                words = field.split("_")  # in JSON a mask spells them together
                spelled = words[0] + "".join(word.capitalize() for word in words[1:])
                mask = {"mask": spelled} if rpc == "update_client" else {}
                yield field, {**self._key(rpc), **mask, body: {field: value}}

    def _of_secrets(self, rpc: str) -> Iterator[tuple[str, dict[str, Any]]]:
        if not self.secret_ids:
            return
        key, (active, inactive) = self._key(rpc), self.secret_ids
        if rpc.startswith("create"):
            yield "secrets", key
        elif rpc.startswith("delete"):
            yield "secrets", {**key, "secret_id": inactive}
        else:
            for id_, status in ((inactive, "ACTIVE"), (active, "INACTIVE")):
                yield status, {**key, "secret_id": id_, "secret": {"status": status}}

    def _can_have(self, field: str) -> bool:
        type_ = self.client.client_type
        if type_ in PUBLIC:  # no server to be told, no credentials; and PKCE in any case
            unfit = {"back_channel_logout_uris", "jwks", "token_endpoint_auth_method"}
            return field not in unfit | {"enforce_pkce", "management_scopes", "token_exchange"}
        if type_ == M2M:
            return field != "management_scopes"
        return type_ != ENV or field != "disallow_scalekit_api_access"

    def states(self, field: str) -> list[Rights]:
        """The rights of the target before and after the change of a field."""
        rights: list[Rights] = [self.rights]
        is_switch = field == "disallow_scalekit_api_access" and not self.client.api_access
        if is_switch and self.client.client_type == "WEB_APP":
            rights.append(None)  # nothing limits it
        return rights


def _may_make(caller: Caller, rpc: str) -> bool:
    """Whether the caller may make the call, whichever client it is about."""
    if caller.kind is Kind.OPERATOR:
        return rpc in READS or not caller.reads_only
    if caller.kind is not Kind.MANAGEMENT_CLIENT:
        return False
    scope = "read" if rpc in READS else "rotate" if rpc.startswith("delete") else "write"
    return caller.permissions is None or f"api_credentials:{scope}" in caller.permissions


def _holds(caller: Caller, name: str, rights: Rights) -> bool:
    """Whether the caller holds these rights of a target."""
    if caller.kind is Kind.OPERATOR:
        # Every operator does for users what users do: it is the client's own access that counts.
        calls_itself = rights is None or (bool(rights) and "for users" not in name)
        return caller.owns or not calls_itself
    return caller.permissions is None or (rights is not None and rights <= caller.permissions)


async def _state(db: Database) -> list[str]:
    tables = (Statement(select(clients)), Statement(select(client_secrets)))
    return [repr(dict(row)) for table in tables for row in await db.fetch_all(table)]


class _UndoneError(Exception):
    """Ends a transaction whose changes are not kept."""


async def _try(
    db: Session, rpc: str, caller: Caller, request: dict[str, Any]
) -> errors.Error | None:
    """Make a call as the server does; return the error that it was refused with."""
    method = METHODS[rpc]
    message = messages.from_json(method.input, json.dumps(request).encode())
    try:
        policy.check(method, caller)
        policy.check_fields(method, caller, message)
        await method.function(message, Call(caller, db, "req_1"))
    except errors.Error as refusal:
        return refusal
    return None


async def _allows(db: Database, rpc: str, caller: Caller, request: dict[str, Any]) -> bool:
    """Whether a call is answered; whatever it changes is undone."""
    with contextlib.suppress(_UndoneError):
        async with db.transaction() as session:
            assert await _try(session, rpc, caller, request) is None
            raise _UndoneError
    return True


async def _refuses(db: Database, rpc: str, caller: Caller, request: dict[str, Any]) -> bool:
    """Whether a call is refused for its caller, and changes nothing."""
    before = await _state(db)
    problem = await _try(db, rpc, caller, request)
    assert await _state(db) == before
    return isinstance(problem, errors.PermissionDenied | errors.Unauthenticated)


def test_every_rpc_and_every_field_of_a_client_is_tried():
    assert set(CONTRACT) == set(METHODS) - SCOPE_RPCS, "an rpc about clients is served elsewhere"
    for rpc, (body, changes) in CHANGES.items():
        (field,) = (one for one in METHODS[rpc].input.desc().fields if one.name == body)
        assert isinstance(field.value, DescFieldValueMessage)
        assert changes.keys() == {one.name for one in field.value.message.fields}, rpc


@pytest.mark.parametrize("name", TARGETS)
async def test_no_caller_changes_a_client_that_can_do_more(db, name):
    target, tried = await made(Call(SYSTEM, db, "req_1"), name), Counter[str]()
    for rpc in sorted(CONTRACT - MAKES):
        for field, request in target.variants(rpc):
            is_bound = rpc not in READS and field not in LABELS
            states = target.states(field) if is_bound else []
            for called, caller in CALLERS.items():
                may = _may_make(caller, rpc) and all(_holds(caller, name, one) for one in states)
                outcome = await (_allows if may else _refuses)(db, rpc, caller, request)
                assert outcome, (rpc, field, called)
                tried[rpc] += 1
    assert sum(tried.values()) > 5 * len(CALLERS)


@pytest.mark.parametrize("name", TARGETS)
async def test_no_caller_makes_a_client_that_can_do_more(db, name):
    """Of the types that a call makes: management clients are made by the command line."""
    type_ = TYPES[name]
    if type_ == ENV:
        problem = await _try(db, "create_client", CALLERS["owner"], _new(name))
        assert isinstance(problem, errors.InvalidArgument)
        return
    # No call makes one with management scopes at once.
    rights: Rights = None if name == "application with scopes" else TARGETS[name]
    rpc, request = "create_client", _new(name)
    if type_ == M2M:
        call = Call(SYSTEM, db, "req_1")
        organization = await organizations.create(call, region_code="EU", display_name="Acme")
        rpc = "create_organization_client"
        request = {"organization_id": organization.id, "client": {"name": "M"}}
    for called, caller in CALLERS.items():
        may = _may_make(caller, rpc) and _holds(caller, name, rights)
        outcome = await (_allows if may else _refuses)(db, rpc, caller, request)
        assert outcome, called


async def test_no_client_gets_a_scope_that_the_caller_lacks(db):
    """Neither another client nor the caller itself, whatever it had before."""
    target = await made(Call(SYSTEM, db, "req_1"), "management client with scopes")
    for called, caller in CALLERS.items():
        for wanted in (["users:read"], ["users:write"], [*_OF_CLIENTS], ["*"]):
            request = {"client_id": target.client.id, "settings": {"management_scopes": wanted}}
            rights: Rights = None if wanted == ["*"] else SOME | set(wanted)
            may = _may_make(caller, "update_client_settings")
            may = may and _holds(caller, target.name, rights)
            outcome = await (_allows if may else _refuses)(
                db, "update_client_settings", caller, request
            )
            assert outcome, (called, wanted)
