"""A process that writes to a SQLite file as fast as it can: `sqlite_writer.py URL NAME COUNT`."""

from __future__ import annotations

import asyncio
import sys

from statements import INSERT_CLIENT, event

from tenantry.db.opening import open_database


async def main(url: str, name: str, number: int) -> None:
    async with open_database(url, b"m" * 32) as db:
        sys.stdin.readline()  # until all are ready
        for n in range(number):
            client = {"p_id": db.new_id("skc_"), "p_name": f"{name}-{n}"}
            if n % 5:
                await db.apply(INSERT_CLIENT, event(), **client)
            else:
                async with db.transaction() as tx:
                    await tx.apply(INSERT_CLIENT, event(), **client)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
