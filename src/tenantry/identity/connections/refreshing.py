"""Metadata of identity providers, read again each day."""

from __future__ import annotations

import random

from tenantry.times import DAY

_JITTER = 0.25  # of a day, both ways: providers are not asked by all at once


def next_look(at: int) -> int:
    """Return when metadata that was read at this time is read again; in microseconds."""
    return at + round(DAY * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311 - no secret
