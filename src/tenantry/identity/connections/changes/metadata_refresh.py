"""Metadata that is read again: what of it a SAML connection takes, on schedule and on demand.

A refresh may replace addresses and certificates. It never takes another entity ID, and never turns
signed requests off: the connection keeps what it has and reports the difference.

A signature that none of the known certificates verifies is what a new certificate at the provider
looks like from here. The metadata is then read at once, and the same message verified again.
Anybody can send such messages, so the metadata of a connection is read this way once a minute at
most, over all processes.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, bindparam, or_, update

from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.core.times import MINUTE, SECOND, now
from tenantry.db import crud
from tenantry.db.sql.statements import Statement
from tenantry.db.ttl_cache import TtlCache
from tenantry.identity.connections import field_values, reading, service
from tenantry.identity.connections.changes import changing, check_schedule
from tenantry.identity.connections.model import Connection, connections
from tenantry.identity.connections.providers import metadata
from tenantry.identity.connections.settings import SAMLSettings
from tenantry.tenants.organizations.model import PREVENT_DELETION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.db.engine import Database, Session
    from tenantry.identity.connections.saml.metadata.idp_metadata import IdentityProvider
    from tenantry.net.outgoing import Outgoing

INTERVAL = MINUTE  # between two reads on demand of one connection's metadata
# A browser waits for the answer: a provider that needs longer is read by the worker.
SECONDS = 3.0
# Another process is given a moment more to store what it reads.
_PATIENCE = int((SECONDS + 1) * SECOND)
_POLL_SECONDS = 0.2

_log = logging.getLogger(__name__)

_c = connections.c
_HOLD = crud.hold(connections)
_CLAIM = Statement(
    update(connections)
    .where(
        _c.id == bindparam("p_id", type_=Text),
        or_(_c.refresh_time.is_(None), _c.refresh_time <= bindparam("p_before", type_=BigInteger)),
    )
    .values(refresh_time=bindparam("p_now", type_=BigInteger))
    .returning(_c.id)
)


class OnDemandRefresh:
    """Reads metadata again because a signature did not verify; one per process."""

    def __init__(self, db: Database, outgoing: Outgoing, *, development: bool) -> None:
        self._db = db
        self._outgoing = outgoing
        self._development = development
        # Nothing is remembered: it joins the callers of one connection while it is read.
        self._joined: TtlCache[str, Connection] = TtlCache(self._refreshed, seconds=0, most=0)

    async def with_new_certificates(self, connection: Connection) -> Connection | None:
        """Return the connection with certificates other than it had; None if there are none.

        A connection without a metadata URL is answered without asking anybody.
        """
        if not check_schedule.address(connection):
            return None
        after = await self._joined.get(connection.id, since=0.0)
        if after is None or _certificates(after) == _certificates(connection):
            return None
        return after

    async def _refreshed(self, ids: Sequence[str]) -> Mapping[str, Connection]:
        (connection_id,) = ids
        found = await reading.find(self._db, connection_id)
        if found is None or not check_schedule.address(found):
            return {}
        if await self._claim(found):
            after = await self._read(found)
        else:
            after = await self._wait(found)
        return {} if after is None else {connection_id: after}

    async def _claim(self, connection: Connection) -> bool:
        at = now()
        if connection.refresh_time is not None and connection.refresh_time > at - INTERVAL:
            return False
        rows = await self._db.fetch_all(
            _CLAIM, p_id=connection.id, p_now=at, p_before=at - INTERVAL
        )
        return bool(rows)

    async def _read(self, connection: Connection) -> Connection | None:
        provider, _ = await fetch(
            self._outgoing, connection, development=self._development, seconds=SECONDS
        )
        if provider is None:
            return None
        async with self._db.transaction() as db:
            before = await hold(db, connection)
            if before is None:
                return None
            after = applied(db, before, provider, development=self._development, at=now())
            call = Call(SYSTEM, db, request_id="metadata-refresh")
            after = await service.save(call, db, before, after, "updated")
        fields = {"connection_id": connection.id}
        _log.info("metadata refreshed after an invalid signature", extra={"fields": fields})
        return after

    async def _wait(self, connection: Connection) -> Connection | None:
        """Return the connection once another process has stored what it reads just now."""
        while True:
            found = await reading.find(self._db, connection.id)
            if (
                found is None
                or _certificates(found) != _certificates(connection)
                or now() >= (found.refresh_time or 0) + _PATIENCE
            ):
                return found
            await asyncio.sleep(_POLL_SECONDS)


async def fetch(
    outgoing: Outgoing,
    connection: Connection,
    *,
    development: bool,
    seconds: float = metadata.SECONDS,
) -> tuple[IdentityProvider | None, str]:
    """Return the provider at the metadata URL of a connection, or None and the reason."""
    from tenantry.identity.connections.saml.faults import SAMLError

    try:
        provider = await metadata.fetch(
            outgoing,
            check_schedule.address(connection),
            tls_only=_tls_only(connection, development=development),
            seconds=seconds,
        )
    except SAMLError as problem:
        fields = {"connection": connection.id, "problem": problem.description}
        _log.warning("identity provider metadata rejected", extra={"fields": fields})
        return None, problem.description
    return provider, ""


async def hold(db: Session, seen: Connection) -> Connection | None:
    """Return a connection for an update; None if its URL has changed since, and was read then."""
    if seen.organization_id is not None:  # mail about the connection refers to it
        await db.fetch_one(PREVENT_DELETION, p_organization_id=seen.organization_id)
    row = await db.fetch_one(_HOLD, p_id=seen.id)
    if row is None:
        return None
    found = changing.normal(Connection.from_row(row))
    return found if check_schedule.address(found) == check_schedule.address(seen) else None


def applied(
    db: Session, before: Connection, provider: IdentityProvider, *, development: bool, at: int
) -> Connection:
    """Return a connection with the settings that a refresh may change."""
    from tenantry.identity.connections.saml.faults import SAMLError

    settings = before.settings
    known = settings.get("idp_entity_id", "")
    if known and provider.entity_id != known:
        fault = f"The metadata describes another identity provider: {provider.entity_id}."
        return _with(before, {**settings, "fault": fault})
    try:
        found = metadata.members(provider, tls_only=_tls_only(before, development=development))
    except SAMLError as problem:
        return _with(before, {**settings, "fault": problem.description})
    after = {**settings, **found}
    after.pop("fault", None)
    if settings.get("metadata_wants_signed") and not provider.want_authn_requests_signed:
        after["metadata_wants_signed"] = True
        after["fault"] = "The metadata no longer requires signed requests. Requests stay signed."
    after["idp_certificates"] = field_values.taken(
        db, provider.certificates, settings.get("idp_certificates", ()), at=at
    )
    return _with(before, after)


def _with(connection: Connection, settings: Mapping[str, Any]) -> Connection:
    return replace(connection, settings=SAMLSettings.stored(settings).to_row())


def _tls_only(connection: Connection, *, development: bool) -> bool:
    return not (connection.debug_enabled and development)


def _certificates(connection: Connection) -> list[str]:
    return [one["certificate"] for one in connection.settings.get("idp_certificates", ())]
