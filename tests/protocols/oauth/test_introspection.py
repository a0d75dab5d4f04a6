"""Introspection (RFC 7662): the claims that a client is told of a token, and no others."""

from __future__ import annotations

import time
from typing import Any

import pytest
from apis import unique
from machines import basic, claims_of, is_error
from waiting import ends_within_a_second

from tenantry.core.times import rfc3339

INACTIVE = {"active": False}


async def told(oauth, caller, token, **members: Any):
    answer = await oauth.introspect(caller, token=token, **members)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


async def test_a_token_is_told_as_it_is(oauth, new, make):
    organization = await make.organization()
    client = await new.machine(
        organization["id"],
        scopes=["a", "b"],
        audience=["billing"],
        custom_claims=[{"key": "plan", "value": "gold"}],
    )
    token = await oauth.get_token(client, scope="b")
    claims = claims_of(token)
    expected = {name: value for name, value in claims.items() if name != "scopes"}
    for caller in (oauth.management, client):
        for hint in (None, "access_token", "refresh_token", "whatever"):
            shown = await told(oauth, caller, token, token_type_hint=hint)
            assert shown == {"active": True, "token_type": "Bearer", **expected}
    assert expected["oid"] == organization["id"]
    assert expected["scope"] == "b"


async def test_whom_it_is_not_for_is_told_nothing(oauth, new):
    """A token of client A at client B, and of organization A at organization B."""
    resource, stranger, app = await new.machine(), await new.machine(), await new.application()
    for_resource = await oauth.get_token(await new.machine(audience=[resource.id, "x"]))
    assert (await told(oauth, resource, for_resource))["active"]
    assert await told(oauth, stranger, for_resource) == INACTIVE
    assert await told(oauth, app, for_resource) == INACTIVE
    # Neither a prefix nor the audience as a name is enough.
    near = await oauth.get_token(await new.machine(audience=[stranger.id[:-1], stranger.id + "0"]))
    assert await told(oauth, stranger, near) == INACTIVE


async def test_a_token_for_this_api_is_told_to_its_own_and_the_management(oauth, new):
    app, other = await new.application(), await new.application()
    token = await oauth.get_token(app)
    assert (await told(oauth, app, token))["client_id"] == app.id
    assert (await told(oauth, oauth.management, token))["client_id"] == app.id
    assert await told(oauth, other, token) == INACTIVE
    own = await oauth.get_token(oauth.management)
    assert (await told(oauth, oauth.management, own))["active"]
    assert await told(oauth, other, own) == INACTIVE
    assert await told(oauth, await new.machine(), own) == INACTIVE


async def test_access_to_the_api_is_not_needed(rest, oauth, new):
    app = await new.application(disallow_scalekit_api_access=True)
    token = await oauth.get_token(await new.machine(audience=[app.id]))
    assert (await told(oauth, app, token))["active"]


async def test_what_is_no_token_is_inactive(oauth, new):
    token = await oauth.get_token(await new.machine())
    header, claims, signature = token.split(".")
    for other in (
        "x",
        "a.b.c",
        "..",
        "é",
        "tnat_" + 49 * "0",
        "x" * 30_000,
        f"{header}.{claims}.{'A' * len(signature)}",
        f"{header}.{claims}.",
        f"{token}.x",
        "apit_1234567890123456789",
    ):
        assert await told(oauth, oauth.management, other) == INACTIVE


async def test_an_api_token_is_told_to_the_management_alone(oauth, new, server, rest, make):
    at = int(time.time())
    organization_id = (await make.organization())["id"]
    text, token_id = await new.api_token(
        organization_id,
        custom_claims={"plan": "gold"},
        expiry=rfc3339((at + 100) * 1_000_000),
    )
    shown = await told(oauth, oauth.management, text)
    assert abs(shown.pop("iat") - at) < 30
    assert shown == {
        "active": True,
        "token_type": "Bearer",
        "sub": organization_id,
        "oid": organization_id,
        "iss": server.url,
        "jti": token_id,
        "exp": at + 100,
        "custom_claims": {"plan": "gold"},
    }
    assert await told(oauth, await new.machine(organization_id), text) == INACTIVE
    # Its id is in lists and logs, and is no token.
    assert await told(oauth, oauth.management, token_id) == INACTIVE
    user = await make.user(organization_id)
    of_user, _ = await new.api_token(organization_id, user_id=user["id"])
    shown = await told(oauth, oauth.management, of_user)
    assert (shown["sub"], shown["oid"]) == (user["id"], organization_id)
    assert "exp" not in shown
    await rest.tokens.invalidate_token(token=of_user)
    assert await told(oauth, oauth.management, of_user) == INACTIVE


async def test_a_deleted_client_leaves_its_tokens_inactive(rest, make, oauth, new):
    organization = await make.organization()
    client = await new.machine(organization["id"])
    token = await oauth.get_token(client)
    assert (await told(oauth, oauth.management, token))["active"]
    await rest.clients.delete_organization_client(
        organization_id=organization["id"], client_id=client.id
    )

    async def is_active():
        return (await told(oauth, oauth.management, token))["active"]

    await ends_within_a_second(is_active)


async def test_a_token_must_be_named_and_the_caller_known(oauth, new, http):
    client = await new.machine()
    for token in (None, ""):
        assert is_error(await oauth.introspect(client, token=token), "invalid_request")
    answer = await oauth.introspect(headers=basic(client.id, "wrong"), token="x")
    assert is_error(answer, "invalid_client", 401)
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert is_error(
        await oauth.introspect(client, client_secret=unique(), token="x"), "invalid_client", 401
    )
    twice = f"token=x&token=y&client_id={client.id}&client_secret={client.secret}"
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = await http.post("/oauth/introspect", content=twice, headers=headers)
    assert is_error(answer, "invalid_request")


@pytest.mark.parametrize("path", ["/oauth/introspect", "/oauth/revoke"])
async def test_it_is_a_post_with_a_form(http, path):
    for verb in ("GET", "PUT", "DELETE"):
        answer = await http.request(verb, path)
        assert answer.status_code == 405
        assert "POST" in answer.headers["allow"]
    assert is_error(await http.post(path, json={"token": "x"}), "invalid_request")
