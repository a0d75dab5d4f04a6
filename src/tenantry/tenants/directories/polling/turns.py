"""One worker's turn at a directory: what it holds, and where the poll is after each step.

A step is a page that is read, or some changes that are made, and where the poll is then: in
transactions that first see that the turn is ours still. A turn that was lost, to another worker or
to a change of the directory, has changed nothing. A step that is made again changes nothing more.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, bindparam, update

from tenantry.call import Call
from tenantry.core.times import SECOND, now
from tenantry.db import crud
from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories.model import directories
from tenantry.tenants.directories.polling.polls import Poll
from tenantry.tenants.organizations.model import PREVENT_DELETION

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tenantry.core.caller import Caller
    from tenantry.db.engine import Session
    from tenantry.tenants.directories.model import Directory
    from tenantry.tenants.directories.polling.service_accounts import ServiceAccount
    from tenantry.tenants.directories.polling.workspace import Workspace
    from tenantry.tenants.directories.scim.schemas import Schema

LEASE_SECONDS = 180  # a request takes less, with the changes after it

_d = directories.c
_RENEW = Statement(
    update(directories)
    .where(
        _d.organization_id == bindparam("p_organization_id"),
        _d.id == bindparam("p_id"),
        _d.poll_time == bindparam("p_lease", type_=BigInteger),
        _d.enabled,
    )
    .values(poll_time=bindparam("p_poll_time", type_=BigInteger))
    .returning(_d.id)
)
_KEEP = crud.update(directories, set_=("poll",))
_END = crud.update(directories, set_=("poll", "poll_time", "error"))


class Lost(Exception):
    """The turn is somebody else's by now."""


class Turn:
    """A turn at a directory that the caller has claimed; its lease is the directory's poll_time."""

    def __init__(
        self, db: Session, workspace: Workspace, directory: Directory, caller: Caller
    ) -> None:
        assert directory.poll_time is not None
        self.db = db
        self.workspace = workspace
        self.directory = directory
        self.poll = Poll.of(directory)
        # Set before the first step.
        self.account: ServiceAccount | None = None
        self.custom: Schema | None = None
        self.inner: dict[str, list[str]] | None = None  # groups in groups, read once
        self._caller = caller
        self._lease = directory.poll_time

    @asynccontextmanager
    async def held(self) -> AsyncIterator[Session]:
        """Run a transaction that sees that the turn is ours, and makes it ours for longer.

        Raises:
            Lost: it is somebody else's by now.

        """
        lease = max(now() + LEASE_SECONDS * SECOND, self._lease + 1)
        async with self.db.transaction() as db:
            await db.fetch_all(PREVENT_DELETION, p_organization_id=self.directory.organization_id)
            renewed = {"p_lease": self._lease, "p_poll_time": lease}
            if await db.fetch_one(_RENEW, **renewed, **self._key) is None:
                raise Lost
            yield db
        self._lease = lease

    def call(self, db: Session) -> Call:
        """Return the call that the poll makes, for its changes and their events."""
        return Call(self._caller, db, request_id=f"poll_{self.poll.start_time}")

    async def keep(self, db: Session, poll: Poll) -> None:
        """Write where the poll is once this transaction ends."""
        await db.fetch_all(_KEEP, p_poll=poll.to_json(), **self._key)

    async def move(self, poll: Poll) -> None:
        """Go to a place, by its own transaction.

        Raises:
            Lost: the turn is somebody else's by now.

        """
        async with self.held() as db:
            await self.keep(db, poll)
        self.poll = poll

    async def end(self, db: Session, poll: Poll, *, poll_time: int, error: str) -> None:
        """Leave the poll to a later turn, by a transaction that `held` began."""
        params = {"p_poll": poll.to_json(), "p_poll_time": poll_time, "p_error": error}
        await db.fetch_all(_END, **params, **self._key)
        self.poll = poll
        self.directory = replace(self.directory, error=error)

    @property
    def _key(self) -> dict[str, str]:
        return {"p_organization_id": self.directory.organization_id, "p_id": self.directory.id}
