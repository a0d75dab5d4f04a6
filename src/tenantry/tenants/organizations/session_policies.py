"""The session policies of organizations: the application's own, or one that is tighter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.core import errors
from tenantry.tenants.organizations.model import ApplicationPolicy, Organization, SessionPolicy
from tenantry.tenants.organizations.service import OrganizationIdentifier, revise

if TYPE_CHECKING:
    from tenantry.call import Call

ABSOLUTE_MINUTES = range(1, 525_600 + 1)
IDLE_MINUTES = range(1, 10_080 + 1)


async def use_application(call: Call, organization_id: str) -> Organization:
    """Let the application's session policy apply again."""
    return await revise(
        call, OrganizationIdentifier(organization_id), lambda _before: {"session_policy": None}
    )


async def set_own(
    call: Call,
    organization_id: str,
    *,
    application: ApplicationPolicy,
    absolute: int | None,
    idle_enabled: bool | None,
    idle: int | None,
) -> Organization:
    """Give an organization its own session policy, in minutes.

    A value that is None stays as it is; at first it is that of the application.

    Raises:
        errors.InvalidArgument: a timeout is out of range, or the idle one not below the absolute;
            or the organization's own people loosen the policy of the application.

    """
    if not call.caller.is_operators:
        _check_tightens(application, absolute=absolute, idle_enabled=idle_enabled, idle=idle)

    def changes(before: Organization) -> dict[str, Any]:
        kept = before.session_policy or SessionPolicy(
            application.absolute, application.idle if application.idle_enabled else None
        )
        on = idle_enabled
        if on is None:
            on = idle is not None or kept.idle is not None
        policy = SessionPolicy(
            absolute if absolute is not None else kept.absolute,
            (idle if idle is not None else kept.idle or application.idle) if on else None,
        )
        _check_session_policy(policy, access_token=application.access_token)
        return {"session_policy": policy}

    return await revise(call, OrganizationIdentifier(organization_id), changes)


def _check_session_policy(policy: SessionPolicy, *, access_token: int) -> None:
    if policy.absolute not in ABSOLUTE_MINUTES:
        raise errors.InvalidArgument.field(
            "absolute_session_timeout",
            "range",
            f"must be 1 to {ABSOLUTE_MINUTES[-1]} minutes, got {policy.absolute}",
        )
    if policy.absolute <= access_token:
        raise errors.InvalidArgument.field(
            "absolute_session_timeout",
            "range",
            f"must be longer than the access token lifetime of {access_token} minutes",
        )
    if policy.idle is None:
        return
    if policy.idle not in IDLE_MINUTES:
        raise errors.InvalidArgument.field(
            "idle_session_timeout",
            "range",
            f"must be 1 to {IDLE_MINUTES[-1]} minutes, got {policy.idle}",
        )
    if not access_token < policy.idle < policy.absolute:
        raise errors.InvalidArgument.field(
            "idle_session_timeout",
            "range",
            f"must be between an access token's life, {access_token} minutes, and the "
            f"absolute timeout, {policy.absolute} minutes",
        )


def _check_tightens(
    application: ApplicationPolicy,
    *,
    absolute: int | None,
    idle_enabled: bool | None,
    idle: int | None,
) -> None:
    """Refuse a timeout longer than the application's: a session would not live so long anyway."""
    longest = {"absolute_session_timeout": (absolute, application.absolute)}
    if application.idle_enabled:
        longest["idle_session_timeout"] = (idle, application.idle)
        if idle_enabled is False:
            raise errors.InvalidArgument.field(
                "idle_session_timeout_enabled",
                "const",
                "must be enabled because the application has an idle timeout",
            )
    for field, (asked, most) in longest.items():
        if asked is not None and asked > most:
            raise errors.InvalidArgument.field(
                field,
                "range",
                f"must be at most {most} minutes, the limit of the application, got {asked}",
            )
