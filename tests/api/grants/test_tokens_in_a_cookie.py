"""Tokens fit into the one cookie that the official session middleware keeps them in.

`scalekit.frameworks.{fastapi,flask,django}` encrypts access token, refresh token, ID token and the
claims of the access token into one cookie, and signs nobody in where that is more than 3,800 bytes.
"""

from __future__ import annotations

import base64
import uuid
from dataclasses import replace

import orjson
import pytest
from apis import unique
from scalekit.middleware import session_crypto
from scalekit.middleware.session_manager import SessionRefreshManager
from signins import ALL, claims_of, half_hash

from tenantry.access.clients.client_cache import ClientCache
from tenantry.identity.grants import claims as grants
from tenantry.identity.grants import subjects
from tenantry.identity.tokens.id_tokens import IdTokens
from tenantry.identity.tokens.key_ring import KeyRing

LIMIT = 3800  # of the middleware
TARGET = 3400
SCOPE = "openid profile email offline_access"  # what the middleware asks for
ADA = {"given_name": "Ada", "family_name": "Lovelace", "name": "Ada Lovelace"}


@pytest.fixture(autouse=True)
def _any_size(monkeypatch):
    """The middleware refuses a cookie that is too long; here we want to see by how much."""
    assert session_crypto._MAX_COOKIE_VALUE_BYTES == LIMIT
    monkeypatch.setattr(session_crypto, "_MAX_COOKIE_VALUE_BYTES", 100_000)


def cookie_of(tokens):
    """The cookie's value, made the way the middleware makes it."""
    claims = claims_of(tokens["access_token"])
    manager = SessionRefreshManager(None, "a secret of thirty-two characters")
    return manager.create_session_cookie(
        {
            "user": claims,
            "access_token": tokens["access_token"],
            "refresh_token": tokens["refresh_token"],
            "id_token": tokens["id_token"],
            "expires_at": claims["exp"],
        }
    )


def with_claims(token, claims):
    """A token as long as this one would be, if it said this."""
    head, _, signature = token.split(".")
    said = base64.urlsafe_b64encode(orjson.dumps(claims)).rstrip(b"=").decode()
    return f"{head}.{said}.{signature}"


@pytest.fixture
def signed_in(signins, make):
    """Sign somebody in; return what their application gets."""

    async def signed_in(*, permissions=0, organization=None, **user: object):
        named = []
        for number in range(permissions):
            name = f"{unique('perm')[:16]}:{number:03d}".replace("-", "_")
            named.append((await make.permission(name=name))["name"])
        role = "admin"
        if named:  # to the admin of everybody it would add for good
            role = (await make.role(name=unique("a")[-5:], permissions=named))["name"]
        organization = organization or await make.organization()
        user = {"user_profile": ADA, **user}
        made = await make.user(organization["id"], membership={"roles": [{"name": role}]}, **user)
        session, _ = await signins.session(made)
        return await signins.tokens(session=session, scope=SCOPE)

    return signed_in


async def test_the_cookie_of_an_admin_with_twenty_permissions_is_within_3400_bytes(
    signed_in, signins
):
    tokens = await signed_in(permissions=20)
    claims = claims_of(tokens["access_token"])
    assert len(cookie_of(tokens)) <= TARGET
    assert claims["permissions_omitted"] is True
    assert "permissions" not in claims
    told = await signins.rest.users.list_user_permissions(
        organization_id=claims["oid"], user_id=claims["sub"]
    )
    own = [one["name"] for one in told["permissions"] if not one["name"].startswith("sk_")]
    assert len(own) == 20
    assert {len(name) for name in own} == {20}


async def test_few_permissions_are_in_the_token_and_built_in_ones_are_not(signed_in):
    tokens = await signed_in(permissions=3)
    claims = claims_of(tokens["access_token"])
    assert len(claims["permissions"]) == 3
    assert not any(name.startswith("sk_") for name in claims["permissions"])
    assert "permissions_omitted" not in claims
    assert len(cookie_of(tokens)) <= LIMIT
    none = claims_of((await signed_in())["access_token"])
    assert "roles" in none
    assert not none.keys() & {"permissions", "permissions_omitted"}


async def test_who_has_much_to_tell_fits_too_and_userinfo_tells_the_rest(signed_in, signins, make):
    organization = await make.organization(external_id=str(uuid.uuid4()))
    profile = {
        "given_name": "Maximiliane Henriette",
        "family_name": "von Hohenstein-Würzburg",
        "name": "Maximiliane Henriette von Hohenstein-Würzburg",
        "picture": f"https://example.com/{'p' * 900}",
        "locale": "de-DE",
    }
    tokens = await signed_in(
        permissions=4,
        organization=organization,
        external_id=str(uuid.uuid4()),
        user_profile=profile,
        metadata={"desk": "d" * 200},
    )
    assert len(cookie_of(tokens)) <= LIMIT
    claims = claims_of(tokens["id_token"])
    assert claims["name"] == profile["name"]
    assert "picture" not in claims
    assert "metadata" not in claims
    told = (await signins.userinfo(tokens["access_token"])).json()
    assert told["picture"] == profile["picture"]
    assert "d" * 200 in told["metadata"]


async def test_the_longest_compact_tokens_fit(signins, make):
    """Also where the issuer's name is long: it is counted with the rest."""
    session, secret = await signins.session(await make.user(user_profile={"name": "A"}))
    subject = await subjects.find_of_cookie(signins.database, secret)
    asked = {"client_id": "skc_1575454871891480576", "scopes": SCOPE.split(), "compact": True}
    tokens = await signins.tokens(session=session, scope=SCOPE)
    for issuer in ("https://a.example", f"https://{'long.' * 8}example.com"):
        known = replace(subject, own_permissions=("p",))
        size = len(orjson.dumps(grants.access_token(known, issuer=issuer, **asked)))
        known = replace(subject, own_permissions=("p" * (1 + grants.ACCESS_TOKEN_BYTES - size),))
        claims = grants.access_token(known, issuer=issuer, **asked)
        assert len(orjson.dumps(claims)) == grants.ACCESS_TOKEN_BYTES
        at = {
            name: claims_of(tokens["access_token"])[name] for name in ("iat", "nbf", "exp", "jti")
        }
        longest = {"access_token": with_claims(tokens["access_token"], claims | at)}
        size = len(orjson.dumps(grants.id_token(subject, issuer=issuer, **asked)))
        name = "A" * (1 + grants.ID_TOKEN_BYTES - size)
        known = replace(subject, user=replace(subject.user, profile={"name": name}))
        claims = grants.id_token(known, issuer=issuer, **asked)
        assert len(orjson.dumps(claims)) == grants.ID_TOKEN_BYTES
        at = {name: claims_of(tokens["id_token"])[name] for name in ("auth_time", "iat", "exp")}
        longest["id_token"] = with_claims(tokens["id_token"], claims | at)
        assert LIMIT - 60 < len(cookie_of({**tokens, **longest})) <= LIMIT


async def test_a_refreshed_token_fits_as_the_first_did(signed_in, signins, make):
    user = await make.user(membership={"roles": [{"name": "admin"}]}, user_profile=ADA)
    app = await signins.application()
    tokens = await signins.tokens(app, (await signins.session(user))[0], scope=SCOPE)
    refreshed = await signins.refreshed(app, tokens["refresh_token"])
    assert "id_token" not in refreshed
    assert len(cookie_of({**tokens, **refreshed})) <= TARGET


async def test_tokens_that_need_not_be_compact_tell_all(signins, make):
    permissions = [(await make.permission())["name"] for _ in range(20)]
    role = await make.role(permissions=permissions)
    profile = {
        **ADA,
        "phone_number": "+14155550123",
        "picture": f"https://example.com/{'p' * 900}",
        "gender": "female",
        "custom_attributes": {"birthdate": "1815-12-10", "zoneinfo": "Europe/London"},
    }
    user = await make.user(
        membership={"roles": [{"name": role["name"]}]},
        user_profile=profile,
        metadata={"desk": "d" * 200},
    )
    session, secret = await signins.session(user)
    subject = await subjects.find_of_cookie(signins.database, secret)
    asked = {"issuer": "https://localhost", "client_id": "skc_1", "scopes": ALL.split()}
    claims = grants.access_token(subject, **asked, compact=False)
    assert claims["permissions"] == sorted(permissions)
    assert "permissions_omitted" not in claims
    assert grants.id_token(subject, **asked, compact=False) == {
        "iss": "https://localhost",
        "aud": ["skc_1"],
        "azp": "skc_1",
        "client_id": "skc_1",
        "sub": user["id"],
        "oid": session.organization_id,
        "sid": session.id,
        "amr": list(session.amr),
        "updated_at": user["update_time"],
        "email": user["email"],
        "email_verified": True,
        **ADA,
        "phone_number": "+14155550123",
        "phone_number_verified": False,
        "gender": "female",
        "picture": profile["picture"],
        "metadata": f'{{"desk":"{"d" * 200}"}}',
        "birthdate": "1815-12-10",
        "birth_date": "1815-12-10",
        "zoneinfo": "Europe/London",
        "zone_info": "Europe/London",
    }


async def test_hashes_of_what_came_with_it_are_in_an_id_token_that_need_not_be_compact(
    signins, make
):
    _, secret = await signins.session(await make.user())
    subject = await subjects.find_of_cookie(signins.database, secret)
    known = await signins.rest.clients.list_client(page_size=1)
    client = await ClientCache(signins.database).find(known["clients"][0]["id"])
    for compact in (True, False):
        issuer = IdTokens(KeyRing(signins.database), "https://localhost", compact=compact)
        given = {"nonce": None, "auth_time": 0, "access_token": "token", "code": "code"}
        claims = claims_of(await issuer.issue(client, subject, ["openid"], **given))
        hashes = {name: claims[name] for name in ("at_hash", "c_hash") if name in claims}
        told = {"at_hash": half_hash("token"), "c_hash": half_hash("code")}
        assert hashes == ({} if compact else told)
