"""Connections by way of PgBouncer, as `?pgbouncer=session` or `=transaction` of the URL says.

In session mode it refuses startup parameters that it does not know, so they are set by a
statement. In transaction mode each transaction may be on another connection of the server: nothing
is set for a session, no statement is prepared under a name, and no lock is held for longer than a
transaction (https://www.pgbouncer.org/features.html).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode

import asyncpg

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

NAME = "pgbouncer"
SESSION, TRANSACTION = "session", "transaction"
MODES = (SESSION, TRANSACTION)

# A sign that it is there although the URL does not say so.
_PARAMETER = "unsupported startup parameter"
_ADVICE_SESSION = (
    f"PgBouncer is in between: add ?{NAME}={SESSION} or ?{NAME}={TRANSACTION} to "
    "TENANTRY_DATABASE_URL, as its pool_mode says"
)
_PROCESS = "SELECT pg_backend_pid()"
_DETECT_SECONDS = 1.0
# Errors of its transaction mode about prepared statements where the URL names no mode, or session.
MIXED_UP = (asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError)
ADVICE_TRANSACTION = (
    f"PgBouncer is in transaction mode: set ?{NAME}={TRANSACTION} in TENANTRY_DATABASE_URL"
)


def split(url: str) -> tuple[str, str]:
    """Return a URL without the parameter, and the mode that it names; "" for no PgBouncer."""
    head, mark, query = url.partition("?")
    if NAME not in query:
        return url, ""
    pairs = parse_qsl(query, keep_blank_values=True)
    mode = "".join(value for name, value in pairs if name == NAME)
    rest = urlencode([pair for pair in pairs if pair[0] != NAME], quote_via=quote, safe="/")
    return f"{head}{mark}{rest}" if rest else head, mode


async def connect(url: str, mode: str, session: Mapping[str, str], **how: Any) -> Any:
    """Connect to one server, with these settings of the session as far as the mode allows."""
    if not mode:
        how["server_settings"] = session
    elif mode == TRANSACTION:
        how["statement_cache_size"] = 0
        # It gives this one on to the server with each transaction.
        how["server_settings"] = {"application_name": session["application_name"]}
    try:
        connection = await asyncpg.connect(url, **how)
    except asyncpg.PostgresError as problem:
        if _PARAMETER in str(problem):
            raise type(problem)(f"{problem} ({_ADVICE_SESSION})") from problem
        raise
    if mode == SESSION:
        try:
            await connection.execute(_set(session))
        except BaseException:
            connection.terminate()
            raise
    return connection


async def is_in_transaction_mode(first: Any, connect: Callable[[float], Awaitable[Any]]) -> bool:
    """Return whether PgBouncer gives a connection another server process between transactions.

    A second connection, which ``connect`` opens within a number of seconds, holds a transaction
    open on the process that the first used last: in transaction mode the first then has to use
    another process, and in session mode it keeps its own. False where there is no second connection
    in time. The first cannot be used any more after True.
    """
    try:
        async with asyncio.timeout(_DETECT_SECONDS):
            second = await connect(_DETECT_SECONDS)
    except (TimeoutError, OSError, asyncpg.PostgresError):
        return False
    try:
        return await _changes_process(first, second)
    except MIXED_UP:
        return True
    finally:
        second.terminate()


async def _changes_process(first: Any, second: Any) -> bool:
    process = await first.fetchval(_PROCESS)
    try:
        async with asyncio.timeout(_DETECT_SECONDS):
            await second.execute("BEGIN")
    except TimeoutError:  # of a pool that is in use; in transaction mode one server is idle now
        return False
    try:
        async with asyncio.timeout(_DETECT_SECONDS):
            return bool(await first.fetchval(_PROCESS) != process)
    except TimeoutError:  # the only process is within the transaction
        return True


def _set(session: Mapping[str, str]) -> str:
    """Return the statement that sets these; they are ours, and hold no quote."""
    return ";".join(f"SET {name} = '{value}'" for name, value in session.items())
