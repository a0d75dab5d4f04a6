"""Assertions by which a client authenticates: `private_key_jwt` (RFC 7523, OIDC Core section 9).

Pure functions. The claims of an assertion are checked before its client is looked up, so those
checks may name the fault; whether there is such a client and its key signed it is one answer.
"""

from __future__ import annotations

import functools
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key
from joserfc.util import urlsafe_b64decode

from tenantry.core.strict_json import is_number
from tenantry.crypto import jws

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from joserfc.jwk import Key

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523 section 2.2
LONGEST_SECONDS = 3600
SKEW_SECONDS = 30
_MOST_CHARACTERS = 16_384
_LONGEST_JTI = 1024

_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}


class InvalidAssertion(Exception):
    """It says something that no client's assertion may say; the text tells what."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """An assertion that says what it must; its signer is not known yet."""

    client_id: str
    jti: str
    expires: int  # Unix time after which nobody accepts it, skew included
    algorithm: str
    key_id: str | None
    signed: bytes
    signature: bytes


def read(text: str, *, audiences: Collection[str], now: float) -> Assertion:
    """Return an assertion that is meant for one of these audiences, and in time.

    Raises:
        InvalidAssertion: it is not.

    """
    header, claims, signed, signature = _parts(text)
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in jws.ALGORITHMS:
        raise InvalidAssertion(f"alg must be one of {', '.join(jws.ALGORITHMS)}")
    if "crit" in header:
        raise InvalidAssertion("crit names extensions that are not understood here")
    if key_id is not None and not isinstance(key_id, str):
        raise InvalidAssertion("kid must be a string")
    # Keys in the header (jwk, jku, x5c, x5u) are nobody's until the client has registered them.
    client_id, jti = claims.get("sub"), claims.get("jti")
    if not isinstance(client_id, str) or not client_id or claims.get("iss") != client_id:
        raise InvalidAssertion("iss and sub must both be the client_id")
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    # One that is meant for somebody else too could be theirs to send on (RFC 7523bis section 3).
    if not named or not all(isinstance(one, str) and one in audiences for one in named):
        raise InvalidAssertion("aud must be the issuer or the URL of this endpoint, and no other")
    if not isinstance(jti, str) or not 1 <= len(jti) <= _LONGEST_JTI:
        raise InvalidAssertion(f"jti must be a string of 1 to {_LONGEST_JTI} characters")
    return Assertion(client_id, jti, _expires(claims, now), algorithm, key_id, signed, signature)


def _expires(claims: Mapping[str, Any], now: float) -> int:
    expires = _time(claims, "exp")
    if expires is None:
        raise InvalidAssertion("exp is required")
    if expires <= now - SKEW_SECONDS:
        raise InvalidAssertion("it has expired")
    if expires > now + LONGEST_SECONDS + SKEW_SECONDS:
        raise InvalidAssertion(f"exp may be {LONGEST_SECONDS} seconds ahead at most")
    for name in ("iat", "nbf"):
        begins = _time(claims, name)
        if begins is not None and begins > now + SKEW_SECONDS:
            raise InvalidAssertion(f"{name} is in the future")
    return math.ceil(expires) + SKEW_SECONDS


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if name not in claims:
        return None
    if not is_number(value) or abs(value) > 1e15:
        raise InvalidAssertion(f"{name} must be a number of seconds since 1970")
    return value


def _parts(text: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    malformed = InvalidAssertion("it is not a signed JWT in compact form")
    if len(text) > _MOST_CHARACTERS:
        raise malformed
    try:
        first, second, third = text.encode("ascii").split(b".")
        header, claims = jws.members(first), jws.members(second)
        signature = urlsafe_b64decode(third)
    except ValueError:
        raise malformed from None
    return header, claims, first + b"." + second, signature


def is_signed(assertion: Assertion, jwks: Mapping[str, Any] | None) -> bool:
    """Whether one of these keys, which the client has registered, signed it.

    Without any that fits, one that fits nobody is tried: it takes as long to be unknown.
    """
    algorithm = jws.ALGORITHMS[assertion.algorithm]
    keys = list(_fitting(assertion, jwks or {})) or [_nobodys(assertion.algorithm)]
    return any(algorithm.verify(assertion.signed, assertion.signature, key) for key in keys)


def _fitting(assertion: Assertion, jwks: Mapping[str, Any]) -> Iterator[Key]:
    algorithm = assertion.algorithm
    for member in jwks.get("keys", []):
        if (
            (assertion.key_id is None or member.get("kid", assertion.key_id) == assertion.key_id)
            and member.get("use", "sig") == "sig"
            and "verify" in member.get("key_ops", ["verify"])
            and jws.ALGORITHMS.get(member.get("alg", algorithm)) is jws.ALGORITHMS[algorithm]
        ):
            key = _imported(json.dumps({name: member.get(name) for name in jws.PUBLIC_MEMBERS}))
            if key is not None and jws.fits(key, algorithm):
                yield key


@functools.lru_cache(maxsize=1024)
def _imported(members: str) -> Key | None:
    try:
        return import_key({name: value for name, value in json.loads(members).items() if value})
    except (JoseError, ValueError, TypeError, KeyError):
        return None


@functools.cache
def _nobodys(algorithm: str) -> Key:
    if algorithm in _CURVES:
        return ECKey.generate_key(_CURVES[algorithm])
    if algorithm in {"Ed25519", "EdDSA"}:
        return OKPKey.generate_key("Ed25519")
    # Verifying asks for no primes: any odd modulus does.
    return RSAKey.import_key(RSAPublicNumbers(65537, (1 << 2048) - 1).public_key())
