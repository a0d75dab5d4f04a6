"""Simulates a policy: the members of a page whose access it would refuse or limit.

Each page is one statement, and one more for each combination of connections by which its members
have signed in. A member is evaluated by the newest active session in the organization; without
one, by the registered second factors alone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, bindparam, exists, literal_column, select

from tenantry.core.times import DAY, now
from tenantry.db.lists import pages
from tenantry.db.sql.schema import from_json, json_list
from tenantry.db.sql.statements import Statement
from tenantry.identity.authenticators.passkeys.model import passkeys
from tenantry.identity.authenticators.totp.model import totp_registrations
from tenantry.identity.organization_policies import enforcement
from tenantry.identity.sessions.model import session_organizations, sessions
from tenantry.identity.sessions.reading import IS_ACTIVE
from tenantry.tenants.organizations.policy import Evidence, OrganizationPolicy, Refusal
from tenantry.tenants.users.model import ACTIVE, memberships, users

if TYPE_CHECKING:
    from collections.abc import Collection

    from tenantry.call import Call
    from tenantry.db.engine import Row
    from tenantry.db.lists.pages import Page
    from tenantry.tenants.organizations.model import Organization

_m, _u, _s, _so = memberships.c, users.c, sessions.c, session_organizations.c
_t, _p = totp_registrations.c, passkeys.c
_newest_session = (
    select(json_list(_s.amr, _s.second_factor_time, _s.auth_time, _so.address, _s.device))
    .select_from(
        sessions.join(
            session_organizations,
            (_so.session_id == _s.id) & (_so.organization_id == _m.organization_id),
        )
    )
    .where(
        _s.user_id == _m.user_id,
        IS_ACTIVE,
        _s.lapse_time > bindparam("p_now", type_=BigInteger),
        _s.impersonation.is_(None),
    )
    .order_by(_s.id.desc())
    .limit(literal_column("1"))
    .correlate(memberships)
    .scalar_subquery()
)


def _members(direction: str) -> Statement:
    page = pages.part(
        select(_m.id, _m.organization_id, _m.user_id, _m.join_time, _m.create_time).where(
            _m.organization_id == bindparam("p_organization_id", type_=Text),
            _m.status == literal_column(f"'{ACTIVE}'"),
        ),
        _m.id,
        direction,
    )
    few = pages.few(page)
    has_app = exists().where(_t.user_id == _m.user_id, _t.enabled).correlate(memberships)
    has_passkey = exists().where(_p.user_id == _m.user_id).correlate(memberships)
    return Statement(
        select(
            *(_m.id, _m.user_id, _m.join_time, _m.create_time, _u.email),
            has_app.label("has_app"),
            has_passkey.label("has_passkey"),
            _newest_session.label("session"),
        )
        .select_from(
            few.join(
                memberships,
                (_m.organization_id == few.c.organization_id) & (_m.user_id == few.c.user_id),
            ).join(users, _u.id == _m.user_id)
        )
        .order_by(pages.order(_m.id, backward=direction == "backward"))
    )


_MEMBERS = {direction: _members(direction) for direction in pages.DIRECTIONS}


@dataclass(frozen=True, slots=True)
class Affected:
    """A member whom a policy affects; times in microseconds since 1970, UTC."""

    user_id: str
    email: str
    refusals: tuple[Refusal, ...]
    must_enroll: bool
    grace_days_left: int
    sign_in_time: int | None
    address: str


@dataclass(frozen=True, slots=True)
class Simulated:
    """The outcome for a page of members."""

    affected: list[Affected]
    evaluated: int
    next_page_token: str


async def simulate(
    call: Call,
    organization: Organization,
    policy: OrganizationPolicy,
    *,
    page_size: int,
    page_token: str,
) -> Simulated:
    """Evaluate a policy for one page of the active members, the newest first."""
    at = now()
    # The token of a page is good for the same policy only.
    shape = hashlib.sha256(repr(_without_time(policy)).encode()).hexdigest()[:16]
    position = pages.position(
        call.db,
        f"policy {organization.id} {shape}",
        page_size=page_size,
        page_token=page_token,
    )
    rows = await call.db.fetch_all(
        _MEMBERS[position.direction],
        p_organization_id=organization.id,
        p_now=at,
        **position.params,
    )
    page: Page[Row] = position.page(rows)
    affected = []
    methods: dict[tuple[str, ...], frozenset[str]] = {}  # of connections
    for row in page.items:
        sign_in = _SignIn.of_column(row["session"])
        if sign_in.amr not in methods:
            methods[sign_in.amr] = await enforcement.methods_of(
                call.db, organization.id, sign_in.amr
            )
        found = _affected(policy, row, sign_in, methods[sign_in.amr], at)
        if found is not None:
            affected.append(found)
    return Simulated(affected, len(page.items), page.next_page_token)


@dataclass(frozen=True, slots=True)
class _SignIn:
    """The sign-in that a member is evaluated by; without one, the defaults."""

    amr: tuple[str, ...] = ()
    second_factor_time: int | None = None
    time: int | None = None
    address: str = ""

    @classmethod
    def of_column(cls, text: str | None) -> _SignIn:
        if text is None:
            return cls()
        amr, second_factor_time, time, address, device = from_json(text)
        # SQLite has JSON within JSON as text.
        amr = from_json(amr) if isinstance(amr, str) else amr
        device = from_json(device) if isinstance(device, str) else device
        return cls(tuple(amr), second_factor_time, time, address or device.get("ip", ""))


def _affected(
    policy: OrganizationPolicy, row: Row, sign_in: _SignIn, methods: Collection[str], at: int
) -> Affected | None:
    can_verify = bool(row["has_app"]) or bool(row["has_passkey"])
    evidence = Evidence(
        user_id=row["user_id"],
        at=at,
        member_since=row["join_time"] or row["create_time"],
        methods=methods,
        has_second_factor=sign_in.second_factor_time is not None or can_verify,
        address=sign_in.address or None,
    )
    refusals = policy.refusals(evidence)
    if sign_in.time is None:
        # Nothing is known of how the member signs in.
        refusals = [one for one in refusals if one is Refusal.SECOND_FACTOR]
    must_enroll = policy.lacks_second_factor(evidence)
    if not refusals and not must_enroll:
        return None
    left = policy.enrollment_deadline(evidence.member_since) - at
    return Affected(
        user_id=row["user_id"],
        email=row["email"],
        refusals=tuple(refusals),
        must_enroll=must_enroll,
        grace_days_left=max(0, -(-left // DAY)) if must_enroll else 0,
        sign_in_time=sign_in.time,
        address=sign_in.address,
    )


def _without_time(policy: OrganizationPolicy) -> tuple[Any, ...]:
    members = policy.to_event()
    members.pop("second_factor_since")
    return tuple(members.values())
