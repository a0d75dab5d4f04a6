"""Whose a token is, as one process has read it less than a second ago.

This is what the API of a customer waits for with each of its requests. An answer is given for 0.9
seconds from before it was read, so a token that is ended anywhere is refused everywhere within one
second. Tokens that are looked for in the same turn of the event loop are read by one statement.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tenantry.access.api_tokens import reading
from tenantry.times import now

if TYPE_CHECKING:
    from tenantry.access.api_tokens.model import ApiToken
    from tenantry.db.engine import Session

FRESH_SECONDS = 0.9
_MOST = 10_000  # tokens in force, and as many that are not: guesses push out no others


@dataclass(slots=True, eq=False)
class _Batch:
    """Keys that are read together; all who asked for one wait for `found`."""

    found: asyncio.Future[dict[str, ApiToken]]
    keys: list[str] = field(default_factory=list)
    at: float = float("inf")  # monotonic time from before the read, once it begins
    task: asyncio.Task[None] | None = None


class Known:
    """Tokens by their keys, in force or not; the first read is the first to be forgotten."""

    def __init__(self, db: Session) -> None:
        self._db = db
        self._in_force: OrderedDict[str, tuple[float, ApiToken]] = OrderedDict()
        self._dead: OrderedDict[str, tuple[float, None]] = OrderedDict()
        self._next: _Batch | None = None  # what is read when this turn is over
        self._under_way: dict[str, _Batch] = {}  # by key, the latest; the next one as well

    async def find(self, text: str) -> ApiToken | None:
        """Return a token in force, given as it was shown or by its id; None if it is dead."""
        key = reading.key_of(text)
        if key is None:
            return None
        known = self._in_force.get(key) or self._dead.get(key)
        if known is not None and known[0] > time.monotonic() - FRESH_SECONDS:
            token = known[1]
        else:
            token = await self._ask(key)
        if token is None or (token.expire_time is not None and token.expire_time <= now()):
            return None
        return token

    def forget(self, token: ApiToken) -> None:
        """Read it anew the next time: this process has just changed or ended it."""
        for key in (token.id, token.digest):
            self._in_force.pop(key, None)
            if key in self._under_way and self._under_way[key] is not self._next:
                # What it reads may be of before: those who asked get it, and nobody else.
                del self._under_way[key]

    async def _ask(self, key: str) -> ApiToken | None:
        batch = self._under_way.get(key)
        if batch is None or batch.at <= time.monotonic() - FRESH_SECONDS:
            batch = self._next
            if batch is None:
                loop = asyncio.get_running_loop()
                batch = self._next = _Batch(loop.create_future())
                batch.task = loop.create_task(self._read(batch))
            batch.keys.append(key)
            self._under_way[key] = batch
        # One who goes away does not end it for the others.
        return (await asyncio.shield(batch.found)).get(key)

    async def _read(self, batch: _Batch) -> None:
        self._next = None
        batch.at = time.monotonic()
        try:
            found = await reading.read(self._db, batch.keys)
        except Exception as problem:  # noqa: BLE001 - it is for those who asked
            batch.found.set_exception(problem)
            batch.found.exception()  # there may be nobody left
        else:
            for key in batch.keys:
                if self._under_way.get(key) is batch:
                    self._remember(key, found.get(key), batch.at)
            batch.found.set_result(found)
        finally:
            for key in batch.keys:
                if self._under_way.get(key) is batch:
                    del self._under_way[key]

    def _remember(self, key: str, token: ApiToken | None, at: float) -> None:
        self._in_force.pop(key, None)
        self._dead.pop(key, None)
        if token is None:
            self._dead[key] = (at, None)
        else:
            self._in_force[key] = (at, token)
        for known in (self._in_force, self._dead):
            while known and (len(known) > _MOST or _first(known) <= at - FRESH_SECONDS):
                known.popitem(last=False)


def _first(
    known: OrderedDict[str, tuple[float, ApiToken]] | OrderedDict[str, tuple[float, None]],
) -> float:
    """Return when the one was read that was read first."""
    return next(iter(known.values()))[0]
