"""The signing keys as one process knows them, read anew when they are a little old."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from joserfc.jwk import RSAKey

from tenantry import ids
from tenantry.keys import service as keys
from tenantry.keys.model import State

if TYPE_CHECKING:
    from joserfc.jwk import KeyParameters

    from tenantry.db.engine import Session
    from tenantry.keys.model import SigningKey

# After a rotation this process signs with the former key for so long at most. Verifiers know
# the next key long before, since it was published when the former one began to sign.
FRESH_SECONDS = 30.0
# How often an unknown kid may make us look again; who has one waits for its turn.
_RETRY_SECONDS = 1.0


class KeyRing:
    """Current, next and retired keys."""

    def __init__(self, db: Session) -> None:
        self._db = db
        self._loaded = float("-inf")
        self._reading = asyncio.Lock()
        self._by_id: dict[str, RSAKey] = {}
        self._current: RSAKey | None = None
        self.published: dict[str, Any] = {"keys": []}

    async def refresh(self, *, older_than: float = FRESH_SECONDS) -> None:
        """Read the keys again if they were read longer ago than this, in seconds."""
        if time.monotonic() - self._loaded < older_than:
            return
        async with self._reading:
            if time.monotonic() - self._loaded >= older_than:
                self._take(await keys.load(self._db))
                self._loaded = time.monotonic()

    def _take(self, loaded: list[SigningKey]) -> None:
        self._by_id = {
            key.id: RSAKey.import_key(key.public_pem, _parameters(key)) for key in loaded
        }
        (current,) = (key for key in loaded if key.state is State.CURRENT)
        if self._current is None or self._current.kid != current.id:
            # A private key is checked when it is imported, which takes 36 ms: only when it is new.
            self._current = RSAKey.import_key(current.private_pem, _parameters(current))
        members = ("use", "kty", "kid", "alg", "n", "e")
        public = [key.as_dict(private=False) for key in self._by_id.values()]
        self.published = {"keys": [{name: key[name] for name in members} for key in public]}

    async def signing(self) -> RSAKey:
        """Return the key that signs now."""
        await self.refresh()
        assert self._current is not None
        return self._current

    async def verifying(self, key_id: str) -> RSAKey | None:
        """Return the published key of this id."""
        if not ids.well_formed(ids.SIGNING_KEY, key_id):
            return None
        asked = time.monotonic()
        # Another process may sign with a key that was made after we last read.
        while key_id not in self._by_id and self._loaded < asked:
            await asyncio.sleep(self._loaded + _RETRY_SECONDS - time.monotonic())
            await self.refresh(older_than=_RETRY_SECONDS)
        return self._by_id.get(key_id)


def _parameters(key: SigningKey) -> KeyParameters:
    return {"kid": key.id, "use": "sig", "alg": "RS256"}
