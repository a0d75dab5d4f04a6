"""Which JWK Sets a client may have (RFC 7517, RFC 7518)."""

from __future__ import annotations

import pytest
from joserfc import jwk

from tenantry.access.clients.credentials import key_sets

RSA = jwk.RSAKey.generate_key(2048).as_dict(private=False)
EC = jwk.ECKey.generate_key("P-256").as_dict(private=False)
EC521 = jwk.ECKey.generate_key("P-521").as_dict(private=False)
OKP = jwk.OKPKey.generate_key("Ed25519").as_dict(private=False)


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [RSA],
        [{**RSA, "alg": "PS512", "use": "sig", "key_ops": ["verify"], "x-own": {"a": 1}}],
        [{**EC, "alg": "ES256"}],
        [jwk.ECKey.generate_key("P-384").as_dict(private=False)],
        [{**EC521, "alg": "ES512"}],
        [{**OKP, "alg": "EdDSA"}],
        [{**OKP, "alg": "Ed25519"}],
        [{**OKP, "kid": str(n)} for n in range(10)],
    ],
)
def test_public_keys_are_taken(keys):
    key_sets.check({"keys": keys})


@pytest.mark.parametrize(
    ("jwks", "where"),
    [
        ({}, "keys"),
        ({"keys": "x"}, "keys"),
        ({"keys": [None]}, "keys[0]"),
        ({"keys": ["x"]}, "keys[0]"),
        ({"keys": [{}]}, "keys[0].kty"),
        ({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}, "keys[0].k"),
        ({"keys": [{"kty": ["RSA"]}]}, "keys[0].kty"),
        ({"keys": [{"kty": "rsa"}]}, "keys[0].kty"),
        *(
            ({"keys": [jwk.generate_key(kind, size).as_dict(private=True)]}, "keys[0].d")
            for kind, size in (("RSA", 2048), ("EC", "P-256"), ("OKP", "Ed25519"))
        ),
        ({"keys": [{**RSA, "p": "AQAB"}]}, "keys[0].p"),
        ({"keys": [{**RSA, "oth": []}]}, "keys[0].oth"),
        ({"keys": [{**RSA, "n": RSA["n"][:-4]}]}, "keys[0].n"),
        ({"keys": [{**RSA, "n": "_" * 1368}]}, "keys[0].n"),
        ({"keys": [{**RSA, "n": RSA["n"] + "="}]}, "keys[0].n"),
        ({"keys": [{**RSA, "n": RSA["n"] + "\n"}]}, "keys[0].n"),
        ({"keys": [{**RSA, "n": 7}]}, "keys[0].n"),
        ({"keys": [{**RSA, "e": "Aw"}]}, "keys[0].e"),
        ({"keys": [{**RSA, "e": "AQAA"}]}, "keys[0].e"),
        ({"keys": [{**RSA, "e": "AQAAAAAB"}]}, "keys[0].e"),
        ({"keys": [{**RSA, "e": None}]}, "keys[0].e"),
        ({"keys": [{**EC, "crv": "secp256k1"}]}, "keys[0].crv"),
        ({"keys": [{**EC, "crv": ["P-256"]}]}, "keys[0].crv"),
        ({"keys": [{**EC, "crv": "P-384"}]}, "keys[0].x"),
        ({"keys": [{**EC, "x": EC["y"], "y": EC["x"]}]}, "keys[0].x"),
        ({"keys": [{**EC, "y": EC["y"] + "AA"}]}, "keys[0].y"),
        ({"keys": [{**OKP, "crv": "X25519"}]}, "keys[0].crv"),
        ({"keys": [{**OKP, "x": "AAAA"}]}, "keys[0].x"),
        ({"keys": [{**RSA, "alg": "HS256"}]}, "keys[0].alg"),
        ({"keys": [{**RSA, "alg": "ES256"}]}, "keys[0].alg"),
        ({"keys": [{**EC521, "alg": "ES256"}]}, "keys[0].alg"),
        ({"keys": [{**EC, "alg": ["ES256"]}]}, "keys[0].alg"),
        ({"keys": [{**EC, "alg": "none"}]}, "keys[0].alg"),
        ({"keys": [{**RSA, "use": "enc"}]}, "keys[0].use"),
        ({"keys": [{**RSA, "key_ops": ["verify", "sign"]}]}, "keys[0].key_ops"),
        ({"keys": [{**RSA, "kid": ""}]}, "keys[0].kid"),
        ({"keys": [{**RSA, "kid": 1}]}, "keys[0].kid"),
        ({"keys": [{**RSA, "kid": "k" * 129}]}, "keys[0].kid"),
        ({"keys": [{**RSA, "kid": "k"}, {**EC, "kid": "k"}]}, "keys[1].kid"),
        ({"keys": [{**RSA, "kid": "k"}, {**EC, "kid": None}]}, "keys[1].kid"),
        ({"keys": [{**OKP, "kid": str(n)} for n in range(11)]}, "keys"),
        ({"keys": [], "x": "x" * 16_384}, ""),
    ],
)
def test_anything_else_is_refused_where_it_is(jwks, where):
    with pytest.raises(key_sets.InvalidKeySet) as it:
        key_sets.check(jwks)
    assert it.value.where == where
