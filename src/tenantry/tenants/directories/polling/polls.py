"""How far a poll has come, kept with its directory, and one worker's turn at it.

A step is a page that is read, or some changes that are made, and where the poll is then: in
transactions that first see that the turn is ours still. A turn that was lost, to another worker or
to a change of the directory, has changed nothing. A step that is made again changes nothing more.
"""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, bindparam, update

from tenantry.call import Call
from tenantry.core.times import SECOND, now
from tenantry.crypto.vault import digest
from tenantry.db import crud
from tenantry.db.sql.schema import to_json
from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories.model import SELECTED, directories
from tenantry.tenants.organizations.model import PREVENT_DELETION

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tenantry.core.caller import Caller
    from tenantry.db.engine import Session
    from tenantry.tenants.directories.model import Directory
    from tenantry.tenants.directories.polling.service_accounts import ServiceAccount
    from tenantry.tenants.directories.polling.workspace import Workspace
    from tenantry.tenants.directories.scim.schemas import Schema

# The steps of a poll, in this order. Behind the guard alone is anything removed.
IDLE = ""
GROUPS, MEMBERS, PEOPLE = "groups", "members", "people"
GUARD = "guard"
WRITE_GROUPS, DROP_GROUPS, DROP_PEOPLE, DONE = "write_groups", "drop_groups", "drop_people", "done"

PERIOD_SECONDS = 3600.0
_SPREAD = 0.1  # of the period, either way
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 3600.0  # seconds, after a refusal that passes
SHOWN_AFTER = 4  # such refusals in a row
_OLDEST = 24 * 3600 * SECOND  # that is gone on with: groups change meanwhile
MOST_SKIPPED = 50
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """A poll under way, or at rest between two of them.

    ``group`` is the id, at the provider, of the group that is read or was written last.
    ``held`` is how many people and groups were about to be removed when the guard stopped a poll,
    and ``confirmed`` how many of each an administrator has agreed to since.
    """

    step: str = IDLE
    page_token: str = ""
    group: str = ""
    selection: str = ""
    start_time: int = 0
    failures: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    skipped: tuple[Mapping[str, str], ...] = ()
    again: bool = False  # something can be taken once something else is removed
    held: tuple[int, ...] = ()
    confirmed: tuple[int, ...] = ()

    @classmethod
    def of(cls, directory: Directory) -> Poll:
        stored = directory.poll or {}
        known = {one.name: stored[one.name] for one in fields(cls) if one.name in stored}
        for name in ("skipped", "held", "confirmed"):
            known[name] = tuple(known.get(name, ()))
        return cls(**known)

    def to_json(self) -> str:
        """Return it as it is stored: without empty members."""
        return to_json({name: value for name, value in asdict(self).items() if value})

    def begun(self, directory: Directory) -> Poll:
        """Return the poll that begins now."""
        return Poll(
            step=GROUPS,
            selection=selection(directory),
            start_time=now(),
            failures=self.failures,
            held=self.held,
            confirmed=self.confirmed,
        )

    def serves(self, directory: Directory) -> bool:
        """Whether it is under way, and worth going on with."""
        fresh = self.start_time > now() - _OLDEST
        return self.step != IDLE and fresh and self.selection == selection(directory)

    def at(self, step: str, *, group: str = "", page_token: str = "") -> Poll:
        return replace(self, step=step, group=group, page_token=page_token, failures=0)

    def counted(self, **more: int) -> Poll:
        counts = dict(self.counts)
        for name, number in more.items():
            if number:
                counts[name] = counts.get(name, 0) + number
        return replace(self, counts=counts)

    def noted(self, *skipped: Mapping[str, str]) -> Poll:
        """Return it with more that was not taken, and why: the first 50, and the number of all."""
        after = self.counted(skipped=len(skipped))
        return replace(after, skipped=(*self.skipped, *skipped)[:MOST_SKIPPED])

    def stopped(self) -> Poll:
        """Return it at rest before its end; the next one begins from the beginning."""
        return Poll(held=self.held)


def confirmed(poll: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the stored form of a poll that somebody asks for: all that was held is confirmed."""
    if not poll or "held" not in poll:
        return None if poll is None else dict(poll)
    return {**poll, "confirmed": poll["held"]}


def selection(directory: Directory) -> str:
    """Return a digest of which groups a directory tracks, to see that they are the same still."""
    if directory.groups_tracked != SELECTED:
        return ""
    return digest(to_json(selected(directory)))


def selected(directory: Directory) -> list[str]:
    """Return the ids, at the provider, of the groups that are selected, in order."""
    return sorted({one["external_id"] for one in directory.external_groups})


def next_time() -> int:
    """Return when the next poll begins: in an hour, spread so that not all begin at once."""
    seconds = PERIOD_SECONDS * random.uniform(1 - _SPREAD, 1 + _SPREAD)  # noqa: S311 - no secret
    return now() + round(seconds * SECOND)


def pause(failures: int, asked: float | None) -> float:
    """Return the seconds to wait after a number of refusals in a row, at least those asked for."""
    longest = min(_FIRST_PAUSE * 2 ** min(failures, 20), _LONGEST_PAUSE)
    own = random.uniform(longest / 2, longest)  # noqa: S311 - no secret
    return max(own, asked or 0.0)


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
        """Go to a place, by its own transaction."""
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
