"""How the deployment is doing: its database, the work that waits in it, and the operator's.

Every number of waiting work ends at `pages.MOST_COUNTED`, and goes by an index, so a look takes as
long for a large database as for a small one.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from tenantry.core.times import SECOND, now
from tenantry.db import copies
from tenantry.db.event_rows import snapshots
from tenantry.db.lists.pages import MOST_COUNTED
from tenantry.events.email import custom_templates
from tenantry.events.email import service as mail
from tenantry.events.log_streams import service as log_streams
from tenantry.events.webhooks.deliveries import figures as webhooks
from tenantry.identity.sessions.termination import notices
from tenantry.tenants.directories import waiting as directories
from tenantry.tenants.directories.model import directory_user_search
from tenantry.tenants.organizations.model import organization_search
from tenantry.tenants.users.model import user_search
from tenantry.transfer.deployment import sizes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tenantry.db.engine import Session
    from tenantry.settings import Settings

EVENT_SECONDS = 60.0  # it takes 0.1 until an event is in the log while a worker runs
OVERDUE_SECONDS = 300.0  # and some seconds until work that is due is done
# A queue that is overdue is watched for so long. While a worker works it off, such as after a large
# import, the time at which its first is due moves on with each that is taken.
WATCH_SECONDS, _LOOK_SECONDS = 5.0, 0.25
_LEAST_FREE, _LEAST_SHARE = 1 << 30, 0.05  # of a disk
_TEMPLATES = 200  # of mail, that are looked at
_SEARCHES = (organization_search, user_search, directory_user_search)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Work of one kind: how much waits, and for how many seconds the first of it is overdue."""

    kind: str
    count: int
    overdue: float
    is_progressing: bool = False  # it is overdue, and some of it was done while it was watched
    failed: int | None = None  # failed, and still kept
    most: float = OVERDUE_SECONDS  # that it may be overdue
    counted_to: int = MOST_COUNTED  # it may be more

    @property
    def is_late(self) -> bool:
        """Whether the first is overdue by more than it may be."""
        return self.overdue > self.most

    def line(self) -> str:
        """Return it for people."""
        parts = [f"{_number(self.count, self.counted_to)} pending"]
        if self.overdue > 1:
            parts.append(f"the oldest overdue by {self.overdue:,.0f} s")
        if self.is_progressing:
            parts.append("in progress")
        if self.failed is not None:
            parts.append(f"{_number(self.failed)} failed")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Status:
    """How it is at one moment."""

    environment_id: str
    held: str  # why outgoing work waits, "" where it does not
    sizes: sizes.Sizes
    waiting: tuple[Waiting, ...]
    streams: tuple[log_streams.Backlog, ...]
    search: int  # changes that are not indexed yet
    refused_templates: tuple[str, ...] = ()  # of mail: enabled, but ours are used

    def problems(self) -> list[str]:
        """Return what there is to do, a sentence each."""
        found = []
        if self.held:
            found.append(
                f"outgoing work is held: {self.held}; run `tenantry restore --go` to resume it"
            )
        late = [one for one in self.waiting if one.is_late and not one.is_progressing]
        # Held work is overdue by intention.
        found += [
            f"{one.kind}: the oldest is overdue by {one.overdue:,.0f} s, and none was processed in "
            f"{WATCH_SECONDS:.0f} s; check the log of the server, or of `tenantry worker`"
            for one in late
            if not self.held or one.kind == EVENTS
        ]
        found += [
            f"log stream {one.name}: {one.problem}"
            for one in self.streams
            if one.problem and one.events
        ]
        found += [
            f"email template {template_id} is not used, because it could disclose its code or "
            "link; change or disable it at /console/mail/templates"
            for template_id in self.refused_templates
        ]
        disk = self.sizes
        if disk.disk_free < max(_LEAST_FREE, _LEAST_SHARE * disk.disk_total):
            found.append(f"the disk is nearly full: {disk.disk_free >> 20:,} MiB are free")
        return found

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


EVENTS, DELIVERIES = "events", "deliveries"
# How much of each kind waits, and since when its first is due.
_QUEUES: dict[str, Callable[[Session], Awaitable[tuple[int, int | None]]]] = {
    EVENTS: snapshots.unsequenced,
    DELIVERIES: webhooks.waiting,
    "mail": mail.waiting,
    "logout notifications": notices.waiting,
    "directory changes": directories.changes,
}


async def look(db: Session, settings: Settings, environment_id: str) -> Status:
    """Return how it is now, of a database whose schema is current.

    It takes `WATCH_SECONDS` where work is overdue and none of it is done meanwhile.
    """
    at = now()

    def overdue(since: int | None) -> float:
        return 0.0 if since is None else max(0.0, (at - since) / SECOND)

    first = {kind: await queue(db) for kind, queue in _QUEUES.items()}
    _, deliveries_failed = await webhooks.waiting_and_failed(db)
    _, emails_failed = await mail.waiting_and_failed(db)
    failed = {DELIVERIES: deliveries_failed, "mail": emails_failed}
    waiting = [
        Waiting(
            kind,
            count,
            overdue(since),
            failed=failed.get(kind),
            most=EVENT_SECONDS if kind == EVENTS else OVERDUE_SECONDS,
            counted_to=snapshots.MOST_COUNTED if kind == EVENTS else MOST_COUNTED,
        )
        for kind, (count, since) in first.items()
    ]
    held = await copies.held(db) or ""
    heads = await webhooks.overdue_heads(db, at)
    late = {one.kind: first[one.kind][1] for one in waiting if one.is_late}
    progressing = await _progressing(
        db,
        {kind: since for kind, since in late.items() if not held or kind == EVENTS},
        at=at,
        heads=heads,
    )
    return Status(
        environment_id=environment_id,
        held=held,
        sizes=await sizes.measure(db, settings),
        waiting=tuple(replace(one, is_progressing=one.kind in progressing) for one in waiting),
        streams=tuple(await log_streams.backlog(db)),
        search=sum([await search.waiting(db) for search in _SEARCHES]),
        refused_templates=tuple(
            one.id for one in await custom_templates.misplacing(db, limit=_TEMPLATES)
        ),
    )


async def _progressing(
    db: Session, late: dict[str, int | None], *, at: int, heads: tuple[int, int]
) -> set[str]:
    """Return the kinds of late work that are processed while this watches.

    The oldest delivery may wait for a slow endpoint while others are sent, so those of all
    endpoints are compared with ``heads``, the overdue ones ``at`` an earlier time.
    """
    found: set[str] = set()
    for _ in range(round(WATCH_SECONDS / _LOOK_SECONDS)):
        if len(found) == len(late):
            break
        await asyncio.sleep(_LOOK_SECONDS)
        for kind in late.keys() - found:
            _, since = await _QUEUES[kind](db)
            is_moving = since is None or since > (late[kind] or 0)
            if not is_moving and kind == DELIVERIES:
                is_moving = await webhooks.overdue_heads(db, at) != heads
            if is_moving:
                found.add(kind)
    return found


def _number(count: int, most: int = MOST_COUNTED) -> str:
    return f"{count:,} or more" if count >= most else f"{count:,}"
