"""Connections by way of PgBouncer, as `?pgbouncer=session` or `=transaction` of the URL says.

In session mode it refuses startup parameters that it does not know, so they are set by a
statement. In transaction mode each transaction may be on another connection of the server: nothing
is set for a session, no statement is prepared under a name, and no lock is held for longer than a
transaction (https://www.pgbouncer.org/features.html).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode

import asyncpg

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "pgbouncer"
SESSION, TRANSACTION = "session", "transaction"
MODES = (SESSION, TRANSACTION)

# A sign that it is there although the URL does not say so.
_PARAMETER = "unsupported startup parameter"
_ADVICE_SESSION = (
    f"PgBouncer is in between: add ?{NAME}={SESSION} or ?{NAME}={TRANSACTION} to "
    "TENANTRY_DATABASE_URL, as its pool_mode says"
)
# Errors of its transaction mode about prepared statements where the URL names no mode, or session.
MIXED_UP = (asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError)
ADVICE_TRANSACTION = (
    f"PgBouncer is in between, in transaction mode: say ?{NAME}={TRANSACTION} in "
    "TENANTRY_DATABASE_URL"
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
    """Connect to one server, with these settings of the session as far as the mode allows.

    Raises:
        what asyncpg raises, with the right mode named where PgBouncer refuses.

    """
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


def _set(session: Mapping[str, str]) -> str:
    """Return the statement that sets these; they are ours, and hold no quote."""
    return ";".join(f"SET {name} = '{value}'" for name, value in session.items())
