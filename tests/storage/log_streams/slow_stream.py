"""A stream in a process of its own that writes a line at a time, to be killed between two."""

from __future__ import annotations

import asyncio
import sys
import time

from log_of_events import MASTER_KEY

from tenantry.db.opening import open_database
from tenantry.events.log_streams.files import FileSink
from tenantry.events.log_streams.streaming import Stream
from tenantry.events.log_streams.targets import parse


class Slow(FileSink):
    def write(self, lines):
        for line in lines:
            super().write([line])
            time.sleep(0.002)


async def main(url, target):
    stream = Stream(parse(target), hostname="tenants.example")
    stream._sink = Slow(parse(target))
    async with open_database(url, MASTER_KEY, pool_size=2) as db:
        while True:
            await stream.run(db)


asyncio.run(main(*sys.argv[1:]))
