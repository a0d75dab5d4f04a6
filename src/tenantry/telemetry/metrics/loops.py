"""How late an event loop is: looked at from the thread of the listener, once a second."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tenantry.telemetry.metrics.kinds import watch
from tenantry.telemetry.metrics.table import EVENT_LOOP_SECONDS

if TYPE_CHECKING:
    import asyncio


_all: list[Delay] = []


class Delay:
    """Asks a loop to note when it comes to it; not again before it has."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waits = False

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> None:
        """Measure a loop of this process from now on, to its end."""
        made = cls(loop)
        _all.append(made)
        watch(made)

    def measure(self) -> None:
        if not self._waits:
            self._waits = True
            try:
                self._loop.call_soon_threadsafe(self._come, time.monotonic())
            except RuntimeError:  # it is closed
                _all.remove(self)

    def _come(self, asked: float) -> None:
        EVENT_LOOP_SECONDS.observe(time.monotonic() - asked)
        self._waits = False
