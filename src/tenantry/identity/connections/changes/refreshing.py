"""SAML connections that look after themselves: metadata read again each day, certificates watched.

The rules of a refresh are those of `metadata_refresh`. Nobody is locked out by metadata that is
over or away; it is asked for again, within an hour.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.core.times import DAY, now, rfc3339
from tenantry.db.writes.scheduling import Due
from tenantry.events.email import branding, rendering
from tenantry.events.email import service as mail
from tenantry.identity.connections import service
from tenantry.identity.connections.changes import check_schedule, metadata_refresh
from tenantry.identity.connections.model import Connection, connections
from tenantry.net.outgoing import Outgoing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.db.engine import Row, Session
    from tenantry.events.email.model import Email
    from tenantry.settings import Settings

TEMPLATE = "certificate_expiring"
NOTICE_DAYS = (30, 7, 1)  # before a connection's last certificate expires
IDLE_SECONDS = 60.0
_AT_ONCE = 10
_LEASE_SECONDS = 120
_EXPIRING = "organization.sso_certificate_expiring"


_c = connections.c
_DUE = Due(
    connections,
    _c.check_time,
    _c.check_time.is_not(None),
    lease_seconds=_LEASE_SECONDS,
    most=_AT_ONCE,
)


class Refreshing:
    """The worker's job, for one event loop; it keeps connections, so that it has to be closed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._outgoing = Outgoing(settings.outgoing_allow)

    async def close(self) -> None:
        await self._outgoing.close()

    async def run(self, db: Session) -> float:
        """Look at some connections that are due; return the seconds until the next look.

        Any number of workers may do this at once: each connection is looked at by one of them.
        """

        async def look(row: Row) -> None:
            await self._look(db, Connection.from_row(row))

        return await _DUE.handle(db, look, idle_seconds=IDLE_SECONDS)

    async def _look(self, db: Session, seen: Connection) -> None:
        provider, fault, development = None, "", self._settings.development
        if check_schedule.address(seen):
            provider, fault = await metadata_refresh.fetch(
                self._outgoing, seen, development=development
            )
        async with db.transaction() as session:
            before = await metadata_refresh.hold(session, seen)
            if before is None:
                return
            call = Call(SYSTEM, session, request_id="worker")
            after = before
            if provider is not None:
                after = metadata_refresh.applied(
                    session, before, provider, development=development, at=now()
                )
            elif fault:
                after = replace(before, settings={**before.settings, "fault": fault})
            due = _notice_due(after, at=now())
            if due:
                after = _noted(after, due)
            after = replace(
                after, check_time=check_schedule.next_check(now(), after, failed=bool(fault))
            )
            if _content(after) == _content(before):
                await service.write(session, after)
            else:
                after = await service.save(call, session, before, after, "updated")
            if due:
                await self._tell(call, session, after)

    async def _tell(self, call: Call, db: Session, connection: Connection) -> None:
        """Record that the last certificate expires, and mail it to the operator."""
        expires = _expiry(connection)
        shown = service.to_event(connection) | {"certificate_expiry_time": rfc3339(expires)}
        organization_id = connection.organization_id
        await db.record(call.event(_EXPIRING, organization_id=organization_id, after=shown))
        recipient = self._settings.alert_mail
        if recipient:
            await mail.queue(
                db,
                template=TEMPLATE,
                recipient=rendering.split_mailbox(recipient)[1],
                organization_id=organization_id,
                variables={
                    "connection_id": connection.id,
                    "organization_id": organization_id,
                    "provider": connection.provider,
                    "entity_id": connection.settings.get("idp_entity_id", ""),
                    "has_metadata": bool(check_schedule.address(connection)),
                    "expires": expires,
                },
            )


def email_variables(queued: Email, settings: Settings) -> dict[str, Any]:
    """Return what the mail shows: how it was when it was queued."""
    path = f"/console/connections/{queued.variables['connection_id']}"
    return {
        **branding.variables(settings),
        **queued.variables,
        "console_url": f"{settings.public_url}{path}" if settings.console else "",
    }


def _notice_due(connection: Connection, *, at: int) -> int | None:
    """Return the days of the notice that is due, if one is: the last that was not given yet."""
    if not connection.serves:
        return None
    left = _expiry(connection) - at
    reached = [days for days in NOTICE_DAYS if left <= days * DAY]
    if not reached or left <= 0:
        return None
    given_already = _last(connection).get("noticed_days")
    due = min(reached)
    return due if given_already is None or due < given_already else None


def _noted(connection: Connection, days: int) -> Connection:
    last = _last(connection)
    noted = tuple(
        {**one, "noticed_days": days} if one["id"] == last["id"] else one
        for one in connection.settings["idp_certificates"]
    )
    return replace(connection, settings={**connection.settings, "idp_certificates": noted})


def _last(connection: Connection) -> Mapping[str, Any]:
    """Return the certificate that expires last; {} where there is none."""
    certificates = connection.settings.get("idp_certificates", ())
    last: Mapping[str, Any] = max(certificates, key=_expiry_of, default={})
    return last


def _expiry(connection: Connection) -> int:
    return _expiry_of(_last(connection)) if _last(connection) else 1 << 62


def _expiry_of(certificate: Mapping[str, Any]) -> int:
    time: int = certificate["expiry_time"]
    return time


def _content(connection: Connection) -> dict[str, Any]:
    """Return the settings but for those that only say how the looks go."""
    settings = dict(connection.settings)
    settings.pop("metadata_valid_until", None)
    settings["idp_certificates"] = [
        {name: value for name, value in one.items() if name != "noticed_days"}
        for one in settings.get("idp_certificates", ())
    ]
    return settings
