"""Read by verifiers: /keys and the discovery documents."""

from __future__ import annotations

import base64

import pytest
from apis import access_token
from joserfc import jwt
from joserfc.jwk import KeySet

from tenantry.access.keys import service as keys
from tenantry.access.keys.model import State
from tenantry.core import ids
from tenantry.endpoints.oauth.authorization.request import PROMPTS
from tenantry.identity.grants.claims import CLAIMS

DISCOVERY = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"]


async def test_the_current_and_the_next_key_are_published(http, database):
    published = (await http.get("/keys")).json()["keys"]
    assert len(published) >= 2
    kids = {key["kid"] for key in published}
    alive = {
        key.id
        for key in await keys.load(database)
        if key.state is not State.RETIRED and key.algorithm == "RS256"
    }
    assert len(alive) == 2
    assert alive <= kids
    assert all(ids.well_formed("snk_", kid) for kid in kids)


async def test_a_key_shows_its_public_half_alone(http):
    for key in (await http.get("/keys")).json()["keys"]:
        if key["kty"] == "EC":
            assert sorted(key) == ["alg", "crv", "kid", "kty", "use", "x", "y"]
            assert (key["alg"], key["crv"], key["use"]) == ("ES256", "P-256", "sig")
            continue
        assert sorted(key) == ["alg", "e", "kid", "kty", "n", "use"]
        assert (key["kty"], key["alg"], key["use"]) == ("RSA", "RS256", "sig")
        assert len(base64.urlsafe_b64decode(key["n"] + "==")) == 256
        assert key["e"] == "AQAB"


async def test_a_token_can_be_verified_with_them_alone(http, server, token):
    published = KeySet.import_key_set((await http.get("/keys")).json())
    decoded = jwt.decode(token, published, algorithms=["RS256", "ES256"])
    assert decoded.header["kid"] in {key.kid for key in published.keys}
    assert decoded.claims["client_id"] == server.client_id


async def test_they_may_be_cached_for_a_minute_and_read_by_any_page(http):
    for path in ("/keys", *DISCOVERY):
        answer = await http.get(path, headers={"origin": "https://app.example"})
        assert answer.headers["cache-control"].startswith("public, max-age=60")
        assert answer.headers["access-control-allow-origin"] in {"*", "https://app.example"}
        assert answer.headers["content-type"] == "application/json"
        assert (await http.head(path)).status_code == 200


@pytest.mark.parametrize("path", DISCOVERY)
async def test_discovery_begins_every_url_with_the_public_one(http, server, path):
    shown = (await http.get(path)).json()
    assert shown["issuer"] == server.url
    assert shown["jwks_uri"] == f"{server.url}/keys"
    assert shown["token_endpoint"] == f"{server.url}/oauth/token"
    urls = [value for value in shown.values() if isinstance(value, str)]
    assert all(url.startswith(server.url) for url in urls)


@pytest.mark.parametrize("path", DISCOVERY)
async def test_discovery_says_what_is_served_and_nothing_else(http, server, path):
    shown = (await http.get(path)).json()
    assert shown == {
        "issuer": server.url,
        "authorization_endpoint": f"{server.url}/oauth/authorize",
        "token_endpoint": f"{server.url}/oauth/token",
        "introspection_endpoint": f"{server.url}/oauth/introspect",
        "revocation_endpoint": f"{server.url}/oauth/revoke",
        "jwks_uri": f"{server.url}/keys",
        "userinfo_endpoint": f"{server.url}/userinfo",
        "end_session_endpoint": f"{server.url}/oidc/logout",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "grant_types_supported": [
            "authorization_code",
            "refresh_token",
            "client_credentials",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ],
        "identity_chaining_requested_token_types_supported": [
            "urn:ietf:params:oauth:token-type:id-jag"
        ],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile", "email", "phone", "offline_access"],
        "claims_supported": list(CLAIMS),
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": list(PROMPTS),
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "ui_locales_supported": ["en", "de", "fr", "es", "it", "nl", "pt"],
        "service_documentation": f"{server.url}/docs",
        **{
            f"{endpoint}_endpoint_auth_methods_supported": [
                "client_secret_basic",
                "client_secret_post",
                "private_key_jwt",
                *(["none"] if endpoint == "token" else []),
            ]
            for endpoint in ("token", "introspection", "revocation")
        },
        **{
            f"{endpoint}_endpoint_auth_signing_alg_values_supported": [
                *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
                *("ES256", "ES384", "ES512", "Ed25519", "EdDSA"),
            ]
            for endpoint in ("token", "introspection", "revocation")
        },
    }


async def test_discovery_says_what_is_true_whatever_the_host(http, server):
    for name in ("x-forwarded-host", "forwarded"):
        answer = await http.get(DISCOVERY[0], headers={name: "host=evil.example"})
        assert answer.json()["issuer"] == server.url


async def test_what_discovery_names_is_there(http, server):
    shown = (await http.get(DISCOVERY[0])).json()
    assert (await http.get(shown["jwks_uri"])).json()["keys"]
    for endpoint in ("token_endpoint", "introspection_endpoint", "revocation_endpoint"):
        answer = await http.post(shown[endpoint])
        assert answer.json()["error"] == "invalid_request"
    assert (await http.get(shown["service_documentation"])).status_code == 200
    assert await access_token(http, server.client_id, server.client_secret)
