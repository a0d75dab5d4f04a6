"""Use our server as an authorization server with Authlib, and print each step's answer.

Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET. Prints one line of
JSON per step of ../steps.json; the first step that fails ends the program.
"""

from __future__ import annotations

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey
from scalekit import ScalekitClient
from scalekit.v1.clients.clients_pb2 import CustomClaim, OrganizationClient
from scalekit.v1.organizations.organizations_pb2 import CreateOrganization
from steps import CLIENT_ID, CLIENT_SECRET, RUN, UNKNOWN, URL, expect_error, soon, step

SCOPES = ["orders:read", "orders:write", "deploy"]
AUDIENCE = ["https://orders.example.com", "https://api.example.com"]

scalekit = ScalekitClient(URL, CLIENT_ID, CLIENT_SECRET)
request = CreateOrganization(display_name=f"Acme {RUN}")
acme = scalekit.organization.create_organization(request)[0].organization.id


def create(name, **fields):  # noqa: ANN003
    client = OrganizationClient(name=name, **fields)
    made = scalekit.m2m_client.create_organization_client(acme, client)[0]
    return made.client.client_id, made.plain_secret


def settle(**settings):  # noqa: ANN003
    changed = requests.patch(
        f"{URL}/api/v1/clients/{orders}/settings",
        json=settings,
        headers={"authorization": f"Bearer {scalekit.core_client.access_token}"},
        timeout=10,
    )
    assert changed.ok, changed.text


def by(method, client_id, secret):
    return OAuth2Session(client_id, secret, token_endpoint_auth_method=method, scope=None)


def by_key(algorithm, **claims):  # noqa: ANN003
    session = by("private_key_jwt", orders, keys[algorithm])
    session.register_client_auth_method(
        PrivateKeyJWT(server["token_endpoint"], claims=claims, alg=algorithm)
    )
    return session


def token_of(session, **parameters):  # noqa: ANN003
    parameters = {"grant_type": "client_credentials"} | parameters
    return session.fetch_token(server["token_endpoint"], **parameters)


def introspected(session, token):
    return session.introspect_token(server["introspection_endpoint"], token=token).json()


def revoke(session, token):
    return session.revoke_token(server["revocation_endpoint"], token=token).status_code


def claims_of(token):
    published = KeySet.import_key_set(requests.get(server["jwks_uri"], timeout=10).json())
    return jwt.decode(token, published, algorithms=["RS256", "ES256"])


def refused(error, session, **parameters):  # noqa: ANN003
    refusal = expect_error(OAuthError, token_of, session, **parameters)
    assert refusal.error == error, refusal
    return refusal.description


def check_token(session):
    token = token_of(session)
    assert token["token_type"] == "Bearer"
    assert token["expires_in"] == 3599
    assert token["scope"] == " ".join(SCOPES)
    assert claims_of(token["access_token"]).claims["sub"] == orders


def check_algorithm(algorithm):
    token = claims_of(token_of(mine)["access_token"])
    assert token.header["alg"] == algorithm
    assert token.claims["iss"] == URL
    assert token.claims["aud"] == AUDIENCE
    assert token.claims["custom_claims"] == {"tier": "gold"}


tier = CustomClaim(key="tier", value="gold")
orders, secret = create("Orders", scopes=SCOPES, audience=AUDIENCE, custom_claims=[tier])
other, other_secret = create("Other")
mine = by("client_secret_basic", orders, secret)
others = by("client_secret_basic", other, other_secret)
environment = by("client_secret_post", CLIENT_ID, CLIENT_SECRET)
ed25519 = OKPKey.generate_key("Ed25519", {"kid": "Ed25519"}, auto_kid=False)
keys = {
    "RS256": RSAKey.generate_key(2048, {"kid": "RS256"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "ES256"}),
    "Ed25519": ed25519,
    "EdDSA": ed25519,
}

with step("discovery") as seen:
    published = requests.get(f"{URL}/.well-known/oauth-authorization-server", timeout=10).json()
    server = AuthorizationServerMetadata(published)
    for name in server.REGISTRY_KEYS:
        # It takes a list without elements for a missing one, and there are no response types.
        if name != "response_types_supported":
            getattr(server, f"validate_{name}")()
    assert server["issuer"] == URL
    assert "client_credentials" in server["grant_types_supported"]
    seen["token_endpoint"] = server["token_endpoint"]

with step("client_secret_basic"):
    check_token(mine)

with step("client_secret_post"):
    check_token(by("client_secret_post", orders, secret))

settle(jwks={"keys": [keys[name].as_dict(private=False) for name in ("RS256", "ES256", "EdDSA")]})

with step("private_key_jwt_rs256"):
    check_token(by_key("RS256"))

with step("private_key_jwt_es256"):
    check_token(by_key("ES256"))

with step("private_key_jwt_eddsa"):
    check_token(by_key("EdDSA"))
    check_token(by_key("Ed25519"))

with step("replayed_assertion") as seen:
    twice = by_key("ES256", jti=f"once-{RUN}")
    check_token(twice)
    seen["description"] = refused("invalid_client", twice)

with step("scopes"):
    narrow = token_of(mine, scope="deploy")
    assert narrow["scope"] == "deploy"
    claims = claims_of(narrow["access_token"]).claims
    assert (claims["scope"], claims["scopes"]) == ("deploy", ["deploy"])

with step("invalid_scope") as seen:
    seen["description"] = refused("invalid_scope", mine, scope="deploy admin")

with step("invalid_client") as seen:
    for method in ("client_secret_basic", "client_secret_post"):
        wrong = refused("invalid_client", by(method, orders, secret + "x"))
        assert refused("invalid_client", by(method, f"m2morg_{UNKNOWN}", secret)) == wrong
        assert refused("invalid_client", by(method, orders, other_secret)) == wrong
    seen["description"] = wrong

with step("unsupported_grant_type") as seen:
    grant = "urn:ietf:params:oauth:grant-type:device_code"
    seen["description"] = refused("unsupported_grant_type", mine, grant_type=grant)

with step("introspection"):
    token = token_of(mine)["access_token"]
    claims = claims_of(token).claims
    for session in (mine, environment):
        said = introspected(session, token)
        assert said["active"] is True
        assert said["scope"] == " ".join(SCOPES)
        for name in ("client_id", "sub", "aud", "iss", "jti", "iat", "nbf", "exp"):
            assert said[name] == claims[name], name

with step("introspection_of_others"):
    assert introspected(others, token) == {"active": False}
    assert introspected(environment, "no-token") == {"active": False}

with step("revocation"):
    assert revoke(others, token) == 400
    assert introspected(mine, token)["active"] is True
    assert revoke(mine, token) == 200

    def check_revoked():
        assert introspected(environment, token) == {"active": False}

    soon(check_revoked)
    assert revoke(mine, token) == revoke(mine, "no-token") == 200

with step("access_token_rs256"):
    check_algorithm("RS256")

with step("access_token_es256"):
    settle(access_token_signing_alg="ES256")
    soon(lambda: check_algorithm("ES256"))
    scalekit.organization.delete_organization(acme)
