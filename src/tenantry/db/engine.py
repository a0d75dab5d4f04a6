"""The database as rooms see it: statements, changes with their event, transactions."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from tenantry import ids
from tenantry.db.schema import to_json
from tenantry.db.statements import RECORD

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager

    from tenantry.db.page_tokens import PageTokens
    from tenantry.db.statements import Statement
    from tenantry.events import Event
    from tenantry.ids import Mint
    from tenantry.vault import Vault

Row = Any  # a record of the driver: row["column"]


class DuplicateKey(Exception):
    """A unique rule was broken; `field` is the first column of it."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class Unavailable(Exception):
    """The database could not be asked, and nothing was changed."""


class Session(ABC):
    """Runs statements: on a `Database` each commits by itself, in a `Transaction` all together."""

    vault: Vault
    page_tokens: PageTokens

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
    async def apply(self, change: Statement, event: Event, **params: Any) -> Row | None:
        """Make a change that returns a row, and record its event, both or neither.

        Without a row (nothing matched) nothing is recorded.

        Raises:
            DuplicateKey: another row has a value that must be unique.

        """

    async def record(self, event: Event) -> None:
        """Record one more event of a transaction."""
        await self.fetch_all(RECORD, **self.event_params(event))

    @abstractmethod
    def transaction(self) -> AbstractAsyncContextManager[Session]:
        """Return a context whose statements are committed together at its end, or not at all."""

    def event_params(self, event: Event) -> dict[str, Any]:
        """Return the bind parameters of a new row in `events`."""
        return {
            "event_id": self.new_id(ids.EVENT),
            "event_type": event.type,
            "event_object": event.object,
            "event_occurred_at": now(),
            "event_organization_id": event.organization_id,
            "event_actor": to_json(event.actor),
            "event_before": None if event.before is None else to_json(event.before),
            "event_after": None if event.after is None else to_json(event.after),
            "event_request_id": event.request_id,
        }


class Database(Session):
    """One database, opened for one process by `tenantry.db.opening.open_database`."""

    mint: Mint
    environment_id: str

    def new_id(self, prefix: str) -> str:
        """See `Session.new_id`."""
        return self.mint.new(prefix)

    @abstractmethod
    async def close(self) -> None:
        """Close all connections."""


class Transaction(Session):
    """The session of one open transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.vault = database.vault
        self.page_tokens = database.page_tokens

    def new_id(self, prefix: str) -> str:
        """See `Session.new_id`."""
        return self._database.new_id(prefix)


def now() -> int:
    """Return the time in microseconds since 1970, UTC."""
    return time.time_ns() // 1000
