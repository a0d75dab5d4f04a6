"""Token exchange for identity assertions (ID-JAG), which other authorization servers accept."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
from apis import refused
from joserfc import jws
from joserfc.jwk import KeySet
from signins import claims_of, is_refused

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
REFRESH_TOKEN = "urn:ietf:params:oauth:token-type:refresh_token"
PARTNER, RESOURCE = "https://auth.partner.example", "https://mcp.partner.example/mcp"
TARGET = {
    "issuer": PARTNER,
    "client_id": "acme-agent",
    "resources": [RESOURCE],
    "scopes": ["issues:read", "issues:write"],
}


@pytest.fixture
def let_request(rest):
    """Set the targets of an application."""

    async def let(app, *targets: dict[str, Any]):
        await rest.client_settings.update_client_settings(
            client_id=app.id, settings={"token_exchange": {"identity_assertions": list(targets)}}
        )

    return let


@pytest.fixture
async def world(signins, make, let_request):
    """A user who has signed in to an application that may request assertions."""
    organization = await make.organization()
    user = await make.user(organization["id"])
    session, _ = await signins.session(user)
    app = await signins.application()
    await let_request(app, TARGET)
    tokens = await signins.tokens(app, session, scope="openid email offline_access")

    async def ask(of=app, **form: str | None):
        members = {
            "grant_type": GRANT,
            "requested_token_type": ID_JAG,
            "subject_token_type": ID_TOKEN,
            "subject_token": tokens["id_token"],
            "audience": PARTNER,
            **form,
        }
        return await signins.ask(of, **members)

    return SimpleNamespace(
        app=app, ask=ask, tokens=tokens, user=user, session=session, organization=organization
    )


async def test_an_application_gets_an_assertion_for_another_server(world, http, server, events):
    await events.new()
    response = await world.ask(scope="issues:read")
    assert response.status_code == 200, response.text
    answer = response.json()
    assertion = answer.pop("access_token")
    assert answer == {
        "issued_token_type": ID_JAG,
        "token_type": "N_A",
        "expires_in": 300,
        "scope": "issues:read",
    }
    keys = KeySet.import_key_set((await http.get("/keys")).json())
    header = jws.deserialize_compact(assertion, keys, algorithms=["RS256"]).protected
    assert header["typ"] == "oauth-id-jag+jwt"
    claims = claims_of(assertion)
    at = claims["iat"]
    assert at <= time.time() <= at + 60
    assert claims == {
        "iss": server.url,
        "sub": world.user["id"],
        "aud": PARTNER,
        "client_id": "acme-agent",
        "tenant": world.organization["id"],
        "resource": RESOURCE,
        "scope": "issues:read",
        "email": world.user["email"],
        "email_verified": True,
        "iat": at,
        "exp": at + 300,
        "jti": claims["jti"],
        "auth_time": claims_of(world.tokens["id_token"])["auth_time"],
        "amr": claims_of(world.tokens["id_token"])["amr"],
    }
    (event,) = await events.new()
    assert event["type"] == "client.id_jag_issued"
    assert event["organization_id"] == world.organization["id"]
    assert event["after"] == {
        "client_id": world.app.id,
        "token_id": claims["jti"],
        "user_id": world.user["id"],
        "organization_id": world.organization["id"],
        "audience": PARTNER,
        "audience_client_id": "acme-agent",
        "resource": RESOURCE,
        "scopes": ["issues:read"],
    }


async def test_the_refresh_token_is_a_subject_too_and_stays_valid(world, signins):
    form = {
        "subject_token_type": REFRESH_TOKEN,
        "subject_token": world.tokens["refresh_token"],
    }
    answer = (await world.ask(**form)).json()
    assert answer["scope"] == "issues:read issues:write"
    assert claims_of(answer["access_token"])["sub"] == world.user["id"]
    successor = await signins.refreshed(world.app, world.tokens["refresh_token"])
    assert is_refused(await world.ask(**form), "invalid_grant")
    form["subject_token"] = successor["refresh_token"]
    assert (await world.ask(**form)).status_code == 200


async def test_an_assertion_is_no_token_of_this_server(world, signins, http):
    assertion = (await world.ask()).json()["access_token"]
    bearer = {"authorization": f"Bearer {assertion}"}
    for path in ("/api/v1/organizations", "/userinfo"):
        assert (await http.get(path, headers=bearer)).status_code == 401
    assert await signins.introspect(world.app, assertion) == {"active": False}
    assert is_refused(await world.ask(subject_token=assertion), "invalid_grant")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"audience": "https://other.example"}, "invalid_target"),
        ({"audience": None}, "invalid_request"),
        ({"resource": "https://other.example/mcp"}, "invalid_target"),
        ({"scope": "issues:delete"}, "invalid_scope"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request"),
        ({"subject_token": "x.y.z"}, "invalid_grant"),
        ({"subject_token": None}, "invalid_grant"),
    ],
)
async def test_a_request_that_is_refused(world, form, error):
    assert is_refused(await world.ask(**form), error)


async def test_an_access_token_is_no_id_token(world):
    form = {"subject_token": world.tokens["access_token"]}
    assert is_refused(await world.ask(**form), "invalid_grant")


async def test_tokens_of_another_application_are_refused(world, signins, let_request):
    other = await signins.application()
    await let_request(other, TARGET)
    assert is_refused(await world.ask(other), "invalid_grant")
    form = {
        "subject_token_type": REFRESH_TOKEN,
        "subject_token": world.tokens["refresh_token"],
    }
    assert is_refused(await world.ask(other, **form), "invalid_grant")


async def test_a_client_without_targets_has_no_exchange(world, signins):
    other = await signins.application()
    assert (await world.ask(other)).json()["error"] == "unauthorized_client"


@pytest.mark.parametrize("how", ["session", "membership"])
async def test_nothing_is_issued_after_the_end(world, rest, how):
    if how == "session":
        await rest.sessions.revoke_session(session_id=world.session.id)
    else:
        await rest.users.delete_membership(
            organization_id=world.organization["id"], id=world.user["id"], cascade=False
        )
    assert is_refused(await world.ask(), "invalid_grant")


async def test_the_sign_in_policy_applies(world, rest):
    await rest.organization_policies.update_organization_policy(
        organization_id=world.organization["id"], policy={"second_factor_required": True}
    )
    assert is_refused(await world.ask(), "invalid_grant")


@pytest.mark.parametrize("client_type", ["SPA", "NTV"])
async def test_public_clients_have_no_targets(signins, let_request, client_type):
    app = await signins.application(client_type)
    with refused("INVALID_ARGUMENT", says="cannot request identity assertions"):
        await let_request(app, TARGET)


async def test_clients_of_organizations_have_no_targets(rest, make):
    client_id, _ = await make.client()
    settings = {"token_exchange": {"identity_assertions": [TARGET]}}
    with refused("INVALID_ARGUMENT", says="cannot request identity assertions"):
        await rest.client_settings.update_client_settings(client_id=client_id, settings=settings)


async def test_a_server_is_listed_once(signins, let_request):
    app = await signins.application()
    with refused("INVALID_ARGUMENT", says="more than once"):
        await let_request(app, TARGET, TARGET)
