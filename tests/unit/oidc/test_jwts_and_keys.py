"""JWTs of providers and the keys that verify them: RFC 7515, RFC 7517, RFC 8725."""

from __future__ import annotations

import json
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwts_of_providers import (
    SECRET,
    base64url,
    id_claims,
    jwk,
    key_of,
    key_set,
    private_key,
    signed,
)

from tenantry.crypto.jws import ALGORITHMS
from tenantry.identity.connections.oidc import faults, jwts, key_sets
from tenantry.identity.connections.oidc.faults import OIDCError

ALL = tuple(ALGORITHMS)


def read_and_verify(text, keys, algorithms=ALL):
    found = jwts.read(text, algorithms=algorithms)
    jwts.verify(found, key_sets.read(keys))
    return found.claims


def another(private):
    """Another key of the same kind."""
    if isinstance(private, rsa.RSAPrivateKey):
        return rsa.generate_private_key(65537, 2048)
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return ec.generate_private_key(private.curve)
    return ed25519.Ed25519PrivateKey.generate()


@pytest.mark.parametrize("algorithm", ALL)
def test_a_signature_by_a_private_key_verifies_with_its_public_half_alone(algorithm):
    text = signed(id_claims(), algorithm=algorithm)
    key = key_of(algorithm)
    assert read_and_verify(text, key_set(jwk(key, kid="k1", use="sig", alg=algorithm)))
    assert read_and_verify(text, key_set(jwk(key, kid="k1"))) == id_claims()
    with pytest.raises(OIDCError) as raised:
        read_and_verify(text, key_set(jwk(another(key), kid="k1")))
    assert raised.value.fault is faults.SIGNATURE
    first, second, third = text.split(".")
    changed = base64url(json.dumps(id_claims(sub="somebody else")).encode())
    for bent in (f"{first}.{changed}.{third}", f"{first}.{second}.", f"{first}.{second}.AAAA"):
        with pytest.raises(OIDCError) as raised:
            read_and_verify(bent, key_set(jwk(key, kid="k1")))
        assert raised.value.fault is faults.SIGNATURE


def test_no_signature_and_none_by_a_shared_secret_are_taken():
    keys = key_set()
    public = key_of("RS256").public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for secret in (SECRET.encode(), pem, der, keys, b""):
        for algorithm in ("HS256", "HS384", "HS512"):
            text = signed(id_claims(), algorithm=algorithm, key=secret)
            with pytest.raises(OIDCError, match=f"algorithm is {algorithm}"):
                read_and_verify(text, keys)
            # Not even where the provider's metadata says that it signs so.
            with pytest.raises(OIDCError) as raised:
                read_and_verify(text, keys, algorithms=(algorithm,))
            assert raised.value.fault is faults.ALGORITHM
    for algorithm in ("none", "None", "NONE", "", None, 7, ["RS256"], "RS1", "rs256"):
        text = signed(id_claims(), algorithm="none", key=b"", alg=algorithm)
        with pytest.raises(OIDCError) as raised:
            read_and_verify(text, keys, algorithms=(*ALL, "none"))
        assert raised.value.fault is faults.ALGORITHM


def test_only_the_algorithms_of_the_provider_are_taken():
    text = signed(id_claims(), algorithm="PS256")
    assert read_and_verify(text, key_set(jwk(key_of("PS256"), kid="k1")), ("PS256", "RS256"))
    with pytest.raises(OIDCError, match="algorithm is PS256, but the connection accepts RS256"):
        jwts.read(text, algorithms=("RS256",))
    # A key is for one algorithm where it says so.
    with pytest.raises(OIDCError, match="is not published by the provider"):
        read_and_verify(text, key_set(jwk(key_of("PS256"), kid="k1", alg="RS256")))


def test_keys_in_the_header_are_nobodys():
    stranger = private_key("stranger")
    for header in (
        {"jwk": jwk(stranger)},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/keys"},
        {"x5c": ["MIIB"]},
    ):
        with pytest.raises(OIDCError) as raised:
            read_and_verify(signed(id_claims(), key=stranger, **header), key_set())
        assert raised.value.fault is faults.SIGNATURE
    with pytest.raises(OIDCError, match="crit"):
        read_and_verify(signed(id_claims(), crit=["b64"], b64=False), key_set())


def test_an_encrypted_token_is_refused_in_clear_words():
    with pytest.raises(OIDCError, match="is encrypted, which is not supported") as raised:
        jwts.read("eyJhbGciOiJSU0EtT0FFUCJ9.a.b.c.d", algorithms=ALL)
    assert "Disable ID token encryption" in raised.value.fault.remedy


TWICE = b'{"sub": "ann", "sub": "eve"}'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "..",
        "a.b",
        "a.b.c",
        "é.b.c",
        f"{base64url(b'[]')}.{base64url(b'{}')}.AAAA",
        f"{base64url(b'{}')}.{base64url(b'{}')}",
        signed(b"[]"),
        signed(b"7"),
        signed(b"\xff"),
        signed(TWICE),
        signed(b'{"a":' * 100 + b"1" + b"}" * 100),
        signed(id_claims(), kid=7),
        signed(id_claims(), kid="k" * 501),
        signed(id_claims()) + "=",
        signed(id_claims()).replace(".", ". ", 1),
        "x" * 70_000,
        signed({"groups": "x" * 70_000}),
    ],
)
def test_what_is_no_jwt_is_refused_quickly(text):
    at = time.thread_time()
    with pytest.raises(OIDCError) as raised:
        read_and_verify(text, key_set())
    assert raised.value.code == "invalid_id_token"
    assert time.thread_time() - at < 5


def test_a_token_without_a_kid_is_tried_by_the_keys_that_fit():
    text = signed(id_claims(), kid=None)
    keys = [jwk(another(key_of("ES256")), kid="e"), jwk(another(key_of("RS256")), kid="a")]
    assert read_and_verify(text, key_set(*keys, jwk(key_of("RS256"), kid="k1")))
    with pytest.raises(OIDCError) as raised:
        read_and_verify(text, key_set(*keys))
    assert raised.value.fault is faults.SIGNATURE
    with pytest.raises(OIDCError) as raised:
        read_and_verify(signed(id_claims(), kid="k2"), key_set(jwk(key_of("RS256"), kid="k1")))
    assert raised.value.fault is faults.KEY


def test_keys_that_are_no_use_are_left_out():
    good = jwk(key_of("RS256"), kid="k1")
    useless = [
        7,
        None,
        [],
        {},
        {"kty": "oct", "k": base64url(SECRET.encode()), "kid": "k1"},
        {**good, "use": "enc"},
        {**good, "key_ops": ["encrypt"]},
        {**good, "key_ops": "verify"},
        {**good, "kid": 7},
        {**good, "alg": "RSA-OAEP"},
        {**good, "alg": {}},
        {**good, "n": "!!"},
        {**good, "n": 7},
        {**good, "e": "AQ"},
        {**good, "kty": "EC"},
        {"kty": "EC", "crv": "P-256", "x": base64url(b"1" * 32), "y": base64url(b"2" * 32)},
        {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"},
        {"kty": "OKP", "crv": "X25519", "x": base64url(b"1" * 32)},
        {"kty": "OKP", "crv": "Ed25519", "x": "AA"},
        jwk(private_key("weak"), kid="k1"),
        {"kty": "RSA", "n": base64url(b"\xff" * 4096), "e": "AQAB"},
    ]
    assert key_sets.read(key_set(*useless)).fitting("RS256", None) == []
    for algorithm in ALL:
        assert key_sets.read(key_set(*useless)).fitting(algorithm, None) == [], algorithm
    assert len(key_sets.read(key_set(*useless, good)).fitting("RS256", "k1")) == 1


@pytest.mark.parametrize(
    "document",
    [b"", b"[]", b"{}", b'{"keys": {}}', b'{"keys": null}', b"<html>", b"\xff", b'{"keys":['],
)
def test_what_is_no_key_set_is_said_so(document):
    with pytest.raises(OIDCError, match="not a JWK Set"):
        key_sets.read(document)


def test_many_keys_are_refused_and_none_is_read_at_once(monkeypatch):
    keys = [jwk(key_of("RS256"), kid=f"k{n}") for n in range(101)]
    read = []
    monkeypatch.setattr(key_sets, "_imported", read.append)
    with pytest.raises(OIDCError, match="more than 100 keys"):
        key_sets.read(key_set(*keys))
    key_sets.read(key_set(*keys[:100]))
    assert read == []  # a key is read when it is first of use
