"""Signing tokens: compact JWS (RFC 7515 section 7.1) with one of our keys.

By hand, for it is what a token costs: a library that serves any algorithm and any header took 44 µs
for ES256, this 25. Tokens are verified by such a library.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, cast

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import rsa

    from tenantry.access.keys.model import SigningKey

_PKCS1 = padding.PKCS1v15()
_SHA256 = hashes.SHA256()
_ECDSA = ec.ECDSA(_SHA256)
_COORDINATE = 32  # bytes, RFC 7518 section 3.4


class Signer:
    """Signs with the private half of one key."""

    def __init__(self, key: SigningKey) -> None:
        self.key_id = key.id
        self._algorithm = key.algorithm
        self._start = self._header("JWT")
        # We made it ourselves: checking it again takes 36 ms of an event loop.
        self._private: Any = load_pem_private_key(
            key.private_pem.encode(), None, unsafe_skip_rsa_key_validation=True
        )
        self._sign = self._by_es256 if key.algorithm == "ES256" else self._by_rs256

    def __call__(self, claims: dict[str, Any], *, typ: str = "JWT") -> str:
        """Return the token of this type that says this."""
        start = self._start if typ == "JWT" else self._header(typ)
        said = start + _base64url(orjson.dumps(claims))
        return (said + b"." + _base64url(self._sign(said))).decode()

    def _header(self, typ: str) -> bytes:
        header = {"alg": self._algorithm, "kid": self.key_id, "typ": typ}
        return _base64url(orjson.dumps(header)) + b"."

    def _by_rs256(self, said: bytes) -> bytes:
        return cast("rsa.RSAPrivateKey", self._private).sign(said, _PKCS1, _SHA256)

    def _by_es256(self, said: bytes) -> bytes:
        r, s = decode_dss_signature(self._private.sign(said, _ECDSA))
        return r.to_bytes(_COORDINATE, "big") + s.to_bytes(_COORDINATE, "big")


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
