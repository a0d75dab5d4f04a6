"""JWTs and keys of OpenID Providers: good ones, or bent by an argument.

Signatures are made by `cryptography` alone, and not by the library of the code under test.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

NOW = 1_790_000_000  # 2026-09-21
ISSUER, CLIENT_ID, NONCE = "https://idp.example.com/tenant", "tenantry-at-idp", "n-0S6_WzA2Mj"
SECRET = "a secret that the client and the provider share"
_HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
_CURVES = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@functools.cache
def private_key(kind: str) -> Any:
    """A private key of an algorithm; those of RSA are the same."""
    if kind in _CURVES:
        return ec.generate_private_key(_CURVES[kind]())
    if kind in {"EdDSA", "Ed25519"}:
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, 1024 if kind == "weak" else 2048)


def key_of(algorithm: str) -> Any:
    """The private key that these tests sign with by this algorithm."""
    return private_key("RSA" if algorithm[:2] in {"RS", "PS"} else algorithm)


def jwk(private: Any, **members: Any) -> dict[str, Any]:
    """The public half of a key, as RFC 7517 writes it."""
    public = private.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        size = (numbers.n.bit_length() + 7) // 8
        found = {"kty": "RSA", "n": base64url(numbers.n.to_bytes(size)), "e": "AQAB"}
    elif isinstance(public, ec.EllipticCurvePublicKey):
        numbers, size = public.public_numbers(), (public.key_size + 7) // 8
        names = {256: "P-256", 384: "P-384", 521: "P-521"}
        found = {
            "kty": "EC",
            "crv": names[public.key_size],
            "x": base64url(numbers.x.to_bytes(size)),
            "y": base64url(numbers.y.to_bytes(size)),
        }
    else:
        raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        found = {"kty": "OKP", "crv": "Ed25519", "x": base64url(raw)}
    return found | members


def sign(private: Any, algorithm: str, said: bytes) -> bytes:
    if algorithm == "none":
        return b""
    if algorithm.startswith("HS"):
        return hmac.digest(private, said, f"sha{algorithm[2:]}")
    if algorithm in {"EdDSA", "Ed25519"}:
        return private.sign(said)
    hashed = _HASHES[algorithm[2:]]()
    if algorithm in _CURVES:
        size = (private.key_size + 7) // 8
        r, s = decode_dss_signature(private.sign(said, ec.ECDSA(hashed)))
        return r.to_bytes(size) + s.to_bytes(size)
    if algorithm.startswith("PS"):
        pss = padding.PSS(padding.MGF1(hashed), padding.PSS.DIGEST_LENGTH)
        return private.sign(said, pss, hashed)
    return private.sign(said, padding.PKCS1v15(), hashed)


def signed(
    claims: dict[str, Any] | bytes,
    *,
    algorithm: str = "RS256",
    key: Any = None,
    kid: str | None = "k1",
    **header: Any,
) -> str:
    """A JWT; a member of the header that is None is left out."""
    whole = {"alg": algorithm, "kid": kid, "typ": "JWT", **header}
    first = json.dumps({n: v for n, v in whole.items() if v is not None}).encode()
    second = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    said = f"{base64url(first)}.{base64url(second)}"
    private = key_of(algorithm) if key is None else key
    return f"{said}.{base64url(sign(private, algorithm, said.encode()))}"


def key_set(*keys: dict[str, Any]) -> bytes:
    """A JWK Set of these keys, else of the one that signs by RS256."""
    given = keys or (jwk(key_of("RS256"), kid="k1", use="sig", alg="RS256"),)
    return json.dumps({"keys": list(given)}).encode()


def id_claims(**changes: Any) -> dict[str, Any]:
    """The claims of a good ID token; one that is changed to None is left out."""
    whole = {
        "iss": ISSUER,
        "sub": "248289761001",
        "aud": CLIENT_ID,
        "exp": NOW + 300,
        "iat": NOW,
        "nonce": NONCE,
        "email": "ann@example.com",
        "email_verified": True,
        "given_name": "Ann",
        "family_name": "Smith",
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def logout_claims(**changes: Any) -> dict[str, Any]:
    """The claims of a good logout token; one that is changed to None is left out."""
    whole = {
        "iss": ISSUER,
        "sub": "248289761001",
        "aud": CLIENT_ID,
        "iat": NOW,
        "exp": NOW + 120,
        "jti": "bWJq",
        "sid": "08a5019c-17e1-4977-8f42-65a12843ea02",
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def half_hash(token: str, size: str = "256") -> str:
    """The at_hash of an access token."""
    digest = hashlib.new(f"sha{size}", token.encode()).digest()
    return base64url(digest[: len(digest) // 2])
