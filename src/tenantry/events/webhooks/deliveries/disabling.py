"""Endpoints that are disabled because nothing arrives there any more: with an event and a mail."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.core.times import DAY, now
from tenantry.db import crud
from tenantry.db.writes.rows import prefixed, revised
from tenantry.events.email import branding, rendering
from tenantry.events.email import service as mail
from tenantry.events.webhooks.model import webhook_endpoints
from tenantry.events.webhooks.records import Endpoint

if TYPE_CHECKING:
    from typing import Any

    from tenantry.db.engine import Session
    from tenantry.events.email.model import Email
    from tenantry.settings import Settings

TEMPLATE = "webhook_disabled"
UNWANTED = "The endpoint answered 410 Gone."

_log = logging.getLogger(__name__)

_HOLD = crud.hold(webhook_endpoints, allow_references=True)
_CHANGED = ("enabled", "disabled_reason", "revision", "update_time")
_DISABLE = crud.update(webhook_endpoints, set_=_CHANGED)


async def disable_unwanted(db: Session, seen: Endpoint, *, alert_mail: str) -> bool:
    """Disable an endpoint that answered 410, unless it has another address by now."""

    def reason(endpoint: Endpoint) -> str | None:
        return UNWANTED if endpoint.url == seen.url else None

    return await _disable(db, seen.id, reason, alert_mail)


async def disable_failing(db: Session, endpoint_id: str, *, days: int, alert_mail: str) -> bool:
    """Disable an endpoint if it has failed for a number of days without a success; 0 for never."""

    def reason(endpoint: Endpoint) -> str | None:
        if not is_overdue(endpoint, days):
            return None
        return f"Every attempt has failed for {days} {'day' if days == 1 else 'days'}."

    return await _disable(db, endpoint_id, reason, alert_mail)


def is_overdue(endpoint: Endpoint, days: int) -> bool:
    """Whether an endpoint has failed for a number of days; 0 for never."""
    since = endpoint.failing_since
    return days > 0 and since is not None and since <= now() - days * DAY


async def _disable(db: Session, endpoint_id: str, reason: Any, alert_mail: str) -> bool:
    """Disable an endpoint, with its event and a mail, for what the held row gives as reason."""
    async with db.transaction() as session:
        row = await session.fetch_one(_HOLD, p_id=endpoint_id)
        before = None if row is None else Endpoint.from_row(row)
        why = reason(before) if before is not None and before.enabled else None
        if before is None or why is None:
            return False
        after = revised(
            before,
            enabled=False,
            disabled_reason=why,
        )
        event = Call(SYSTEM, session, request_id="worker").event(
            "webhook_endpoint.disabled",
            organization_id=before.organization_id,
            before=before.to_event(),
            after=after.to_event(),
        )
        await session.apply(
            _DISABLE,
            event,
            **prefixed(after.to_row()),
        )
        if alert_mail:
            await mail.queue(
                session,
                template=TEMPLATE,
                recipient=rendering.split_mailbox(alert_mail)[1],
                organization_id=before.organization_id,
                variables=_variables(after),
            )
    fields = {"endpoint": endpoint_id, "reason": why}
    _log.warning("webhook endpoint disabled", extra={"fields": fields})
    return True


def _variables(endpoint: Endpoint) -> dict[str, Any]:
    url = urlsplit(endpoint.url)
    return {
        "endpoint_id": endpoint.id,
        "organization_id": endpoint.organization_id,
        # Its query may be what lets somebody in.
        "url": url._replace(query="", fragment="").geturl(),
        "reason": endpoint.disabled_reason,
        "failing_since": endpoint.failing_since,
    }


def email_variables(queued: Email, settings: Settings) -> dict[str, Any]:
    """Return what the mail shows: how it was when the endpoint was disabled."""
    path = f"/console/webhooks/{queued.variables['endpoint_id']}"
    return {
        **branding.variables(settings),
        **queued.variables,
        "console_url": f"{settings.public_url}{path}" if settings.console else "",
    }
