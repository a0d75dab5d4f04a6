"""The signing keys as one process knows them, read anew when they are a little old."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from joserfc.jwk import ECKey, RSAKey

from tenantry.access.keys import service as keys
from tenantry.access.keys.model import State
from tenantry.core import ids
from tenantry.crypto.vault import WrongKey
from tenantry.db.engine import Failure
from tenantry.identity.tokens.signer import Signer
from tenantry.telemetry.log import warn_rate_limited

if TYPE_CHECKING:
    from tenantry.access.keys.model import SigningKey
    from tenantry.db.engine import Session

_log = logging.getLogger(__name__)

# How old the keys may be that this process signs with, and trusts: a key that was taken back is
# good for so long. After a rotation verifiers know the key that signs long before, since it was
# published when the former one began to sign.
FRESH_SECONDS = 0.9
# How often we look again for callers that must not miss a key: a verifier of an unknown kid, which
# waits for its turn, and a reader of all keys, which may keep them for as long as it runs.
RETRY_SECONDS = 1.0
# How long a database may take to say that nothing has changed.
PATIENCE_SECONDS = 0.5
# Members of a published key (RFC 7517 section 4, RFC 7518 section 6).
_MEMBERS = {
    "RS256": ("use", "kty", "kid", "alg", "n", "e"),
    "ES256": ("use", "kty", "kid", "alg", "crv", "x", "y"),
}


class KeyRing:
    """Current, next and retired keys of each algorithm."""

    def __init__(self, db: Session) -> None:
        self._db = db
        self._loaded = float("-inf")
        self._reading = asyncio.Lock()
        self._renewing: asyncio.Task[None] | None = None
        self._by_id: dict[str, RSAKey | ECKey] = {}
        self._signers: dict[str, Signer] = {}  # by algorithm
        self._published: dict[str, Any] = {"keys": []}
        self._gone = 0

    @property
    def age(self) -> int:
        """How many seconds ago the keys were read."""
        return int(time.monotonic() - self._loaded)

    async def refresh(self, *, older_than: float = FRESH_SECONDS) -> None:
        """Read the keys again if they were read longer ago than this, in seconds.

        Raises:
            Unavailable: the database cannot be asked.

        """
        if time.monotonic() - self._loaded < older_than:
            return
        async with self._reading:
            at = time.monotonic()
            if at - self._loaded >= older_than:
                self._take(await keys.load(self._db))
                self._loaded = at

    def _take(self, loaded: list[SigningKey]) -> None:
        if self._by_id.keys() - {key.id for key in loaded}:
            self._gone += 1
        self._by_id = {key.id: self._by_id.get(key.id) or _public(key) for key in loaded}
        for key in loaded:
            if key.state is State.CURRENT:
                known = self._signers.get(key.algorithm)
                if known is None or known.key_id != key.id:
                    self._signers[key.algorithm] = Signer(key)
        shown = [key.as_dict(private=False) for key in self._by_id.values()]
        self._published = {
            "keys": [{name: key[name] for name in _MEMBERS[str(key["alg"])]} for key in shown]
        }

    async def published(self) -> dict[str, Any]:
        """Return all keys as a JWK Set (RFC 7517 section 5).

        Where the database is unavailable or slow, those that were read last, of which `age` tells.

        Raises:
            Unavailable: none were read yet.

        """
        await self._renew(RETRY_SECONDS)
        return self._published

    async def _renew(self, older_than: float) -> None:
        """Read the keys again, or let those that are known do: they have not changed for long."""
        if time.monotonic() - self._loaded < older_than:
            return
        if not self._by_id:
            await self.refresh(older_than=older_than)
            return
        # One at a time, and not cut off: others that come meanwhile wait for the same.
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._try_to_refresh(older_than))
        await asyncio.wait({self._renewing}, timeout=PATIENCE_SECONDS)

    async def _try_to_refresh(self, older_than: float) -> None:
        try:
            await self.refresh(older_than=older_than)
        except Failure as problem:
            fields = {"problem": str(problem), "age": self.age}
            warn_rate_limited(
                _log,
                "failed to reload signing keys, using cached keys",
                problem.error().name,
                fields,
            )
        except WrongKey as problem:
            fields = {"problem": str(problem), "age": self.age}
            warn_rate_limited(_log, "failed to decrypt a signing key", problem.name, fields)

    async def signer(self, algorithm: str) -> Signer:
        """Return the signer by this algorithm now."""
        await self._renew(FRESH_SECONDS)
        if algorithm not in self._signers:
            # Made by another process since we last read; or not at all, as by a hand in the tables.
            await keys.ensure_algorithm(self._db, algorithm)
            await self.refresh(older_than=0.0)
        return self._signers[algorithm]

    async def client_assertion(self, claims: dict[str, Any]) -> str:
        """Return a JWT by which we show ourselves to a provider of somebody else (RFC 7523).

        Its type is its own: no other Tenantry token looks like it, though an admin chose its
        claims.
        """
        return (await self.signer("RS256"))(claims, typ="client-authentication+jwt")

    async def gone(self) -> int:
        """Return how often keys were found to be gone: what they have signed holds no more."""
        await self._renew(FRESH_SECONDS)
        return self._gone

    async def verifying(self, key_id: str) -> RSAKey | ECKey | None:
        """Return the published key of this id; its `alg` is the only one that it verifies."""
        if not ids.well_formed(ids.SIGNING_KEY, key_id):
            return None
        await self._renew(FRESH_SECONDS)
        asked = time.monotonic()
        # Another process may sign with a key that was made after we last read.
        while key_id not in self._by_id and self._loaded < asked:
            await asyncio.sleep(self._loaded + RETRY_SECONDS - time.monotonic())
            await self.refresh(older_than=RETRY_SECONDS)
        return self._by_id.get(key_id)


def _public(key: SigningKey) -> RSAKey | ECKey:
    kind = ECKey if key.algorithm == "ES256" else RSAKey
    return kind.import_key(key.public_pem, {"kid": key.id, "use": "sig", "alg": key.algorithm})
