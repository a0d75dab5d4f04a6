"""Proof by DNS: the look for the TXT record of a claim, and its outcome.

A claim is looked at by the worker, more rarely as time passes, and at once when its organization
says that the record is there. Only the very secret of the claim proves it: a wildcard record, or
one that is there for somebody else, does not.

A domain that is proven is not looked at again, and its record may go. But a name can lapse and be
bought by another party: an owner by DNS whose record has gone loses it to a claim that proves it
now.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, or_, update

from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.core.times import SECOND, now
from tenantry.db import crud
from tenantry.db.engine import DuplicateKey
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import revised
from tenantry.db.writes.scheduling import Due
from tenantry.tenants.domains.model import (
    DNS,
    FAILED,
    ORGANIZATION_DOMAIN,
    PENDING,
    PROVEN,
    VERIFIED,
    Domain,
    domains,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dns.asyncresolver import Resolver as DnsResolver

    from tenantry.db.engine import Row, Session

WINDOW_SECONDS = 7 * 24 * 3600
FIRST_LOOK_SECONDS = 60
LOOKUP_SECONDS = 5.0
IDLE_SECONDS = 15.0
_AT_ONCE = 20
# A process that looks at a claim has it for this long; after that it is thought dead.
_LEASE_SECONDS = 60
# From one look to the next, by the age of the claim: after 1, 6, 21 minutes, then hourly.
_PAUSES = ((6 * 60, 5 * 60), (21 * 60, 15 * 60))
_LONGEST_PAUSE = 3600

_log = logging.getLogger(__name__)

_d = domains.c
_DUE = Due(
    domains,
    _d.check_time,
    _d.check_time.is_not(None),
    lease_seconds=_LEASE_SECONDS,
    most=_AT_ONCE,
)
# Deleted or decided meanwhile: then there is nothing left to note.
_pending = (_d.id == bindparam("p_id")) & (_d.verification_status == PENDING)
_LATER = Statement(
    update(domains).where(_pending).values(check_time=bindparam("p_check_time")).returning(_d.id)
)
_DECIDE = Statement(
    update(domains)
    .where(_d.id == bindparam("p_id"), _d.verification_status == bindparam("p_before"))
    .values(
        verification_status=bindparam("p_verification_status"),
        check_time=None,
        revision=_d.revision + 1,
        update_time=bindparam("p_update_time"),
    )
    .returning(_d.id)
)
_HOLD = crud.hold(domains, by=(_pending,), columns=("id",))
_OWNER = crud.get(
    domains,
    by=(
        "domain",
        _d.domain_type == ORGANIZATION_DOMAIN,
        or_(*(_d.verification_status == status for status in PROVEN)),
    ),
)
_EVENT = {
    VERIFIED: "organization.domain_dns_verification_success",
    FAILED: "organization.domain_dns_verification_failed",
}


class Resolver:
    """Looks up TXT records, at these servers ("host:port") or, without any, at the system's."""

    def __init__(self, servers: Sequence[str] = ()) -> None:
        self._servers = servers
        self._resolver: DnsResolver | None = None

    async def holds(self, name: str, secret: str) -> bool:
        """Whether a TXT record of this name is exactly the secret.

        No answer, for any reason, is no proof.
        """
        texts = await self._texts(name)
        return any(hmac.compare_digest(text, secret.encode()) for text in texts)

    async def _texts(self, name: str) -> list[bytes]:
        from dns.exception import DNSException

        try:
            if self._resolver is None:
                # Beside the loop that calls run on: it imports much.
                self._resolver = await asyncio.to_thread(_resolver, self._servers)
            answer = await self._resolver.resolve(
                f"{name}.", "TXT", search=False, raise_on_no_answer=False
            )
        except (DNSException, OSError) as problem:
            fields = {"name": name, "problem": type(problem).__name__}
            _log.info("TXT record not found", extra={"fields": fields})
            return []
        # One record is one text, however it was split (RFC 7208 section 3.3).
        return [b"".join(record.strings) for record in answer]


def _resolver(servers: Sequence[str]) -> DnsResolver:
    from dns.asyncresolver import Resolver as DnsResolver
    from dns.nameserver import Do53Nameserver

    resolver = DnsResolver(configure=not servers)
    if servers:
        split = [server.rpartition(":") for server in servers]
        resolver.nameservers = [
            Do53Nameserver(host.strip("[]"), int(port)) for host, _, port in split
        ]
    resolver.lifetime = LOOKUP_SECONDS
    return resolver


async def look(call: Call, claim: Domain, resolver: Resolver) -> bool:
    """Look for the record of a pending claim; return whether that decided it.

    It is verified if the record is there, and has failed if the domain is another organization's
    that still proves it, or if the window is over.
    """
    if await resolver.holds(claim.txt_record_key, claim.txt_record_secret):
        try:
            await _decide(call, claim, VERIFIED)
        except DuplicateKey:
            if not await _take_over(call, claim, resolver):
                await _decide(call, claim, FAILED)
        return True
    if claim.expire_time is not None and claim.expire_time <= now():
        await _decide(call, claim, FAILED)
        return True
    return False


async def _take_over(call: Call, claim: Domain, resolver: Resolver) -> bool:
    """Give a claim that is proven now the domain of an owner that could not prove it any more."""
    row = await call.db.fetch_one(_OWNER, p_domain=claim.domain)
    owner = None if row is None else Domain.from_row(row)
    # DNS has no say over an owner for whom the application vouches.
    if owner is not None and (
        owner.verification_method != DNS
        or await resolver.holds(owner.txt_record_key, owner.txt_record_secret)
    ):
        return False
    try:
        async with call.db.transaction() as db:
            # Or the owner would lose it to a claim that is deleted meanwhile.
            if await db.fetch_one(_HOLD, p_id=claim.id):
                held = replace(call, db=db)
                if owner is not None:
                    await _decide(held, owner, FAILED)
                await _decide(held, claim, VERIFIED)
    except DuplicateKey:
        return False  # another claim was faster
    return True


async def _decide(call: Call, claim: Domain, status: str) -> None:
    after = revised(
        claim,
        verification_status=status,
        check_time=None,
    )
    environment = call.db.environment_id
    event = call.event(
        _EVENT[status],
        organization_id=claim.organization_id,
        before=claim.to_event(environment),
        after=after.to_event(environment),
    )
    await call.db.apply(
        _DECIDE,
        event,
        p_id=claim.id,
        p_before=claim.verification_status,
        p_verification_status=status,
        p_update_time=after.update_time,
    )


async def run_due(db: Session, resolver: Resolver) -> float:
    """Look at the claims that are due, some at once; return the seconds until the next look.

    Any number of workers may do this at once: each claim is looked at by one of them.
    """

    async def look_again(row: Row) -> None:
        claim = Domain.from_row(row)
        if not await look(Call(SYSTEM, db, request_id="worker"), claim, resolver):
            await db.fetch_all(_LATER, p_id=claim.id, p_check_time=_next_look(claim))

    return await _DUE.handle(db, look_again, idle_seconds=IDLE_SECONDS)


def _next_look(claim: Domain) -> int:
    at = now()
    age = (at - claim.create_time) // SECOND
    pause = next((pause for below, pause in _PAUSES if age < below), _LONGEST_PAUSE)
    return min(at + pause * SECOND, claim.expire_time or at)
