"""PostgreSQL's refusals, and the answer to each: nothing was changed, and it can be tried again.

The kinds are those of https://www.postgresql.org/docs/current/errcodes-appendix.html.
"""

from __future__ import annotations

import asyncpg

from tenantry.core import errors
from tenantry.db import fence

# A statement that ended by one of these was rolled back by the server, which goes on with the
# connection. The first that fits counts.
_ANSWERS: list[tuple[type[BaseException], type[errors.Busy]]] = [
    (asyncpg.ReadOnlySQLTransactionError, errors.ReadOnly),
    (asyncpg.LockNotAvailableError, errors.Locked),
    (asyncpg.DeadlockDetectedError, errors.ConcurrentChange),
    (asyncpg.SerializationError, errors.ConcurrentChange),
    (asyncpg.QueryCanceledError, errors.Busy),
    (asyncpg.DiskFullError, errors.DiskFull),
    (asyncpg.TooManyConnectionsError, errors.TooManyConnections),
    (asyncpg.InsufficientResourcesError, errors.Busy),
    (asyncpg.DataCorruptedError, errors.DatabaseDamaged),
    (asyncpg.IndexCorruptedError, errors.DatabaseDamaged),
    (asyncpg.OperatorInterventionError, errors.DatabaseUnavailable),
    (asyncpg.PostgresSystemError, errors.DatabaseUnavailable),
    # A migration has changed what a prepared statement returns; it is prepared anew next time.
    (asyncpg.InvalidCachedStatementError, errors.Busy),
]
ANSWERED = tuple(kind for kind, _ in _ANSWERS)


def answer_to(problem: BaseException) -> type[errors.Busy]:
    """Return the answer; an error that is not known here is a database that is not there."""
    if fence.is_refusal(problem):
        return errors.SchemaTooNew
    return next(
        (answer for kind, answer in _ANSWERS if isinstance(problem, kind)),
        errors.DatabaseUnavailable,
    )
