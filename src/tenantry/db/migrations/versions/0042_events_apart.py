"""An index of the events whose time is not that of their id, for lists that are narrowed by time.

Revision: 0042, after 0041
"""

from __future__ import annotations

from tenantry.db.upgrades.steps import Index

revision = "0042"
down_revision = "0041"
older_may_run = True
locks = ()
indexes = (
    Index(
        "ix_events__apart",
        "events",
        "occurred_at, id",
        where="CASE WHEN length(id) BETWEEN 5 AND 23 "
        "AND ltrim(substr(id, 5), '0123456789') = '' AND id <= 'evt_9223372036854775807' "
        "THEN abs(occurred_at / 1000 - (CAST(substr(id, 5) AS bigint) >> 22) - 1420070400000)"
        " > 100 ELSE true END",
    ),
)


def upgrade() -> None:
    """Apply: there is only the index."""
