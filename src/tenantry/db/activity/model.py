"""The tables, the kinds of activity, and the periods that are counted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import BigInteger, Column, Index, Table, Text

from tenantry.core.times import DAY, MINUTE
from tenantry.db.sql.schema import metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT
from tenantry.db.writes import pruning

HOUR = 60 * MINUTE
TOTAL = ""  # the key of the row that counts all keys of its kind


class Kind(StrEnum):
    """The kinds of activity, each with the meaning of its key."""

    SIGN_INS = "sign_ins"  # the first authentication method
    SIGN_IN_ERRORS = "sign_in_errors"  # the error code
    ACTIVE_USERS = "active_users"  # none
    ACTIVE_ORGANIZATIONS = "active_organizations"  # none
    EVENTS = "events"  # the event type
    WEBHOOK_ATTEMPTS = "webhook_attempts"  # the endpoint
    WEBHOOK_BACKLOG = "webhook_backlog"  # the endpoint; the highest number of the period
    DIRECTORY_SYNCS = "directory_syncs"  # the directory
    API_CALLS = "api_calls"  # the client, or the kind of another caller
    RATE_LIMITS = "rate_limits"  # the limit


@dataclass(frozen=True, slots=True)
class Period:
    """A length of time that has one count for each key, and how long the counts are kept."""

    name: str
    length: int  # microseconds
    kept: int  # after its end

    def start(self, at: int) -> int:
        """Return the start of the period that this time is in."""
        return at - at % self.length

    def expire_time(self, start: int) -> int:
        """Return when the counts of a period are deleted."""
        return start + self.length + self.kept

    def starts(self, at: int, number: int) -> list[int]:
        """Return the starts of the last periods up to the one of this time, oldest first."""
        last = self.start(at)
        return [last - self.length * before for before in range(number - 1, -1, -1)]


HOURS, DAYS = Period("hour", HOUR, 2 * DAY), Period("day", DAY, 31 * DAY)
PERIODS = {period.name: period for period in (HOURS, DAYS)}
MARK_KEPT = DAY  # after the end of its period, when no process adds to its counts

# Numbers of each kind by period and key.
activity_counts = Table(
    "activity_counts",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("period", Text, primary_key=True),
    Column("start_time", BigInteger, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("n", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("milliseconds", BigInteger, nullable=False),  # the sum of durations
    time_column("expire_time"),
    info=OF_ENVIRONMENT,
)
Index(None, activity_counts.c.expire_time)
# The users and organizations that are already counted as active in a period.
activity_marks = Table(
    "activity_marks",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("period", Text, primary_key=True),
    Column("start_time", BigInteger, primary_key=True),
    Column("id", Text, primary_key=True),
    time_column("expire_time"),
    info=OF_ENVIRONMENT,
)
Index(None, activity_marks.c.expire_time)

prune_counts = pruning.Prune(activity_counts.c.expire_time)
prune_marks = pruning.Prune(activity_marks.c.expire_time)
