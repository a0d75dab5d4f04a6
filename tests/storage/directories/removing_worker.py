"""A worker as a process of its own that deletes what removed directories had, little by little."""

from __future__ import annotations

import asyncio
import sys

from tenantry.db.opening import open_database
from tenantry.tenants.directories import removal

removal.AT_ONCE = 10


async def main(url: str) -> None:
    async with open_database(url, b"m" * 32, pool_size=2) as db:
        print("started", flush=True)
        while await removal.run(db) == 0.0:
            pass


asyncio.run(main(sys.argv[1]))
