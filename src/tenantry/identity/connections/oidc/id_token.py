"""ID tokens (sections 2 and 3.1.3.7): the one proof of a sign-in at an OpenID Provider."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Any

from tenantry.identity.connections.oidc import claims as of_token
from tenantry.identity.connections.oidc import faults
from tenantry.identity.connections.oidc.faults import OIDCError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.identity.connections.oidc.jwts import Signed

_HASHES = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}


def verify(
    jwt: Signed,
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    now: float,
    skew: int,
    access_token: str | None = None,
    max_age: int | None = None,
    since: float | None = None,
) -> Mapping[str, Any]:
    """Return the claims of an ID token whose signature was verified, if it answers this request.

    ``now`` in seconds since 1970; ``skew`` and ``max_age`` in seconds; ``access_token`` is the
    one that came with it. A sign-in that was to be a new one came after ``since``, as far as the
    provider says when.
    """
    claims = jwt.claims
    of_token.hold_to_issuer(claims, issuer)
    of_token.hold_to_audience(claims, client_id)
    of_token.hold_to_times(claims, now=now, skew=skew)
    _hold_to_nonce(claims, nonce)
    if "events" in claims:
        # By these a logout token is known (Back-Channel Logout 1.0 section 2.4).
        raise OIDCError(faults.NOT_A_JWT, reason="it is a logout token")
    if access_token is not None:
        _hold_to_access_token(jwt, access_token)
    of_token.hold_to_age(claims, max_age=max_age, now=now, skew=skew)
    if since is not None and "auth_time" in claims:
        of_token.hold_to_age(claims, max_age=int(now - since), now=now, skew=skew)
    of_token.subject(claims)
    return claims


def _hold_to_nonce(claims: Mapping[str, Any], nonce: str) -> None:
    """Refuse the token of another sign-in (section 3.1.3.7 number 11), in constant time."""
    found = claims.get("nonce")
    if not isinstance(found, str) or not hmac.compare_digest(found.encode(), nonce.encode()):
        raise OIDCError(faults.NONCE)


def _hold_to_access_token(jwt: Signed, access_token: str) -> None:
    """Refuse a token that came beside another access token (sections 3.1.3.6 and 3.1.3.8)."""
    found = jwt.claims.get("at_hash")
    if found is None:
        return
    # Ed25519 hashes by SHA-512 (RFC 8032 section 5.1).
    hashed = _HASHES.get(jwt.algorithm[-3:], hashlib.sha512)(access_token.encode()).digest()
    half = base64.urlsafe_b64encode(hashed[: len(hashed) // 2]).rstrip(b"=")
    if not isinstance(found, str) or not hmac.compare_digest(found.rstrip("=").encode(), half):
        raise OIDCError(faults.AT_HASH)
