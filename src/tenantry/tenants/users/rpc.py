"""UserService: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protobuf.wkt import Empty

from tenantry.gen.scalekit.v1.commons.commons_pb import (
    MembershipStatus,
    OrganizationMembership,
    Role,
    UserProfile,
)
from tenantry.gen.scalekit.v1.users import users_pb as pb
from tenantry.tenants.memberships import interception, invitations
from tenantry.tenants.memberships import service as memberships
from tenantry.tenants.memberships.joining import NamedRole, Rules, Terms
from tenantry.tenants.roles import catalogue
from tenantry.tenants.users import listing, search, service, support_hash
from tenantry.tenants.users.service import Identity
from tenantry.times import timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tenantry.call import Call
    from tenantry.events.interceptors.service import Interceptors
    from tenantry.tenants.roles.catalogue import HeldRole
    from tenantry.tenants.users.listing import Page
    from tenantry.tenants.users.model import Membership, User

# The members of a profile: those that are one text, and those that are many values.
_TEXTS = (
    *("given_name", "family_name", "name", "locale", "phone_number", "preferred_username"),
    *("picture", "gender"),
)
_COLLECTIONS = ("metadata", "custom_attributes", "groups")
# Two names for one value.
_OLDER = {"given_name": "first_name", "family_name": "last_name"}


class UserService:
    """One async method per rpc."""

    def __init__(
        self,
        *,
        invitation_days: int,
        block_disposable_emails: bool,
        block_public_emails: bool,
        interceptors: Interceptors,
    ) -> None:
        self._interceptors = interceptors
        self._rules = Rules(
            invitation_days=invitation_days,
            block_disposable_emails=block_disposable_emails,
            block_public_emails=block_public_emails,
        )

    async def before_create_user_and_membership(
        self, request: pb.CreateUserAndMembershipRequest, call: Call
    ) -> None:
        if _invites(request) and request.user is not None:
            await interception.before_invitation(
                call, self._interceptors, request.organization_id, email=request.user.email
            )

    async def create_user_and_membership(
        self, request: pb.CreateUserAndMembershipRequest, call: Call
    ) -> pb.CreateUserAndMembershipResponse:
        new = request.user
        assert new is not None
        user = await service.create(
            call,
            request.organization_id,
            _terms(new.membership or pb.CreateMembership(), request, "user.membership"),
            rules=self._rules,
            email=new.email,
            external_id=new.external_id,
            profile=_new_profile(new.user_profile or pb.CreateUserProfile()),
            metadata=new.metadata,
        )
        return pb.CreateUserAndMembershipResponse(user=_answer(call, user))

    async def get_user(self, request: pb.GetUserRequest, call: Call) -> pb.GetUserResponse:
        user = await service.get(call, _identity(request))
        return pb.GetUserResponse(user=_answer(call, user))

    async def update_user(self, request: pb.UpdateUserRequest, call: Call) -> pb.UpdateUserResponse:
        given = request.user
        assert given is not None
        changes: dict[str, Any] = {}
        if given.has_field("external_id"):
            changes["external_id"] = given.external_id
        if given.metadata:  # a map has no presence: an empty one is "not given"
            changes["metadata"] = given.metadata
        if given.user_profile is not None:
            changes["profile"] = _changed_profile(given.user_profile)
        user = await service.change(call, _identity(request), changes)
        return pb.UpdateUserResponse(user=_answer(call, user))

    async def delete_user(self, request: pb.DeleteUserRequest, call: Call) -> Empty:
        await service.remove(call, _identity(request), forced=_forced(call))
        return Empty()

    async def list_users(self, request: pb.ListUsersRequest, call: Call) -> pb.ListUsersResponse:
        page = await listing.of_environment(
            call, page_size=request.page_size, page_token=request.page_token
        )
        return pb.ListUsersResponse(**_page(call, page))

    async def list_organization_users(
        self, request: pb.ListOrganizationUsersRequest, call: Call
    ) -> pb.ListOrganizationUsersResponse:
        page = await listing.of_organization(
            call,
            request.organization_id,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.ListOrganizationUsersResponse(**_page(call, page))

    async def search_users(
        self, request: pb.SearchUsersRequest, call: Call
    ) -> pb.SearchUsersResponse:
        page = await search.of_environment(
            call, request.query, page_size=request.page_size, page_token=request.page_token
        )
        return pb.SearchUsersResponse(**_page(call, page))

    async def search_organization_users(
        self, request: pb.SearchOrganizationUsersRequest, call: Call
    ) -> pb.SearchOrganizationUsersResponse:
        page = await search.of_organization(
            call,
            request.organization_id,
            request.query,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.SearchOrganizationUsersResponse(**_page(call, page))

    async def before_create_membership(
        self, request: pb.CreateMembershipRequest, call: Call
    ) -> None:
        if _invites(request):
            await interception.before_invitation(
                call, self._interceptors, request.organization_id, identity=_identity(request)
            )

    async def create_membership(
        self, request: pb.CreateMembershipRequest, call: Call
    ) -> pb.CreateMembershipResponse:
        assert request.membership is not None
        user = await memberships.add(
            call,
            request.organization_id,
            _identity(request),
            _terms(request.membership, request, "membership"),
            rules=self._rules,
        )
        return pb.CreateMembershipResponse(user=_shown(call, user))

    async def update_membership(
        self, request: pb.UpdateMembershipRequest, call: Call
    ) -> pb.UpdateMembershipResponse:
        given = request.membership
        assert given is not None
        user = await memberships.change(
            call,
            request.organization_id,
            _identity(request),
            roles=_named(given.roles, "membership.roles"),
            metadata=given.metadata,
            forced=_forced(call),
        )
        return pb.UpdateMembershipResponse(user=_shown(call, user))

    async def delete_membership(self, request: pb.DeleteMembershipRequest, call: Call) -> Empty:
        await memberships.remove(
            call,
            request.organization_id,
            _identity(request),
            cascade=request.cascade,
            forced=_forced(call),
        )
        return Empty()

    async def resend_invite(
        self, request: pb.ResendInviteRequest, call: Call
    ) -> pb.ResendInviteResponse:
        membership = await invitations.resend(
            call, request.organization_id, request.id, days=self._rules.invitation_days
        )
        return pb.ResendInviteResponse(invite=_invite(membership))

    async def list_user_roles(
        self, request: pb.ListUserRolesRequest, call: Call
    ) -> pb.ListUserRolesResponse:
        held = await memberships.roles_of(call, request.organization_id, request.user_id)
        return pb.ListUserRolesResponse(roles=_roles(held))

    async def assign_user_roles(
        self, request: pb.AssignUserRolesRequest, call: Call
    ) -> pb.AssignUserRolesResponse:
        named = [
            NamedRole(f"roles[{index}].role_name", role.id, role.role_name)
            for index, role in enumerate(request.roles)
        ]
        held = await memberships.add_roles(call, request.organization_id, request.user_id, named)
        return pb.AssignUserRolesResponse(roles=_roles(held))

    async def remove_user_role(self, request: pb.RemoveUserRoleRequest, call: Call) -> Empty:
        await memberships.remove_role(
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
        found = await memberships.permissions_of(call, request.organization_id, request.user_id)
        return pb.ListUserPermissionsResponse(
            permissions=[
                pb.Permission(id=one.id, name=one.name, description=one.description)
                for one in found
            ]
        )

    async def get_current_user(
        self, _request: pb.GetCurrentUserRequest, call: Call
    ) -> pb.GetCurrentUserResponse:
        user = await service.get(call, Identity(call.caller.id))
        return pb.GetCurrentUserResponse(
            user=_shown(call, user), current_session_id=call.caller.session_id or ""
        )

    async def get_support_hash(self, _request: Empty, call: Call) -> pb.GetSupportHashResponse:
        return pb.GetSupportHashResponse(support_hash=support_hash.of_caller(call))


def to_message(user: User, environment_id: str) -> pb.User:
    """Return a user as the contract shows it."""
    message = pb.User(
        id=user.id,
        environment_id=environment_id,
        create_time=timestamp(user.create_time),
        update_time=timestamp(user.update_time),
        email=user.email,
        memberships=[_membership(membership) for membership in user.memberships],
        user_profile=_profile(user),
        metadata=user.metadata,
    )
    if user.external_id is not None:
        message.external_id = user.external_id
    if user.last_login_time is not None:
        message.last_login_time = timestamp(user.last_login_time)
    return message


def _answer(call: Call, user: User) -> pb.User:
    call.tag(user.revision)
    return _shown(call, user)


def _shown(call: Call, user: User) -> pb.User:
    return to_message(user, call.db.environment_id)


def _page(call: Call, page: Page) -> dict[str, Any]:
    environment_id = call.db.environment_id
    return {
        "users": [to_message(user, environment_id) for user in page.users],
        "total_size": page.total_size,
        "next_page_token": page.next_page_token,
        "prev_page_token": page.prev_page_token,
    }


def _membership(membership: Membership) -> OrganizationMembership:
    name = membership.organization_name
    message = OrganizationMembership(
        organization_id=membership.organization_id,
        # Of a pending one too: clients read it of every membership.
        join_time=timestamp(membership.join_time or membership.create_time),
        membership_status=MembershipStatus[membership.status],
        roles=_roles(membership.roles),
        name=name,
        display_name=name,
        metadata=membership.metadata,
        created_at=timestamp(membership.create_time),
        provisioning_method=membership.provisioning_method,
        permissions=catalogue.effective(membership.roles),
    )
    if membership.inviter_email is not None:
        message.inviter_email = membership.inviter_email
    if membership.accept_time is not None:
        message.accepted_at = timestamp(membership.accept_time)
    if membership.expire_time is not None:
        message.expires_at = timestamp(membership.expire_time)
    return message


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


def _profile(user: User) -> UserProfile:
    known = user.profile
    older = {old: known[new] for new, old in _OLDER.items() if new in known}
    return UserProfile(id=user.profile_id, email_verified=user.email_verified, **known, **older)


def _roles(held: Iterable[HeldRole]) -> list[Role]:
    return [Role(id=role.id, name=role.name, display_name=role.display_name) for role in held]


def _identity(request: Any) -> Identity:
    given = request.identities
    return Identity() if given is None else Identity(**{given.field: given.value})


def _forced(call: Call) -> bool:
    return call.extra.get("force") == ["true"]


def _terms(
    given: pb.CreateMembership,
    request: pb.CreateUserAndMembershipRequest | pb.CreateMembershipRequest,
    field: str,
) -> Terms:
    return Terms(
        roles=_named(given.roles, f"{field}.roles"),
        metadata=given.metadata,
        inviter_email=given.inviter_email,
        invite=_invites(request),
    )


def _invites(request: pb.CreateUserAndMembershipRequest | pb.CreateMembershipRequest) -> bool:
    return not request.has_field("send_invitation_email") or request.send_invitation_email


def _named(given: Sequence[Role], field: str) -> list[NamedRole]:
    return [
        NamedRole(f"{field}[{index}].name", role.id, role.name) for index, role in enumerate(given)
    ]


def _new_profile(given: pb.CreateUserProfile) -> dict[str, Any]:
    profile = {name: getattr(given, name) for name in (*_TEXTS, *_COLLECTIONS)}
    for name, older in _OLDER.items():
        profile[name] = profile[name] or getattr(given, older)
    return profile


def _changed_profile(given: pb.UpdateUserProfile) -> dict[str, Any]:
    """Return the members to change: those that are present, and collections that are not empty."""
    changes: dict[str, Any] = {}
    for name in _TEXTS:
        older: Any = _OLDER.get(name)
        present: Any = name
        if given.has_field(present):
            changes[name] = getattr(given, name)
        elif older is not None and given.has_field(older):
            changes[name] = getattr(given, older)
    changes |= {name: value for name in _COLLECTIONS if (value := getattr(given, name))}
    return changes
