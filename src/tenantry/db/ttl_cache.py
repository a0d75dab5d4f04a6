"""Reading through a memory: values that are remembered for a moment, and read once for many."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from tenantry.telemetry.metrics import kinds
from tenantry.telemetry.metrics import table as metrics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence

# How long a process relies on what it has read of anything that decides about a credential.
FRESH_SECONDS = 0.9

_K = TypeVar("_K", bound="Hashable")
_V = TypeVar("_V")


@dataclass(slots=True, eq=False)
class _Batch(Generic[_K, _V]):
    """Keys that are read together; all that asked for one of them wait for `found`."""

    found: asyncio.Future[Mapping[_K, _V]]
    keys: list[_K] = field(default_factory=list)
    at: float = float("inf")  # monotonic time from before the read, once it begins
    task: asyncio.Task[None] | None = None


class TtlCache(Generic[_K, _V]):
    """Values by their keys, none older than a number of seconds, counted from before it was read.

    ``read`` returns those that exist. A read that fails fails for all that wait for it, and is
    not remembered. Keys that are missed in one turn of the event loop are read together, at most
    ``at_once`` of them; a key that is being read is not read a second time, unless that read began
    too long ago or the key was forgotten since.

    At most ``most`` values are remembered, and ``absent`` keys without a value apart from them:
    so guesses push out no value. The first that was read is the first to go. By its ``name`` it is
    in the figures of `/metrics`.
    """

    def __init__(
        self,
        read: Callable[[Sequence[_K]], Awaitable[Mapping[_K, _V]]],
        *,
        seconds: float,
        most: int,
        absent: int = 0,
        at_once: int = 1,
        name: str = "",
    ) -> None:
        self._read = read
        self._seconds = seconds
        self._most = most
        self._most_absent = absent
        self._at_once = at_once
        self._name = name
        self._hits = self._misses = 0
        self._told = (0, 0)
        if name:
            kinds.watch(self)
        self._values: dict[_K, tuple[float, _V | None]] = {}
        self._absent: dict[_K, tuple[float, _V | None]] = {}
        self._next: _Batch[_K, _V] | None = None  # keys that are read when this turn is over
        self._under_way: dict[_K, _Batch[_K, _V]] = {}  # by key, the latest; the next one as well

    def __len__(self) -> int:
        """Return how many keys are remembered."""
        return len(self._values) + len(self._absent)

    async def get(self, key: _K, *, since: float | None = None) -> _V | None:
        """Return the value of a key, None where there is none.

        ``since`` is a monotonic time, instead of the maximum age: an earlier read is not good
        enough.
        """
        oldest = time.monotonic() - self._seconds if since is None else since
        known = self._known(key, oldest)
        if known is not None:
            self._hits += 1
            return known[1]
        self._misses += 1
        # One that goes away does not end it for the others.
        return (await asyncio.shield(self._asked(key, oldest).found)).get(key)

    async def get_together(self, *keys: _K) -> list[_V | None]:
        """Return the values of several keys; if one of them has to be read, all are."""
        oldest = time.monotonic() - self._seconds
        values: list[_V | None] = []
        for key in keys:
            known = self._known(key, oldest)
            if known is None:
                break
            values.append(known[1])
        else:
            self._hits += 1
            return values
        self._misses += 1
        batches = [self._asked(key, oldest) for key in keys]
        return [
            (await asyncio.shield(batch.found)).get(key)
            for key, batch in zip(keys, batches, strict=True)
        ]

    def measure(self) -> None:
        now = (self._hits, self._misses)
        metrics.CACHE_LOOKUPS.add(self._name, "hit", by=now[0] - self._told[0])
        metrics.CACHE_LOOKUPS.add(self._name, "miss", by=now[1] - self._told[1])
        self._told = now

    def forget(self, key: _K) -> None:
        """Read a key anew the next time: this process has just changed its value."""
        self._values.pop(key, None)
        self._absent.pop(key, None)
        if key in self._under_way and self._under_way[key].at < float("inf"):
            # Its result may be outdated: those that have asked get it, and nobody else.
            del self._under_way[key]

    def forget_all(self) -> None:
        """Read every key anew the next time."""
        for key in {*self._values, *self._absent, *self._under_way}:
            self.forget(key)

    def _known(self, key: _K, oldest: float) -> tuple[float, _V | None] | None:
        known = self._values.get(key) or self._absent.get(key)
        return known if known is not None and known[0] >= oldest else None

    def _asked(self, key: _K, oldest: float) -> _Batch[_K, _V]:
        """Return the batch that reads a key: one that is under way, or the next one."""
        batch = self._under_way.get(key)
        if batch is None or batch.at < oldest:
            batch = self._next
            if batch is None or len(batch.keys) >= self._at_once:
                loop = asyncio.get_running_loop()
                batch = self._next = _Batch(loop.create_future())
                batch.task = loop.create_task(self._run(batch))
            batch.keys.append(key)
            self._under_way[key] = batch
        return batch

    async def _run(self, batch: _Batch[_K, _V]) -> None:
        if self._next is batch:
            self._next = None
        batch.at = time.monotonic()
        try:
            found = await self._read(batch.keys)
        except Exception as problem:  # noqa: BLE001 - it is for those that wait
            batch.found.set_exception(problem)
            batch.found.exception()  # or none of them may be left
        else:
            for key in batch.keys:
                if self._under_way.get(key) is batch:
                    self._remember(key, found.get(key), batch.at)
            batch.found.set_result(found)
        finally:
            batch.found.cancel()  # if this task is
            for key in batch.keys:
                if self._under_way.get(key) is batch:
                    del self._under_way[key]

    def _remember(self, key: _K, value: _V | None, at: float) -> None:
        self._values.pop(key, None)
        self._absent.pop(key, None)
        (self._absent if value is None else self._values)[key] = (at, value)
        for kept, most in ((self._values, self._most), (self._absent, self._most_absent)):
            while kept:
                first = next(iter(kept))
                if len(kept) <= most and kept[first][0] >= at - self._seconds:
                    break
                del kept[first]
