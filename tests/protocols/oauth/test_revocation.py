"""Revocation (RFC 7009): a token ends for good, by whom it belongs to, everywhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
from apis import refused
from machines import claims_of, is_error
from waiting import ends_within_a_second


@pytest.fixture
def is_active(oauth):
    """Whether a token is active."""

    async def asked(token, endpoint=oauth.introspect):
        answer = await endpoint(oauth.management, token=token)
        assert answer.status_code == 200, answer.text
        return answer.json()["active"]

    return asked


async def test_a_client_revokes_its_own_token(oauth, new, is_active, events):
    client = await new.machine()
    token, other = await oauth.get_token(client), await oauth.get_token(client)
    assert await is_active(token)
    await events.new()
    for _ in range(2):  # again is no error
        answer = await oauth.revoke(client, token=token, token_type_hint="access_token")
        assert (answer.status_code, answer.text) == (200, "")
        assert answer.headers["cache-control"] == "no-store"
    assert not await is_active(token)
    assert await is_active(other)
    (event,) = [e for e in await events.new() if e["type"] == "client.token_revoked"]
    assert event["after"] == {"client_id": client.id, "token_id": claims_of(token)["jti"]}
    assert event["actor"] == {"type": "organization_client", "id": client.id}
    assert event["organization_id"] == claims_of(token)["oid"]


async def test_nobody_but_the_management_revokes_anothers(oauth, new, is_active):
    client = await new.machine()
    token = await oauth.get_token(client)
    resource = await new.machine(audience=[client.id])
    for other in (await new.machine(), await new.application(), resource):
        assert is_error(await oauth.revoke(other, token=token), "unauthorized_client")
    assert await is_active(token)
    assert (await oauth.revoke(oauth.management, token=token)).status_code == 200
    assert not await is_active(token)


async def test_a_revoked_token_makes_no_call(rest, oauth, new):
    app = await new.application()
    token, other = await oauth.get_token(app), await oauth.get_token(app)
    mine = rest.sending(authorization=f"Bearer {token}")
    assert await mine.organizations.list_organization(page_size=1)
    assert (await oauth.revoke(app, token=token)).status_code == 200
    with refused("UNAUTHENTICATED"):
        await mine.organizations.list_organization(page_size=1)
    mine = rest.sending(authorization=f"Bearer {other}")
    assert await mine.organizations.list_organization(page_size=1)


async def test_an_unknown_token_is_no_error(oauth, new):
    client = await new.machine()
    token = await oauth.get_token(client)
    for text in ("x", "a.b.c", f"{token}x", "tnat_" + 49 * "0", "é", "apit_1234567890123456789"):
        for caller in (client, oauth.management):
            assert (await oauth.revoke(caller, token=text)).status_code == 200
    for text in (None, ""):
        assert is_error(await oauth.revoke(client, token=text), "invalid_request")
    answer = await oauth.revoke(client, client_secret="wrong", token=token)
    assert is_error(answer, "invalid_client", 401)


async def test_the_management_revokes_api_tokens(rest, make, oauth, new, is_active):
    organization = await make.organization()
    made = await rest.tokens.create_token(token={"organization_id": organization["id"]})
    # Neither another client of the organization, nor one that knows its id alone.
    assert (
        await oauth.revoke(await new.machine(organization["id"]), token=made["token"])
    ).status_code == 200
    assert (await oauth.revoke(oauth.management, token=made["token_id"])).status_code == 200
    assert await is_active(made["token"])
    assert (await oauth.revoke(oauth.management, token=made["token"])).status_code == 200
    assert not await is_active(made["token"])
    with refused("NOT_FOUND"):
        await rest.tokens.validate_token(token=made["token"])


async def test_other_processes_refuse_it_within_a_second(second, oauth, new, is_active):
    """Revoked in one process, refused in another, at the API and by introspection."""
    app = await new.application()
    token = await oauth.get_token(app)
    headers = {"authorization": f"Bearer {token}"}

    async def may_call():
        answer = await second.http.get("/api/v1/organizations?page_size=1", headers=headers)
        assert answer.status_code in {200, 401}, answer.text
        return answer.status_code == 200

    assert await may_call()
    assert await is_active(token, second.introspect)
    assert (await oauth.revoke(app, token=token)).status_code == 200
    await ends_within_a_second(may_call)
    assert not await is_active(token, second.introspect)


async def test_other_processes_refuse_a_removed_secret_and_a_deleted_client_within_a_second(
    rest, make, second, new, is_active
):
    organization = await make.organization()
    client = await new.machine(organization["id"])
    place = {"organization_id": organization["id"], "client_id": client.id}

    async def gets_one():
        answer = await second.token(client)
        assert answer.status_code in {200, 401}, answer.text
        return answer.status_code == 200

    async def still_active():
        return await is_active(token, second.introspect)

    token = await second.get_token(client)
    assert await still_active()
    added = await rest.clients.create_organization_client_secret(**place)
    (first, _) = (await rest.clients.get_organization_client(**place))["client"]["secrets"]
    assert await gets_one()
    await rest.clients.delete_organization_client_secret(**place, secret_id=first["id"])
    await ends_within_a_second(gets_one)
    # The new one is good there at once, until the client is gone.
    rotated = replace(client, secret=added["plain_secret"])
    assert await second.get_token(rotated)
    await rest.clients.delete_organization_client(**place)
    await ends_within_a_second(still_active)
    assert is_error(await second.token(rotated), "invalid_client", 401)
