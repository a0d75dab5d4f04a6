"""Errors of a server or a database that cannot answer now."""

from __future__ import annotations

from tenantry.core.errors.base import Code, Error


class Busy(Error):
    """Nothing was done; the same call may succeed after ``seconds`` (RFC 9110 section 10.2.3)."""

    code = Code.UNAVAILABLE
    error_code = "BUSY"
    sentence = "the server is busy, try again"
    seconds = 1

    def __init__(self, message: str = "", *, seconds: int = 0) -> None:
        super().__init__(message, headers={"retry-after": str(seconds or self.seconds)})


class Draining(Busy):
    """The process is to stop: new connections belong to another one."""

    error_code = "DRAINING"
    sentence = "the server is stopping, connect again"


class Locked(Busy):
    """Another transaction holds a required lock for longer than calls wait."""

    error_code = "DATABASE_LOCKED"
    sentence = "another change holds what this call needs, try again"


class ConcurrentChange(Busy):
    """Another call changed the same objects first; nothing was done.

    The call is run once more before its caller is told (`tenantry.db.writes.retries`).
    """

    error_code = "CONCURRENT_CHANGE"
    sentence = "another call changed the same objects at the same time, try again"


class TooManyConnections(Busy):
    """The database accepts no more connections."""

    error_code = "DATABASE_TOO_MANY_CONNECTIONS"
    sentence = "the database takes no more connections now, try again"
    seconds = 2


class DatabaseUnavailable(Busy):
    """The database does not answer."""

    error_code = "DATABASE_UNAVAILABLE"
    sentence = "the database does not answer now, try again"
    seconds = 2


class ReadOnly(Busy):
    """The database is read-only."""

    error_code = "DATABASE_READ_ONLY"
    sentence = "the database takes no changes now, try again later"
    seconds = 5


class SchemaTooNew(Busy):
    """The database belongs to a later version: this process must be stopped."""

    error_code = "DATABASE_UPGRADED"
    sentence = "the database belongs to a later version of the server, try again there"
    seconds = 5


class DiskFull(Busy):
    """The database has no room for the change."""

    error_code = "DATABASE_FULL"
    sentence = "the database has no room left, try again later"
    seconds = 30


class DatabaseDamaged(Busy):
    """The database file cannot be read as one."""

    error_code = "DATABASE_DAMAGED"
    sentence = "the database cannot be read, its operator has to repair it"
    seconds = 60


class OutcomeUnknown(Error):
    """The connection was lost before the database confirmed a change."""

    code = Code.DEADLINE_EXCEEDED
    error_code = "OUTCOME_UNKNOWN"
    sentence = (
        "the database did not say whether the change was made: read it before you try again, or "
        "try again with an idempotency-key"
    )


class DeadlineExceeded(Error):
    """The client's own time limit has passed."""

    code = Code.DEADLINE_EXCEEDED
    sentence = "the call took longer than the client waits"


class RequestTimeout(Error):
    """The request takes too long to come in (RFC 9110 section 15.5.9)."""

    code = Code.DEADLINE_EXCEEDED
    http_status = 408
    sentence = "the request did not arrive in time"


class UpgradeRequired(Error):
    """The request is HTTP/1.0 (RFC 9110 section 15.5.22)."""

    code = Code.UNIMPLEMENTED
    http_status = 426
    sentence = "HTTP/1.1 or later is needed"


class Internal(Error):
    """Something unexpected; the log has it under this request id."""

    def __init__(self, request_id: str) -> None:
        super().__init__(f"internal error, request id {request_id}")
