"""Access tokens of clients: JWTs (RFC 7519), issued and verified here."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from joserfc import jws, jwt
from joserfc.errors import JoseError

from tenantry import errors, ids
from tenantry.clients.model import ENV, M2M, WEB_APP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.clients.directory import Directory
    from tenantry.clients.model import Client
    from tenantry.db.engine import Database
    from tenantry.oauth.key_ring import KeyRing

# Seconds, where a client has no lifetime of its own; keys.service.LONGEST_TOKEN_SECONDS at most.
LIFETIME_SECONDS = {M2M: 3600}
_LONGEST_SECONDS = 24 * 3600
_SKEW_SECONDS = 30
_KNOWN_TOKENS = 8192


@dataclass(frozen=True, slots=True)
class Issued:
    """A new access token, its id, and its lifetime in seconds as the token endpoint states it."""

    token: str
    id: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token of ours that is good: what it says, and the client whose it is."""

    client: Client
    claims: dict[str, Any]

    @property
    def id(self) -> str:
        """Its jti."""
        return str(self.claims["jti"])

    @property
    def expires(self) -> int:
        """The Unix time at which it ends."""
        return int(self.claims["exp"])


class AccessTokens:
    """Issues tokens, and remembers those that it verified: a known one costs no signature check."""

    def __init__(self, db: Database, directory: Directory, ring: KeyRing, issuer: str) -> None:
        self._db = db
        self._directory = directory
        self._ring = ring
        self._issuer = issuer
        self._known: dict[str, dict[str, Any]] = {}  # token: its claims

    async def issue(self, client: Client, scopes: Sequence[str]) -> Issued:
        """Return a new token of a client, with these of its scopes."""
        sign = await self._ring.signer(client.access_token_signing_alg)
        at = int(time.time())
        lifetime = client.expiry or LIFETIME_SECONDS.get(client.client_type, _LONGEST_SECONDS)
        token_id = self._db.new_id(ids.TOKEN)
        claims = {
            "iss": self._issuer,
            "sub": client.id,
            "client_id": client.id,
            "aud": self._audience(client),
            "iat": at,
            "nbf": at,
            "exp": at + lifetime,
            "jti": token_id,
            "scope": " ".join(scopes),
            "scopes": scopes,
        }
        if client.organization_id is not None:
            claims["oid"] = client.organization_id
        if client.custom_claims or client.client_type == M2M:
            claims["custom_claims"] = dict(client.custom_claims)
        return Issued(sign(claims), token_id, lifetime - 1)

    async def verify(self, token: str) -> AccessToken:
        """Return a token of ours that is in force, whatever it is for.

        Raises:
            errors.Unauthenticated: it is none of ours, has expired or was revoked, or its client
                is gone or may not use it any more.

        """
        claims = self._known.get(token)
        if claims is None:
            claims = await self._check(token)
            while len(self._known) >= _KNOWN_TOKENS:
                del self._known[next(iter(self._known))]
            self._known[token] = claims
        if claims["exp"] <= time.time():
            self._known.pop(token, None)
            raise errors.Unauthenticated("Token expired")
        client = await self._directory.in_force(claims["client_id"], claims["jti"])
        if client is None or not self._is_its(client, claims):
            raise errors.Unauthenticated("Token invalid")
        return AccessToken(client, claims)

    def _audience(self, client: Client) -> list[str]:
        if client.client_type == M2M:
            return list(client.audience) or [client.id]
        return [self._issuer]

    def _is_its(self, client: Client, claims: dict[str, Any]) -> bool:
        """Whether a client of this type has such access tokens."""
        if client.client_type == M2M:
            return bool(claims.get("oid") == client.organization_id)
        # The audience is what tells an access token for this API from any other token.
        of_management = client.client_type in {ENV, WEB_APP} and client.api_access
        return bool(of_management and claims["aud"] == [self._issuer] and "oid" not in claims)

    async def _check(self, token: str) -> dict[str, Any]:
        """Return the claims of a token whose signature holds and which is an access token."""
        invalid = errors.Unauthenticated("Token invalid")
        try:
            header = jws.extract_compact(token.encode("ascii")).headers()
            key = await self._ring.verifying(str(header.get("kid")))
            if key is None or header.get("typ") != "JWT":
                raise invalid
            claims = jwt.decode(token, key, algorithms=[str(key.alg)]).claims
        except (JoseError, ValueError, TypeError):
            raise invalid from None
        client_id, audience = claims.get("client_id"), claims.get("aud")
        if (
            claims.get("iss") != self._issuer
            or not isinstance(client_id, str)
            or claims.get("sub") != client_id
            or not isinstance(audience, list)
            or not isinstance(claims.get("exp"), int)
            or not isinstance(claims.get("nbf"), int)
            or claims["nbf"] > time.time() + _SKEW_SECONDS
            or not ids.well_formed(ids.TOKEN, str(claims.get("jti")))
        ):
            raise invalid
        return claims
