"""Counting in this process."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict

from tenantry.rate_limits.counts import Count

_MOST_KEYS = 100_000  # of one limit, some 26 MB


class Memory:
    """Counts in this process, safe to use from several threads.

    Kept are the keys used last, 100,000 of them; on the way those that count no more are dropped.
    """

    def __init__(self, most: int = _MOST_KEYS) -> None:
        self._most = most
        # By key, the one used last at the end: when its window began, counts of the last and this.
        self._kept: OrderedDict[str, tuple[float, int, int]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str, quota: int, seconds: int) -> Count:
        """Count one more, unless that is over the quota."""
        now = time.monotonic()
        with self._lock:
            began, previous, current = self._window(key, now, seconds)
            left = began + seconds - now
            admitted = math.floor(previous * left / seconds) + current < quota
            current += admitted
            self._kept[key] = (began, previous, current)
            self._kept.move_to_end(key)
            self._drop(now - 2 * seconds)
        return Count(previous, current, left, admitted)

    def __len__(self) -> int:
        """Return how many keys are kept."""
        return len(self._kept)

    def _window(self, key: str, now: float, seconds: int) -> tuple[float, int, int]:
        began, previous, current = self._kept.get(key, (now, 0, 0))
        gone = now - began
        if gone < seconds:
            return began, previous, current
        return (began + seconds, current, 0) if gone < 2 * seconds else (now, 0, 0)

    def _drop(self, before: float) -> None:
        for _ in range(2):  # more than can have come in
            oldest = next(iter(self._kept))
            if len(self._kept) <= self._most and self._kept[oldest][0] > before:
                return
            del self._kept[oldest]
