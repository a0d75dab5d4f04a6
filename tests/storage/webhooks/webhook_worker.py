"""A worker as a process of its own that does webhooks alone."""

from __future__ import annotations

import asyncio
import signal

from webhook_receivers import MASTER_KEY

from tenantry import settings, worker
from tenantry.db.opening import open_database


async def main():
    known = settings.load()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    todo = [job for job in worker.jobs(known) if job.name in {"event log", "webhooks"}]
    async with open_database(known.database, MASTER_KEY, pool_size=4) as db:
        print("started", flush=True)
        await worker.run(db, todo, stop)


asyncio.run(main())
