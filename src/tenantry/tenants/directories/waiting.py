"""Whether directories have something for the worker, asked before the modules for it are loaded.

Most deployments have no directory, or none that is polled. Theirs start faster and stay smaller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Integer, func, literal_column, select

from tenantry.db.lists import pages
from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories.model import directories, directory_changes

if TYPE_CHECKING:
    from tenantry.db.engine import Session

IDLE_SECONDS = 0.5

_ONE = literal_column("1", Integer)
_CHANGE = Statement(select(directory_changes.c.id).limit(_ONE))
_POLL = Statement(select(directories.c.id).where(directories.c.poll_time.is_not(None)).limit(_ONE))


_changes = pages.counted(select(directory_changes.c.id))
_WAITING = Statement(
    select(
        select(_changes.c.total).scalar_subquery().label("waiting"),
        select(func.min(directory_changes.c.due_time)).scalar_subquery().label("since"),
    )
)


async def changes(db: Session) -> tuple[int, int | None]:
    """Return how many changes wait to be told, up to `pages.MOST_COUNTED`, and when one is due.

    The time is that of the first, in microseconds since 1970, None where no change waits.
    """
    row = await db.fetch_one(_WAITING)
    assert row is not None
    return row["waiting"], row["since"]


async def has_changes(db: Session) -> bool:
    """Return whether changes of users wait for their events (`effects.member_events`)."""
    return await db.fetch_one(_CHANGE) is not None


async def has_polls(db: Session) -> bool:
    """Whether a directory is ever polled (`polling`)."""
    return await db.fetch_one(_POLL) is not None
