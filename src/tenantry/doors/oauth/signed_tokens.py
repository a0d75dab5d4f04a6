"""Tokens that we signed: their claims, for any use (RFC 7519, RFC 8725)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from joserfc import jwt
from joserfc.errors import JoseError

from tenantry import errors
from tenantry.doors.oauth import compact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.doors.oauth.key_ring import KeyRing

_SKEW_SECONDS = 30
_KNOWN = 8192


class SignedTokens:
    """Verifies signatures, and remembers what it verified: a known token costs no such check."""

    def __init__(self, ring: KeyRing, issuer: str) -> None:
        self._ring = ring
        self._issuer = issuer
        self._known: dict[str, dict[str, Any]] = {}  # token: its claims
        self._gone = 0  # keys, when these were verified

    async def claims(self, token: str) -> Mapping[str, Any]:
        """Return the claims of a token of this issuer that is in time.

        The caller looks at the kind of token, and whether it was revoked.

        Raises:
            errors.Unauthenticated: it is not ours, or has expired.

        """
        gone = await self._ring.gone()
        if gone != self._gone:
            self._known.clear()
            self._gone = gone
        claims = self._known.get(token)
        if claims is None:
            claims = await self._check(token)
            while len(self._known) >= _KNOWN:
                del self._known[next(iter(self._known))]
            self._known[token] = claims
        if claims["exp"] <= time.time():
            self._known.pop(token, None)
            raise errors.Unauthenticated("Token expired")
        return claims

    async def _check(self, token: str) -> dict[str, Any]:
        """Return the claims of a token whose signature holds."""
        claims = await signed(self._ring, self._issuer, token)
        if (
            claims is None
            or not isinstance(claims.get("exp"), int)
            # All of our access tokens have it, and no ID token.
            or not isinstance(claims.get("nbf"), int)
            or claims["nbf"] > time.time() + _SKEW_SECONDS
        ):
            raise errors.Unauthenticated("Token invalid")
        return claims


async def signed(ring: KeyRing, issuer: str, token: str) -> dict[str, Any] | None:
    """Return the claims of a JWT that this issuer has signed, in time or not; None of any other."""
    try:
        header = compact.header(token)
        key = await ring.verifying(str(header.get("kid")))
        if key is None or header.get("typ") != "JWT":
            return None
        claims: dict[str, Any] = jwt.decode(token, key, algorithms=[str(key.alg)]).claims
    except (JoseError, ValueError, TypeError):
        return None
    return claims if claims.get("iss") == issuer else None
