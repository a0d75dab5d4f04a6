"""The work beside the calls: mail that is due, and all else that comes up by the clock.

Done by `tenantry worker`, or beside the requests of a server (TENANTRY_BACKGROUND). Any number of
processes may do it at once: a job takes its work from the database.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import threading
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.access.api_tokens import service as api_tokens
from tenantry.access.clients.credentials import assertions, revocations
from tenantry.access.data_keys import service as data_keys
from tenantry.access.keys import service as keys
from tenantry.db import copies
from tenantry.db.activity import model as activity
from tenantry.db.engine import Failure
from tenantry.db.search import index
from tenantry.db.upgrades.back_fills import BackFilling
from tenantry.db.writes import replies
from tenantry.events.email import previews
from tenantry.events.email import service as mail
from tenantry.events.email.delivery import Delivery
from tenantry.events.event_log import counting, retention
from tenantry.events.event_log.sequencing import Sequencer
from tenantry.events.log_streams import streaming
from tenantry.events.webhooks.deliveries import backlog, disabling, pruning
from tenantry.events.webhooks.deliveries.delivery import DeliverySender
from tenantry.identity.attempts import service as attempts
from tenantry.identity.auth_log import retention as sign_ins
from tenantry.identity.authenticators.passkeys import challenges
from tenantry.identity.authenticators.passwordless import emails as passwordless_emails
from tenantry.identity.authenticators.passwordless import service as passwordless
from tenantry.identity.authenticators.totp import service as totp
from tenantry.identity.connections import diagnostics, operator_notices
from tenantry.identity.connections.certificates import key_pairs
from tenantry.identity.connections.changes import refreshing
from tenantry.identity.consents import unused_clients
from tenantry.identity.federation import identities, replays
from tenantry.identity.federation import requests as federation_requests
from tenantry.identity.grants import codes
from tenantry.identity.operators import grants as operator_grants
from tenantry.identity.operators import service as operators
from tenantry.identity.operators import sessions as operator_sessions
from tenantry.identity.security_notices import service as security_notices
from tenantry.identity.sessions.termination import deleted_users, expiry
from tenantry.identity.sessions.termination.back_channel import BackChannel
from tenantry.identity.tokens.key_ring import KeyRing
from tenantry.telemetry.log import warn_rate_limited
from tenantry.telemetry.metrics import table as metrics
from tenantry.tenants.directories import removal, waiting
from tenantry.tenants.directories import request_log as log
from tenantry.tenants.directories.model import directory_user_search
from tenantry.tenants.domains import verification
from tenantry.tenants.domains.verification import Resolver
from tenantry.tenants.environment.effective import Effective
from tenantry.tenants.memberships import invitations
from tenantry.tenants.organizations.model import organization_search
from tenantry.tenants.users.model import user_search

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from typing import Any

    from tenantry.db.engine import Database, Session
    from tenantry.events.email.model import Email
    from tenantry.events.email.rendering import Prepare
    from tenantry.identity.sessions.termination.back_channel import Sign
    from tenantry.settings import Settings
    from tenantry.tenants.directories.polling.running import Polling

_STOP_SECONDS = 5.0  # for jobs under way
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 60.0  # after an error
_AWAY_SECONDS = 1.0  # while the database is unavailable: held up work is due as soon as it is back
_PRUNE_SECONDS = 3600.0
_SEARCHES = (organization_search, user_search, directory_user_search)
_HELD_SECONDS = 1.0  # until a hold is looked at again
_POLL_SECONDS = 15.0  # until the first directory that is polled
_ANYBODYS_SECONDS = 60.0  # of what anybody can have stored

_log = logging.getLogger(__name__)
_one_in_a_process = threading.Lock()


async def _nothing() -> None: ...


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do again and again: ``run`` does a little, and returns the seconds to wait."""

    name: str
    run: Callable[[Session], Awaitable[float]]
    close: Callable[[], Awaitable[None]] = _nothing
    sends: bool = False  # to people or receivers: not done while that is held


def jobs(settings: Settings) -> list[Job]:
    """Return all there is to do."""
    effective = Effective(settings)

    async def current(db: Session) -> Settings:
        await effective.refresh(db)
        return effective.settings

    async def invitation(db: Session, mail: Email) -> dict[str, Any] | None:
        return await invitations.email_variables(db, mail, await current(db))

    async def code(db: Session, mail: Email) -> dict[str, Any] | None:
        return await passwordless_emails.email_variables(db, mail, await current(db))

    async def notice(db: Session, mail: Email) -> dict[str, Any] | None:
        return await security_notices.email_variables(db, mail, await current(db))

    async def changed(db: Session, mail: Email) -> dict[str, Any]:
        return operator_notices.email_variables(mail, await current(db))

    async def disabled(db: Session, mail: Email) -> dict[str, Any]:
        return disabling.email_variables(mail, await current(db))

    async def expiring(db: Session, mail: Email) -> dict[str, Any]:
        return refreshing.email_variables(mail, await current(db))

    templates: dict[str, Prepare] = {
        invitations.TEMPLATE: invitation,
        **dict.fromkeys(passwordless_emails.TEMPLATES, code),
        **dict.fromkeys(security_notices.TEMPLATES, notice),
        disabling.TEMPLATE: disabled,
        refreshing.TEMPLATE: expiring,
        operator_notices.TEMPLATE: changed,
        previews.TEMPLATE: previews.email_variables,
    }
    delivery = Delivery(settings, templates, current)
    look = functools.partial(verification.run_due, resolver=Resolver(settings.dns_resolver))
    sender = DeliverySender(settings)
    keep_sign_ins = functools.partial(sign_ins.prune, days=settings.auth_log_retention_days)
    keep_deliveries = functools.partial(pruning.prune, days=settings.delivery_retention_days)
    back_channel = BackChannel(settings, _signing())
    refresh = refreshing.Refreshing(settings)
    keep_sessions = functools.partial(expiry.prune, days=settings.auth_log_retention_days)
    return [
        Job("beat", functools.partial(copies.beat, settings=settings)),
        Job("event log", _sequencing(sender)),
        Job("search", functools.partial(index.run, searches=_SEARCHES)),
        Job("back-fills", BackFilling().work),
        Job("old events", functools.partial(retention.run, days=settings.event_retention_days)),
        Job("webhooks", sender.run, sender.close, sends=True),
        Job("old deliveries", _pruning(keep_deliveries)),
        Job("backlog of webhooks", backlog.run),
        Job("mail", delivery.run, delivery.close, sends=True),
        Job("old mail", _pruning(mail.prune)),
        *(
            Job(f"log stream {s.name}", s.run, s.close, sends=True)
            for s in streaming.streams(settings)
        ),
        Job("domains", look),
        Job("people of directories", _tell),
        Job("removed directories", removal.run),
        Job("lapsed sessions", expiry.run),
        Job("departures", functools.partial(deleted_users.run, left=_left)),
        Job("old sessions", _pruning(keep_sessions)),
        Job("logout notices", back_channel.run, back_channel.close, sends=True),
        Job("old activity counts", _pruning(activity.prune_counts)),
        Job("old activity marks", _pruning(activity.prune_marks)),
        Job("kept replies", _pruning(replies.prune)),
        Job("old API tokens", _pruning(api_tokens.prune)),
        Job("spent assertions", _pruning(assertions.prune)),
        Job("revoked tokens", _pruning(revocations.prune)),
        Job("unused clients of resources", _pruning(unused_clients.prune)),
        Job("old codes", _pruning(passwordless.prune, every=_ANYBODYS_SECONDS)),
        Job("registrations never enabled", _pruning(totp.prune)),
        Job("old authorization codes", _pruning(codes.prune)),
        Job("old sign-ins", _pruning(keep_sign_ins)),
        Job("unproved sign-ins", _pruning(sign_ins.prune_unproved, every=_ANYBODYS_SECONDS)),
        Job("old attempts", _pruning(attempts.prune, every=_ANYBODYS_SECONDS)),
        Job(
            "old federation requests", _pruning(federation_requests.prune, every=_ANYBODYS_SECONDS)
        ),
        Job("signing keys", functools.partial(keys.rotate_due, days=settings.signing_key_days)),
        Job("key pairs for SAML", key_pairs.renew),
        Job("values of former data keys", data_keys.work),
        Job("metadata of identity providers", refresh.run, refresh.close),
        Job("seen assertions", _pruning(replays.prune)),
        Job("old connection tests", _pruning(diagnostics.prune, every=_ANYBODYS_SECONDS)),
        Job("old requests of directories", _pruning(log.prune)),
        _polling(settings),
        Job("old links of operators", _pruning(operators.prune)),
        Job("old sessions of operators", _pruning(operator_sessions.prune)),
        Job("old grants of operators", _pruning(operator_grants.prune)),
        Job("old challenges", _pruning(challenges.prune, every=_ANYBODYS_SECONDS)),
    ]


def _sequencing(sender: DeliverySender) -> Callable[[Session], Awaitable[float]]:
    """Return the job that puts events into the log, and has the pump send them at once."""
    sequencer = Sequencer(sender.queue, counting.count)

    async def run(db: Session) -> float:
        seconds = await sequencer.run(db)
        sender.nudge()
        return seconds

    return run


async def _tell(db: Session) -> float:
    if not await waiting.has_changes(db):
        return waiting.IDLE_SECONDS
    from tenantry.tenants.directories.effects import member_events

    return await member_events.run(db)


def _polling(settings: Settings) -> Job:
    """Return the job that polls directories."""
    polling: Polling | None = None

    async def run(db: Session) -> float:
        nonlocal polling
        if polling is None:
            if not await waiting.has_polls(db):
                return _POLL_SECONDS
            from tenantry.tenants.directories.polling.running import Polling

            polling = Polling(settings)
        return await polling.run(db)

    async def close() -> None:
        if polling is not None:
            await polling.close()

    return Job("polled directories", run, close)


async def _left(db: Session, user_id: str, organization_id: str, at: int) -> None:
    """Notify the packages with data of a member when one has left."""
    await identities.forget(db, user_id, organization_id, at)
    from tenantry.tenants.directories.effects import provisioning

    await provisioning.left(db, user_id, organization_id, at)


def _signing() -> Sign:
    """Return the signer of logout tokens, which signs them as ID tokens are."""
    ring: KeyRing | None = None

    async def sign(db: Session, claims: dict[str, Any], typ: str) -> str:
        nonlocal ring
        ring = ring or KeyRing(db)
        signer = await ring.signer("RS256")
        return signer(claims, typ=typ)

    return sign


def _pruning(
    some: Callable[[Session], Awaitable[object]], *, every: float = _PRUNE_SECONDS
) -> Callable[[Session], Awaitable[float]]:
    """Return a job that deletes some old rows, again at once while there was any."""

    async def run(db: Session) -> float:
        return 0.0 if await some(db) else every

    return run


async def run(db: Session, todo: Sequence[Job], stop: asyncio.Event) -> None:
    """Do the jobs, each in its own time, until told to stop; finish those under way."""
    tasks = [asyncio.create_task(_repeat(db, job, stop), name=job.name) for job in todo]
    try:
        await stop.wait()
        _, late = await asyncio.wait(tasks, timeout=_STOP_SECONDS)
        for task in late:
            fields = {"job": task.get_name()}
            _log.warning("job interrupted by shutdown", extra={"fields": fields})
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _repeat(db: Session, job: Job, stop: asyncio.Event) -> None:
    pause = _FIRST_PAUSE_SECONDS
    while not stop.is_set():
        try:
            if job.sends and await copies.held(db) is not None:
                seconds = _HELD_SECONDS
            else:
                seconds = await job.run(db)
        except Failure as problem:
            waits = {"job": job.name, "problem": str(problem)}
            warn_rate_limited(
                _log, "database unavailable, worker is waiting", problem.error().name, waits
            )
            seconds, pause = _AWAY_SECONDS, _FIRST_PAUSE_SECONDS
        except Exception as problem:  # noqa: BLE001 - neither this job nor the others end by it
            metrics.JOB_FAILURES.add(job.name)
            fields = {"job": job.name, "error": type(problem).__name__, "again_in": pause}
            _log.error("job failed", exc_info=True, extra={"fields": fields})
            seconds, pause = pause, min(2 * pause, _LONGEST_PAUSE_SECONDS)
        else:
            pause = _FIRST_PAUSE_SECONDS
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)
    await job.close()


@asynccontextmanager
async def measured(db: Database, settings: Settings) -> AsyncIterator[None]:
    """Count meanwhile, and answer `/metrics`, if the settings say so."""
    if not settings.metrics_listen:
        yield
        return
    from tenantry.telemetry.metrics.listener import listening
    from tenantry.transfer.deployment.figures import Figures

    measure_loop(settings)
    async with listening(settings, Figures(db, settings)):
        yield


def measure_loop(settings: Settings) -> None:
    """Measure how late the running event loop is, if the settings say so."""
    if settings.metrics_listen:
        from tenantry.telemetry.metrics.loops import Delay

        Delay.of(asyncio.get_running_loop())


@asynccontextmanager
async def beside(db: Session, settings: Settings) -> AsyncIterator[None]:
    """Do the jobs meanwhile, unless the settings say no or this process does them already.

    A server has several event loops, each with its own application.
    """
    if not settings.background or not _one_in_a_process.acquire(blocking=False):
        yield
        return
    try:
        stop = asyncio.Event()
        task = asyncio.create_task(run(db, jobs(settings), stop))
        try:
            yield
        finally:
            stop.set()
            await task
    finally:
        _one_in_a_process.release()
