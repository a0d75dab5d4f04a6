"""Importing users: a stream of rows, in batches, each of them one transaction.

A batch reads all its rows at once, and writes all its changes at once, with their events.
Running the same file again changes nothing, so an import that was interrupted is run again. While
a batch is written the next one is read and checked, and may be written beside it: two batches that
share a person are taken one after the other.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing, nullcontext, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.core.times import now
from tenantry.db.engine import DuplicateKey, Failure, ForeignKey, Unavailable
from tenantry.tenants.organizations.model import organization_search
from tenantry.tenants.users.model import user_search
from tenantry.transfer.bulk import (
    existing_rows,
    formats,
    organization_locks,
    organizations,
    rows,
    writing,
)
from tenantry.transfer.bulk.dry_run import DryRunWrites
from tenantry.transfer.bulk.planning import build_plan
from tenantry.transfer.bulk.report import MOST_REFUSALS, Report

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.tenants.memberships.model import Rules
    from tenantry.transfer.bulk.formats import Format, Reader, Record
    from tenantry.transfer.bulk.model import Offers, Plan
    from tenantry.transfer.bulk.rows import Check, Row

_BATCH_BYTES = 2 << 20
# Rows that are checked in one go: other calls of this process wait that long.
_CHECKED_AT_ONCE = 50
_ATTEMPTS = 5
_PAUSE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Order:
    """How users are to be imported."""

    check_user: Check  # of the API, for each row
    check_organization: Check
    rules: Rules
    region_code: str
    create_organizations: bool = False
    dry_run: bool = False
    batch_rows: int = 1000
    lanes: int = 1  # batches that are written side by side


@dataclass(slots=True)
class _Batch:
    rows: list[Row] = field(default_factory=list)
    refused: Report = field(default_factory=lambda: Report(dry_run=False))  # before any look-up
    keys: set[str] = field(default_factory=set)
    size: int = 0

    @property
    def count(self) -> int:
        return len(self.rows) + self.refused.refused

    def take(self, record: Record, check_user: Check) -> None:
        self.size += record.size
        found = rows.checked(record, check_user)
        if isinstance(found, rows.Row):
            self.rows.append(found)
            self.keys.update(found.keys)
        else:
            self.refused.refuse(found)


async def run(
    call: Call,
    pieces: AsyncIterator[bytes],
    order: Order,
    *,
    kind: Format | None = None,
    told: Callable[[Report], None] = lambda _report: None,
) -> Report:
    """Import users and return the outcome of the rows; of an unknown kind, the file tells.

    ``told`` gets the outcome of each batch, in the order of the file.

    Raises:
        errors.Busy: the database could not take a batch; those before it stay.

    """
    total = Report(order.dry_run)
    with DryRunWrites() if order.dry_run else nullcontext() as dry_run_writes:
        importing = _Importing(call, order, dry_run_writes)
        lanes = 1 if order.dry_run else order.lanes
        batches = _batches(pieces, order, kind)
        async with aclosing(_side_by_side(importing, batches, lanes)) as reports:
            async for report in reports:
                if not order.dry_run:
                    await _index(call.db)
                total.add(report, most=MOST_REFUSALS)
                told(report)
    if not order.dry_run:
        await call.db.record(call.event("users.imported", after=total.counted()))
    return total


async def _index(db: Session) -> None:
    """Index the imported rows for the search; the worker does it where that fails."""
    with suppress(Failure):
        for search in (organization_search, user_search):
            await search.catch_up(db)


async def _side_by_side(
    importing: _Importing, batches: AsyncIterator[_Batch], lanes: int
) -> AsyncGenerator[Report]:
    """Take batches, some at once; yield their reports in order."""
    running: deque[tuple[_Batch, asyncio.Task[Report]]] = deque()
    try:
        async for batch in batches:
            while len(running) == lanes or any(
                not batch.keys.isdisjoint(other.keys) for other, _ in running
            ):
                yield await running[0][1]
                running.popleft()
            running.append((batch, asyncio.create_task(importing.take(batch))))
        while running:
            yield await running[0][1]
            running.popleft()
    finally:
        for _, task in running:
            task.cancel()
        await asyncio.gather(*(task for _, task in running), return_exceptions=True)


async def _batches(
    pieces: AsyncIterator[bytes], order: Order, kind: Format | None
) -> AsyncIterator[_Batch]:
    """Yield the rows of a file, checked as far as they can be by themselves."""
    batch, waiting = _Batch(), 0
    async for records in _records(pieces, kind):
        for record in records:
            batch.take(record, order.check_user)
            waiting += 1
            if waiting == _CHECKED_AT_ONCE:
                waiting = 0
                await asyncio.sleep(0)
            if batch.count == order.batch_rows or batch.size > _BATCH_BYTES:
                yield batch
                batch = _Batch()
    if batch.count:
        yield batch


async def _records(
    pieces: AsyncIterator[bytes], kind: Format | None
) -> AsyncIterator[Iterator[Record]]:
    """Yield the rows that each piece of a file completes."""
    reader = None if kind is None else _reader(kind)
    start = b""
    async for piece in pieces:
        if reader is None:
            start += piece
            if not start.strip():
                continue
            reader, piece = _reader(formats.guess(start)), start  # noqa: PLW2901
        yield reader.feed(piece)
    if reader is not None:
        yield reader.end()


def _reader(kind: Format) -> Reader:
    return formats.reader(kind, rows.COLUMNS, required="email")


@dataclass(slots=True)
class _Importing:
    call: Call
    order: Order
    dry_run_writes: DryRunWrites | None
    founding: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def take(self, batch: _Batch) -> Report:
        """Import one batch, again where somebody else came in between."""
        report = replace(
            batch.refused, dry_run=self.order.dry_run, rows=batch.count, size=batch.size
        )
        report.refusals = list(batch.refused.refusals)
        for attempt in range(_ATTEMPTS):
            try:
                async with self.founding:
                    offers = await self._offers(batch.rows)
                report.organizations_created += offers.created
                taken = await self._attempt(batch.rows, offers)
            except (DuplicateKey, ForeignKey, errors.ConcurrentChange, writing.ConcurrentUpdate):
                continue
            except Unavailable:
                await asyncio.sleep(_PAUSE_SECONDS * 2**attempt)
                continue
            report.add(taken)
            report.refusals.sort(key=lambda refusal: refusal.line)
            return report
        raise errors.Busy

    async def _offers(self, batch: list[Row]) -> Offers:
        return await organizations.offered(
            self.call,
            batch,
            check_organization=self.order.check_organization,
            region_code=self.order.region_code,
            create=self.order.create_organizations,
            dry_run_writes=self.dry_run_writes,
        )

    async def _attempt(self, batch: list[Row], offers: Offers) -> Report:
        with suppress(_OnlyTried):
            async with self.call.db.transaction() as db:
                await db.expect_growth()
                at = now()
                plan = await self._decided(db, batch, offers, at)
                await self._keep(db, plan, at)
        return plan.report

    async def _keep(self, db: Session, plan: Plan, at: int) -> None:
        if self.dry_run_writes is not None:
            self.dry_run_writes.add(plan)
            raise _OnlyTried
        await writing.write(self.call, db, plan, at)

    async def _decided(self, db: Session, batch: list[Row], offers: Offers, at: int) -> Plan:
        """Return the plan, made after all that it depends on was held."""
        seats: dict[str, int | None] = {}
        while True:
            plan = await build_plan(
                db,
                batch,
                await existing_rows.load(db, batch, offers, self.dry_run_writes),
                offers,
                seats,
                rules=self.order.rules,
                at=at,
                dry_run=self.order.dry_run,
            )
            missing = plan.to_hold - seats.keys()
            if not missing:
                return plan
            seats |= await organization_locks.lock_members(
                db, missing, offers, coming=len(batch), dry_run_writes=self.dry_run_writes
            )


class _OnlyTried(Exception):
    """Ends the transaction of a dry run."""
