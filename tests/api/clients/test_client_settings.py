"""Settings of clients: keys in place of secrets, and how their access tokens are signed."""

from __future__ import annotations

import json

import pytest
from apis import refused
from joserfc import jwk
from wires import ApiError

from tenantry.access.keys import service as keys
from tenantry.access.keys.model import State

RSA = jwk.RSAKey.generate_key(2048, {"kid": "r"}).as_dict(private=False)
EC = jwk.ECKey.generate_key("P-256", {"kid": "e"}).as_dict(private=False)
DEFAULTS = {"token_endpoint_auth_method": "", "access_token_signing_alg": "RS256"}
SCOPES = {"m2morg": [], "skc": ["*"]}  # of the management API, by the prefix of the id


@pytest.fixture(params=["M2M", "WEB_APP"])
async def client_id(request, rest, make):
    if request.param == "M2M":
        return (await make.client())[0]
    answer = await rest.clients.create_client(client={"name": "App", "client_type": "WEB_APP"})
    return answer["client"]["id"]


async def test_settings_are_read_and_changed_one_by_one(api, client_id, events):
    defaults = DEFAULTS | {"management_scopes": SCOPES[client_id.partition("_")[0]]}
    read = await api.client_settings.get_client_settings(client_id=client_id)
    assert read["settings"] == defaults
    assert read.etag == '"1"'
    await events.new()
    update = api.client_settings.update_client_settings
    key_set = {"keys": [RSA, EC]}
    answer = await update(client_id=client_id, settings={"jwks": key_set})
    assert answer["settings"] == {**defaults, "jwks": key_set}
    assert answer.etag == '"2"'
    answer = await update(
        client_id=client_id, settings={"token_endpoint_auth_method": "private_key_jwt"}
    )
    assert answer["settings"]["jwks"] == key_set
    assert answer["settings"]["token_endpoint_auth_method"] == "private_key_jwt"
    same = await update(client_id=client_id, settings={})
    assert same["settings"] == answer["settings"]
    assert same.etag == answer.etag == '"3"'
    answer = await update(
        client_id=client_id, settings={"token_endpoint_auth_method": "", "jwks": {"keys": []}}
    )
    assert answer["settings"] == defaults
    assert (await api.client_settings.get_client_settings(client_id=client_id)) == answer
    told = await events.new()
    assert [event["type"] for event in told] == ["client.updated"] * 3
    assert told[0]["after"]["jwks"] == key_set


@pytest.mark.wires("rest", "grpc")
async def test_keys_for_es256_are_there_once_a_client_asks_for_it(api, client_id, database):
    answer = await api.client_settings.update_client_settings(
        client_id=client_id, settings={"access_token_signing_alg": "ES256"}
    )
    assert answer["settings"]["access_token_signing_alg"] == "ES256"
    states = {key.state for key in await keys.load(database) if key.algorithm == "ES256"}
    assert {State.CURRENT, State.NEXT} <= states


@pytest.mark.wires("rest")
async def test_a_client_keeps_what_it_authenticates_with(api, client_id):
    update = api.client_settings.update_client_settings
    method = {"token_endpoint_auth_method": "private_key_jwt"}
    with refused("INVALID_ARGUMENT", "settings.token_endpoint_auth_method", says="jwks"):
        await update(client_id=client_id, settings=method)
    await update(client_id=client_id, settings={**method, "jwks": {"keys": [RSA]}})
    with refused("INVALID_ARGUMENT", "settings.jwks"):
        await update(client_id=client_id, settings={"jwks": {"keys": []}})


@pytest.mark.wires("rest")
async def test_a_public_client_does_not_authenticate(api):
    answer = await api.clients.create_client(client={"name": "App", "client_type": "SPA"})
    key = {"client_id": answer["client"]["id"]}
    update = api.client_settings.update_client_settings
    with refused("INVALID_ARGUMENT", "settings.jwks"):
        await update(**key, settings={"jwks": {"keys": [RSA]}})
    with refused("INVALID_ARGUMENT", "settings.token_endpoint_auth_method"):
        await update(**key, settings={"token_endpoint_auth_method": "client_secret_post"})


@pytest.mark.wires("rest", "grpc")
async def test_no_key_set_makes_an_internal_error(api, client_id):
    for odd in ("\x00", 1e300, -0.0, True, {"\x00": {}}, ["x" * 9999], "\U0001f600\x7f"):
        for jwks in ({"keys": [{**EC, "kid": odd}]}, {"keys": odd}, {"keys": [], "x": odd}):
            try:
                await api.client_settings.update_client_settings(
                    client_id=client_id, settings={"jwks": jwks}
                )
            except ApiError as problem:
                refusal = problem.code
            else:
                refusal = None
            assert refusal in {None, "INVALID_ARGUMENT"}


@pytest.mark.wires("rest")
async def test_what_cannot_be_is_refused_by_its_name(api, client_id, events):
    """Of the rules of keys one is enough here: the rest is in test_key_sets.py."""
    await events.new()
    private = jwk.RSAKey.generate_key(2048).as_dict(private=True)
    for settings, field in (
        ({"jwks": {}}, "settings.jwks.keys"),
        ({"jwks": {"keys": [private]}}, "settings.jwks.keys[0].d"),
        ({"jwks": {"keys": [EC, EC]}}, "settings.jwks.keys[1].kid"),
        ({"jwks": {"keys": [None]}}, "settings.jwks.keys[0]"),
        ({"jwks": {"keys": [], "x": "x" * 17_000}}, "settings.jwks"),
        ({"token_endpoint_auth_method": "none"}, "settings.token_endpoint_auth_method"),
        ({"access_token_signing_alg": "none"}, "settings.access_token_signing_alg"),
        ({"access_token_signing_alg": "HS256"}, "settings.access_token_signing_alg"),
        ({"access_token_signing_alg": ""}, "settings.access_token_signing_alg"),
    ):
        with refused("INVALID_ARGUMENT", field) as it:
            await api.client_settings.update_client_settings(client_id=client_id, settings=settings)
        assert private["d"][:20] not in json.dumps([it.value.message, it.value.headers])
    assert await events.new() == []
