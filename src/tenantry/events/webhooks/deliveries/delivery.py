"""The pump of deliveries, one in each worker process: takes due ones, sends them, notes the rest.

An endpoint has room for a limited number at a time, regardless of the others; one that fails has
less, so that many that hang do not take all there is. Attempts run beside the pump: it writes their
results, some at once, and then takes what there is room for. Any number of processes may do this.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import time
from collections import Counter
from typing import TYPE_CHECKING

from tenantry.core.times import now
from tenantry.crypto.vault import WrongKey
from tenantry.db.activity.counters import ActivityCounters
from tenantry.db.activity.model import Kind
from tenantry.events.signing import Signer
from tenantry.events.webhooks.deliveries import bodies, claiming, disabling, queue, results
from tenantry.events.webhooks.deliveries.attempts import Claimed, attempt
from tenantry.events.webhooks.model import webhook_endpoints
from tenantry.net.outgoing import Outgoing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.db.engine import Row, Session
    from tenantry.events.event_log.sequencing import SequencedEvent
    from tenantry.events.webhooks.deliveries.attempts import Result
    from tenantry.events.webhooks.records import Endpoint
    from tenantry.settings import Settings

_LOOK_SECONDS = 0.5  # from one look for due deliveries to the next, unless somebody says so
# Results are written together; the more are under way, the more are worth waiting for.
_COLLECT_SECONDS, _COLLECT_MANY_SECONDS, _MANY = 0.01, 0.04, 100
_LEASE_EXTRA_SECONDS = 5.0  # beyond the longest attempt
_STOP_SECONDS = 3.0  # for attempts that are under way
_ROOM_OF_FAILING = 2
_SPARE_FILES = 256  # of the process: database, DNS, logs, its own server

_log = logging.getLogger(__name__)


class DeliverySender:
    """Sends due deliveries, as the settings say."""

    def __init__(self, settings: Settings) -> None:
        self._schedule = settings.webhook_retries
        self._seconds = float(settings.webhook_timeout_seconds)
        self._lease = self._seconds + _LEASE_EXTRA_SECONDS
        self._days = settings.webhook_disable_days
        self._alert_email = settings.alert_mail
        self._client = Outgoing(settings.webhook_allow, tells_trace=True)
        self._most = max(_open_files() - _SPARE_FILES, claiming.MOST)
        self._wake = asyncio.Event()
        self._next_look = 0.0
        self._queued = 0
        # Endpoints that something may be due for, and whether in order.
        self._hot: dict[str, bool] = {}
        self._failing: set[str] = set()
        self._busy: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._results: list[Result] = []
        self._writing: asyncio.Task[None] | None = None
        self._db: Session | None = None
        self._activity: ActivityCounters | None = None

    async def queue(self, db: Session, sequenced: Sequence[SequencedEvent]) -> None:
        """Queue the deliveries of events, in the transaction that puts these into the log."""
        self._queued += await queue.add(db, sequenced, wait_seconds=self._schedule[0])

    def nudge(self) -> None:
        """Look at once for queued deliveries, if there are any: after that transaction."""
        if self._queued:
            self._queued = 0
            self._next_look = 0.0
            self._wake.set()

    async def run(self, db: Session) -> float:
        """Wait until there is something to do, or half a second; do it; say to go on at once."""
        self._db = db
        self._activity = self._activity or ActivityCounters(db)
        await self._pause()
        if self._writing is not None and self._writing.done():
            written, self._writing = self._writing, None
            written.result()
        if self._results and self._writing is None:
            # Beside the claims, so that attempts go on while the database writes.
            self._writing = asyncio.create_task(self._write(db))
            self._writing.add_done_callback(lambda _: self._wake.set())
        await self._take(db)
        return 0.0

    async def close(self) -> None:
        """Let attempts end that are about to, and write their results.

        The others are due again when their claim is over.
        """
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_STOP_SECONDS)
        if self._writing is not None:
            await asyncio.wait([self._writing])
        if self._db is not None:
            await self._write(self._db)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._activity is not None:
            await self._activity.close()
        await self._client.close()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(max(self._next_look - time.monotonic(), 0)):
                await self._wake.wait()
        except TimeoutError:
            pass
        if self._results:
            many = len(self._tasks) + len(self._results) >= _MANY
            await asyncio.sleep(_COLLECT_MANY_SECONDS if many else _COLLECT_SECONDS)
        self._wake.clear()

    async def _write(self, db: Session) -> None:
        """Write results of attempts; kept for the next time if that cannot be done now."""
        done = list(self._results)
        if not done:
            return
        await results.write(db, done, self._schedule)
        del self._results[: len(done)]
        if self._activity is not None:
            for result in done:
                self._activity.add(
                    Kind.WEBHOOK_ATTEMPTS,
                    result.claimed.endpoint.id,
                    failed=not result.succeeded,
                    milliseconds=result.duration // 1000,
                )
        for result in done:
            if result.claimed.endpoint.ordered:
                self._release(result.claimed.endpoint.id)  # now the next one is the head
                self._wake.set()
        await results.write_health(db, done)
        for result in done:
            if result.unwanted:
                await disabling.disable_unwanted(
                    db, result.claimed.endpoint, alert_mail=self._alert_email
                )
        failing = {
            result.claimed.endpoint.id
            for result in done
            if not result.succeeded and disabling.is_overdue(result.claimed.endpoint, self._days)
        }
        for endpoint_id in failing:
            await disabling.disable_failing(
                db, endpoint_id, days=self._days, alert_mail=self._alert_email
            )

    async def _take(self, db: Session) -> None:
        """Claim due deliveries as far as there is room, and start its attempts."""
        look = time.monotonic() >= self._next_look
        if not look and not any(self._room(one) > 0 for one in self._hot):
            return
        if look:
            self._next_look = time.monotonic() + _LOOK_SECONDS
        async with db.transaction() as session:
            await session.expect_growth()
            if look:
                self._hot.update(await claiming.with_work(session))
            rows = await self._claim(session)
            if not rows:
                return
            endpoints = await claiming.endpoints(session, {row["endpoint_id"] for row in rows})
            rendered = await bodies.render(
                session, {row["event_id"] for row in rows if row["body"] is None}
            )
        self._note_failing(endpoints)
        # Where the database answered late, a claim may be over before its attempt is: another
        # process takes the delivery then, and both would send it, the one behind later events.
        least = now() + int(self._seconds * 1_000_000)
        rows = [row for row in rows if row["due_time"] >= least]
        signers = {one.id: _signer(db, one) for one in endpoints.values()}
        for row in sorted(rows, key=lambda row: (row["position"], row["id"])):
            endpoint = endpoints.get(row["endpoint_id"])
            if endpoint is not None:
                body = row["body"] if row["body"] is not None else rendered.get(row["event_id"])
                self._start(_claimed(row, endpoint, body, signers[endpoint.id]))

    async def _claim(self, session: Session) -> Sequence[Row]:
        left = self._most - len(self._tasks)
        rooms: dict[str, int] = {}
        for endpoint_id in self._hot:
            room = min(self._room(endpoint_id), left)
            if room > 0:
                rooms[endpoint_id] = room
                left -= room
        rows: list[Row] = []
        ordered = [one for one in rooms if self._hot[one]]
        plain = {one: room for one, room in rooms.items() if not self._hot[one]}
        if plain:
            rows += await claiming.claim(session, plain, lease_seconds=self._lease)
        if ordered:
            rows += await claiming.claim_heads(session, ordered, lease_seconds=self._lease)
        got = Counter(row["endpoint_id"] for row in rows)
        for endpoint_id, room in rooms.items():
            if got[endpoint_id] < room:
                del self._hot[endpoint_id]  # nothing more is due
        return rows

    def _room(self, endpoint_id: str) -> int:
        if self._hot.get(endpoint_id):
            most = 1
        else:
            most = _ROOM_OF_FAILING if endpoint_id in self._failing else claiming.MOST
        return most - self._busy[endpoint_id]

    def _note_failing(self, endpoints: dict[str, Endpoint]) -> None:
        for endpoint in endpoints.values():
            if endpoint.failing_since is None:
                self._failing.discard(endpoint.id)
            else:
                self._failing.add(endpoint.id)

    def _start(self, claimed: Claimed) -> None:
        self._busy[claimed.endpoint.id] += 1
        task = asyncio.create_task(self._attempt(claimed))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _attempt(self, claimed: Claimed) -> None:
        endpoint = claimed.endpoint
        try:
            result = await attempt(self._client, claimed, seconds=self._seconds)
        except Exception:  # noqa: BLE001 - of one delivery, and no concern of the others
            # Ours to repair; the delivery is due again when its claim is over.
            fields = {"delivery": claimed.id}
            _log.exception("failed to attempt a webhook delivery", extra={"fields": fields})
            self._release(endpoint.id)
        else:
            self._results.append(result)
            if not endpoint.ordered:
                self._release(endpoint.id)
        self._wake.set()

    def _release(self, endpoint_id: str) -> None:
        self._busy[endpoint_id] -= 1
        if not self._busy[endpoint_id]:
            del self._busy[endpoint_id]


def _signer(db: Session, endpoint: Endpoint) -> Signer | None:
    try:
        return Signer(db.vault, webhook_endpoints, endpoint, now())
    except WrongKey:
        return None


def _claimed(row: Row, endpoint: Endpoint, body: str | None, signer: Signer | None) -> Claimed:
    return Claimed(
        id=row["id"],
        number=row["attempts"],
        event_id=row["event_id"],
        create_time=row["create_time"],
        is_test=row["body"] is not None,
        endpoint=endpoint,
        body=body,
        signer=signer,
    )


def _open_files() -> int:
    """Return how many files this process may have open, which is made as many as it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft
