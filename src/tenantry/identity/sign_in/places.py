"""The organizations of a signed-in user: switching, accepting an invitation, leaving, creating one.

None of these takes an application's request; a new sign-in, where one is needed, is left to one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.events.interceptors.model import PRE_SESSION_CREATION, PRE_SIGNUP
from tenantry.identity.organization_policies import enforcement
from tenantry.identity.sessions import policies
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sign_in import choosing, completing, login_requirements
from tenantry.tenants.directories import members as directory_members
from tenantry.tenants.memberships import invitations, joining, leaving
from tenantry.tenants.memberships.model import Rules
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.users import reading
from tenantry.tenants.users import service as users
from tenantry.tenants.users.model import ACTIVE

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.identity.sessions.model import Session
    from tenantry.identity.sign_in.dependencies import SignInDependencies
    from tenantry.tenants.organizations.model import Organization
    from tenantry.tenants.users.model import User


class ProvisionedByDirectory(errors.InvalidArgument):
    """The membership is provisioned by a directory of the organization, which alone ends it."""

    sentence = "membership is provisioned by a directory"


async def go_to(
    dependencies: SignInDependencies, call: Call, session: Session, organization_id: str
) -> bool:
    """Make an organization that of a session; False where the person has to sign in there anew.

    That is so where it wants its own provider, or a newer session, where its sign-in policy
    refuses the session, or where an interceptor has a say in sessions that begin.

    Raises:
        sessions.SessionOver: the session has ended.

    """
    user = await reading.find(call.db, id_=session.user_id, external_id=None)
    place = user.membership_in(organization_id) if user is not None else None
    if user is None or place is None or place.status != ACTIVE:
        raise errors.NotFound("organization")
    if dependencies.settings.is_modular:
        return False
    there = call.as_user(call.db, user.id, organization_id, session.id)
    organization = await organizations.get(
        there, organizations.OrganizationIdentifier(organization_id)
    )
    bounds = policies.bounds_of(dependencies.settings, organization)
    is_new = organization_id not in session.organizations
    if is_new and (
        not completing.is_within(session, bounds, anew=False)
        or await dependencies.interceptors.runs(PRE_SESSION_CREATION)
    ):
        return False
    if await login_requirements.reauthentication_requirement(
        call.db, organization_id, email=user.email, amr=session.amr
    ):
        return False
    policy = organization.policy
    if is_new and policy is not None and policy.has_break_glass_access(user.id):
        return False  # a sign-in at the page records it
    refusal = await enforcement.of_session(
        call.db,
        organization,
        session,
        member_since=place.join_time or place.create_time,
        address=call.origin.address,
    )
    if refusal is not None:
        return False
    async with call.db.transaction() as db:
        held = replace(there, db=db)
        entered = await sessions.enter(
            held,
            session,
            organization_id=organization_id,
            client_id=None,
            bounds=bounds,
            custom_claims={} if is_new else None,
        )
        if is_new:
            await db.record(completing.login(held, user, entered, {}))
    return True


async def accept(call: Call, session: Session, user: User, organization_id: str) -> None:
    if not user.email_verified:
        raise errors.PermissionDenied
    async with call.db.transaction() as db:
        acting = call.as_user(db, user.id, organization_id, session.id)
        await invitations.accept(acting, organization_id, user.id, verified=False)


async def leave(call: Call, session: Session, organization_id: str) -> None:
    """End a membership of the user of a session.

    Raises:
        errors.InvalidArgument: the user is the last administrator of others.
        ProvisionedByDirectory: an enabled directory of the organization has the user.

    """
    user_id = session.user_id
    if await directory_members.held(call.db, organization_id, [user_id]):
        raise ProvisionedByDirectory
    acting = call.as_user(call.db, user_id, organization_id, session.id)
    await leaving.remove_member(
        acting, organization_id, users.UserIdentifier(user_id), cascade=False, forced=False
    )


async def may_found(dependencies: SignInDependencies, user: User) -> bool:
    """Whether somebody, given with all memberships, may found one more organization here.

    Where an interceptor has a say in that it takes a sign-up.
    """
    return choosing.may_found(dependencies.settings, user) and not (
        dependencies.settings.is_modular or await dependencies.interceptors.runs(PRE_SIGNUP)
    )


async def found(
    dependencies: SignInDependencies, call: Call, session: Session, *, display_name: str
) -> Organization:
    """Found an organization whose first member and admin the person of a session is."""
    name = choosing.name_of_organization(display_name)
    async with call.db.transaction() as db:
        await users.hold(db, session.user_id)
        user = await reading.find(db, id_=session.user_id, external_id=None)
        if user is None or not await may_found(dependencies, user):
            raise errors.PermissionDenied
        joining.check_address(Rules.of(dependencies.settings), user.email, "email")
        return await joining.found(
            call.as_user(db, user.id, session_id=session.id),
            user,
            display_name=name,
            region_code=dependencies.settings.region,
        )
