"""How many connections the event loops of one process may have together."""

from __future__ import annotations

import functools
import threading

from tenantry.telemetry.metrics import kinds
from tenantry.telemetry.metrics import table as metrics


class Budget:
    """How many connections the pools of one process may have together.

    Each event loop has a pool: TLS and cleartext are served by two. Each may have a quarter in
    any case, and the first one to ask has the rest.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._floor = max(1, size // 4)
        self._lock = threading.Lock()
        self._full = False
        self._taken: dict[object, int] = {}
        kinds.watch(self)

    def measure(self) -> None:
        if self._taken:
            metrics.DATABASE_CONNECTIONS_MOST.add(by=self._size)

    def join(self, pool: object) -> None:
        """Count this pool, too."""
        self._taken[pool] = 0

    def leave(self, pool: object) -> None:
        """Count it no more."""
        self._taken.pop(pool, None)
        self._full = False

    def take(self, pool: object) -> bool:
        """Take one connection for this pool, if there is one left for it."""
        if self._full and self._taken.get(pool, 0) >= self._floor:
            return False
        with self._lock:
            mine = self._taken.get(pool, 0)
            kept = sum(max(n, self._floor) for p, n in self._taken.items() if p is not pool)
            if mine >= max(self._floor, self._size - kept):
                return False
            self._taken[pool] = mine + 1
            self._full = sum(self._taken.values()) >= self._size
            return True

    def give(self, pool: object) -> None:
        """Give one back."""
        with self._lock:
            if pool in self._taken:
                self._taken[pool] -= 1
                self._full = False

    def surplus(self, pool: object) -> int:
        """Return how many of its connections others of the process could have."""
        if len(self._taken) == 1:
            return 0
        return max(0, self._taken.get(pool, 0) - self._floor)


@functools.cache
def budget_of_replicas(size: int) -> Budget:
    """Return the same for connections to standbys."""
    return Budget(size)


@functools.cache
def budget_of_process(size: int) -> Budget:
    """Return the budget that all event loops of this process share."""
    return Budget(size)
