"""New connections to PostgreSQL: the settings of their session."""

from __future__ import annotations

import asyncpg

from tenantry.core import errors
from tenantry.db import fence
from tenantry.db.engine import (
    Unavailable,
)
from tenantry.db.postgresql import pgbouncer
from tenantry.db.postgresql.cluster import Cluster
from tenantry.db.postgresql.pool import LOCK_SECONDS, Connection
from tenantry.db.postgresql.refusals import answer_to
from tenantry.db.postgresql.statements import ANSWER_SECONDS, LOST, STATEMENT_SECONDS

_SESSION = {
    "jit": "off",
    # Statements are few and their plans do not hang on the arguments; PostgreSQL would plan
    # one with LIMIT anew each time, which is two thirds of a list's cost.
    "plan_cache_mode": "force_generic_plan",
    # Such a plan is kept, also those by which foreign keys are checked: one that was made while a
    # table was small would read all of it for each new row, until somebody counted its rows again.
    "enable_seqscan": "off",
    "statement_timeout": f"{STATEMENT_SECONDS:.0f}s",
    # Less than others wait for a connection: one that waits for a lock gives its own back in time.
    "lock_timeout": f"{LOCK_SECONDS:.0f}s",
    # A process that stands still within a transaction holds up others for so long at most.
    "idle_in_transaction_session_timeout": "60s",
    # A machine that loses its power leaves connections that count up to max_connections: PostgreSQL
    # asks each that is silent, and gives it up after a minute; by default after two hours.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}


class connecting:  # noqa: N801 - a function that keeps its servers
    """Connects to the servers of a URL, for a pool.

    Raises:
        Unavailable: the URL names no servers.

    """

    def __init__(self, url: str, *, replica: bool = False) -> None:
        try:
            self.cluster = Cluster(url, replica=replica)
        except ValueError as problem:
            raise Unavailable(str(problem), errors.DatabaseUnavailable) from None

    async def __call__(self, seconds: float) -> Connection:
        """Connect within a number of seconds."""
        made: Connection = await self.cluster.connect(
            session(),
            connection_class=Connection,
            timeout=seconds,
            command_timeout=ANSWER_SECONDS,
        )
        made.prepares = self.cluster.mode != pgbouncer.TRANSACTION
        return made


async def check_session_mode(connect: connecting, first: Connection) -> None:
    try:
        wrong = await pgbouncer.is_in_transaction_mode(first, connect)
    except (asyncpg.PostgresError, *LOST) as problem:
        text = str(problem) or type(problem).__name__
        raise Unavailable(text, answer_to(problem)) from problem
    if wrong:
        raise Unavailable(pgbouncer.ADVICE_TRANSACTION, errors.DatabaseUnavailable)


def session() -> dict[str, str]:
    """Return the settings of each session."""
    return {"application_name": fence.application_name(), **_SESSION}
