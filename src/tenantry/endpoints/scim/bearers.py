"""The directory that a request speaks for, by its bearer token (RFC 6750 section 2.1)."""

from __future__ import annotations

import re
import time
from functools import partial
from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.core.times import now
from tenantry.crypto import vault
from tenantry.db.ttl_cache import FRESH_SECONDS, TtlCache
from tenantry.tenants.directories import secrets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.db.engine import Session
    from tenantry.tenants.directories.model import Directory, Secret

_MOST = 10_000  # tokens in force, and as many that are not
_AT_ONCE = 1000  # of a statement
# A Tenantry token; another spelling costs no more than this look.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,256}")


class Bearers:
    """Directories by the secrets that open them, as read less than 0.9 seconds ago."""

    def __init__(self, db: Session) -> None:
        self._known: TtlCache[str, tuple[Secret, Directory]] = TtlCache(
            partial(secrets.read, db),
            seconds=FRESH_SECONDS,
            most=_MOST,
            absent=_MOST,
            at_once=_AT_ONCE,
            name="directory secrets",
        )

    async def find(self, headers: Mapping[str, str], directory_id: str) -> tuple[Secret, Directory]:
        """Return the secret of a request's header, and its directory, which has this id."""
        scheme, _, token = headers.get("authorization", "").strip().partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise errors.Unauthenticated("send the secret of the directory as a bearer token")
        digest = vault.digest(token)
        found = await self._known.get(digest) if _TOKEN.fullmatch(token) else None
        if found is not None and not found[1].enabled:
            # It may just have been enabled, after the provider's test: no is not from memory.
            found = await self._known.get(digest, since=time.monotonic())
        if found is None or not found[0].in_force(now()) or found[1].id != directory_id:
            raise errors.Unauthenticated(
                "the bearer token is not one of this directory, or has ended"
            )
        return found
