"""Access tokens of management clients: RS256 JWTs, issued and verified here."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from joserfc import jws, jwt
from joserfc.errors import JoseError

from tenantry import errors, ids
from tenantry.clients import service as clients

if TYPE_CHECKING:
    from tenantry.db.engine import Database
    from tenantry.oauth.key_ring import KeyRing

LIFETIME_SECONDS = 24 * 3600
_ALGORITHM = "RS256"
_SKEW_SECONDS = 30
_KNOWN_TOKENS = 4096
# A deleted client's tokens are refused after so long at most.
_CLIENTS_FRESH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Issued:
    """A new access token and its lifetime in seconds, as the token endpoint states it."""

    token: str
    expires_in: int


class AccessTokens:
    """Issues tokens, and remembers those that it verified: a known one costs no signature check."""

    def __init__(self, db: Database, ring: KeyRing, issuer: str) -> None:
        self._db = db
        self._ring = ring
        self._issuer = issuer
        self._known: dict[str, tuple[str, int]] = {}  # token: client id, expiry
        self._clients: frozenset[str] = frozenset()
        self._gone: set[str] = set()  # of those who still called
        self._clients_read = float("-inf")

    async def issue(self, client_id: str) -> Issued:
        """Return a new token of a management client."""
        key = await self._ring.signing()
        at = int(time.time())
        claims = {
            "iss": self._issuer,
            "sub": client_id,
            "client_id": client_id,
            "aud": [self._issuer],
            "iat": at,
            "nbf": at,
            "exp": at + LIFETIME_SECONDS,
            "jti": self._db.new_id(ids.TOKEN),
            "scope": "",
            "scopes": [],
        }
        header = {"alg": _ALGORITHM, "typ": "JWT", "kid": key.kid}
        return Issued(
            jwt.encode(header, claims, key, algorithms=[_ALGORITHM]), LIFETIME_SECONDS - 1
        )

    async def verify(self, token: str) -> str:
        """Return the id of the client whose token this is.

        Raises:
            errors.Unauthenticated: it is none of ours, has expired, or its client is gone.

        """
        known = self._known.get(token)
        if known is None:
            known = await self._check(token)
            while len(self._known) >= _KNOWN_TOKENS:
                del self._known[next(iter(self._known))]
            self._known[token] = known
        client_id, expiry = known
        if expiry <= time.time():
            del self._known[token]
            raise errors.Unauthenticated("Token expired")
        if not await self._is_live(client_id):
            raise errors.Unauthenticated("Token invalid")
        return client_id

    async def _is_live(self, client_id: str) -> bool:
        stale = time.monotonic() - self._clients_read > _CLIENTS_FRESH_SECONDS
        # A client may be new; one that is gone stays gone, since no id comes back.
        if stale or (client_id not in self._clients and client_id not in self._gone):
            at = time.monotonic()
            self._clients = await clients.live_ids(self._db)
            self._clients_read = at
            if client_id not in self._clients:
                self._gone.add(client_id)
        return client_id in self._clients

    async def _check(self, token: str) -> tuple[str, int]:
        """Return (client id, expiry) of a token whose signature and claims hold."""
        invalid = errors.Unauthenticated("Token invalid")
        try:
            header = jws.extract_compact(token.encode("ascii")).headers()
            key = await self._ring.verifying(str(header.get("kid")))
            if key is None:
                raise invalid
            claims = jwt.decode(token, key, algorithms=[_ALGORITHM]).claims
        except (JoseError, ValueError, TypeError):
            raise invalid from None
        at = time.time()
        expiry, not_before = claims.get("exp"), claims.get("nbf")
        client_id = claims.get("client_id")
        if (
            # The audience is what tells an access token for this API from any other token.
            claims.get("iss") != self._issuer
            or claims.get("aud") != [self._issuer]
            or not isinstance(client_id, str)
            or claims.get("sub") != client_id
            or not isinstance(expiry, int)
            or not isinstance(not_before, int)
            or not_before > at + _SKEW_SECONDS
        ):
            raise invalid
        if expiry <= at:
            raise errors.Unauthenticated("Token expired")
        return client_id, expiry
