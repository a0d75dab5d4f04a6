"""Tokens that were forged, or are for something or somebody else."""

from __future__ import annotations

import base64
import hmac
import json
import time
from typing import Any

import pytest
from apis import access_token, refused
from authlib.oidc.core import CodeIDToken
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jws, jwt
from joserfc.jwk import KeySet, RSAKey
from signins import claims_of, header_of, is_refused

from tenantry.identity.tokens.key_ring import KeyRing

FOREIGN = RSAKey.import_key(rsa.generate_private_key(65537, 2048))


def _text(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _signed(claims, key, **header: Any):
    return jws.serialize_compact({"alg": "RS256", **header}, json.dumps(claims), key)


def _by_hmac(header, claims, secret):
    said = f"{_text(header)}.{_text(claims)}"
    return f"{said}.{_text(hmac.digest(secret, said.encode(), 'sha256'))}"


async def _is_bad(signins, token):
    """No endpoint takes it for the access token of a person, or of a client."""
    answer = await signins.http.get("/userinfo", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 401, answer.text
    mine = signins.rest.sending(authorization=f"Bearer {token}")
    with refused("UNAUTHENTICATED"):
        await mine.organizations.list_organization(page_size=1)
    return True


async def test_attack_27_forged_tokens_are_none(signins, http, database):
    tokens = await signins.tokens()
    token, claims = tokens["access_token"], claims_of(tokens["access_token"])
    header = header_of(token)
    _, said, signature = token.split(".")
    (public,) = [
        key for key in (await http.get("/keys")).json()["keys"] if key["kid"] == header["kid"]
    ]
    pem = RSAKey.import_key(public).as_pem(private=False)
    own = {"kid": header["kid"], "typ": "JWT"}
    forged = {
        "no signature": f"{_text({**header, 'alg': 'none'})}.{said}.",
        "alg none, signed": f"{_text({**header, 'alg': 'none'})}.{said}.{signature}",
        "alg None": f"{_text({**header, 'alg': 'None'})}.{said}.{signature}",
        "the public key as a secret": _by_hmac({**own, "alg": "HS256"}, claims, pem),
        "a key of somebody's own": _signed(claims, FOREIGN, **own),
        "a key in the header": _signed(claims, FOREIGN, **own, jwk=FOREIGN.as_dict(private=False)),
        "a key elsewhere": _signed(claims, FOREIGN, **own, jku="https://evil.example/keys"),
        "a kid that is a path": _signed(claims, FOREIGN, kid="../../dev/null", typ="JWT"),
        "a kid that is SQL": _signed(claims, FOREIGN, kid="' OR 1=1 --", typ="JWT"),
        "without a kid": _signed(claims, FOREIGN, typ="JWT"),
        "other claims": f"{_text(header)}.{_text({**claims, 'sub': 'usr_1'})}.{signature}",
        "twice the claim": f"{_text(header)}.{_text(b'{' + b'}')}.{signature}",
        "five parts": f"{token}..",
        "two parts": f"{_text(header)}.{said}",
        "bytes for JSON": f"{_text(bytes([255]))}.{said}.{signature}",
        "a list for claims": _signed([1], FOREIGN, **own),
    }
    for what, one in forged.items():
        assert await _is_bad(signins, one), what


# Signed by our own key, as if something else of ours had signed them.
OTHER_CLAIMS = {
    "another issuer": {"iss": "https://other.example"},
    "an audience beside ours": {"aud": ["skc_1234567890123456789"]},
    "two audiences": {"aud": ["skc_1234567890123456789", "x"]},
    "an audience that is a text": {"aud": "x"},
    "no audience": {"aud": None},
    "a client that is not there": {
        "client_id": "skc_1234567890123456789",
        "aud": ["skc_1234567890123456789"],
    },
    "no expiry": {"exp": None},
    "an expiry that is a text": {"exp": "9999999999"},
    "an expiry with a fraction": {"exp": 9999999999.5},
    "expired": {"exp": 1},
    "not yet": {"nbf": 9_999_999_999},
    "no nbf": {"nbf": None},
    "no jti": {"jti": None},
    "a jti of another kind": {"jti": "apit_1234567890123456789"},
    "a client for a person": {"sub": "skc_1234567890123456789"},
    "a person that is not there": {"sub": "usr_1234567890123456789"},
    "a session that is not there": {"sid": "ses_1234567890123456789"},
    "an organization that is not there": {"oid": "org_1234567890123456789"},
    "no session": {"sid": None},
    "no organization": {"oid": None},
    "no scopes": {"scopes": None},
    "nested values": {"sub": {"$ne": ""}},
}


@pytest.mark.parametrize("case", OTHER_CLAIMS)
async def test_attack_28_what_we_signed_for_something_else_is_none(signins, database, case):
    sign = await KeyRing(database).signer("RS256")
    tokens = await signins.tokens()
    claims = claims_of(tokens["access_token"])
    fresh = {"jti": database.new_id("tkn_")}
    assert (await signins.userinfo(sign(claims | fresh))).status_code == 200
    fresh = {"jti": database.new_id("tkn_"), **OTHER_CLAIMS[case]}
    changed = {name: value for name, value in {**claims, **fresh}.items() if value is not None}
    assert await _is_bad(signins, sign(changed))


async def test_attack_28_other_types_are_none(signins, database):
    sign = await KeyRing(database).signer("RS256")
    claims = claims_of((await signins.tokens())["access_token"])
    for typ in ("logout+jwt", "at+jwt", "jwt", ""):
        assert header_of(sign(claims, typ=typ))["typ"] == typ
        assert await _is_bad(signins, sign(claims, typ=typ))


async def test_attack_28_an_id_token_is_no_access_token(signins):
    app = await signins.application()
    tokens = await signins.tokens(app)
    assert await _is_bad(signins, tokens["id_token"])
    for token in (tokens["id_token"], tokens["refresh_token"] + ".x.y"):
        assert await signins.introspect(app, token) == {"active": False}


async def test_attack_28_a_token_of_one_organization_is_none_of_another(signins, make, database):
    """The person is a member of both, and the session is signed in to one."""
    sign = await KeyRing(database).signer("RS256")
    user = await make.user()
    other = await make.organization()
    await signins.rest.users.create_membership(
        organization_id=other["id"], id=user["id"], membership={}
    )
    session, _ = await signins.session(user)
    claims = claims_of((await signins.tokens(session=session))["access_token"])
    assert await _is_bad(signins, sign({**claims, "oid": other["id"]}))


async def test_attack_28_a_token_of_one_deployment_is_none_of_another(
    signins, sqlite_server, postgresql_server
):
    token = (await signins.tokens())["access_token"]
    here = signins.http.base_url
    for server in (sqlite_server, postgresql_server):
        if str(here).rstrip("/") == server.url:
            continue
        from wires import over_https

        async with over_https(server) as elsewhere:
            answer = await elsewhere.get("/userinfo", headers={"authorization": f"Bearer {token}"})
            assert answer.status_code == 401


async def test_attack_28_a_persons_token_is_no_clients_and_the_other_way(signins, server):
    app = await signins.application()
    tokens = await signins.tokens(app)
    # As a person one sees one's own organization at most, and makes no call of a client.
    mine = signins.rest.sending(authorization=f"Bearer {tokens['access_token']}")
    with refused("PERMISSION_DENIED"):
        await mine.organizations.list_organization(page_size=1)
    with refused("PERMISSION_DENIED"):
        await mine.clients.list_client(page_size=1)
    own = await access_token(signins.http, app.id, app.secret)
    assert (await signins.userinfo(own)).status_code == 401


@pytest.mark.parametrize("client_type", ["WEB_APP", "SPA"])
async def test_attack_28_it_is_told_to_nobody_but_its_client(signins, client_type, server):
    app = await signins.application(client_type)
    tokens = await signins.tokens(app)
    other = await signins.application()
    for name in ("access_token", "refresh_token"):
        assert await signins.introspect(other, tokens[name]) == {"active": False}


async def test_attack_29_an_id_token_stands_the_checks_of_authlib(signins, http, server):
    app = await signins.application()
    session, _ = await signins.session(await signins.make.user())
    code = await signins.code(app, session, nonce="abc")
    tokens = (await signins.redeem(app, code)).json()
    keys = KeySet.import_key_set((await http.get("/keys")).json())
    token = jwt.decode(tokens["id_token"], keys, algorithms=["RS256"])
    claims = CodeIDToken(
        token.claims,
        token.header,
        options={
            "iss": {"essential": True, "value": server.url},
            "aud": {"essential": True, "value": app.id},
        },
        params={
            "nonce": "abc",
            "client_id": app.id,
        },
    )
    claims.validate(now=int(time.time()), leeway=0)


async def test_a_refusal_is_no_token(signins):
    assert is_refused(await signins.redeem(await signins.application(), "x"), "invalid_grant")
