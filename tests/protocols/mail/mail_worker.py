"""A worker as a process of its own, for mail that the test prepares itself."""

from __future__ import annotations

import asyncio
import signal

from mail_servers import MASTER_KEY, prepared

from tenantry import settings, worker
from tenantry.db.opening import open_database
from tenantry.events.email.delivery import Delivery


async def main():
    known = settings.load()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    delivery = Delivery(known, {"invitation": prepared})
    async with open_database(known.database, MASTER_KEY, pool_size=2) as db:
        await worker.run(db, [worker.Job("mail", delivery.run, delivery.close)], stop)


asyncio.run(main())
