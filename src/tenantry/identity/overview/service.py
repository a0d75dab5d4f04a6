"""Gathers the figures of all packages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.core.times import now
from tenantry.db.event_rows import snapshots
from tenantry.events.email import service as mail
from tenantry.events.webhooks.deliveries import figures as webhooks
from tenantry.identity.auth_log import figures as auth_log
from tenantry.identity.connections import listing as connections
from tenantry.identity.overview import totals
from tenantry.tenants.directories import listing as directories

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.db.engine import Session
    from tenantry.identity.auth_log.figures import Day

DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The figures; times in microseconds since 1970, UTC. Their bounds are those of the API."""

    measure_time: int
    schema_revision: str
    organizations: int
    users: int
    connections: int
    directories: int
    sign_ins: Sequence[Day]
    sign_in_errors: Sequence[tuple[str, int]]
    events_waiting_since: int | None
    events_waiting: int
    deliveries_waiting: int
    deliveries_failed: int
    mail_waiting: int
    mail_failed: int


async def measure(db: Session) -> Overview:
    """Count anew."""
    at = now()
    there = await totals.read(db)
    events_waiting, since = await snapshots.unsequenced(db)
    deliveries_waiting, deliveries_failed = await webhooks.waiting_and_failed(db)
    mail_waiting, mail_failed = await mail.waiting_and_failed(db)
    return Overview(
        measure_time=at,
        schema_revision=there.revision,
        organizations=there.organizations,
        users=there.users,
        connections=await connections.total(db),
        directories=await directories.total(db),
        sign_ins=await auth_log.days(db, at, DAYS),
        sign_in_errors=await auth_log.errors_since(db, at, DAYS),
        events_waiting_since=since,
        events_waiting=events_waiting,
        deliveries_waiting=deliveries_waiting,
        deliveries_failed=deliveries_failed,
        mail_waiting=mail_waiting,
        mail_failed=mail_failed,
    )
