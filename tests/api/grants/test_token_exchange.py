"""Token exchange (RFC 8693): a client acts for a user, and never gains more than either has."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from apis import refused, unique
from signins import App, claims_of, is_refused

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
API = "https://api.example.com"


@pytest.fixture
def exchange(signins):
    """Exchange a token."""

    async def ask(agent, token, **form: str):
        form = {"subject_token_type": ACCESS_TOKEN, "subject_token": token, **form}
        return await signins.ask(agent, grant_type=GRANT, **form)

    return ask


@pytest.fixture
async def new_agent(rest, make):
    """Makes clients of an organization that exchange tokens."""

    async def new(organization_id, scopes, audiences=(API,)):
        agent = App(*await make.client(organization_id, scopes=list(scopes)))
        await rest.client_settings.update_client_settings(
            client_id=agent.id, settings={"token_exchange": {"audiences": list(audiences)}}
        )
        return agent

    return new


@pytest.fixture
async def world(signins, make, rest, new_agent):
    """A user with two permissions, an agent of the organization with one of them and another."""
    names = [
        (await make.permission(unique("exchange").replace("-", ":")))["name"] for _ in range(3)
    ]
    for name in names:
        await rest.clients.create_scope(scope={"name": name, "description": name})
    role = await make.role(permissions=names[:2])
    organization = await make.organization(external_id=unique("ext"))
    membership = {"roles": [{"name": role["name"]}]}
    user = await make.user(organization["id"], membership=membership)
    session, _ = await signins.session(user)
    app = await signins.application()
    tokens = await signins.tokens(app, session)
    agent = await new_agent(organization["id"], names[1:])
    return SimpleNamespace(
        signins=signins,
        app=app,
        agent=agent,
        token=tokens["access_token"],
        names=names,
        user=user,
        session=session,
        organization=organization,
    )


async def test_a_client_of_the_organization_acts_for_the_user(world, exchange, server, events):
    await events.new()
    answer = await exchange(world.agent, world.token)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    token = told.pop("access_token")
    assert told == {
        "issued_token_type": ACCESS_TOKEN,
        "token_type": "Bearer",
        "expires_in": told["expires_in"],
        "scope": world.names[1],
    }
    claims, parent = claims_of(token), claims_of(world.token)
    assert claims["exp"] <= parent["exp"]
    times = {name: claims[name] for name in ("iat", "nbf", "exp", "jti")}
    assert claims == {
        **times,
        "iss": server.url,
        "sub": world.user["id"],
        "aud": [API],
        "client_id": world.agent.id,
        "oid": world.organization["id"],
        "xoid": world.organization["external_id"],
        "sid": world.session.id,
        "scope": world.names[1],
        "scopes": [world.names[1]],
        "permissions": [world.names[1]],
        "act": {"sub": world.agent.id},
        "delegated_from": [[world.app.id, parent["jti"]]],
    }
    (event,) = await events.new()
    assert event["type"] == "client.token_exchanged"
    assert event["organization_id"] == world.organization["id"]
    assert event["after"] == {
        "client_id": world.agent.id,
        "token_id": claims["jti"],
        "user_id": world.user["id"],
        "organization_id": world.organization["id"],
        "audience": [API],
        "scopes": [world.names[1]],
        "subject_token_id": parent["jti"],
        "subject_client_id": world.app.id,
    }
    shown = await world.signins.introspect(world.agent, token)
    assert shown["active"] is True
    assert shown["act"] == {"sub": world.agent.id}
    assert shown["sub"] == world.user["id"]
    # It is for another API: ours rejects it.
    bearer = {"authorization": f"Bearer {token}"}
    assert (
        await world.signins.http.get("/api/v1/organizations", headers=bearer)
    ).status_code == 401
    assert (await world.signins.userinfo(token)).status_code == 401


@pytest.mark.parametrize("how", ["agent", "application", "session"])
async def test_a_token_ends_with_what_it_comes_from(world, exchange, rest, how):
    token = (await exchange(world.agent, world.token)).json()["access_token"]
    assert (await world.signins.introspect(world.agent, token))["active"]
    match how:
        case "agent":
            await world.signins.http.post(
                "/oauth/revoke", data={**world.agent.form, "token": token}
            )
        case "application":
            await world.signins.http.post(
                "/oauth/revoke", data={**world.app.form, "token": world.token}
            )
        case "session":
            await rest.sessions.revoke_session(session_id=world.session.id)
    assert await world.signins.introspect(world.agent, token) == {"active": False}
    if how == "application":
        is_refused(await exchange(world.agent, world.token), "invalid_request")


async def test_a_chain_of_actors_is_in_the_token_and_ends_with_each_link(
    world, exchange, signins, new_agent, http
):
    token = (await exchange(world.agent, world.token)).json()["access_token"]
    second = await new_agent(world.organization["id"], world.names, [f"{API}/2", "calendar"])
    is_refused(await exchange(second, token), "invalid_target")
    is_refused(await exchange(second, token, audience=API), "invalid_target")
    answer = await exchange(second, token, resource=f"{API}/2/")
    claims = claims_of(answer.json()["access_token"])
    assert claims["act"] == {"sub": second.id, "act": {"sub": world.agent.id}}
    assert claims["aud"] == [f"{API}/2"]
    assert claims["scopes"] == [world.names[1]]
    assert [client for client, _ in claims["delegated_from"]] == [world.app.id, world.agent.id]
    last = answer.json()["access_token"]
    for _ in range(2):
        last = (await exchange(second, last, audience="calendar")).json()["access_token"]
    is_refused(await exchange(second, last, audience="calendar"), "invalid_request")
    await http.post("/oauth/revoke", data={**world.agent.form, "token": token})
    assert await signins.introspect(second, last) == {"active": False}


async def test_scopes_are_those_of_user_and_client(world, exchange, new_agent):
    user_only, both, client_only = world.names
    for name in (user_only, client_only, "openid", "nothing"):
        is_refused(await exchange(world.agent, world.token, scope=name), "invalid_scope")
    answer = await exchange(world.agent, world.token, scope=both)
    assert answer.json()["scope"] == both
    without = await new_agent(world.organization["id"], [client_only])
    is_refused(await exchange(without, world.token), "invalid_scope")


async def test_what_is_not_a_token_of_such_a_user_is_refused(
    world, exchange, make, new_agent, signins
):
    stranger = await new_agent((await make.organization())["id"], world.names)
    is_refused(await exchange(stranger, world.token), "invalid_request")
    own = await signins.ask(world.agent, grant_type="client_credentials")
    for text in (own.json()["access_token"], "x", "a.b.c", world.token[:-4] + "AAAA"):
        is_refused(await exchange(world.agent, text), "invalid_request")
    for form in (
        {"subject_token": ""},
        {"subject_token_type": ""},
        {"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"},
        {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
        {"actor_token": world.token},
    ):
        is_refused(await exchange(world.agent, world.token, **form), "invalid_request")


async def test_only_clients_with_the_setting_exchange_tokens(world, exchange, rest, new_agent):
    is_refused(await exchange(world.app, world.token), "unauthorized_client")
    update = rest.client_settings.update_client_settings
    off = {"token_exchange": {"audiences": []}}
    agent = await new_agent(world.organization["id"], world.names)
    told = await update(client_id=agent.id, settings={})
    assert told["settings"]["token_exchange"] == {"audiences": [API], "identity_assertions": []}
    told = await update(client_id=agent.id, settings=off)
    assert "token_exchange" not in told["settings"]
    is_refused(await exchange(agent, world.token), "unauthorized_client")
    public = await rest.clients.create_client(client={"name": "App", "client_type": "SPA"})
    on = {"token_exchange": {"audiences": [API]}}
    with refused("INVALID_ARGUMENT", "settings.token_exchange.audiences"):
        await update(client_id=public["client"]["id"], settings=on)
    bad = {"token_exchange": {"audiences": ["a b"]}}
    with refused("INVALID_ARGUMENT", "settings.token_exchange.audiences[0]"):
        await update(client_id=world.agent.id, settings=bad)


async def test_a_resource_is_an_audience_with_its_own_scopes(
    world, exchange, rest, new_agent, server
):
    _, both, _ = world.names
    created = await rest.clients.create_resource(
        resource={
            "name": unique("Server"),
            "resource_type": "MCP_SERVER",
            "scopes": [both],
        }
    )
    resource = created["resource"]["id"]
    agent = await new_agent(world.organization["id"], world.names, [resource])
    token = (await exchange(agent, world.token)).json()["access_token"]
    claims = claims_of(token)
    assert claims["aud"][0] == resource
    assert claims["scopes"] == [both]
    assert claims["iss"] == f"{server.url}/resources/{resource}"
    assert (await world.signins.introspect(agent, token))["active"]
    # A token for a resource is good there alone.
    is_refused(await exchange(world.agent, token), "invalid_request")
