"""Reading and changing the sign-in policy of an organization."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, select

from tenantry.core import errors
from tenantry.core.caller import Kind
from tenantry.core.times import now
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.identity.connections import reading as connections
from tenantry.identity.organization_policies import enforcement
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.freshness import Freshness
from tenantry.net import domain_names
from tenantry.tenants.organizations import policy as policies
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.organizations.policy import OrganizationPolicy
from tenantry.tenants.users.model import ACTIVE, memberships

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.call import Call
    from tenantry.core.event import Event
    from tenantry.tenants.organizations.model import Organization

_m = memberships.c
_ACTIVE_MEMBERS = Statement(
    select(_m.user_id, _m.join_time).where(
        _m.organization_id == bindparam("p_organization_id", type_=Text),
        _m.user_id.in_(json_values(bindparam("p_user_ids", type_=Text))),
        _m.status == ACTIVE,
    )
)


async def get(call: Call, organization_id: str) -> Organization:
    return await organizations.get(call, organizations.OrganizationIdentifier(organization_id))


async def update(call: Call, organization_id: str, changes: Mapping[str, Any]) -> Organization:
    """Change members of the policy of an organization, by the names of `OrganizationPolicy`.

    Raises:
        errors.InvalidArgument: a value is not valid, or the policy would lock out the user who
            changes it; the field is named.

    """
    before = await get(call, organization_id)
    after = await proposed(call, before, changes)
    await _check_own_access(call, before, after)

    def changes_of(current: Organization) -> dict[str, Any]:
        # The values apply to the current policy, which another call may have changed meanwhile.
        return {"policy": _stored(_changed(current.policy, changes))}

    identity = organizations.OrganizationIdentifier(organization_id)
    return await organizations.revise(call, identity, changes_of, _event)


async def proposed(
    call: Call, organization: Organization, changes: Mapping[str, Any]
) -> OrganizationPolicy:
    """Return the changed policy.

    Raises:
        errors.InvalidArgument: it is not valid; the field is named.

    """
    after = _changed(organization.policy, changes)
    if not after.second_factor_required and after.second_factor_grace_days:
        raise _refused("second_factor_grace_days", "requires", "requires second_factor_required")
    if after.reauthentication_scopes and not after.reauthentication_minutes:
        raise _refused("reauthentication_scopes", "requires", "requires reauthentication_minutes")
    only_sso = after.sso_required or after.methods == (policies.SSO,)
    if only_sso and not await connections.of_organization(call.db, organization.id):
        field = "sso_required" if after.sso_required else "allowed_sign_in_methods"
        raise _refused(field, "requires", "requires an active connection of the organization")
    if after.sso_required and after.methods and policies.SSO not in after.methods:
        raise _refused(
            "allowed_sign_in_methods", "requires", "must contain SSO because SSO is required"
        )
    if after.break_glass_user_ids:
        rows = await call.db.fetch_all(
            _ACTIVE_MEMBERS,
            p_organization_id=organization.id,
            p_user_ids=to_json(list(after.break_glass_user_ids)),
        )
        members = {row["user_id"] for row in rows}
        for index, user_id in enumerate(after.break_glass_user_ids):
            if user_id not in members:
                raise _refused(
                    f"break_glass_user_ids[{index}]",
                    "member",
                    "must be an active member of the organization",
                )
    return after


def _changed(before: OrganizationPolicy | None, changes: Mapping[str, Any]) -> OrganizationPolicy:
    policy = before or OrganizationPolicy()
    values = dict(changes)
    if "networks" in values:
        values["networks"] = _networks(values["networks"])
    if "email_domains" in values:
        values["email_domains"] = _domains(values["email_domains"])
    after = replace(policy, **values)
    if after.second_factor_required and not policy.second_factor_required:
        return replace(after, second_factor_since=now())
    if not after.second_factor_required:
        return replace(after, second_factor_since=0)
    return after


def _stored(policy: OrganizationPolicy) -> OrganizationPolicy | None:
    return None if policy == OrganizationPolicy() else policy


def _networks(given: tuple[str, ...]) -> tuple[str, ...]:
    found = []
    for index, text in enumerate(given):
        try:
            found.append(str(ip_network(text.strip())))
        except ValueError as problem:
            raise _refused(
                f"allowed_networks[{index}]",
                "cidr",
                f"must be a network in CIDR notation, such as 203.0.113.0/24: {problem}",
            ) from None
    return tuple(dict.fromkeys(found))


def _domains(given: tuple[str, ...]) -> tuple[str, ...]:
    found = []
    for index, text in enumerate(given):
        try:
            found.append(domain_names.normalized(text.strip()))
        except ValueError as problem:
            raise _refused(f"allowed_email_domains[{index}]", "hostname", str(problem)) from None
    return tuple(dict.fromkeys(found))


async def _check_own_access(
    call: Call, organization: Organization, policy: OrganizationPolicy
) -> None:
    """Refuse a policy that locks out the member who sets it, by the address or the session."""
    caller = call.caller
    if caller.kind is not Kind.USER_SESSION or caller.session_id is None:
        return
    session = await sessions.find_live(call.db, caller.session_id)
    if session is None:
        raise errors.ReauthenticationRequired
    current = organization.policy
    if current is not None and current.reauthentication_minutes:
        await Freshness(current.reauthentication_minutes).check(call)
    rows = await call.db.fetch_all(
        _ACTIVE_MEMBERS, p_organization_id=organization.id, p_user_ids=to_json([caller.id])
    )
    refusal = await enforcement.of_session(
        call.db,
        replace(organization, policy=policy),
        session,
        member_since=(rows[0]["join_time"] or 0) if rows else 0,
        address=call.origin.address or None,
    )
    if refusal is None:
        return
    field, reason = _OWN_ACCESS[refusal]
    raise _refused(field, "own_access", reason)


_OWN_ACCESS = {
    policies.Refusal.NETWORK: (
        "allowed_networks",
        "must contain your own address, or you would lock yourself out",
    ),
    policies.Refusal.SSO: (
        "sso_required",
        "would lock you out: sign in with single sign-on first",
    ),
    policies.Refusal.METHOD: (
        "allowed_sign_in_methods",
        "would lock you out: must contain a method that you have signed in with",
    ),
    policies.Refusal.SECOND_FACTOR: (
        "second_factor_required",
        "would lock you out: sign in with a second factor first, or set a grace period",
    ),
}


def _event(call: Call, before: Organization, after: Organization) -> Event:
    """Return the event of a changed policy."""

    def members(organization: Organization) -> dict[str, Any]:
        policy = organization.policy or OrganizationPolicy()
        return {"id": organization.id, "policy": policy.to_event()}

    return call.event(
        "organization.policy_updated",
        organization_id=before.id,
        before=members(before),
        after=members(after),
    )


def _refused(field: str, constraint: str, reason: str) -> errors.InvalidArgument:
    return errors.InvalidArgument.field(f"policy.{field}", constraint, reason)
