"""Admits a federated user to the organization of the connection."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tenantry.core import errors, ids
from tenantry.identity.connections.federated_identities import FederationError
from tenantry.identity.sessions.model import NO_ORGANIZATION
from tenantry.identity.sign_in import choosing
from tenantry.identity.sign_in.auth_requests import requests, states
from tenantry.net import email_addresses
from tenantry.tenants.memberships import invitations, joining, seats
from tenantry.tenants.memberships import service as memberships
from tenantry.tenants.users import service as users
from tenantry.tenants.users import values
from tenantry.tenants.users.model import ACTIVE, JIT_USING_SSO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.identity.sign_in.federated.provider_answer import ProviderAnswer
    from tenantry.identity.sign_in.federated.trust import TrustDecision
    from tenantry.identity.sign_in.model import AuthRequest
    from tenantry.tenants.users.model import User
# Members of a profile that a provider may fill.
_PROFILE = (
    *("given_name", "family_name", "name", "picture", "locale", "phone_number", "gender"),
    "preferred_username",
)


async def admit(
    answer: ProviderAnswer, way: str, found: TrustDecision, *, proved: str | None = None
) -> AuthRequest:
    """Admit a user to the organization of a connection, and add them as a member if necessary.

    ``proved`` is the address of an inbox that the user has just verified.
    """
    found.check()
    if proved is not None and email_addresses.key(proved) != email_addresses.key(found.address):
        raise FederationError("access_denied", "the email address of the account has changed")
    call, settings, user = answer.call, answer.settings, found.user
    organization_id = answer.connection.organization_id or NO_ORGANIZATION
    believed = found.owned or found.sub is None  # of anybody else it has been proved
    facts = replace(answer.facts(), email_proved=believed, inbox_proved=proved is not None)
    if found.is_new:
        await _ask_interceptors(answer, replace(answer.request, facts=facts), found)
    profile = accepted_profile(answer.identity.profile)
    user_id = call.db.new_id(ids.USER) if user is None else user.id

    async def move(db: Session) -> AuthRequest:
        return await requests.move(
            db,
            answer.request,
            way,
            states.ORGANIZATION_SELECTED,
            facts=facts,
            email=found.address,
            user_id=user_id,
            organization_id=organization_id,
            connection_id=answer.connection.id,
            is_proof=answer.browser,
        )

    follows = settings.sync_user_profile_on_login and (user is None or _news(user, profile))
    moves = (
        user is not None
        and user.sub is not None
        and (user.email, user.email_verified) != (found.address, believed)
    )
    is_in = found.is_member or (found.is_alone and user is not None)
    by_groups = {} if found.is_alone else settings.group_roles or {}
    if is_in and not follows and not moves and not by_groups:
        return await move(call.db)  # nothing else changes
    async with call.db.transaction() as db:
        moved = await move(db)
        held = requests.as_person(call, db, answer.request, user_id)
        changed = user.id if user is not None and (follows or moves) else None
        await _hold(db, None if found.is_alone else organization_id, changed)
        if user is None:
            user = await users.create(
                held,
                user_id,
                email=found.address,
                profile=profile,
                sub=found.sub,
                verified=believed,
            )
        if moves:
            await users.follow_address(held, user, found.address, verified=believed)
        await _take_in(held, organization_id, user, found)
        if by_groups:
            given = {by_groups.get(group, "") for group in answer.identity.groups}
            decided = set(by_groups.values())
            await memberships.follow(held, organization_id, user_id, given=given, of=decided)
        if settings.sync_user_profile_on_login:
            await sync(held, user, profile)
    return moved


async def _hold(db: Session, organization_id: str | None, user_id: str | None) -> None:
    """Lock an organization for a change of its members, then a user that is to be changed."""
    if organization_id is not None:
        await seats.hold(db, organization_id)
    if user_id is not None:
        await users.hold(db, user_id)


async def _take_in(call: Call, organization_id: str, user: User, found: TrustDecision) -> None:
    if found.is_alone:
        return
    if found.place is None:
        await joining.join(call, user, organization_id, (), provisioning_method=JIT_USING_SSO)
    elif found.place.status != ACTIVE:
        await invitations.accept(
            call,
            organization_id,
            user.id,
            verified=True,
            late=found.is_late,
            provisioned=True,
        )


async def _ask_interceptors(
    answer: ProviderAnswer, request: AuthRequest, found: TrustDecision
) -> None:
    asked = replace(request, email=found.address)
    try:
        await choosing.ask_before_sign_up(answer.dependencies, answer.call, asked, found.user)
    except errors.Intercepted as refusal:
        raise FederationError("access_denied", refusal.message) from None


async def sync(call: Call, user: User, profile: Mapping[str, Any]) -> None:
    """Have the profile of a user follow that of the provider; within a transaction."""
    news = _news(user, profile)
    if news:
        await users.change_profile(call, user, news)


def _news(user: User, profile: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in profile.items() if user.profile.get(name) != value}


def accepted_profile(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a profile that can be taken; a provider's others are left out."""
    profile: dict[str, Any] = {}
    for name in _PROFILE:
        value = given.get(name)
        if not isinstance(value, str):
            continue
        try:
            profile |= values.profile({}, {name: value.strip()}, "user_profile")
        except errors.InvalidArgument:
            continue
    return profile
