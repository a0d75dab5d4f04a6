"""Access tokens of clients: JWTs (RFC 7519), issued and verified here."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.access.clients.model import M2M
from tenantry.core import errors, ids
from tenantry.identity.tokens.signed_tokens import NOT_IN_FORCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.access.clients.client_cache import ClientCache
    from tenantry.access.clients.model import Client
    from tenantry.db.engine import Database
    from tenantry.identity.tokens.key_ring import KeyRing
    from tenantry.identity.tokens.signed_tokens import SignedTokens

# Seconds, where a client has no separate lifetime; keys.service.LONGEST_TOKEN_SECONDS at most.
LIFETIME_SECONDS = {M2M: 3600}
_LONGEST_SECONDS = 24 * 3600
# Claim with the management scopes that a token is limited to, of a client that does not hold all.
# A client that does may have scopes of the same names, for APIs of the product, in `scope`.
MANAGEMENT_SCOPES = "management_scopes"


@dataclass(frozen=True, slots=True)
class Issued:
    """A new access token, its id, and its lifetime in seconds as the token endpoint states it."""

    token: str
    id: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A Tenantry token that is good: what it says, and the client whose it is."""

    client: Client
    claims: Mapping[str, Any]

    @property
    def client_id(self) -> str:
        """The client whose it is."""
        return self.client.id

    @property
    def id(self) -> str:
        """Its jti."""
        return str(self.claims["jti"])

    @property
    def expires(self) -> int:
        """The Unix time at which it ends."""
        return int(self.claims["exp"])


class AccessTokens:
    """Issues and verifies them."""

    def __init__(
        self,
        db: Database,
        clients: ClientCache,
        ring: KeyRing,
        signed: SignedTokens,
        *,
        issuer: str,
    ) -> None:
        self._db = db
        self._clients = clients
        self._ring = ring
        self._signed = signed
        self._issuer = issuer

    def claims(self, client: Client, scopes: Sequence[str]) -> dict[str, Any]:
        """Return what a token of a client says beside who issued it to whom and for how long.

        ``scopes`` may have management scopes among them.
        """
        claims: dict[str, Any] = {
            "aud": self._audience(client),
            "scope": " ".join(scopes),
            "scopes": scopes,
        }
        if client.may_call_api and client.management_scopes is not None:
            limit = [scope for scope in client.management_scopes if scope in scopes]
            claims[MANAGEMENT_SCOPES] = limit
        if client.organization_id is not None:
            claims["oid"] = client.organization_id
        if client.custom_claims or client.client_type == M2M:
            claims["custom_claims"] = dict(client.custom_claims)
        return claims

    async def issue(self, client: Client, claims: Mapping[str, Any]) -> Issued:
        """Return a new token of a client, with these claims (see `claims`)."""
        sign = await self._ring.signer(client.access_token_signing_alg)
        at = int(time.time())
        lifetime = client.expiry or LIFETIME_SECONDS.get(client.client_type, _LONGEST_SECONDS)
        token_id = self._db.new_id(ids.TOKEN)
        fixed = {
            "iss": self._issuer,
            "sub": client.id,
            "client_id": client.id,
            "iat": at,
            "nbf": at,
            "exp": at + lifetime,
            "jti": token_id,
        }
        return Issued(sign({**claims, **fixed}), token_id, lifetime - 1)

    async def verify(self, token: str) -> AccessToken:
        """Return a client's token that is in force, for any audience."""
        return await self.in_force(await self._signed.claims(token))

    async def in_force(self, claims: Mapping[str, Any]) -> AccessToken:
        """Return the client token with these claims, as parsed by `SignedTokens`."""
        client_id, token_id = claims.get("client_id"), claims.get("jti")
        if (
            not isinstance(client_id, str)
            or claims.get("sub") != client_id
            or not isinstance(claims.get("aud"), list)
            or not isinstance(token_id, str)
            or not ids.well_formed(ids.TOKEN, token_id)
        ):
            raise errors.Unauthenticated(NOT_IN_FORCE)
        client = await self._clients.in_force(client_id, token_id)
        if client is None or not self._is_its(client, claims):
            raise errors.Unauthenticated(NOT_IN_FORCE)
        return AccessToken(client, claims)

    async def is_unchanged(self, token: AccessToken) -> bool:
        """Return whether a token is still in force and its client has not changed."""
        return await self._clients.in_force(token.client.id, token.claims["jti"]) is token.client

    def _audience(self, client: Client) -> list[str]:
        if client.client_type == M2M:
            return list(client.audience) or [client.id]
        return [self._issuer]

    def _is_its(self, client: Client, claims: Mapping[str, Any]) -> bool:
        """Whether a client of this type has such access tokens."""
        if client.client_type == M2M:
            return bool(claims.get("oid") == client.organization_id)
        # The audience tells an access token for this API from any other token.
        return bool(client.may_call_api and claims["aud"] == [self._issuer] and "oid" not in claims)
