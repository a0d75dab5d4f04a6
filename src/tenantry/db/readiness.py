"""Whether the database takes changes: looked at when somebody asks, and remembered for a second."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.db.engine import Unavailable

if TYPE_CHECKING:
    from tenantry.db.engine import Database

REMEMBERED_SECONDS = 1.0
LIMIT_SECONDS = 1.0


class Readiness:
    """The last look at a database; one look at a time, however many ask."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._at = float("-inf")
        self._found: errors.Busy | None = None
        self._look: asyncio.Task[None] | None = None

    async def check(self) -> None:
        """Return if the database takes changes."""
        if time.monotonic() - self._at >= REMEMBERED_SECONDS:
            await self._look_again()
        if self._found is not None:
            raise self._found

    async def _look_again(self) -> None:
        # Not cut off when the time is over: a call that hangs goes on to hang, and is looked at no
        # second time meanwhile.
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._probe())
        done, _ = await asyncio.wait({self._look}, timeout=LIMIT_SECONDS)
        if not done:
            self._found = errors.DatabaseUnavailable(
                "the database has not answered within a second"
            )

    async def _probe(self) -> None:
        try:
            await self._db.probe()
        except Unavailable as problem:
            # A lock delays some calls in all processes alike: taking them out of the balancer
            # would refuse the others as well.
            locked = problem.answer is errors.Locked
            self._found = None if locked else problem.answer()
        else:
            self._found = None
        self._at = time.monotonic()
