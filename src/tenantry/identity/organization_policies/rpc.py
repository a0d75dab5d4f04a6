"""OrganizationPolicyService: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.core import errors
from tenantry.core.times import timestamp
from tenantry.gen.tenantry.v1 import organization_policies_pb as pb
from tenantry.identity.organization_policies import service, simulation
from tenantry.tenants.organizations.policy import OrganizationPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenantry.call import Call
    from tenantry.identity.organization_policies.simulation import Affected

    _Request = pb.UpdateOrganizationPolicyRequest | pb.SimulateOrganizationPolicyRequest


def _methods(given: list[pb.SignInMethod]) -> tuple[str, ...]:
    return tuple(method.name for method in given)


# Fields of the message: the member of the record, and how the value is read.
_FIELDS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "second_factor_required": ("second_factor_required", bool),
    "second_factor_grace_days": ("second_factor_grace_days", int),
    "allowed_sign_in_methods": ("methods", _methods),
    "sso_required": ("sso_required", bool),
    "break_glass_user_ids": ("break_glass_user_ids", tuple),
    "reauthentication_minutes": ("reauthentication_minutes", int),
    "reauthentication_scopes": ("reauthentication_scopes", tuple),
    "allowed_networks": ("networks", tuple),
    "allowed_email_domains": ("email_domains", tuple),
}


_READ_USERS = ("organizations_users_read", "users:read")  # of `ListOrganizationUsers`


class OrganizationPolicyService:
    async def get_organization_policy(
        self, request: pb.GetOrganizationPolicyRequest, call: Call
    ) -> pb.GetOrganizationPolicyResponse:
        organization = await service.get(call, request.organization_id)
        call.tag(organization.revision)
        return pb.GetOrganizationPolicyResponse(policy=_message(organization.policy))

    async def update_organization_policy(
        self, request: pb.UpdateOrganizationPolicyRequest, call: Call
    ) -> pb.UpdateOrganizationPolicyResponse:
        organization = await service.update(call, request.organization_id, _changes(request))
        call.tag(organization.revision)
        return pb.UpdateOrganizationPolicyResponse(policy=_message(organization.policy))

    async def simulate_organization_policy(
        self, request: pb.SimulateOrganizationPolicyRequest, call: Call
    ) -> pb.SimulateOrganizationPolicyResponse:
        organization = await service.get(call, request.organization_id)
        policy = await service.proposed(call, organization, _changes(request))
        found = await simulation.simulate(
            call,
            organization,
            policy,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.SimulateOrganizationPolicyResponse(
            members=[_affected(one, shows_user=_reads_users(call)) for one in found.affected],
            evaluated_members=found.evaluated,
            next_page_token=found.next_page_token,
        )


def _changes(request: _Request) -> dict[str, Any]:
    """Return the members to change: exactly those of the mask, or those that are set."""
    given = request.policy
    assert given is not None
    if request.update_mask is not None and request.update_mask.paths:
        names = [path.removeprefix("policy.") for path in request.update_mask.paths]
        for name in names:
            if name not in _FIELDS:
                raise errors.InvalidArgument.field(
                    "update_mask", "in", f"{name[:60]!r} is not a field that can be updated"
                )
    else:
        names = [name for name in _FIELDS if getattr(given, name)]
    changes = {}
    for name in names:
        member, read = _FIELDS[name]
        changes[member] = read(getattr(given, name))
    return changes


def _message(policy: OrganizationPolicy | None) -> pb.OrganizationPolicy:
    found = policy or OrganizationPolicy()
    message = pb.OrganizationPolicy(
        second_factor_required=found.second_factor_required,
        second_factor_grace_days=found.second_factor_grace_days,
        allowed_sign_in_methods=[pb.SignInMethod[name] for name in found.methods],
        sso_required=found.sso_required,
        break_glass_user_ids=list(found.break_glass_user_ids),
        reauthentication_minutes=found.reauthentication_minutes,
        reauthentication_scopes=list(found.reauthentication_scopes),
        allowed_networks=list(found.networks),
        allowed_email_domains=list(found.email_domains),
    )
    if found.second_factor_since:
        message.second_factor_required_since = timestamp(found.second_factor_since)
    return message


def _reads_users(call: Call) -> bool:
    """Whether the caller could list the members."""
    held = call.caller.permissions
    return held is None or not held.isdisjoint(_READ_USERS)


def _affected(found: Affected, *, shows_user: bool) -> pb.AffectedMember:
    message = pb.AffectedMember(
        user_id=found.user_id,
        refusals=[pb.PolicyRefusal[refusal.value] for refusal in found.refusals],
        must_enroll=found.must_enroll,
        grace_days_left=found.grace_days_left,
    )
    if not shows_user:
        return message
    message.email, message.address = found.email, found.address
    if found.sign_in_time is not None:
        message.sign_in_time = timestamp(found.sign_in_time)
    return message
