"""Access tokens of requests: ours, for us, in time; anything else is UNAUTHENTICATED."""

from __future__ import annotations

import asyncio
import base64
import json
import time

import pytest
from apis import access_token, base64url, refused
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from machines import parts_of

from tenantry.access.keys import service as keys
from tenantry.access.keys.model import State

pytestmark = pytest.mark.wires("rest", "grpc")  # it is one step for all of them


@pytest.fixture(scope="module")
async def signing(database):
    """The RS256 keys of the server, by their state."""
    return {key.state: key for key in await keys.load(database) if key.algorithm == "RS256"}


@pytest.fixture
def claims(server):
    """The claims of a good token."""
    at = int(time.time())
    return {
        "iss": server.url,
        "sub": server.client_id,
        "client_id": server.client_id,
        "aud": [server.url],
        "iat": at,
        "nbf": at,
        "exp": at + 3600,
        "jti": "tkn_1",
        "scope": "",
        "scopes": [],
    }


def signed(claims, pem, kid, **header: object):
    key = RSAKey.import_key(pem)
    return jwt.encode({"alg": "RS256", "typ": "JWT", "kid": kid, **header}, claims, key)


def unsigned(header, claims):
    return "".join(f"{base64url(json.dumps(part).encode())}." for part in (header, claims))


def by_hmac(claims, secret, kid):
    body = unsigned({"alg": "HS256", "typ": "JWT", "kid": kid}, claims)[:-1]
    mac = hmac.HMAC(secret, hashes.SHA256())
    mac.update(body.encode())
    return f"{body}.{base64url(mac.finalize())}"


def new_key():
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


OTHER_KEY = new_key()


async def call(api, *tokens: str):
    headers = [f"Bearer {token}" for token in tokens]
    return await api.sending(authorization=headers).organizations.list_organization(page_size=1)


async def test_a_token_that_says_all_this_and_is_signed_by_us_is_good(api, claims, signing):
    for state in (State.CURRENT, State.NEXT):
        assert await call(api, signed(claims, signing[state].private_pem, signing[state].id))


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": ["https://other.example"]},
        {"aud": []},
        {"aud": None},
        {"iss": "https://other.example"},
        {"iss": None},
        {"exp": 1},
        {"exp": None},
        {"exp": "9999999999"},
        {"exp": 1e300},
        {"nbf": 9_999_999_999},
        {"nbf": None},
        {"client_id": "skc_1"},
        {"client_id": None},
        {"sub": "usr_1"},
        {"sub": None},
        {"client_id": ["a"]},
        {"client_id": "skc_1", "sub": "skc_1"},
    ],
    ids=str,
)
async def test_a_claim_that_is_not_ours_is_refused(api, claims, signing, changed):
    current = signing[State.CURRENT]
    says = {name: value for name, value in (claims | changed).items() if value is not None}
    with refused("UNAUTHENTICATED"):
        await call(api, signed(says, current.private_pem, current.id))


async def test_an_id_token_of_ours_is_no_access_token(api, claims, signing, server):
    current = signing[State.CURRENT]
    for audience in ([server.client_id], server.client_id, [server.url, server.client_id]):
        with refused("UNAUTHENTICATED"):
            await call(api, signed(claims | {"aud": audience}, current.private_pem, current.id))


@pytest.mark.wires("rest")
async def test_a_token_is_of_its_clients_kind(api, claims, signing, new, make):
    """Signed by us, and of no kind that its client has."""
    current = signing[State.CURRENT]
    organization, other = await make.organization(), await make.organization()
    machine, spa = await new.machine(organization["id"]), await new.application("SPA")
    of_machine = {"sub": machine.id, "client_id": machine.id}
    of_spa = {"sub": spa.id, "client_id": spa.id}
    for changed in (
        {"oid": organization["id"]},
        of_machine,
        of_machine | {"oid": other["id"]},
        of_machine | {"oid": organization["id"], "aud": claims["aud"][0]},
        of_spa,
    ):
        with refused("UNAUTHENTICATED"):
            await call(api, signed(claims | changed, current.private_pem, current.id))
    for typ in ("", "at+jwt", "logout+jwt", "JWS", "jwt"):
        with refused("UNAUTHENTICATED"):
            await call(api, signed(claims, current.private_pem, current.id, typ=typ))
    for jti in (None, "", "x", 7, "evt_1", "tkn_"):
        with refused("UNAUTHENTICATED"):
            await call(api, signed(claims | {"jti": jti}, current.private_pem, current.id))
    whole = of_machine | {"oid": organization["id"]}
    with refused("PERMISSION_DENIED"):
        await call(api, signed(claims | whole, current.private_pem, current.id))


@pytest.mark.wires("rest")
async def test_a_token_of_another_deployment_is_refused(api, oauth, claims):
    """Its key has a kid of ours, or its token an issuer of ours."""
    ours = parts_of(await oauth.get_token(oauth.management))[0]
    tokens = [
        signed(claims | {"iss": "https://b.example", "aud": ["https://b.example"]}, OTHER_KEY, kid)
        for kid in (ours["kid"], "snk_1")
    ]
    await all_refused(api, [*tokens, signed(claims, OTHER_KEY, ours["kid"])])


@pytest.mark.wires("rest")
async def test_keys_of_one_algorithm_do_not_sign_by_the_other(api, claims, signing, database, new):
    await new.set_up(await new.machine(), access_token_signing_alg="ES256")
    es256 = {k.state: k for k in await keys.load(database) if k.algorithm == "ES256"}[State.CURRENT]
    rs256 = signing[State.CURRENT]
    good = jwt.encode(
        {"alg": "ES256", "typ": "JWT", "kid": es256.id}, claims, ECKey.import_key(es256.private_pem)
    )
    assert await call(api, good)
    mixed = [
        jwt.encode({"alg": "ES256", "kid": rs256.id}, claims, ECKey.import_key(es256.private_pem)),
        jwt.encode({"alg": "RS256", "kid": es256.id}, claims, RSAKey.import_key(rs256.private_pem)),
    ]
    await all_refused(api, mixed)


async def test_a_signature_of_another_key_is_refused(api, claims, signing):
    current, following = signing[State.CURRENT], signing[State.NEXT]
    with refused("UNAUTHENTICATED"):
        await call(api, signed(claims, OTHER_KEY, current.id))
    with refused("UNAUTHENTICATED"):
        await call(api, signed(claims, following.private_pem, current.id))


async def all_refused(api, tokens):
    """An unknown kid may make the server wait before it looks again, so all at once."""
    answers = await asyncio.gather(*(call(api, one) for one in tokens), return_exceptions=True)
    assert [getattr(answer, "code", answer) for answer in answers] == ["UNAUTHENTICATED"] * len(
        answers
    )


async def test_a_kid_that_we_do_not_publish_is_refused(api, claims):
    kids = ["snk_1", "", "../../etc/passwd", "' OR 1=1 --", None, 7, ["a"], {"a": 1}]
    headers = [{"alg": "RS256"}, *({"alg": "RS256", "kid": kid} for kid in kids)]
    forged = [f"{unsigned(header, claims)}AAAA" for header in headers]
    await all_refused(api, [*forged, signed(claims, OTHER_KEY, "snk_1")])


async def test_a_key_in_the_header_is_not_looked_at(api, claims, signing):
    public = RSAKey.import_key(OTHER_KEY).as_dict(private=False)
    tokens = [
        signed(claims, OTHER_KEY, signing[State.CURRENT].id, **header)
        for header in (
            {"jwk": public},
            {"jku": "https://evil.example/keys"},
            {"x5u": "https://evil.example/cert"},
            {"x5c": ["AAAA"]},
        )
    ]
    await all_refused(api, tokens)


async def test_no_signature_is_no_token(api, claims, signing):
    for algorithm in ("none", "None", "NONE", "nOnE", "", None):
        header = {"alg": algorithm, "typ": "JWT", "kid": signing[State.CURRENT].id}
        with refused("UNAUTHENTICATED"):
            await call(api, unsigned(header, claims))


async def test_the_public_key_is_no_shared_secret(api, claims, signing, http):
    current = signing[State.CURRENT]
    published = (await http.get("/keys")).json()["keys"]
    (published,) = [key for key in published if key["kid"] == current.id]
    modulus = base64.urlsafe_b64decode(published["n"] + "==")
    public = RSAKey.import_key(current.public_pem).raw_value
    for secret in (
        current.public_pem.encode(),
        current.public_pem.strip().encode(),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(published).encode(),
        modulus,
        b"",
    ):
        with refused("UNAUTHENTICATED"):
            await call(api, by_hmac(claims, secret, current.id))


async def test_another_algorithm_of_the_same_key_is_refused(api, claims, signing):
    current = signing[State.CURRENT]
    key = RSAKey.import_key(current.private_pem)
    for algorithm in ("RS512", "PS256", "RS384"):
        header = {"alg": algorithm, "kid": current.id}
        token = jwt.encode(header, claims, key, algorithms=[algorithm])
        with refused("UNAUTHENTICATED"):
            await call(api, token)


async def test_a_critical_header_that_we_do_not_know_is_refused(api, claims, signing):
    current = signing[State.CURRENT]
    body = unsigned({"alg": "RS256", "kid": current.id, "crit": ["exp2"], "exp2": 1}, claims)[:-1]
    private = RSAKey.import_key(current.private_pem).raw_value
    signature = private.sign(body.encode(), padding.PKCS1v15(), hashes.SHA256())
    with refused("UNAUTHENTICATED"):
        await call(api, f"{body}.{base64url(signature)}")


async def test_a_changed_token_is_refused(api, token):
    header, claims, signature = token.split(".")
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    raised = json.dumps(said | {"exp": said["exp"] + 1}).encode()
    forged = base64url(raised)
    for changed in (
        f"{header}.{forged}.{signature}",
        f"{header}.{claims}.{signature[:-8]}AAAAAAAA",
        f"{header}.{claims}.",
        f"{header}.{claims}",
        f"{header}.{claims}.{signature}.{signature}",
        f".{claims}.{signature}",
    ):
        with refused("UNAUTHENTICATED"):
            await call(api, changed)


@pytest.mark.parametrize("text", ["x", "a.b.c", "....", "e30.e30.e30", "x" * 7000, "null"])
async def test_what_is_no_token_is_refused(api, text):
    with refused("UNAUTHENTICATED"):
        await call(api, text)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"exp": 1}, "^Token expired: get a new one by POST /oauth/token$"),
        ({"iss": "https://other.example"}, "^Token invalid: it is of another issuer than https://"),
        ({"nbf": 9_999_999_999}, "^Token invalid: it is not valid yet$"),
        ({"nbf": None}, "^Token invalid: it is an ID token or one for other purposes"),
        ({"client_id": "skc_1", "sub": "skc_1"}, "^Token invalid: it was revoked, or its client"),
    ],
    ids=str,
)
async def test_a_bad_token_is_told_what_to_do(api, claims, signing, changed, says):
    says_it = {name: value for name, value in (claims | changed).items() if value is not None}
    key = signing[State.CURRENT]
    with refused("UNAUTHENTICATED", says=says):
        await call(api, signed(says_it, key.private_pem, key.id))


async def test_a_token_by_another_key_and_what_is_no_token_are_told_apart(api, claims, server):
    with refused(
        "UNAUTHENTICATED", says="^Token invalid: it is not signed by a key of https://"
    ) as it:
        await call(api, signed(claims, OTHER_KEY, "snk_1"))
    assert server.url in it.value.message
    for text in (server.client_secret, "a.b", "a.b.c", "a." + "e" * 20_000 + ".c"):
        with refused("UNAUTHENTICATED", says="a client secret or an API key is no access") as it:
            await call(api, text)
        assert text not in it.value.message


@pytest.mark.parametrize("scheme", ["", "Basic", "Token", "DPoP", "Bearer,"])
async def test_another_scheme_is_no_token(api, token, scheme):
    with refused("UNAUTHENTICATED", says="^Token empty$"):
        await api.sending(
            authorization=f"{scheme} {token}".strip()
        ).organizations.list_organization()


async def test_the_scheme_is_read_in_any_case(api, token):
    await api.sending(authorization=f"bearer {token}").organizations.list_organization(page_size=1)


async def test_of_two_tokens_any_good_one_counts(api, token):
    stale = token[:-4] + "AAAA"
    assert await call(api, stale, token)
    assert await call(api, token, stale)
    with refused("UNAUTHENTICATED"):
        await call(api, stale, stale)


async def test_a_token_in_the_query_or_body_does_not_count(http, token):
    answer = await http.get("/api/v1/organizations", params={"access_token": token})
    assert answer.status_code == 401


@pytest.mark.wires("rest")
async def test_rest_says_how_to_authenticate(api):
    with refused("UNAUTHENTICATED") as it:
        await api.sending(authorization=()).organizations.list_organization()
    assert it.value.headers["www-authenticate"] == "Bearer"
    with refused("UNAUTHENTICATED") as it:
        await call(api, "bad")
    assert it.value.headers["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_a_fresh_token_is_good_at_once(api, http, server):
    for _ in range(3):
        assert await call(api, await access_token(http, server.client_id, server.client_secret))
