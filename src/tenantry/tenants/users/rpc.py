"""UserService: message in, message out. No SQL, no rules."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tenantry.core.answer import Answer
from tenantry.core.caller import Kind
from tenantry.core.times import proto_json, timestamp
from tenantry.gen.scalekit.v1.commons import commons_pb
from tenantry.gen.scalekit.v1.commons.commons_pb import (
    MembershipStatus,
    OrganizationMembership,
    Role,
    UserProfile,
)
from tenantry.gen.scalekit.v1.users import users_pb as pb
from tenantry.tenants.roles import catalogue
from tenantry.tenants.users import listing, search, service, support_hash
from tenantry.tenants.users.model import INVITE_EXPIRED, PENDING_INVITE
from tenantry.tenants.users.service import UserIdentifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from protobuf.wkt import Empty

    from tenantry.call import Call
    from tenantry.db.lists.pages import Page
    from tenantry.tenants.roles.catalogue import HeldRole
    from tenantry.tenants.users.model import ExternalIdentity, Membership, User

# The members of a profile: those that are one text, and those that are many values.
_TEXTS = (
    *("given_name", "family_name", "name", "locale", "phone_number", "preferred_username"),
    *("picture", "gender"),
)
_COLLECTIONS = ("metadata", "custom_attributes", "groups")
# The members that other members see.
_SEEN = ("given_name", "family_name", "name", "preferred_username", "picture")
_WAITING = {PENDING_INVITE, INVITE_EXPIRED}
# Two names for one value.
_OLDER = {"given_name": "first_name", "family_name": "last_name"}

# The members of a profile behind its id, as JSON has them where nothing is known.
_EMPTY_PROFILE: dict[str, Any] = {
    "given_name": "",
    "family_name": "",
    "name": "",
    "locale": "",
    "email_verified": False,
    "phone_number": "",
    "metadata": {},
    "custom_attributes": {},
    "external_identities": [],
    "preferred_username": "",
    "phone_number_verified": False,
    "picture": "",
    "groups": [],
    "gender": "",
    "first_name": "",
    "last_name": "",
}


class UserService:
    """One async method per rpc; those by which users join and leave are in `memberships.rpc`."""

    async def get_user(self, request: pb.GetUserRequest, call: Call) -> Answer:
        user = await service.get(call, identity_of(request))
        return answer(call, user, pb.GetUserResponse)

    async def update_user(self, request: pb.UpdateUserRequest, call: Call) -> Answer:
        given = request.user
        assert given is not None
        changes: dict[str, Any] = {}
        if given.has_field("external_id"):
            changes["external_id"] = given.external_id
        if given.metadata:  # a map has no presence: an empty one is "not given"
            changes["metadata"] = given.metadata
        if given.user_profile is not None:
            changes["profile"] = _changed_profile(given.user_profile)
        user = await service.change(call, identity_of(request), changes)
        return answer(call, user, pb.UpdateUserResponse)

    async def list_users(self, request: pb.ListUsersRequest, call: Call) -> Answer:
        page = await listing.of_environment(
            call, page_size=request.page_size, page_token=request.page_token
        )
        return page_of(page, call.db.environment_id, pb.ListUsersResponse)

    async def list_organization_users(
        self, request: pb.ListOrganizationUsersRequest, call: Call
    ) -> Answer:
        page = await listing.of_organization(
            call,
            request.organization_id,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        page = page.of(lambda user: seen(call, user))
        return page_of(page, call.db.environment_id, pb.ListOrganizationUsersResponse)

    async def search_users(self, request: pb.SearchUsersRequest, call: Call) -> Answer:
        page = await search.of_environment(
            call, request.query, page_size=request.page_size, page_token=request.page_token
        )
        return page_of(page, call.db.environment_id, pb.SearchUsersResponse)

    async def search_organization_users(
        self, request: pb.SearchOrganizationUsersRequest, call: Call
    ) -> Answer:
        page = await search.of_organization(
            call,
            request.organization_id,
            request.query,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return page_of(page, call.db.environment_id, pb.SearchOrganizationUsersResponse)

    async def get_current_user(
        self, _request: pb.GetCurrentUserRequest, call: Call
    ) -> pb.GetCurrentUserResponse:
        user = await service.get(call, UserIdentifier(call.caller.id))
        return pb.GetCurrentUserResponse(
            user=user_message(call, user), current_session_id=call.caller.session_id or ""
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


def to_members(user: User, environment_id: str) -> dict[str, Any]:
    """Return the JSON of `to_message`."""
    members: dict[str, Any] = {
        "id": user.id,
        "environment_id": environment_id,
        "create_time": proto_json(user.create_time),
        "update_time": proto_json(user.update_time),
        "email": user.email,
    }
    if user.external_id is not None:
        members["external_id"] = user.external_id
    members["memberships"] = [_membership_members(one) for one in user.memberships]
    members["user_profile"] = _profile_members(user)
    members["metadata"] = user.metadata
    if user.last_login_time is not None:
        members["last_login_time"] = proto_json(user.last_login_time)
    return members


def seen(call: Call, user: User) -> User:
    """Return what the caller sees of a user.

    A member sees of other members their addresses, names and pictures; of an invited person
    the address alone. Times are those of the membership: how old an account is that the person had
    before is not for the organization to know.
    """
    if call.caller.kind is not Kind.USER_SESSION or call.caller.id == user.id:
        return user
    waits = all(place.status in _WAITING for place in user.memberships)
    profile = {} if waits else {name: user.profile[name] for name in _SEEN if name in user.profile}
    place = user.membership_in(call.caller.organization_id or "")
    created = user.create_time if place is None else place.create_time
    return replace(
        user,
        create_time=created,
        update_time=created if place is None else place.join_time or created,
        external_id=None,
        metadata={},
        profile=profile,
        email_verified=user.email_verified and not waits,
        last_login_time=None,
        external_identities=(),
    )


def answer(call: Call, user: User, response: type[Any]) -> Answer:
    """Return a response that shows a user, and tag it with the user's revision.

    One that shows a part has no tag: the revision tells whether there was an account before.
    """
    whole, user = user, seen(call, user)
    if user is whole:
        call.tag(user.revision)
    environment_id = call.db.environment_id
    return Answer(
        lambda: response(user=to_message(user, environment_id)),
        lambda: {"user": to_members(user, environment_id)},
    )


def user_message(call: Call, user: User) -> pb.User:
    """Return a user as the contract shows it."""
    return to_message(seen(call, user), call.db.environment_id)


def page_of(page: Page[User], environment_id: str, response: type[Any]) -> Answer:
    """Return a page as a response of this kind."""

    def shown(one: Callable[[User, str], Any]) -> dict[str, Any]:
        users = [one(user, environment_id) for user in page.items]
        members = {
            "next_page_token": page.next_page_token,
            "total_size": page.total_size,
            "users": users,
            "prev_page_token": page.prev_page_token,
        }
        # The contract has them in another order there.
        return {"users": users} | members if response is pb.ListUsersResponse else members

    return Answer(lambda: response(**shown(to_message)), lambda: shown(to_members))


def _membership(membership: Membership) -> OrganizationMembership:
    name = membership.organization_name
    message = OrganizationMembership(
        organization_id=membership.organization_id,
        # Of a pending one too: clients read it of every membership.
        join_time=timestamp(membership.join_time or membership.create_time),
        membership_status=MembershipStatus[membership.status],
        roles=role_messages(membership.roles),
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


def _membership_members(membership: Membership) -> dict[str, Any]:
    """Return the JSON of `_membership`."""
    name, created = membership.organization_name, proto_json(membership.create_time)
    members: dict[str, Any] = {
        "organization_id": membership.organization_id,
        "join_time": created if not membership.join_time else proto_json(membership.join_time),
        "membership_status": membership.status,
        "roles": [
            {"id": role.id, "name": role.name, "display_name": role.display_name}
            for role in membership.roles
        ],
        "name": name,
        "metadata": membership.metadata,
        "display_name": name,
    }
    if membership.inviter_email is not None:
        members["inviter_email"] = membership.inviter_email
    members["created_at"] = created
    if membership.accept_time is not None:
        members["accepted_at"] = proto_json(membership.accept_time)
    if membership.expire_time is not None:
        members["expires_at"] = proto_json(membership.expire_time)
    members["provisioning_method"] = membership.provisioning_method
    members["permissions"] = catalogue.effective(membership.roles)
    return members


def _profile(user: User) -> UserProfile:
    known = user.profile
    older = {old: known[new] for new, old in _OLDER.items() if new in known}
    return UserProfile(
        id=user.profile_id,
        email_verified=user.email_verified,
        external_identities=[_external_identity(one) for one in user.external_identities],
        **known,
        **older,
    )


def _external_identity(one: ExternalIdentity) -> commons_pb.ExternalIdentity:
    return commons_pb.ExternalIdentity(
        connection_id=one.connection_id,
        connection_type=one.connection_type,
        connection_provider=commons_pb.IdentityProviderType[one.connection_provider],
        connection_user_id=one.connection_user_id,
        is_social=one.is_social,
        last_login_time=timestamp(one.last_login_time),
        created_time=timestamp(one.create_time),
        last_synced_time=timestamp(one.last_login_time),
    )


def _external_identity_members(one: ExternalIdentity) -> dict[str, Any]:
    """Return the JSON of `_external_identity`."""
    signed_in = proto_json(one.last_login_time)
    return {
        "connection_id": one.connection_id,
        "connection_type": one.connection_type,
        "connection_provider": one.connection_provider,
        "connection_user_id": one.connection_user_id,
        "is_social": one.is_social,
        "last_login_time": signed_in,
        "created_time": proto_json(one.create_time),
        "last_synced_time": signed_in,
    }


def _profile_members(user: User) -> dict[str, Any]:
    """Return the JSON of `_profile`."""
    known = user.profile
    members = {"id": user.profile_id, **_EMPTY_PROFILE, **known}
    members["email_verified"] = user.email_verified
    if user.external_identities:
        shown = [_external_identity_members(one) for one in user.external_identities]
        members["external_identities"] = shown
    for name, older in _OLDER.items():
        members[older] = members[name]
    return members


def role_messages(held: Iterable[HeldRole]) -> list[Role]:
    """Return roles as the contract shows them of a member."""
    return [Role(id=role.id, name=role.name, display_name=role.display_name) for role in held]


def identity_of(request: Any) -> UserIdentifier:
    """Return which user a request means."""
    given = request.identities
    return UserIdentifier() if given is None else UserIdentifier(**{given.field: given.value})


def new_profile(given: pb.CreateUserProfile) -> dict[str, Any]:
    """Return the members of a profile that a new user is to have."""
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
