"""Signed JWTs of a provider: read strictly, then verified by one of its keys (RFC 7515, RFC 8725).

Both halves stand apart, because between them somebody may have to fetch the key that it names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from joserfc.util import urlsafe_b64decode

from tenantry.crypto import jws
from tenantry.crypto.jws import ALGORITHMS
from tenantry.identity.connections.oidc import faults
from tenantry.identity.connections.oidc.faults import OIDCError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tenantry.identity.connections.oidc.key_sets import KeySet

MAX_CHARACTERS = 64 << 10
_MAX_KID = 500  # characters


@dataclass(frozen=True, slots=True)
class Signed:
    """A JWT whose signature is not verified yet; nobody may believe its claims before."""

    algorithm: str
    kid: str | None
    typ: str | None
    claims: Mapping[str, Any] = field(hash=False, repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def read(text: str, *, algorithms: Collection[str]) -> Signed:
    """Return the parts of a JWT that is signed by one of these algorithms.

    Raises:
        OIDCError: it is encrypted, not signed so, or no JWT.

    """
    if len(text) > MAX_CHARACTERS:
        raise OIDCError(faults.NOT_A_JWT, reason=f"it exceeds {MAX_CHARACTERS} characters")
    if text.count(".") == 4:  # RFC 7516 section 7.1
        raise OIDCError(faults.ENCRYPTED)
    if text.count(".") != 2:
        raise OIDCError(faults.NOT_A_JWT, reason="it does not have three parts")
    try:
        first, second, third = text.encode("ascii").split(b".")
        header = jws.members(first)
    except ValueError:
        raise OIDCError(
            faults.NOT_A_JWT, reason="its header is not base64url-encoded JSON"
        ) from None
    algorithm, kid, typ = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(algorithm, str) or algorithm not in algorithms or algorithm not in ALGORITHMS:
        expected = ", ".join(one for one in algorithms if one in ALGORITHMS)
        raise OIDCError(
            faults.ALGORITHM,
            found=algorithm or "missing",
            expected=expected or "none of its algorithms",
        )
    if "crit" in header:
        raise OIDCError(faults.NOT_A_JWT, reason="its crit header requires unsupported extensions")
    if not isinstance(kid, str | None) or len(kid or "") > _MAX_KID:
        raise OIDCError(faults.NOT_A_JWT, reason="its kid is not a string or is too long")
    # Keys in the header (jwk, jku, x5c, x5u) are anybody's: only those that the provider
    # publishes at its own address count.
    try:
        claims, signature = jws.members(second), urlsafe_b64decode(third)
    except ValueError:
        raise OIDCError(
            faults.NOT_A_JWT, reason="its claims are not base64url-encoded JSON"
        ) from None
    found = typ if isinstance(typ, str) else None
    return Signed(algorithm, kid, found, claims, first + b"." + second, signature)


def verify(jwt: Signed, keys: KeySet) -> None:
    """Make sure that one of these keys has signed it.

    Raises:
        OIDCError: none of them did.

    """
    fitting = keys.fitting(jwt.algorithm, jwt.kid)
    if not fitting:
        raise OIDCError(faults.KEY, found=jwt.kid or f"no kid, {jwt.algorithm}")
    algorithm = ALGORITHMS[jwt.algorithm]
    if not any(algorithm.verify(jwt.signed, jwt.signature, key) for key in fitting):
        raise OIDCError(faults.SIGNATURE)
