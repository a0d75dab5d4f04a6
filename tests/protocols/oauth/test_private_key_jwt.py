"""Assertions in place of a secret (RFC 7523): whose they are, what they say, and once only."""

from __future__ import annotations

import asyncio
import json
import math
import time
from datetime import timedelta
from pathlib import Path

import pytest
from apis import base64url, unique
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import hmac as mac
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import ECKey, OctKey, RSAKey
from joserfc.util import urlsafe_b64decode
from machines import TYPE, by_assertion, is_error, jwks, key_for, says, signed

from tenantry.crypto import jws
from tenantry.endpoints.oauth import client_assertion

ALGORITHMS = [
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "Ed25519", "EdDSA"),
]
KEY = key_for("ES256")
OURS = "(the token endpoint)"
# Which Python writes as NaN and Infinity, and as more digits than any clock has.
ODD_NUMBERS = (math.nan, math.inf, -math.inf, 1e300, 10**400, 10**20, -(10**20))


@pytest.fixture
async def client(new):
    """A client with one key, by which it must authenticate."""
    made = await new.machine(scopes=["a"])
    await new.set_up(made, jwks=jwks(KEY), token_endpoint_auth_method="private_key_jwt")
    return made


@pytest.fixture
def audience(server):
    return f"{server.url}/oauth/token"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_registered_key_signs_by_its_algorithm(oauth, new, audience, algorithm):
    client, key = await new.machine(), key_for(algorithm)
    await new.set_up(client, jwks=jwks(key))
    good = signed(says(client.id, audience), key, algorithm)
    assert (await oauth.token(**by_assertion(good))).status_code == 200
    forged = signed(says(client.id, audience), key_for(algorithm, 1), algorithm)
    assert is_error(await oauth.token(**by_assertion(forged)), "invalid_client", 401)


async def test_each_endpoint_takes_it_for_the_issuer_the_token_endpoint_and_itself(
    server, oauth, client
):
    for endpoint, path in (
        (oauth.token, "/oauth/token"),
        (oauth.introspect, "/oauth/introspect"),
        (oauth.revoke, "/oauth/revoke"),
    ):
        for audience in (
            server.url,
            f"{server.url}/oauth/token",
            server.url + path,
            [server.url],
            [server.url, f"{server.url}/oauth/token"],
        ):
            assertion = signed(says(client.id, audience), KEY)
            answer = await endpoint(**by_assertion(assertion), token="x")
            assert answer.status_code == 200, (path, audience, answer.text)
    wrong = signed(says(client.id, f"{server.url}/oauth/introspect"), KEY)
    assert is_error(await oauth.token(**by_assertion(wrong)), "invalid_client", 401)


async def test_each_is_good_once(oauth, second, client, audience):
    """An assertion is good once: at no endpoint and in no process again."""
    assertion = by_assertion(signed(says(client.id, audience), KEY))
    assert (await oauth.token(**assertion)).status_code == 200
    for again in (oauth.token, oauth.introspect, second.token):
        answer = await again(**assertion, token="x")
        assert is_error(answer, "invalid_client", 401)
        assert "jti" in answer.json()["error_description"]


async def test_of_many_at_once_one_gets_a_token(oauth, second, client, audience):
    assertion = by_assertion(signed(says(client.id, audience), KEY))
    both = (oauth.token, second.token)
    answers = await asyncio.gather(*(both[n % 2](**assertion) for n in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + 9 * [401]


async def test_a_jti_is_of_one_client(oauth, new, audience):
    jti = unique("jti")
    for _ in range(2):
        client = await new.machine()
        await new.set_up(client, jwks=jwks(KEY))
        assertion = signed(says(client.id, audience, jti=jti), KEY)
        assert (await oauth.token(**by_assertion(assertion))).status_code == 200


async def test_a_forged_one_uses_up_no_jti(oauth, client, audience):
    claims = says(client.id, audience)
    forged = signed(claims, key_for("ES256", 1))
    assert is_error(await oauth.token(**by_assertion(forged)), "invalid_client", 401)
    assert (await oauth.token(**by_assertion(signed(claims, KEY)))).status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "someone"},
        {"iss": None},
        {"sub": None},
        {"sub": ["a"]},
        {"iss": "", "sub": ""},
        {"aud": "https://else.example/oauth/token"},
        {"aud": []},
        {"aud": None},
        {"aud": {"a": 1}},
        {"aud": [["x"]]},
        {"aud": ["https://else.example", OURS]},
        {"aud": [OURS, "https://else.example"]},
        {"aud": [OURS, None]},
        {"jti": None},
        {"jti": ""},
        {"jti": 7},
        {"jti": "x" * 1025},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"exp": timedelta(seconds=-60)},  # from now
        {"exp": timedelta(hours=2)},
        *({name: odd} for name in ("exp", "iat", "nbf") for odd in ODD_NUMBERS),
        {"exp": -1},
        {"nbf": timedelta(hours=1)},
        {"iat": timedelta(hours=1)},
        {"iat": "now"},
    ],
    ids=lambda changed: str(changed)[:40],
)
async def test_what_it_says_must_be_right(oauth, client, audience, changed):
    claims = {
        name: int(time.time() + value.total_seconds()) if isinstance(value, timedelta) else value
        for name, value in (says(client.id, audience) | changed).items()
        if value is not None
    }
    if isinstance(claims.get("aud"), list):
        claims["aud"] = [audience if one == OURS else one for one in claims["aud"]]
    answer = await oauth.token(**by_assertion(signed(claims, KEY)))
    assert is_error(answer, "invalid_client", 401)
    assert answer.json()["error_description"].startswith("client_assertion: ")


async def test_a_clock_may_be_a_little_off(oauth, client, audience):
    at = time.time()
    for claims in (
        {"iat": at + 10, "nbf": at + 10, "exp": at + 3610},
        {"exp": at - 10},
        {"exp": at + 60.5, "iat": None},
    ):
        assertion = signed(says(client.id, audience, **claims), KEY)
        assert (await oauth.token(**by_assertion(assertion))).status_code == 200


async def test_only_a_registered_key_counts(oauth, client, audience):
    """A key that the header brings or points to is nobody's."""
    other = key_for("ES256", 1)
    public = other.as_dict(private=False)
    for header in (
        {"jwk": public},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/cert"},
        {"x5c": ["AAAA"]},
        {"kid": None, "jwk": public},
        {"kid": "../../etc/passwd"},
        {"kid": "' OR 1=1 --"},
        {"kid": ["0"]},
        {"kid": 0},
    ):
        forged = signed(says(client.id, audience), other, **header)
        assert is_error(await oauth.token(**by_assertion(forged)), "invalid_client", 401)
    # Its own key signs all the same, with any other header; and needs no kid.
    for header in ({"jwk": public}, {"x5c": ["AAAA"]}, {"kid": None}, {"typ": "JWT"}):
        good = signed(says(client.id, audience), KEY, **header)
        assert (await oauth.token(**by_assertion(good))).status_code == 200
    critical = signed(says(client.id, audience), KEY, crit=["exp2"], exp2=1)
    assert is_error(await oauth.token(**by_assertion(critical)), "invalid_client", 401)


async def test_there_is_no_signature_by_what_everybody_knows(oauth, new, audience):
    """Algorithms: `none`, and HMAC with the public key or the secret."""
    client, key = await new.machine(), key_for("RS256")
    await new.set_up(client, jwks=jwks(key))
    said = says(client.id, audience)
    for algorithm in ("none", "None", "nOnE", "", None, 7, ["RS256"]):
        header = {"alg": algorithm, "kid": "0"}
        bare = ".".join(base64url(json.dumps(part).encode()) for part in (header, said))
        for signature in ("", "AAAA"):
            answer = await oauth.token(**by_assertion(f"{bare}.{signature}"))
            assert is_error(answer, "invalid_client", 401)
    public = key.raw_value.public_key()
    for secret in (
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(key.as_dict(private=False)).encode(),
        client.secret.encode(),
    ):
        for algorithm in ("HS256", "RS256"):
            header = {"alg": algorithm, "kid": "0"}
            bare = ".".join(base64url(json.dumps(part).encode()) for part in (header, said))
            code = mac.HMAC(secret, hashes.SHA256())
            code.update(bare.encode())
            answer = await oauth.token(**by_assertion(f"{bare}.{base64url(code.finalize())}"))
            assert is_error(answer, "invalid_client", 401)


async def test_a_key_signs_by_its_own_algorithm_alone(oauth, new, audience):
    client, key = await new.machine(), key_for("RS256")
    await new.set_up(client, jwks=jwks(key, alg="RS256"))
    for algorithm, status in (("RS256", 200), ("PS256", 401), ("RS512", 401)):
        assertion = signed(says(client.id, audience), key, algorithm)
        assert (await oauth.token(**by_assertion(assertion))).status_code == status


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "a.b.c",
        "....",
        "e30.e30.e30",
        "é",
        "x" * 20_000,
        "[" * 5000,
        "e30.e30.AAAA.e30.e30",
    ],
    ids=lambda text: text[:20] or "empty",
)
async def test_what_is_no_jwt_is_refused(oauth, text):
    answer = await oauth.token(**by_assertion(text))
    assert is_error(answer, "invalid_client", 401)


async def test_repeated_members_and_odd_json_are_refused(oauth, client, audience):
    said = json.dumps(says(client.id, audience))
    for payload in (
        said.replace("{", '{"sub": "x", ', 1),
        f"[{said}]",
        json.dumps(said),
        said[:-1],
        said.replace('"jti"', '"jti": "x", "jti"'),
        "NaN",
        '{"a":' * 3000 + "1" + "}" * 3000,
    ):
        answer = await oauth.token(**by_assertion(signed(payload.encode(), KEY)))
        assert is_error(answer, "invalid_client", 401)


async def test_the_form_goes_with_it(oauth, client, audience):
    assertion = by_assertion(signed(says(client.id, audience), KEY))
    for kind in (
        None,
        "",
        TYPE.upper(),
        "urn:ietf:params:oauth:client-assertion-type:saml2-bearer",
    ):
        answer = await oauth.token(**assertion | {"client_assertion_type": kind})
        assert is_error(answer, "invalid_client", 401)
    assert is_error(await oauth.token(**assertion, client_id="m2morg_1"), "invalid_request")
    assert (await oauth.token(**assertion, client_id=client.id)).status_code == 200


async def test_an_assertion_of_one_client_is_not_anothers(oauth, new, client, audience):
    """Both have keys, and the header names the right kid."""
    other, key = await new.machine(), key_for("ES256", 1)
    await new.set_up(other, jwks=jwks(key))
    forged = signed(says(client.id, audience), key)
    assert is_error(await oauth.token(**by_assertion(forged)), "invalid_client", 401)


SIGNATURES = json.loads((Path(__file__).parent / "signatures.json").read_text())


@pytest.mark.parametrize("known", SIGNATURES, ids=lambda known: known["from"])
def test_the_signatures_of_the_rfcs_hold(known):
    def holds(said, signature, keys=(known["key"],)):
        assertion = client_assertion.Assertion(
            client_id="joe",
            jti="1",
            expires=0,
            algorithm=known["algorithm"],
            key_id=None,
            signed=said.encode(),
            signature=urlsafe_b64decode(signature.encode()),
        )
        return client_assertion.is_signed(assertion, {"keys": [*keys]})

    said, signature = known["signed"], known["signature"]
    assert holds(said, signature)
    assert not holds(said[:-1] + "A", signature)
    assert not holds(said, "AAAA" + signature[4:])
    assert not holds(said, "")
    assert not holds(said, signature, keys=())


def test_the_kinds_of_keys_do_not_mix():
    """An octet key as a registered one would make any secret a signature."""
    octets = OctKey.generate_key(256).as_dict()
    rsa, ec = key_for("RS256"), key_for("ES384")
    assert isinstance(rsa, RSAKey)
    assert isinstance(ec, ECKey)
    for algorithm in jws.ALGORITHMS:
        text = signed(says("a", "b"), key_for(algorithm), algorithm)
        read = client_assertion.read(text, audiences=["b"], now=time.time())
        assert not client_assertion.is_signed(read, {"keys": [octets, {"kty": "x"}, {}]})
    text = signed(says("a", "b"), KEY)
    read = client_assertion.read(text, audiences=["b"], now=time.time())
    assert not client_assertion.is_signed(read, jwks(ec))
