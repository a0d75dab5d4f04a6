"""The counts of one client or address."""

from __future__ import annotations

from typing import NamedTuple


class Count(NamedTuple):
    """Requests of the last window and of this one, which ends in ``left`` seconds.

    The first window begins with the first request.
    """

    previous: int
    current: int
    left: float
    admitted: bool  # the request is counted
