"""A round of histories: clients at work on objects of each kind, and what the checker says."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from histories import Client, History, NotDone, Unanswered
from shared_objects import KINDS, World, play

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from shared_objects import Shared

    from tenantry.db.engine import Database


@asynccontextmanager
async def at_work(
    urls: list[str],
    credentials: tuple[str, str],
    database: Database,
    *,
    seed: int,
    kinds: Sequence[type[Shared]] = KINDS,
    each: int = 4,
) -> AsyncIterator[History]:
    """Have clients change shared objects meanwhile; at the end each has finished what it does.

    The seed decides what they do; when they do it, the machine. ``each`` object has so many.
    """
    history, world, stop = History(), World(database), asyncio.Event()
    chance = random.Random(seed)
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                Client(number, urls, credentials, history, random.Random(chance.random()))
            )
            for number in range(each * len(kinds))
        ]
        await _prepared(world, clients[0])
        working = [
            asyncio.create_task(play(kind, clients[at :: len(kinds)], world, stop))
            for at, kind in enumerate(kinds)
        ]
        try:
            yield history
        finally:
            stop.set()
            await asyncio.gather(*working)


async def _prepared(world: World, client: Client) -> None:
    while True:
        try:
            await world.prepare(client)
        except (NotDone, Unanswered):
            await asyncio.sleep(0.2)
        else:
            return
