"""A change that is left to the next statement of its transaction, to be made in one round trip."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tenantry.core.event import Event
    from tenantry.db.engine import Row, Session
    from tenantry.db.sql.statements import Statement


@dataclass(slots=True)
class DeferredWrite:
    """A change and events that are left; the names of its parameters are not those of the next."""

    statement: Statement | None = None
    events: list[Event] = field(default_factory=list)
    params: dict[str, Any] = field(default_factory=dict)

    def defer(self, statement: Statement, *events: Event, **params: Any) -> None:
        """Leave a change with its events, the only one."""
        assert self.statement is None
        self.statement = statement
        self.events += events
        self.params |= params

    async def apply(self, db: Session, statement: Statement, **params: Any) -> Row | None:
        """Apply the change that was left, if there is one, and then this; return its first row.

        Raises:
            DuplicateKey, ForeignKey: of either.

        """
        if self.statement is not None:
            statement = _both(self.statement, statement)
        return await db.apply(statement, *self.events, **self.params, **params)


@functools.cache
def _both(first: Statement, then: Statement) -> Statement:
    return first.followed_by(then)
