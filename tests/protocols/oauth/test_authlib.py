"""Authlib as a client that nobody here wrote: it finds the endpoints, and uses all of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
from joserfc import jwt
from joserfc.jwk import KeySet
from machines import jwks, key_for

pytestmark = pytest.mark.process

METHODS = {
    "client_secret_basic": "RS256",
    "client_secret_post": "ES256",
    "private_key_jwt": "RS256",
}


@pytest.fixture
async def metadata(http, server):
    """The discovery document, checked by Authlib."""
    answer = await http.get(get_well_known_url(server.url, external=True))
    found = answer.json()
    AuthorizationServerMetadata(found).validate()
    return found


@pytest.fixture
async def client(server, metadata):
    """Makes a client of Authlib's."""
    made: list[AsyncOAuth2Client] = []

    def make(machine, method, secret: Any):
        one = AsyncOAuth2Client(
            machine.id,
            secret,
            token_endpoint_auth_method=method,
            revocation_endpoint_auth_method=method,
            token_endpoint=metadata["token_endpoint"],
            verify=server.trust,
        )
        made.append(one)
        return one

    yield make
    for one in made:
        await one.aclose()


@pytest.mark.parametrize(("method", "algorithm"), [*METHODS.items()])
async def test_it_gets_uses_and_revokes_a_token(metadata, client, new, method, algorithm):
    assert method in metadata["token_endpoint_auth_methods_supported"]
    machine, key = await new.machine(scopes=["a", "b"]), key_for("RS256")
    await new.set_up(machine, jwks=jwks(key), access_token_signing_alg=algorithm)
    secret = machine.secret
    if method == "private_key_jwt":
        secret = {**key.as_dict(private=True), "kid": "0"}
    authlib = client(machine, method, secret)
    if method == "private_key_jwt":
        authlib.register_client_auth_method(PrivateKeyJWT(metadata["token_endpoint"]))
    token = await authlib.fetch_token(grant_type="client_credentials", scope="a")
    assert (token["token_type"], token["scope"], token["expires_in"]) == ("Bearer", "a", 3599)
    published = KeySet.import_key_set((await authlib.get(metadata["jwks_uri"])).json())
    decoded = jwt.decode(token["access_token"], published, algorithms=["RS256", "ES256"])
    assert decoded.header["alg"] == algorithm
    assert decoded.claims["client_id"] == machine.id

    async def shown():
        answer = await authlib.introspect_token(
            metadata["introspection_endpoint"], token=token["access_token"]
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    assert (await shown())["scope"] == "a"
    answer = await authlib.revoke_token(
        metadata["revocation_endpoint"], token=token["access_token"]
    )
    assert answer.status_code == 200
    assert await shown() == {"active": False}


async def test_it_reads_the_errors(client, new):
    machine = await new.machine()
    authlib = client(machine, "client_secret_basic", "wrong")
    with pytest.raises(Exception, match="invalid_client") as problem:
        await authlib.fetch_token(grant_type="client_credentials")
    assert json.dumps(machine.secret) not in str(problem.value)
