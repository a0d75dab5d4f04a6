"""Looking for changes of the log by somebody that writes to the database past us.

Every entry is linked to the one before it in its chain, from the anchor that retention has left to
the head; heads and anchors are authenticated under a key outside the database. A finding is told
and passed by, so that one finding does not hide the next.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, bindparam, select

from tenantry.db.event_rows import snapshots
from tenantry.db.sql.schema import event_columns, events
from tenantry.db.sql.statements import Statement
from tenantry.events.event_log import chain
from tenantry.events.event_log.model import event_chains, event_log, event_log_state

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tenantry.db.engine import Database, Row, Session

_PAGE = 500  # entries, whose hashes are worked out without a pause

_AFTER = bindparam("after", type_=BigInteger)
_entries = (
    select(event_log, *event_columns)
    .outerjoin(events, events.c.id == event_log.c.event_id)
    .where(event_log.c.position > _AFTER)
    .order_by(event_log.c.position)
    .limit(bindparam("take"))
)
_chain = bindparam("chain", type_=Text)
_STATE = Statement(select(event_log_state))
_ENTRIES = Statement(_entries)
_ENTRIES_OF = Statement(_entries.where(event_log.c.chain == _chain))
_HEAD = Statement(select(event_chains).where(event_chains.c.chain == _chain))
_HEADS = Statement(
    select(event_chains)
    .where(event_chains.c.chain > bindparam("after", type_=Text))
    .order_by(event_chains.c.chain)
    .limit(bindparam("take"))
)


class Kind(StrEnum):
    """The kinds of harm to the log."""

    CHANGED_EVENT = "changed event"
    MISSING_EVENT = "missing event"
    INSERTED_EVENT = "inserted event"
    FORGED_ERASURE = "forged erasure"
    MISSING_ENTRY = "missing entry"
    BROKEN_LINK = "broken link"
    WRONG_HEAD = "wrong head"
    WRONG_SEAL = "wrong seal"


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding: in which chain ("" for the environment's), and where it is about one entry."""

    kind: Kind
    chain: str
    text: str
    position: int | None = None
    event_id: str | None = None


@dataclass(slots=True)
class Verified:
    """How much was looked at, and how many problems were found."""

    events: int = 0
    chains: int = 0
    problems: int = 0


async def verify(
    db: Database,
    organization_id: str | None = None,
    *,
    found: Callable[[Problem], object] = lambda _problem: None,
    counts: Verified | None = None,
) -> Verified:
    """Check the log, or what concerns one organization; each problem is told as it is found.

    It is read in pages, as it was at one moment. An event that waits to be sequenced is no problem.
    ``counts`` goes along, for a caller that gives up before the end.
    """
    async with db.snapshot() as session:
        await session.expect_growth()
        state = await session.fetch_one(_STATE)
        assert state is not None
        look = _Look(session, state, found, chain.ChainMacs(session.vault), organization_id)
        look.counts = look.counts if counts is None else counts
        await look.read_heads()
        await look.follow_links()
        await look.find_inserted()
        return look.counts


@dataclass(slots=True)
class _Look:
    db: Session
    state: Row
    found: Callable[[Problem], object]
    macs: chain.ChainMacs
    organization_id: str | None
    counts: Verified = field(default_factory=Verified)
    # Of each chain: its head, and the entry that was come to, as (number, hash).
    heads: dict[str, tuple[int, str]] = field(default_factory=dict)
    at: dict[str, tuple[int, str]] = field(default_factory=dict)

    async def read_heads(self) -> None:
        """Check the MACs, and begin each chain at its anchor."""
        total = 0
        async for head in self._heads():
            name = head["chain"]
            if not self.macs.fits(head, self.state):
                self._tell(Kind.WRONG_SEAL, name, "the chain's head was changed")
            self.heads[name] = (head["number"], head["hash"])
            self.at[name] = (head["anchor_number"], head["anchor_hash"])
            total += head["number"]
        self.counts.chains = len(self.heads)
        if self.organization_id is None and total != self.state["position"]:
            text = f"the chains have {total} entries, the log {self.state['position']}"
            self._tell(Kind.WRONG_HEAD, chain.ENVIRONMENT, text)

    async def follow_links(self) -> None:
        """Check every entry and its event, and that each chain ends at its head."""
        after = 0
        while True:
            if self.organization_id is None:
                rows = await self.db.fetch_all(_ENTRIES, after=after, take=_PAGE)
            else:
                name = self.organization_id
                rows = await self.db.fetch_all(_ENTRIES_OF, chain=name, after=after, take=_PAGE)
            for row in rows:
                self._check_link(row)
                self._check_event(row)
            self.counts.events += len(rows)
            if len(rows) < _PAGE:
                break
            after = rows[-1]["position"]
        for name in self.heads.keys() | self.at.keys():
            if self.heads.get(name) != self.at[name]:
                number = self.heads.get(name, (0,))[0]
                text = f"the chain ends at number {self.at[name][0]}, its head says {number}"
                self._tell(Kind.WRONG_HEAD, name, text)

    async def find_inserted(self) -> None:
        """Look for events that were put behind the look of the log."""
        async for event in snapshots.skipped(self.db, self.organization_id):
            text = "it stands before what is in the log, and is not there"
            name = event["organization_id"] or chain.ENVIRONMENT
            self._tell(Kind.INSERTED_EVENT, name, text, event_id=event["id"])

    async def _heads(self) -> AsyncIterator[Row]:
        only = self.organization_id
        name = chain.ENVIRONMENT if only is None else only
        row = await self.db.fetch_one(_HEAD, chain=name)
        if row is not None:
            yield row
        while only is None:
            rows = await self.db.fetch_all(_HEADS, after=name, take=_PAGE)
            for row in rows:
                yield row
            if len(rows) < _PAGE:
                break
            name = rows[-1]["chain"]

    def _check_link(self, row: Row) -> None:
        number, previous = self.at.get(row["chain"], (0, chain.GENESIS))
        if row["number"] != number + 1:
            text = f"number {row['number']} follows number {number}"
            self._tell_of(row, Kind.MISSING_ENTRY, text)
        elif chain.link(previous, row) != row["hash"]:
            self._tell_of(row, Kind.BROKEN_LINK, "its hash does not follow from what it links")
        self.at[row["chain"]] = (row["number"], row["hash"])

    def _check_event(self, row: Row) -> None:
        if row["id"] is None:
            if row["event_id"] >= (self.state["pruned_before"] or ""):
                self._tell_of(row, Kind.MISSING_EVENT, "there is no such event any more")
        elif not self.macs.is_intact(row, row):
            if row["erasure"] is None:
                self._tell_of(row, Kind.CHANGED_EVENT, "it is not what was sealed")
            else:
                self._tell_of(row, Kind.FORGED_ERASURE, "it is not what an erasure has left")

    def _tell_of(self, row: Row, kind: Kind, text: str) -> None:
        place: dict[str, Any] = {"position": row["position"], "event_id": row["event_id"]}
        self._tell(kind, row["chain"], text, **place)

    def _tell(self, kind: Kind, name: str, text: str, **place: Any) -> None:
        self.counts.problems += 1
        self.found(Problem(kind, name, text, **place))
