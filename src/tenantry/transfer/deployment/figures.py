"""The figures of `/metrics` that are in the database: asked for at most every 15 seconds.

Each statement is bounded, and goes by an index: a number ends at `pages.MOST_COUNTED`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from tenantry.core.times import SECOND, now
from tenantry.db.engine import Failure
from tenantry.db.event_rows import snapshots
from tenantry.events.email import service as mail
from tenantry.events.webhooks.deliveries import figures as webhooks
from tenantry.identity.connections.certificates import expiry, key_pairs
from tenantry.identity.overview import totals
from tenantry.telemetry.log import warn_rate_limited
from tenantry.telemetry.metrics import table
from tenantry.transfer.deployment import health

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from tenantry.db.engine import Database
    from tenantry.settings import Settings
    from tenantry.telemetry.metrics.kinds import Labels, Metric

    Value = tuple[Metric, Labels, float]

FRESH_SECONDS = 15.0
LIMIT_SECONDS = 2.0  # of all statements together
# Of certificates of identity providers: the settings of all connections are read for it.
_CERTIFICATES_SECONDS = 3600.0
TLS, SAML, IDENTITY_PROVIDER = "tls", "saml", "identity_provider"

_log = logging.getLogger(__name__)


class Figures:
    """The figures as a process last knew them, for its event loop."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._settings = settings
        self._asked = float("-inf")
        self._is_up = False
        self._known: list[Value] = []
        self._asking = asyncio.Lock()
        self._read = float("-inf")  # the certificates of identity providers
        self._soonest: int | None = None

    async def __call__(self) -> Iterable[Value]:
        """Return them; where the database is unavailable, the earlier ones."""
        async with self._asking:
            if time.monotonic() - self._asked >= FRESH_SECONDS:
                await self._ask()
        return [*self._known, (table.DATABASE_UP, (), float(self._is_up))]

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                known = [one async for one in _measured(self._db, self._settings)]
                if time.monotonic() - self._read >= _CERTIFICATES_SECONDS:
                    self._soonest = await expiry.soonest(self._db)
                    self._read = time.monotonic()
        except (Failure, TimeoutError) as problem:
            self._is_up = False
            text = str(problem) or "no answer in time"
            warn_rate_limited(
                _log,
                "failed to read metrics from the database",
                type(problem).__name__,
                {"problem": text},
            )
        except Exception:  # noqa: BLE001 - all that is counted is answered all the same
            self._is_up = False
            _log.exception("failed to read metrics from the database")
        else:
            if self._soonest is not None:
                ends = (table.CERTIFICATE_TIME, (IDENTITY_PROVIDER,), self._soonest / SECOND)
                known.append(ends)
            self._known, self._is_up = known, True
        self._asked = time.monotonic()


async def _measured(db: Database, settings: Settings) -> AsyncIterator[Value]:
    at = now()
    there = await totals.read(db)
    yield table.FIGURES_TIME, (), at / SECOND
    yield table.SCHEMA, (there.revision,), 1.0
    yield table.ORGANIZATIONS, (), float(there.organizations)
    yield table.USERS, (), float(there.users)
    waiting, since = await snapshots.unsequenced(db)
    yield table.EVENTS_WAITING, (), float(waiting)
    yield table.EVENTS_WAITING_SECONDS, (), _age(at, since)
    waiting, since = await webhooks.waiting(db)
    yield table.DELIVERIES_WAITING, (), float(waiting)
    yield table.DELIVERIES_OVERDUE_SECONDS, (), _age(at, since)
    waiting, since = await mail.waiting(db)
    yield table.MAIL_WAITING, (), float(waiting)
    yield table.MAIL_OVERDUE_SECONDS, (), _age(at, since)
    tls = await asyncio.to_thread(health.end_of_tls, settings)
    for use, end in ((TLS, tls), (SAML, await key_pairs.expiry(db))):
        if end is not None:
            yield table.CERTIFICATE_TIME, (use,), end / SECOND


def _age(at: int, since: int | None) -> float:
    return 0.0 if since is None else max(0.0, (at - since) / SECOND)
