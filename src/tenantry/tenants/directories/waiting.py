"""Whether directories have something for the worker, asked before the modules for it are loaded.

Most deployments have no directory, or none that is polled. Theirs start faster and stay smaller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Integer, literal_column, select

from tenantry.db.statements import Statement
from tenantry.tenants.directories.model import directories, directory_changes

if TYPE_CHECKING:
    from tenantry.db.engine import Session

IDLE_SECONDS = 0.5

_ONE = literal_column("1", Integer)
_CHANGE = Statement(select(directory_changes.c.id).limit(_ONE))
_POLL = Statement(select(directories.c.id).where(directories.c.poll_time.is_not(None)).limit(_ONE))


async def has_changes(db: Session) -> bool:
    """Whether events of people wait to be told (`telling`)."""
    return await db.fetch_one(_CHANGE) is not None


async def has_polls(db: Session) -> bool:
    """Whether a directory is ever polled (`polling`)."""
    return await db.fetch_one(_POLL) is not None
