"""When the next certificate of identity providers ends, over all connections that serve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core.times import DAY, now
from tenantry.db.event_rows.snapshots import Spelled
from tenantry.identity.connections.model import COMPLETED

if TYPE_CHECKING:
    from tenantry.db.engine import Session

_PAGE, _MOST_PAGES = 500, 20
# An end that long ago is of a connection that nobody uses any more.
_OVER = 7 * DAY

# By the index of the daily look, which each connection with certificates has. Of several
# certificates of a connection the last one counts.
_SOONEST = """
    SELECT max(ends.check_time) AS reached,
        min(CASE WHEN ends.expiry > CAST(:since AS BIGINT) THEN ends.expiry END) AS soonest FROM (
        SELECT page.check_time, (SELECT max({expiry}) FROM {certificates} AS one) AS expiry
        FROM (SELECT check_time, settings FROM connections
            WHERE check_time IS NOT NULL AND check_time > CAST(:after AS BIGINT)
            AND enabled AND status = '{status}' ORDER BY check_time LIMIT {most}) AS page
    ) AS ends
"""
_STATEMENT = Spelled(
    postgresql=_SOONEST.format(
        expiry="CAST(one.value ->> 'expiry_time' AS BIGINT)",
        certificates="jsonb_array_elements(page.settings -> 'idp_certificates')",
        status=COMPLETED,
        most=_PAGE,
    ),
    sqlite=_SOONEST.format(
        expiry="json_extract(one.value, '$.expiry_time')",
        certificates="json_each(page.settings, '$.idp_certificates')",
        status=COMPLETED,
        most=_PAGE,
    ),
)


async def soonest(db: Session) -> int | None:
    """Return when the first of the connections is without a certificate; None where none has any.

    In microseconds since 1970. Of more than 10,000 connections, those that are looked at next.
    """
    found: list[int] = []
    after, since = -1, now() - _OVER
    for _ in range(_MOST_PAGES):
        row = await db.fetch_one(_STATEMENT, after=after, since=since)
        if row is None or row["reached"] is None:
            break
        after = row["reached"]
        if row["soonest"] is not None:
            found.append(row["soonest"])
    return min(found, default=None)
