"""A worker as a process of its own that sends logout notices alone."""

from __future__ import annotations

import asyncio
import signal

from logout_applications import telling

from tenantry import settings, worker
from tenantry.crypto import master_key
from tenantry.db.opening import open_database


async def main():
    known = settings.load()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with open_database(known.database, master_key.load(known), pool_size=4) as db:
        print("started", flush=True)
        await worker.run(db, telling(known), stop)


asyncio.run(main())
