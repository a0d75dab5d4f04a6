"""Operators change connections: of all users only as owners, of a customer not unnoticed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from apis import unique
from sqlalchemy import bindparam, select

from tenantry import settings
from tenantry.api import messages, policy
from tenantry.api.methods import of_service
from tenantry.call import Call
from tenantry.core import errors
from tenantry.core.caller import Caller, Kind
from tenantry.db.sql.schema import from_json
from tenantry.db.sql.statements import Statement
from tenantry.events.email import service as mail
from tenantry.events.email.model import mail as email_table
from tenantry.events.email.rendering import Templates
from tenantry.gen.scalekit.v1.connections import connections_pb
from tenantry.gen.tenantry.v1 import single_sign_on_pb
from tenantry.identity.connections import operator_notices
from tenantry.identity.connections.providers.fetching import Fetching
from tenantry.identity.connections.rpc import ConnectionService, SingleSignOnService
from tenantry.net.outgoing import Outgoing
from tenantry.tenants.environment.effective import Effective

SETTINGS = settings.load({"TENANTRY_CONFIG": "/dev/null", "TENANTRY_APP_NAME": "Projects"})
OPERATOR = Caller(Kind.OPERATOR, "opr_1")
OWNER = Caller(Kind.OPERATOR, "opr_2", owns=True)
PROGRAM = Caller(Kind.MANAGEMENT_CLIENT, "skc_1")
_QUEUED = Statement(
    select(email_table.c.recipient, email_table.c.variables)
    .where(
        email_table.c.organization_id == bindparam("organization_id"),
        email_table.c.template == operator_notices.TEMPLATE,
    )
    .order_by(email_table.c.id)
)


@pytest.fixture
async def make_call(database):
    """Make a call as somebody, as the server does."""
    fetching, outgoing = Fetching(()), Outgoing(())
    rooms = {
        connections_pb: ConnectionService(
            Effective(SETTINGS), fetching=fetching, outgoing=outgoing
        ),
        single_sign_on_pb: SingleSignOnService(SETTINGS, fetching=fetching, outgoing=outgoing),
    }
    methods = {
        method.name: method
        for module, room in rooms.items()
        for method in of_service(module.desc().services[0], room)
    }

    async def make(caller: Caller, name: str, **request: Any) -> Any:
        method, call = methods[name], Call(caller, database, "req_1")
        message = messages.from_json(method.input, json.dumps(request).encode())
        policy.check(method, caller)
        if method.before is not None:
            await method.before(message, call)
        return await method.function(message, call)

    yield make
    await fetching.close()
    await outgoing.close()


CUSTOM = {
    "provider": "CUSTOM",
    "oauth_config": {
        "client_id": "us",
        "client_secret": "a-secret-of-some-length",
        "authorize_uri": "https://evil.example/authorize",
        "token_uri": "https://evil.example/token",
        "user_info_uri": "https://evil.example/me",
    },
}
SOCIAL = {"provider": "CUSTOM", "type": "OAUTH", "provider_key": "EVIL"}
APP = {"provider": "GITHUB", "type": "OAUTH"}


@pytest.mark.parametrize("is_app", [False, True])
async def test_an_operator_makes_no_connection_by_which_all_users_sign_in(make_call, is_app):
    new = {"connection": APP if is_app else SOCIAL}
    flags = {"flags": {"is_app": True}} if is_app else {"flags": {"is_login": True}}
    with pytest.raises(errors.PermissionDenied, match="only an owner"):
        await make_call(OPERATOR, "CreateEnvironmentConnection", **new, **flags)
    made = await make_call(OWNER, "CreateEnvironmentConnection", **new, **flags)
    key = {"connection_id": made.connection.id}
    update = {**key, "connection": CUSTOM if not is_app else {**CUSTOM, "provider": "GITHUB"}}
    if is_app:
        for uri in ("authorize_uri", "token_uri", "user_info_uri"):
            update["connection"]["oauth_config"] = {
                name: value
                for name, value in update["connection"]["oauth_config"].items()
                if name != uri
            }
    refused = [("UpdateEnvironmentConnection", update), ("EnableEnvironmentConnection", key)]
    if is_app:
        await make_call(OWNER, "DisableEnvironmentConnection", **key)
    else:
        further = {**key, "settings": {"login_uri": "https://evil.example/login"}}
        refused.append(("UpdateConnectionSettings", further))
    for name, request in refused:
        if name == "EnableEnvironmentConnection":  # nothing is missing then but the right
            await make_call(PROGRAM, "UpdateEnvironmentConnection", **update)
        with pytest.raises(errors.PermissionDenied, match="only an owner"):
            await make_call(OPERATOR, name, **request)
    for name, request in refused:
        await make_call(OWNER, name, **request)
    await make_call(OPERATOR, "DisableEnvironmentConnection", **key)
    await make_call(OPERATOR, "DeleteEnvironmentConnection", **key)


@pytest.fixture
async def customer(make, rest):
    """An organization with a connection that is complete: its id, the connection's, admins."""
    organization = await make.organization()
    admins = [
        await make.user(organization["id"], membership={"roles": [{"name": "admin"}]})
        for _ in range(2)
    ]
    await make.user(organization["id"], membership={"roles": [{"name": "member"}]})
    made = await rest.connections.create_connection(
        organization_id=organization["id"], connection={"provider": "OKTA", "type": "OIDC"}
    )
    key = {"organization_id": organization["id"], "id": made["connection"]["id"]}
    await rest.connections.update_connection(
        **key,
        connection={
            "provider": "OKTA",
            "type": "OIDC",
            "oidc_config": {
                "issuer": "https://idp.example.com",
                "client_id": "us",
                "client_secret": "a-secret-of-some-length",
                "authorize_uri": "https://idp.example.com/authorize",
                "token_uri": "https://idp.example.com/token",
                "user_info_uri": "https://idp.example.com/me",
                "jwks_uri": "https://idp.example.com/keys",
            },
        },
    )
    return key, sorted(admin["email"] for admin in admins)


async def test_admins_are_told_of_each_change_that_an_operator_makes(
    make_call, customer, database, rest, events
):
    key, admins = customer

    async def told() -> list[str]:
        rows = await database.fetch_all(_QUEUED, organization_id=key["organization_id"])
        assert all(from_json(row["variables"])["operator_id"] == "opr_1" for row in rows)
        return sorted(row["recipient"] for row in rows)

    domain = await rest.domains.create_domain(
        organization_id=key["organization_id"],
        domain={"domain": f"{unique()}.example", "domain_type": "ORGANIZATION_DOMAIN"},
    )
    titled = {"provider": "OKTA", "type": "OIDC", "ui_button_title": "Okta"}
    await make_call(OPERATOR, "UpdateConnection", **key, connection=titled)
    assert await told() == []  # nobody signs in by it yet
    await events.new()
    assigned = {
        "organization_id": key["organization_id"],
        "connection_id": key["id"],
        "domain_ids": [domain["domain"]["id"]],
    }
    further = {"connection_id": key["id"], "settings": {"login_uri": "https://x.example/"}}
    titled = {**titled, "ui_button_title": "Okta again"}
    changes = [
        ("EnableConnection", key),
        ("UpdateConnection", {**key, "connection": titled}),
        ("UpdateConnectionSettings", further),
        ("AssignDomainsToConnection", assigned),
    ]
    for number, (name, request) in enumerate(changes, 1):
        await make_call(OPERATOR, name, **request)
        assert await told() == sorted(admins * number), name
    await make_call(OPERATOR, "DisableConnection", **key)
    await make_call(PROGRAM, "EnableConnection", **key)
    assert await told() == sorted(admins * len(changes))
    actors = [(one["actor"]["type"], one["actor"]["id"]) for one in await events.new()]
    assert actors == [("operator", "opr_1")] * (len(changes) + 1) + [("management_client", "skc_1")]


async def test_the_email_says_what_was_changed_by_whom(make_call, customer, database):
    key, admins = customer
    await make_call(OPERATOR, "EnableConnection", **key)
    queued = [one for one in await mail.newest(database, limit=30) if one.recipient in admins]
    assert len(queued) == len(admins)
    variables = operator_notices.email_variables(queued[0], SETTINGS)
    content = Templates(None).render(operator_notices.TEMPLATE, variables)
    assert content.subject == "Single sign-on settings of Acme were changed"
    for text in (content.text, content.html):
        for named in ("Projects", key["id"], "opr_1", "/ui/organization/sso"):
            assert named in text


async def test_an_organization_gets_few_of_these_emails(make_call, customer, database):
    key, admins = customer
    await make_call(OPERATOR, "EnableConnection", **key)
    for number in range(10):
        titled = {"provider": "OKTA", "type": "OIDC", "ui_button_title": f"Okta {number}"}
        await make_call(OPERATOR, "UpdateConnection", **key, connection=titled)
    rows = await database.fetch_all(_QUEUED, organization_id=key["organization_id"])
    assert len(rows) == 5 * len(admins)
