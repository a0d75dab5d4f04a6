"""Tokens that we signed: their claims, for any use (RFC 7519, RFC 8725)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from joserfc import jwt
from joserfc.errors import JoseError

from tenantry.access.resources import issuers
from tenantry.core import errors
from tenantry.crypto import jws

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.identity.tokens.key_ring import KeyRing

NOT_IN_FORCE = (
    "Token invalid: it was revoked, or its client, session or user is no more, get a new one by "
    "POST /oauth/token"
)
# Claim of delegated tokens alone: client ID and jti of each token in the chain of exchanges.
DELEGATED_FROM = "delegated_from"
_SKEW_SECONDS = 30
KNOWN = 2048  # tokens that are remembered, each with 2.3 KB
_MAX_HEADER = 1024  # characters of a header that this server wrote: algorithm, key and type
_MOST_READ = 8192  # characters of the claims of a token that is not ours


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
        """
        gone = await self._ring.gone()
        if gone != self._gone:
            self._known.clear()
            self._gone = gone
        claims = self._known.get(token)
        if claims is None:
            claims = await self._check(token)
            while len(self._known) >= KNOWN:
                del self._known[next(iter(self._known))]
            self._known[token] = claims
        if claims["exp"] <= time.time():
            self._known.pop(token, None)
            raise errors.Unauthenticated("Token expired: get a new one by POST /oauth/token")
        return claims

    async def _check(self, token: str) -> dict[str, Any]:
        """Return the claims of a token whose signature holds."""
        claims = await signed(self._ring, self._issuer, token, of_resources=True)
        fault = ""
        if claims is None:
            fault = _fault(token, self._issuer)
        elif not isinstance(claims.get("exp"), int) or not isinstance(claims.get("nbf"), int):
            # All of our access tokens have it, and no ID token.
            fault = "it is an ID token or one for other purposes, send an access token"
        elif claims["nbf"] > time.time() + _SKEW_SECONDS:
            fault = "it is not valid yet"
        if claims is None or fault:
            raise errors.Unauthenticated(f"Token invalid: {fault}")
        return claims


def _fault(token: str, issuer: str) -> str:
    """Return why a token is not one that this issuer has signed, by what it says itself."""
    try:
        claims = jws.members(token.split(".")[1][:_MOST_READ].encode("ascii"))
    except (IndexError, ValueError):
        return (
            f"it is no JWT as {issuer}/oauth/token gives them; a client secret or an API key is no "
            "access token"
        )
    if claims.get("iss") != issuer:
        return f"it is of another issuer than {issuer}, get one by POST /oauth/token there"
    return f"it is not signed by a key of {issuer}, get a new one from POST /oauth/token"


async def signed(
    ring: KeyRing, issuer: str, token: str, *, of_resources: bool = False
) -> dict[str, Any] | None:
    """Return the claims of a JWT that this issuer has signed, in time or not; None of any other.

    With ``of_resources``, the issuers of resources are this one as well: the keys are the same.
    """
    try:
        header = _header(token)
        key = await ring.verifying(str(header.get("kid")))
        if key is None or header.get("typ") != "JWT":
            return None
        claims: dict[str, Any] = jwt.decode(token, key, algorithms=[str(key.alg)]).claims
    except (JoseError, ValueError, TypeError):
        return None
    found = claims.get("iss")
    of_resource = of_resources and issuers.resource_id_of(issuer, found) is not None
    return claims if found == issuer or of_resource else None


def _header(token: str) -> dict[str, Any]:
    """Return the header of a token that this server may have signed.

    Raises:
        ValueError: the token is not a signed JWT in compact form, or its header is too long.

    """
    first, _, rest = token.partition(".")
    if len(first) > _MAX_HEADER or rest.count(".") != 1:
        raise ValueError("not a signed JWT of this server")
    return jws.members(first.encode("ascii"))
