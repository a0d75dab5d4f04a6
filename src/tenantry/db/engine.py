"""The database as the domain packages see it: statements, changes with their event,
transactions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Protocol

from tenantry.core import errors
from tenantry.db.sql import foreign_keys
from tenantry.db.sql.records import spelled
from tenantry.db.sql.schema import to_json
from tenantry.db.sql.statements import EVENT_GIVEN, RECORD, RECORD_ALL, RECORD_FOUND, event_param
from tenantry.telemetry.metrics import kinds
from tenantry.telemetry.metrics import table as metrics
from tenantry.telemetry.request_context import CURRENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractAsyncContextManager

    from tenantry.core.event import Event
    from tenantry.core.ids import IdGenerator
    from tenantry.crypto.vault import Vault
    from tenantry.db.sql.page_tokens import PageTokens
    from tenantry.db.sql.statements import Statement

Row = Any  # a record of the driver: row["column"]


class DuplicateKey(Exception):
    """A unique rule was broken; `field` is the first column of it."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class ForeignKey(errors.NotFound):
    """A statement refers to a row that is not there; ``constraint`` names the foreign key.

    It is the answer as well: every foreign key has its translation in
    `tenantry.db.sql.foreign_keys`, and nobody needs to catch this to keep it from becoming an
    internal error.
    """

    def __init__(self, constraint: str) -> None:
        super().__init__(foreign_keys.noun_of(constraint))
        self.constraint = constraint


class Failure(Exception):
    """The database did not do what it was asked; its text is for the operator."""

    @abstractmethod
    def error(self) -> errors.Error:
        """Return what the caller is told."""


class Unavailable(Failure):
    """The database could not be asked, and nothing was changed; ``answer`` says why."""

    def __init__(self, problem: str, answer: type[errors.Busy] = errors.Busy) -> None:
        super().__init__(problem)
        self.answer = answer

    def error(self) -> errors.Error:
        return self.answer()


class OutcomeUnknown(Failure):
    """The database went away while it made a change, and has not said whether it made it."""

    def __init__(self, problem: BaseException) -> None:
        super().__init__(str(problem) or type(problem).__name__)

    def error(self) -> errors.Error:
        return errors.OutcomeUnknown()


class Session(ABC):
    """Runs statements: on a `Database` each commits by itself, in a `Transaction` all together."""

    environment_id: str
    vault: Vault
    page_tokens: PageTokens
    # Whether one statement can lock a row, change it and return what it was before.
    sees_before: bool = False
    # Whether the index of a search gives its matches in the order of their ids.
    orders_matches: bool = False
    # Kept by a package in this process, by its own key; None within a transaction, where a
    # read row may never come to be.
    remembered: dict[Any, Any] | None
    # The same of the database itself, also within a transaction: only from committed rows.
    committed: dict[Any, Any]

    @property
    def database(self) -> Database | None:
        """The database that takes changes; None within a transaction, which it could wait for."""
        return None

    @abstractmethod
    def new_id(self, prefix: str) -> str:
        """Return a new id."""

    @abstractmethod
    async def fetch_all(self, statement: Statement, **params: Any) -> Sequence[Row]:
        """Run a statement and return its rows."""

    async def fetch_one(self, statement: Statement, **params: Any) -> Row | None:
        """Run a statement and return its first row, if any."""
        rows = await self.fetch_all(statement, **params)
        return rows[0] if rows else None

    @abstractmethod
    async def apply(self, change: Statement, *events: Event, **params: Any) -> Row | None:
        """Make a change that returns a row, and record its events, all or nothing.

        Without a row (nothing matched) nothing is recorded.

        Raises:
            DuplicateKey: another row has a value that must be unique.
            ForeignKey: a row refers to one that is not there.

        """

    async def record(self, event: Event) -> None:
        """Record one more event of a transaction."""
        record = RECORD_FOUND if event.context else RECORD
        await self.fetch_all(record, **event_params(event))

    async def record_all(self, happened: Iterable[Event]) -> None:
        """Record any number of events of a transaction, in this order, by one statement."""
        rows = [_event_row(event) for event in happened]
        if rows:
            await self.fetch_all(RECORD_ALL, given=spelled(EVENT_GIVEN, rows))

    async def serialize(self, word: str) -> None:  # noqa: B027 - SQLite has one writer anyway
        """Wait until no other transaction is within what this word names, up to our own end."""

    async def alone(self, word: str) -> bool:
        """Whether no other transaction is within what this word names; then we are, up to our end.

        The same as `serialize`, without the wait.
        """
        return bool(word)  # SQLite has one writer anyway

    async def expect_growth(self) -> None:  # noqa: B027 - SQLite's plans do not hang on sizes
        """Have the rest of a transaction planned by index, however small its tables are so far.

        For a load into an empty database: a plan is kept, and one that reads all of a small table
        would do so until somebody counted its rows again.
        """

    @abstractmethod
    def transaction(self) -> AbstractAsyncContextManager[Session]:
        """Return a context whose statements are committed together at its end, or not at all."""


class StandbyReader(Protocol):
    """Reads from the standbys of a database: `tenantry.db.postgresql.replica`."""

    def reading(self) -> AbstractAsyncContextManager[Session | None]:
        """Return a context of a session on a standby that has caught up, None without one."""

    async def close(self) -> None:
        """Close all connections."""


class Database(Session):
    """One database, opened for one process by `tenantry.db.opening.open_database`."""

    mint: IdGenerator
    # Why a process of this version may not use it any more.
    refusal: str | None = None
    # Standbys for lists, where the settings name some.
    replica: StandbyReader | None = None

    def __init__(self) -> None:
        self.remembered = self.committed = {}
        # Statements and transactions so far: plain numbers, for each call adds to them.
        self.reads = self.changes = self.transactions = 0
        self._told = (0, 0, 0)
        kinds.watch(self)

    @property
    def database(self) -> Database:
        return self

    def measure(self) -> None:
        now = (self.reads, self.changes, self.transactions)
        reads, changes, transactions = (n - told for n, told in zip(now, self._told, strict=True))
        self._told = now
        metrics.DATABASE_STATEMENTS.add("read", by=reads)
        metrics.DATABASE_STATEMENTS.add("change", by=changes)
        metrics.DATABASE_TRANSACTIONS.add(by=transactions)

    def check_version(self) -> None:
        """Return if this process may use the database.

        Raises:
            Unavailable: the database belongs to a later version since.

        """
        if self.refusal is not None:
            raise Unavailable(self.refusal, errors.SchemaTooNew)

    def new_id(self, prefix: str) -> str:
        return self.mint.new(prefix)

    @abstractmethod
    def snapshot(self) -> AbstractAsyncContextManager[Session]:
        """Return a context whose reads all see the database as it is at the first of them."""

    @abstractmethod
    async def probe(self, *, growing: bool = False) -> None:
        """Make a change that changes nothing, as every call that changes something would.

        With ``growing`` it also needs room on the disk: a full disk still takes small changes.

        Raises:
            Unavailable: it could not be made.

        """

    @abstractmethod
    async def close(self) -> None:
        """Close all connections."""


class Transaction(Session):
    """The session of one open transaction."""

    changed = False  # something in it was written, which its commit makes stand

    def __init__(self, database: Database) -> None:
        self._database = database
        self.remembered = None
        self.committed = database.committed
        self.environment_id = database.environment_id
        self.vault = database.vault
        self.page_tokens = database.page_tokens

    def new_id(self, prefix: str) -> str:
        return self._database.new_id(prefix)


def mark_changed() -> None:
    """Let the request that is answered know that its own change stands from here on."""
    request_context = CURRENT.get()
    if request_context is not None:
        request_context.changed = True


def event_params(*happened: Event) -> dict[str, Any]:
    """Return the bind parameters of new rows in `events`."""
    return {
        event_param(number, column): value
        for number, event in enumerate(happened)
        for column, value in _event_row(event).items()
    }


def _event_row(event: Event) -> dict[str, Any]:
    """Return the given columns of a new row in `events`."""
    return {
        "type": event.type,
        "object": event.object,
        "organization_id": event.organization_id or "",
        "actor": to_json(event.actor),
        "before": None if event.before is None else to_json(event.before),
        "after": None if event.after is None else to_json(event.after),
        "request_id": event.request_id,
        "context": to_json(event.context) if event.context else None,
    }
