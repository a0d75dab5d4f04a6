"""The queue is empty most of the time; when it fills, nothing reads it from end to end."""

from __future__ import annotations

import asyncio

from webhook_receivers import MASTER_KEY, Worker, endpoint, event, rows

from tenantry.db.opening import open_database
from tenantry.events.webhooks.deliveries import pruning

ROWS = 20_000
_READ = (
    "SELECT seq_tup_read + idx_tup_fetch AS n FROM pg_stat_user_tables "
    "WHERE relname IN ('webhook_deliveries', 'webhook_attempts')"
)


async def read(db):
    """How many rows were read, by going through a table or by an index."""
    await asyncio.sleep(1.2)  # a connection tells what it counted once a second
    await asyncio.gather(*(rows(db, "SELECT pg_stat_force_next_flush()") for _ in range(2)))
    return sum(row["n"] for row in await rows(db, _READ))


async def test_plans_made_while_the_queue_was_empty_go_by_index(postgresql_migrated, receiver):
    async with open_database(postgresql_migrated, MASTER_KEY, pool_size=2) as db:
        made, _ = await endpoint(db, receiver.url("/a"))
        await endpoint(db, receiver.url("/b"), ordered=True)
        worker = Worker(db)

        async def deliver(events):
            """Each of these is queued, sent and written; nothing goes on when this returns."""
            for _ in range(events):
                expected = len(receiver.got) + 2
                await db.record_all([event()])
                await worker._sealing.run(db)
                worker.pump.nudge()
                while len(receiver.got) < expected or worker.pump._results or worker.pump._busy:
                    await worker.pump.run(db)

        await deliver(5)
        await rows(db, "DELETE FROM webhook_deliveries")
        for table in ("webhook_deliveries", "webhook_attempts"):
            await rows(db, f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
            # Dead rows are not counted, and their pages stay: an empty table that has a size.
            await rows(db, f"ANALYZE {table}")
        await deliver(5)  # planned anew
        await rows(
            db,
            "INSERT INTO webhook_deliveries (id, endpoint_id, event_id, event_type, position, "
            "state, attempts, due_time, replay, create_time) "
            "SELECT 'dlv_1' || n, :id, 'evt_0', 'x', 1, 'PENDING', 1, 4000000000000000, "
            f"false, 1 FROM generate_series(1, {ROWS}) AS n",
            id=made.id,
        )
        before = await read(db)
        await deliver(10)
        await pruning.forget(db, ["evt_1"])
        assert await read(db) - before < ROWS / 10
        await worker.pump.close()
