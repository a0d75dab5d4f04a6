"""Not asking an interceptor for a while that fails again and again: in this process, by id."""

from __future__ import annotations

import time
from dataclasses import dataclass

FAILURES = 5  # in a row
OPEN_SECONDS = 10.0
AT_ONCE = 256  # requests that are under way to one interceptor


@dataclass(slots=True)
class _State:
    failures: int = 0
    open_until: float = 0.0  # monotonic time
    under_way: int = 0


class Breakers:
    """Says whether to ask; after a number of failures in a row it allows no request for 10 s, then
    one at a time.
    """

    def __init__(self) -> None:
        self._states: dict[str, _State] = {}

    def enter(self, key: str) -> bool:
        """Whether to ask now; a caller that may, says `leave` in the end."""
        state = self._states.setdefault(key, _State())
        if state.under_way >= AT_ONCE or time.monotonic() < state.open_until:
            return False
        if state.failures >= FAILURES:
            # One finds out whether it is well again; the others do not wait for it.
            state.open_until = time.monotonic() + OPEN_SECONDS
        state.under_way += 1
        return True

    def leave(self, key: str, *, answered: bool | None) -> None:
        """Note how a request ended; None for one that its caller gave up."""
        state = self._states[key]
        state.under_way -= 1
        if answered:
            state.failures, state.open_until = 0, 0.0
        elif answered is None:
            if state.failures >= FAILURES:
                state.open_until = 0.0  # it has found out nothing
        else:
            state.failures += 1
            if state.failures >= FAILURES:
                state.open_until = time.monotonic() + OPEN_SECONDS

    def forget(self, key: str) -> None:
        """Start again with one that has changed, if nothing is under way."""
        state = self._states.get(key)
        if state is not None:
            state.failures, state.open_until = 0, 0.0
