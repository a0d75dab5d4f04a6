"""Enforces the sign-in policy of an organization on sessions, grants and requests.

An operator in a user's place is subject to the rules for operators, not to the policy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, select

from tenantry.core import errors
from tenantry.core.times import now
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.identity.attempts import service as attempts
from tenantry.identity.connections import environment
from tenantry.identity.connections.model import PASSWORD, PASSWORDLESS, WEBAUTHN, connections
from tenantry.tenants.organizations import policy as policies
from tenantry.tenants.organizations.policy import Evidence, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.call import Call
    from tenantry.db.engine import Session as Database
    from tenantry.identity.sessions.model import Session
    from tenantry.identity.sessions.subject import Subject
    from tenantry.tenants.organizations.model import Organization

# By the type of the environment's connection.
_OF_ENVIRONMENT = {
    PASSWORDLESS: policies.EMAIL,
    PASSWORD: policies.PASSWORD,
    WEBAUTHN: policies.PASSKEY,
}
# Refusals of one kind, for one user, are recorded once in this time.
_RECORDED_SECONDS = 300

_c = connections.c
_OWNERS = Statement(
    select(_c.id, _c.organization_id).where(_c.id.in_(json_values(bindparam("p_ids", type_=Text))))
)


class PolicyRefused(errors.PermissionDenied):
    """The sign-in policy of the organization refuses an access."""

    error_code = "ORGANIZATION_POLICY"

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.sentence)
        self.refusal = refusal


async def methods_of(db: Database, organization_id: str, amr: Sequence[str]) -> frozenset[str]:
    """Return the sign-in methods that the connections of a session stand for.

    A connection of another organization stands for none.
    """
    known = {one.id: type_ for type_, one in (await environment.of_environment(db)).items()}
    methods = {_OF_ENVIRONMENT[known[id_]] for id_ in amr if id_ in known}
    others = [id_ for id_ in amr if id_ not in known]
    if others:
        for row in await db.fetch_all(_OWNERS, p_ids=to_json(others)):
            if row["organization_id"] is None:
                methods.add(policies.SOCIAL)
            elif row["organization_id"] == organization_id:
                methods.add(policies.SSO)
    return frozenset(methods)


async def of_session(
    db: Database,
    organization: Organization,
    session: Session,
    *,
    member_since: int,
    address: str | None,
) -> Refusal | None:
    """Return the rule that a session does not meet in an organization."""
    policy = organization.policy
    if policy is None or session.impersonation is not None:
        return None
    return policy.refusal(
        Evidence(
            user_id=session.user_id,
            at=now(),
            member_since=member_since,
            methods=await methods_of(db, organization.id, session.amr),
            has_second_factor=session.second_factor_time is not None,
            address=address,
        )
    )


async def of_subject(db: Database, subject: Subject, *, address: str | None) -> Refusal | None:
    """Return the rule that the session of a subject does not meet.

    ``address`` is that of the user. None stands for the address from which the user last
    entered the organization.
    """
    policy = subject.policy
    if policy is None or subject.impersonation is not None:
        return None
    return policy.refusal(
        Evidence(
            user_id=subject.user.id,
            at=now(),
            member_since=subject.member_since,
            methods=await methods_of(db, subject.organization_id, subject.amr),
            has_second_factor=subject.second_factor_time is not None,
            address=subject.address if address is None else address,
        )
    )


async def check(db: Database, subject: Subject, *, address: str) -> None:
    """Check the session of a subject against the policy of its organization.

    Raises:
        PolicyRefused: the policy of the organization refuses it.

    """
    refusal = await of_subject(db, subject, address=address)
    if refusal is not None:
        raise PolicyRefused(refusal)


async def record(
    call: Call, refusal: Refusal, *, organization_id: str, access: str, **about: str
) -> None:
    """Record a refused access; repetitions only once in a few minutes."""
    key = " ".join((organization_id, refusal, access, *about.values()))
    n, _ = await attempts.count(call.db, "refusals of a policy", key, seconds=_RECORDED_SECONDS)
    if n > 1:
        return
    event = call.event(
        "organization.access_refused",
        organization_id=organization_id,
        after={
            "id": organization_id,
            "reason": refusal.value,
            "access": access,
            "address": call.origin.address,
            **about,
        },
    )
    async with call.db.transaction() as db:
        await db.record(event)
