"""The origins whose pages may embed the admin portal: those of the environment's redirect URIs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tenantry.access.clients.uris import return_targets
from tenantry.db.ttl_cache import TtlCache

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.db.engine import Session

_SECONDS = 3.0  # that a new callback may take to count
_MOST = 200  # origins: they stand in a header of each page
# Characters that can stand in a Content-Security-Policy, and neither end it nor add to it.
_SAFE = re.compile(r"https?://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")


class FramingOrigins:
    """The origins of the environment, remembered for some seconds."""

    def __init__(self, db: Session) -> None:
        self._db = db
        self._cache: TtlCache[str, tuple[str, ...]] = TtlCache(
            self._read, seconds=_SECONDS, most=1, name="framing origins"
        )

    async def get(self) -> tuple[str, ...]:
        """Return them as browsers spell an origin, at most 200."""
        return await self._cache.get("all") or ()

    async def _read(self, _keys: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        found = await return_targets.environment_origins(self._db)
        return {"all": tuple(one for one in found if _SAFE.fullmatch(one))[:_MOST]}
