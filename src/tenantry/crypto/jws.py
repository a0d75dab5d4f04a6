"""Verification of JSON Web Signatures (RFC 7515): algorithms, their keys, parts of a JWT."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joserfc.errors import JoseError
from joserfc.jwa import JWS_ALGORITHMS
from joserfc.util import urlsafe_b64decode

from tenantry.core import strict_json

if TYPE_CHECKING:
    from joserfc.jwk import Key

_by_name = {algorithm.name: algorithm for algorithm in JWS_ALGORITHMS}
# Algorithms with a private key alone: a published key does not make such a signature.
ALGORITHMS = {
    **{name: _by_name[name] for name in ("RS256", "RS384", "RS512")},
    **{name: _by_name[name] for name in ("PS256", "PS384", "PS512")},
    **{name: _by_name[name] for name in ("ES256", "ES384", "ES512")},
    "Ed25519": _by_name["Ed25519"],  # its name in RFC 9864
    "EdDSA": _by_name["Ed25519"],  # and before that, in RFC 8037
}
PUBLIC_MEMBERS = ("kty", "n", "e", "crv", "x", "y")  # of a key, RFC 7518 section 6


def fits(key: Key, algorithm: str) -> bool:
    """Return whether a key has the type and the curve of an algorithm."""
    try:
        ALGORITHMS[algorithm].check_key(key)
    except JoseError:
        return False
    return True


def members(part: bytes) -> dict[str, Any]:
    """Return the JSON object of a part of a JWT; no member comes twice (RFC 7519 section 4).

    Raises:
        ValueError: the part is not the base64url of a JSON object.

    """
    content = strict_json.loads(urlsafe_b64decode(part), unique=True)
    if not isinstance(content, dict):
        raise ValueError("not an object")  # noqa: TRY004 - of the sender, not of the caller
    return content
