"""The rpcs of UserService by which users join and leave: message in, message out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protobuf.wkt import Empty

from tenantry.core import errors
from tenantry.core.times import timestamp
from tenantry.gen.scalekit.v1.users import users_pb as pb
from tenantry.tenants.memberships import grantable_roles, invitations, joining, leaving, service
from tenantry.tenants.memberships.model import NamedRole, Rules, Terms
from tenantry.tenants.users.rpc import (
    answer,
    identity_of,
    new_profile,
    role_messages,
    user_message,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from tenantry.call import Call
    from tenantry.core.answer import Answer
    from tenantry.events.interceptors.service import Interceptors
    from tenantry.gen.scalekit.v1.commons.commons_pb import Role
    from tenantry.rate_limits.rates import Rates
    from tenantry.tenants.environment.effective import Effective
    from tenantry.tenants.users.model import Membership


class MembershipService:
    def __init__(
        self,
        effective: Effective,
        interceptors: Interceptors,
        rates: Rates,
        *,
        invites: bool,
        application_of: Callable[[Call], Awaitable[str | None]],
    ) -> None:
        """Keep the services; ``application_of`` returns where an invitation by a call leads."""
        self._effective = effective
        self._rates = rates
        self._interceptors = interceptors
        self._may_invite = invites
        self._application_of = application_of

    @property
    def _rules(self) -> Rules:
        return Rules.of(self._effective.settings)

    async def before_create_user_and_membership(
        self, request: pb.CreateUserAndMembershipRequest, call: Call
    ) -> None:
        if self._invites(request, call) and request.user is not None:
            await invitations.ask_interceptors(
                call, self._interceptors, request.organization_id, email=request.user.email
            )

    async def create_user_and_membership(
        self, request: pb.CreateUserAndMembershipRequest, call: Call
    ) -> Answer:
        new = request.user
        assert new is not None
        terms = await self._terms(
            call,
            new.membership or pb.CreateMembership(),
            "user.membership",
            invite=self._invites(request, call),
        )
        if grantable_roles.is_person(call):
            await self._rates.take_invitation(call.caller.id, new.email.lower())
            user = await joining.invite(
                call, request.organization_id, terms, rules=self._rules, email=new.email
            )
            return answer(call, user, pb.CreateUserAndMembershipResponse)
        user = await joining.create(
            call,
            request.organization_id,
            terms,
            rules=self._rules,
            email=new.email,
            external_id=new.external_id,
            profile=new_profile(new.user_profile or pb.CreateUserProfile()),
            metadata=new.metadata,
        )
        return answer(call, user, pb.CreateUserAndMembershipResponse)

    async def _terms(
        self, call: Call, given: pb.CreateMembership, field: str, *, invite: bool
    ) -> Terms:
        client_id = await self._application_of(call)
        return Terms(
            roles=_named(given.roles, f"{field}.roles"),
            metadata=given.metadata,
            inviter_email=given.inviter_email,
            invite=invite,
            client_id=client_id if invite else None,
        )

    async def delete_user(self, request: pb.DeleteUserRequest, call: Call) -> Empty:
        await leaving.remove_user(call, identity_of(request), forced=_forced(call))
        return Empty()

    async def before_create_membership(
        self, request: pb.CreateMembershipRequest, call: Call
    ) -> None:
        if self._invites(request, call):
            await invitations.ask_interceptors(
                call, self._interceptors, request.organization_id, identity=identity_of(request)
            )

    async def create_membership(
        self, request: pb.CreateMembershipRequest, call: Call
    ) -> pb.CreateMembershipResponse:
        assert request.membership is not None
        terms = await self._terms(
            call, request.membership, "membership", invite=self._invites(request, call)
        )
        user = await joining.add(
            call, request.organization_id, identity_of(request), terms, rules=self._rules
        )
        return pb.CreateMembershipResponse(user=user_message(call, user))

    async def update_membership(
        self, request: pb.UpdateMembershipRequest, call: Call
    ) -> pb.UpdateMembershipResponse:
        given = request.membership
        assert given is not None
        user = await service.change(
            call,
            request.organization_id,
            identity_of(request),
            named=_named(given.roles, "membership.roles"),
            metadata=given.metadata,
            forced=_forced(call),
        )
        return pb.UpdateMembershipResponse(user=user_message(call, user))

    async def delete_membership(self, request: pb.DeleteMembershipRequest, call: Call) -> Empty:
        await leaving.remove_member(
            call,
            request.organization_id,
            identity_of(request),
            cascade=request.cascade,
            forced=_forced(call),
        )
        return Empty()

    async def resend_invite(
        self, request: pb.ResendInviteRequest, call: Call
    ) -> pb.ResendInviteResponse:
        self._check_mode()
        if grantable_roles.is_person(call):
            await self._rates.take_invitation(call.caller.id, request.id)
        membership = await invitations.resend(
            call,
            request.organization_id,
            request.id,
            days=self._rules.invitation_days,
            client_id=await self._application_of(call),
            replaces_client="client_id" in call.extra,
        )
        return pb.ResendInviteResponse(invite=_invite(membership))

    def _invites(
        self,
        request: pb.CreateUserAndMembershipRequest | pb.CreateMembershipRequest,
        call: Call,
    ) -> bool:
        """Whether a request invites somebody: it does by itself, where an invitation leads in.

        A member does nothing else: nobody joins, and no address is proved, by a member's word.
        """
        if grantable_roles.is_person(call):
            self._check_mode()
            return True
        if not request.has_field("send_invitation_email"):
            return self._may_invite
        if request.send_invitation_email:
            self._check_mode()
        return request.send_invitation_email

    def _check_mode(self) -> None:
        if not self._may_invite:
            raise errors.Modular

    async def list_user_roles(
        self, request: pb.ListUserRolesRequest, call: Call
    ) -> pb.ListUserRolesResponse:
        held = await service.roles_of(call, request.organization_id, request.user_id)
        return pb.ListUserRolesResponse(roles=role_messages(held))

    async def assign_user_roles(
        self, request: pb.AssignUserRolesRequest, call: Call
    ) -> pb.AssignUserRolesResponse:
        named = [
            NamedRole(f"roles[{index}].role_name", role.id, role.role_name)
            for index, role in enumerate(request.roles)
        ]
        held = await service.add_roles(call, request.organization_id, request.user_id, named)
        return pb.AssignUserRolesResponse(roles=role_messages(held))

    async def remove_user_role(self, request: pb.RemoveUserRoleRequest, call: Call) -> Empty:
        await service.remove_role(
            call,
            request.organization_id,
            request.user_id,
            request.role_name,
            forced=_forced(call),
        )
        return Empty()

    async def list_user_permissions(
        self, request: pb.ListUserPermissionsRequest, call: Call
    ) -> pb.ListUserPermissionsResponse:
        found = await service.permissions_of(call, request.organization_id, request.user_id)
        return pb.ListUserPermissionsResponse(
            permissions=[
                pb.Permission(id=one.id, name=one.name, description=one.description)
                for one in found
            ]
        )


def _invite(membership: Membership) -> pb.Invite:
    invite = pb.Invite(
        organization_id=membership.organization_id,
        user_id=membership.user_id,
        status=membership.status,
        created_at=timestamp(membership.create_time),
        resent_count=membership.resend_count,
    )
    if membership.inviter_email is not None:
        invite.inviter_email = membership.inviter_email
    if membership.expire_time is not None:
        invite.expires_at = timestamp(membership.expire_time)
    if membership.resend_time is not None:
        invite.resent_at = timestamp(membership.resend_time)
    return invite


def _forced(call: Call) -> bool:
    return call.extra.get("force") == ["true"]


def _named(given: Sequence[Role], field: str) -> list[NamedRole]:
    return [
        NamedRole(f"{field}[{index}].name", role.id, role.name) for index, role in enumerate(given)
    ]
