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
    """The process is stopping and accepts no new requests."""

    error_code = "DRAINING"
    sentence = "the server is stopping, connect again"


class Locked(Busy):
    """Another transaction holds a required lock for longer than calls wait."""

    error_code = "DATABASE_LOCKED"
    sentence = "another transaction has locked an object of this call, try again"


class ConcurrentChange(Busy):
    """Another call changed the same objects first; nothing was done.

    The call is retried once before it fails (`tenantry.db.writes.retries`).
    """

    error_code = "CONCURRENT_CHANGE"
    sentence = "another call changed the same objects at the same time, try again"


class TooManyConnections(Busy):
    """The database accepts no more connections."""

    error_code = "DATABASE_TOO_MANY_CONNECTIONS"
    sentence = "the database accepts no more connections, try again"
    seconds = 2


class DatabaseUnavailable(Busy):
    """The database does not answer."""

    error_code = "DATABASE_UNAVAILABLE"
    sentence = "the database is unavailable, try again"
    seconds = 2


class ReadOnly(Busy):
    """The database is read-only."""

    error_code = "DATABASE_READ_ONLY"
    sentence = "the database is read-only, try again later"
    seconds = 5


class SchemaTooNew(Busy):
    """The database was upgraded to a later version, and this process must be stopped."""

    error_code = "DATABASE_UPGRADED"
    sentence = "the database was upgraded to a later version of the server, try again"
    seconds = 5


class DiskFull(Busy):
    """The disk of the database is full."""

    error_code = "DATABASE_FULL"
    sentence = "the disk of the database is full, try again later"
    seconds = 30


class DatabaseDamaged(Busy):
    """The database file is damaged."""

    error_code = "DATABASE_DAMAGED"
    sentence = "the database is damaged: its operator must repair it"
    seconds = 60


class OutcomeUnknown(Error):
    """The connection was lost before the database confirmed a change."""

    code = Code.DEADLINE_EXCEEDED
    error_code = "OUTCOME_UNKNOWN"
    sentence = (
        "the database did not confirm the change: check whether it was made before you try "
        "again, or try again with an idempotency-key"
    )


class DeadlineExceeded(Error):
    """The client's own time limit has passed."""

    code = Code.DEADLINE_EXCEEDED
    sentence = "the deadline of the client has passed"


class RequestTimeout(Error):
    """The request did not arrive in time (RFC 9110 section 15.5.9)."""

    code = Code.DEADLINE_EXCEEDED
    http_status = 408
    sentence = "the request did not arrive in time"


class UpgradeRequired(Error):
    """The request is HTTP/1.0 (RFC 9110 section 15.5.22)."""

    code = Code.UNIMPLEMENTED
    http_status = 426
    sentence = "HTTP/1.1 or later is required"


class Internal(Error):
    """An unexpected error, logged with the request ID."""

    def __init__(self, request_id: str) -> None:
        super().__init__(f"internal error, request id {request_id}")
