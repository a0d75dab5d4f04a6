"""The counts of one client or address, and the interface of where they are kept."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Count(NamedTuple):
    """Requests of the last window and of this one, which ends in ``left`` seconds.

    The first window begins with the first request.
    """

    previous: int
    current: int
    left: float
    admitted: bool  # the request is counted


class Counts(Protocol):
    """Where requests are counted; None where that is out of reach."""

    async def take(self, key: str, quota: int, seconds: int) -> Count | None:
        """Count one more, unless that is over the quota."""

    async def aclose(self) -> None:
        """Let go of what it holds."""
