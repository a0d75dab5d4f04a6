"""The worker's job: directories that are due are polled, each by one worker at a time.

A worker has a directory for some seconds, then another one does; a poll may take many such turns.
Waiting is done in the table, not in a process: an answer of "slow down"
moves the time at which the directory is due. A directory that is polled comes up again each hour.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Text, bindparam, func, select, update

from tenantry.core import errors
from tenantry.core.times import SECOND, now
from tenantry.crypto.vault import WrongKey
from tenantry.db.engine import Failure, ForeignKey
from tenantry.db.sql.statements import Statement
from tenantry.net.outgoing import Outgoing
from tenantry.tenants.directories import registry
from tenantry.tenants.directories.effects import provisioning
from tenantry.tenants.directories.model import POLL, Directory, directories
from tenantry.tenants.directories.polling import (
    polls,
    reading,
    reconciliation,
    service_accounts,
    staging,
)
from tenantry.tenants.directories.polling.polls import LEASE_SECONDS, Lost, Turn
from tenantry.tenants.directories.polling.reconciliation import PollHalted
from tenantry.tenants.directories.polling.workspace import (
    Problem,
    StalePage,
    TemporaryError,
    Workspace,
)
from tenantry.tenants.directories.request_log import RequestLog
from tenantry.tenants.directories.scim import schemas
from tenantry.tenants.user_attributes import reading as user_attributes
from tenantry.tenants.user_attributes.model import DIRECTORY

if TYPE_CHECKING:
    from tenantry.db.engine import Session
    from tenantry.settings import Settings

IDLE_SECONDS = 15.0
TURN_SECONDS = 20.0
_AT_ONCE = 4  # directories
FAILED = "organization.directory_sync_failed"
_WRONG_KEY = "The credentials were encrypted with another key. Set them again."
_OURS = "The sync failed because of an internal error. See the server log."
_READS = {
    polls.GROUPS: reading.read_groups,
    polls.MEMBERS: reading.read_members,
    polls.PEOPLE: reading.read_people,
    polls.GUARD: reconciliation.guard,
    polls.WRITE_GROUPS: reconciliation.write_groups,
    polls.DROP_GROUPS: reconciliation.drop_groups,
    polls.DROP_PEOPLE: reconciliation.drop_people,
}

_log = logging.getLogger(__name__)

_d = directories.c
_waiting = (
    _d.poll_time.is_not(None),
    _d.enabled,
    _d.credentials.is_not(None),
    _d.directory_type == POLL,
)
_NEXT = Statement(select(func.min(_d.poll_time).label("poll_time")).where(*_waiting))
_NOW = bindparam("p_now", type_=BigInteger)
_DUE = Statement(
    select(_d.organization_id, _d.id)
    .where(*_waiting, _d.poll_time <= _NOW)
    .order_by(_d.poll_time)
    .limit(_AT_ONCE)
)
# One row of one organization, wherever it lies: the second worker finds that it is due no more.
_CLAIM = Statement(
    update(directories)
    .where(
        *_waiting,
        _d.organization_id == bindparam("p_organization_id", type_=Text),
        _d.id == bindparam("p_id", type_=Text),
        _d.poll_time <= _NOW,
    )
    .values(poll_time=bindparam("p_lease_end", type_=BigInteger))
    .returning(directories)
)


class Polling:
    """The job, for one event loop; it keeps connections, so that it has to be closed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._outgoing = Outgoing(settings.outgoing_allow)
        self._workspace = Workspace(self._outgoing, settings.google_workspace_url)
        self._request_log: RequestLog | None = None

    async def close(self) -> None:
        if self._request_log is not None:
            await self._request_log.close()
        await self._outgoing.close()

    async def run(self, db: Session) -> float:
        """Poll some directories that are due; return the seconds until the next look."""
        claimed = await _claim(db)
        done = await asyncio.gather(
            *(self._poll(db, one) for one in claimed), return_exceptions=True
        )
        for problem in done:
            if isinstance(problem, BaseException):
                raise problem
        row = await db.fetch_one(_NEXT)
        if row is None or row["poll_time"] is None:
            return IDLE_SECONDS
        return min(max(float(row["poll_time"] - now()) / SECOND, 0.0), IDLE_SECONDS)

    async def _poll(self, db: Session, directory: Directory) -> None:
        caller = provisioning.caller_of(directory, is_modular=self._settings.is_modular)
        turn = Turn(db, self._workspace, directory, caller)
        began = time.monotonic()
        try:
            try:
                await self._take(turn, until=began + TURN_SECONDS)
            except (Failure, Lost):
                raise
            except Problem as problem:
                await self._stop(turn, problem, began)
            except PollHalted as problem:
                await self._stop(turn, problem, began)
            except WrongKey:
                await self._stop(turn, Problem(_WRONG_KEY), began)
            except (errors.Busy, ForeignKey) as problem:
                await self._stop(turn, TemporaryError(problem.message), began)
            except Exception:  # noqa: BLE001 - one directory must not hold up the others
                fields = {"directory_id": directory.id, "step": turn.poll.step}
                _log.error("directory poll failed", exc_info=True, extra={"fields": fields})
                await self._stop(turn, TemporaryError(_OURS), began)
        except Lost:
            fields = {"directory_id": directory.id}
            _log.info("directory poll lost its lease", extra={"fields": fields})

    async def _take(self, turn: Turn, *, until: float) -> None:
        """Go on with a poll until its end, or for so long."""
        turn.account = service_accounts.decrypted(turn.db.vault, turn.directory)
        own = await user_attributes.of_kind(turn.db, DIRECTORY)
        turn.custom = schemas.custom({one.key: one.datatype for one in own}) if own else None
        if not turn.poll.serves(turn.directory):
            await reading.begin(turn)
        while turn.poll.step != polls.DONE:
            if time.monotonic() >= until:
                async with turn.held() as db:
                    error = turn.directory.error
                    await turn.end(db, turn.poll, poll_time=now(), error=error)
                return
            await _READS[turn.poll.step](turn)
        await self._finish(turn)

    async def _finish(self, turn: Turn) -> None:
        done = turn.poll
        again = done.again and done.counts.get("deleted")
        async with turn.held() as db:
            await staging.clear(db, turn.directory)
            await registry.connected(turn.call(db), turn.directory)
            at = now() if again else polls.next_time()
            await turn.end(db, polls.Poll(), poll_time=at, error="")
        seconds = (now() - done.start_time) / SECOND
        fields = {"directory_id": turn.directory.id, **done.counts, "seconds": round(seconds, 1)}
        _log.info("directory polled", extra={"fields": fields})
        self._note(turn, done, status=200, milliseconds=round(seconds * 1000))

    async def _stop(self, turn: Turn, problem: Exception, began: float) -> None:
        """Leave a poll that cannot go on: it goes on, or begins again, later."""
        poll, sentence = replace(turn.poll, failures=turn.poll.failures + 1), str(problem)
        if isinstance(problem, StalePage):
            poll = polls.Poll(failures=poll.failures, confirmed=poll.confirmed)
        if isinstance(problem, TemporaryError | StalePage):
            asked = problem.seconds if isinstance(problem, TemporaryError) else None
            at = now() + round(polls.pause(poll.failures, asked) * SECOND)
            error = sentence if poll.failures >= polls.SHOWN_AFTER else turn.directory.error
        else:
            poll, at, error = poll.stopped(), polls.next_time(), sentence
        before = turn.directory.error
        async with turn.held() as db:
            if error and error != before:
                await self._tell(turn, db, error)
            await turn.end(db, poll, poll_time=at, error=error)
        fields = {"directory_id": turn.directory.id, "problem": sentence}
        _log.warning("directory poll stopped", extra={"fields": fields})
        status = (
            409
            if isinstance(problem, PollHalted)
            else 503
            if isinstance(problem, TemporaryError)
            else 502
        )
        milliseconds = round((time.monotonic() - began) * 1000)
        self._note(turn, poll, status=status, milliseconds=milliseconds, error=sentence)

    async def _tell(self, turn: Turn, db: Session, error: str) -> None:
        directory = turn.directory
        shown = directory.to_event() | {"error": error}
        happened = turn.call(db).event(
            FAILED, organization_id=directory.organization_id, after=shown
        )
        await db.record(happened)

    def _note(
        self, turn: Turn, poll: polls.Poll, *, status: int, milliseconds: int, error: str = ""
    ) -> None:
        """Put a poll into the log of requests, where those are that a provider makes."""
        if self._request_log is None:
            self._request_log = RequestLog(turn.db)
        self._request_log.note(
            organization_id=turn.directory.organization_id,
            directory_id=turn.directory.id,
            method="POLL",
            path="/",
            query="",
            user_agent="Google Workspace",
            request_id=f"poll_{poll.start_time}",
            status=status,
            milliseconds=milliseconds,
            error=error,
            payload=dict(poll.counts),
            skipped=poll.skipped,
        )


async def _claim(db: Session) -> list[Directory]:
    at = now()
    claimed = []
    for due in await db.fetch_all(_DUE, p_now=at):
        row = await db.fetch_one(
            _CLAIM,
            p_organization_id=due["organization_id"],
            p_id=due["id"],
            p_now=at,
            p_lease_end=at + LEASE_SECONDS * SECOND,
        )
        if row is not None:
            claimed.append(Directory.from_row(row))
    return claimed
