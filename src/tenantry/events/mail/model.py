"""The table of mail: to go out, gone out, failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text

from tenantry.db.rows import members
from tenantry.db.schema import Json, metadata, time_column
from tenantry.db.spread import OF_ENVIRONMENT

if TYPE_CHECKING:
    from tenantry.db.engine import Row

QUEUED = "QUEUED"  # to go out at due_time
SENT = "SENT"  # a mail server took it
KEPT = "KEPT"  # there is no mail server: it can be read here
FAILED = "FAILED"  # refused for good, or tried too often
DROPPED = "DROPPED"  # what it was about is over

mail = Table(
    "mail",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organization_id", Text, ForeignKey("organizations.id", ondelete="CASCADE")),
    Column("recipient", Text, nullable=False),
    Column("template", Text, nullable=False),
    # The variables of the template; never a secret, which is derived when the mail goes out.
    Column("variables", Json, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    time_column("due_time"),
    Column("problem", Text),
    Column("content_sealed", Text),
    time_column("create_time"),
    time_column("sent_time", nullable=True),
    info=OF_ENVIRONMENT,
)
Index(None, mail.c.organization_id)
_WAITING = mail.c.state == QUEUED
Index(None, mail.c.due_time, postgresql_where=_WAITING, sqlite_where=_WAITING)


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail; times in microseconds since 1970, UTC."""

    id: str
    organization_id: str | None
    recipient: str
    template: str
    variables: dict[str, Any]
    state: str
    attempts: int
    due_time: int
    problem: str | None
    create_time: int
    sent_time: int | None

    @classmethod
    def from_row(cls, row: Row) -> Mail:
        """Return the mail of one row."""
        return cls(**members(row, mail, but={"content_sealed"}))
