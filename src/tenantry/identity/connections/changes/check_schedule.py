"""When a connection is looked at by the worker: its metadata, and the end of its certificates."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tenantry.core.times import DAY, MINUTE

if TYPE_CHECKING:
    from tenantry.identity.connections.model import Connection

_HOUR = 60 * MINUTE


def next_check(at: int, connection: Connection, *, failed: bool = False) -> int | None:
    """Return when a connection is looked at again, in microseconds since 1970; None for never.

    That is after a day, more or less, or before its metadata is over. Where it failed, or is over,
    it is after an hour.
    """
    settings = connection.settings
    if not address(connection) and not settings.get("idp_certificates"):
        return None
    # Metadata that was uploaded cannot be read again, however soon it expires.
    until = (address(connection) and settings.get("metadata_valid_until")) or at + 2 * DAY
    pause = _HOUR if failed else min(DAY, max(_HOUR, until - at - _HOUR))
    # Providers are not asked by all at once.
    return at + round(pause * random.uniform(0.75, 1.0))  # noqa: S311 - no secret


def address(connection: Connection) -> str:
    url: str = connection.settings.get("idp_metadata_url", "")
    return url
