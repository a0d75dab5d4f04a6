"""`tenantry worker`: runs background jobs in a separate process."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack, suppress

from tenantry.cli import running
from tenantry.settings import load, tracing

# A third of the weight of another process: where cores are short, calls to a server on this machine
# go first. On its own machine it makes no difference.
_NICENESS = 5


def worker() -> None:
    """Run background jobs until stopped, for servers with TENANTRY_BACKGROUND=false.

    A server does it itself unless TENANTRY_BACKGROUND is false.
    """
    import asyncio
    import logging

    import uvloop

    from tenantry import server
    from tenantry import worker as work
    from tenantry.db import copies
    from tenantry.db.connecting import OpenError
    from tenantry.db.opening import database_of
    from tenantry.server import notices
    from tenantry.settings import data_folder
    from tenantry.telemetry import log

    logger = logging.getLogger(__name__)
    with suppress(PermissionError):  # a sandbox may refuse it
        at_least = max(os.getpriority(os.PRIO_PROCESS, 0), _NICENESS)
        os.setpriority(os.PRIO_PROCESS, 0, at_least)

    settings = load()
    tracing.check(settings)

    async def run(closing: ExitStack) -> None:
        log.configure(settings.log_level, in_background=True)
        todo = work.jobs(settings)
        if tracing.is_wanted(settings):
            from tenantry.telemetry import traces

            closing.callback(traces.start(settings).close)
        server.ignore_other_signals()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        data_folder.check(settings)
        server.check_metrics_address(settings)
        async with (
            database_of(settings, pool_size=settings.pool_size) as db,
            work.measured(db, settings),
        ):
            names = {"jobs": [job.name for job in todo]}
            logger.info("worker started", extra={"fields": names})
            notices.ready()
            await copies.notice(db, settings)
            await work.run(db, todo, stop)
            notices.stopping()
        logger.info("worker stopped")
        log.lines.flush()

    try:
        with ExitStack() as closing:
            uvloop.run(run(closing))  # as servers do
    except OpenError as problem:
        running.fail(str(problem))
