"""An organization's members: who they are, inviting, changing roles, removing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from protobuf import Oneof

from tenantry.core import errors
from tenantry.core.times import timestamp
from tenantry.endpoints.organization import bulk_invitations
from tenantry.endpoints.organization.bulk_invitations import BulkInvitations
from tenantry.endpoints.organization.visit import OrganizationSite, Page, Visit
from tenantry.gen.scalekit.v1.commons.commons_pb import Role
from tenantry.gen.scalekit.v1.users import users_pb
from tenantry.tenants.directories import members as directory_members
from tenantry.tenants.roles import listing as roles
from tenantry.tenants.users import search
from tenantry.tenants.users import service as users
from tenantry.web.forms import boxes, uploads
from tenantry.web.forms.problems import Problems
from tenantry.web.frames.areas import SSO, USERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from protobuf.wkt import Timestamp

    from tenantry.net.http import Response
    from tenantry.tenants.roles.listing import Listed
    from tenantry.tenants.users.model import User

INVITE, REMOVE = "sk_org_users_invite", "sk_org_users_delete"
CHANGE_ROLES = "sk_org_users_role_change"
_PAGE = 20
_SHORTEST = 3  # characters that are searched for
_LAST = "last admin"  # in the sentence of an error that names no field


def pages(site: OrganizationSite) -> list[Page]:
    subject = _Users(site)
    return [
        Page("GET", "", subject.show, USERS),
        Page("GET", "/invite", subject.form, USERS, INVITE),
        Page("POST", "/invite", subject.invite, USERS, INVITE),
        Page("GET", "/invite/bulk", subject.bulk_form, USERS, INVITE),
        Page(
            "POST",
            "/invite/bulk",
            subject.invite_all,
            USERS,
            INVITE,
            body_limit=bulk_invitations.BODY_LIMIT,
        ),
        Page("GET", "/{id}", subject.member, USERS),
        Page("POST", "/{id}/roles", subject.change_roles, USERS, CHANGE_ROLES),
        Page("POST", "/{id}/resend", subject.resend, USERS, INVITE),
        Page("POST", "/{id}/remove", subject.remove, USERS, REMOVE),
    ]


@dataclass(frozen=True, slots=True)
class _Row:
    """One member as a page shows them."""

    id: str
    email: str
    name: str
    status: str
    roles: Sequence[str]  # their names for people
    role_names: Sequence[str]
    joined: Timestamp | None
    expires: Timestamp | None
    inviter: str

    @classmethod
    def of_api(cls, user: users_pb.User) -> _Row:
        """Return it of a user as the API shows one."""
        place, profile = user.memberships[0], user.user_profile
        return cls(
            id=user.id,
            email=user.email,
            name=_name(profile.name, profile.given_name, profile.family_name) if profile else "",
            status=place.membership_status.name,
            roles=[role.display_name or role.name for role in place.roles],
            role_names=[role.name for role in place.roles],
            joined=place.join_time,
            expires=place.expires_at,
            inviter=place.inviter_email,
        )

    @classmethod
    def of(cls, user: User) -> _Row:
        """Return it of a user with one membership."""
        place = user.memberships[0]
        names = (user.profile.get(name) or "" for name in ("name", "given_name", "family_name"))
        return cls(
            id=user.id,
            email=user.email,
            # An invited person's name is for them to bring along.
            name=_name(*names) if place.join_time else "",
            status=place.status,
            roles=[role.display_name or role.name for role in place.roles],
            role_names=[role.name for role in place.roles],
            joined=timestamp(place.join_time or place.create_time),
            expires=timestamp(place.expire_time) if place.expire_time else None,
            inviter=place.inviter_email or "",
        )


class _Users:
    def __init__(self, site: OrganizationSite) -> None:
        self._site = site

    async def show(self, visit: Visit) -> Response:
        """List the members, or those that match."""
        wanted, token = visit.query("q").strip(), visit.query("page_token")
        organization_id, short = visit.organization.id, 0 < len(wanted) < _SHORTEST
        if wanted and not short:
            found = await search.of_organization(
                visit.call, organization_id, wanted[:100], page_size=_PAGE, page_token=token
            )
            rows = [_Row.of(user) for user in found.items]
            listed = users_pb.ListOrganizationUsersResponse(
                total_size=found.total_size,
                next_page_token=found.next_page_token,
                prev_page_token=found.prev_page_token,
            )
        else:
            request = users_pb.ListOrganizationUsersRequest(
                organization_id=organization_id, page_size=_PAGE, page_token=token
            )
            listed = await visit.api.users.list_organization_users(request)
            rows = [_Row.of_api(user) for user in listed.users]
        ids = [row.id for row in rows]
        return self._site.render(
            visit,
            USERS,
            "users.html",
            rows=rows,
            listed=listed,
            wanted=wanted,
            short=short,
            held=await directory_members.held(visit.call.db, organization_id, ids),
            invites=self._may_invite(visit),
            removes=visit.may(REMOVE),
            changes_roles=visit.may(CHANGE_ROLES),
        )

    async def form(self, visit: Visit) -> Response:
        """Show the form of an invitation."""
        return await self._invitation(visit, "user_invite.html")

    async def bulk_form(self, visit: Visit) -> Response:
        """Show the form for several invitations."""
        return await self._invitation(visit, "user_invite_bulk.html")

    async def invite_all(self, visit: Visit) -> Response:
        """Invite all users of a list, and show the result of each.

        The response is the page, not a redirect: the results do not fit into a URL.
        """
        form = await uploads.read(visit.request)
        role, path = form.members.get("role", ""), visit.path(USERS, "invite", "bulk")
        typed = form.members.get("addresses", "")
        given = {"addresses": typed, "role": role}
        file = form.files.get("file")
        entries = bulk_invitations.parse_form(typed, file.content if file else b"")
        if entries is None:
            return self._site.failed(visit.request, Problems({"file": "bulk.unread"}, given), path)
        if not entries or len(entries) > bulk_invitations.MOST:
            key = "bulk.too_many" if entries else "bulk.nobody"
            return self._site.failed(visit.request, Problems({"addresses": key}, given), path)
        offered = {one.role.name: one.role.display_name for one in await self._offered(visit)}
        outcomes = await BulkInvitations(visit, role, offered).send(entries)
        left = [one.entry.email for one in outcomes if one.can_be_retried]
        return await self._invitation(
            visit,
            "user_invite_bulk.html",
            outcomes=outcomes,
            left="\n".join(left),
            given={"role": role},
        )

    async def _invitation(self, visit: Visit, template: str, **values: Any) -> Response:
        if not self._may_invite(visit):
            raise errors.NotFound("page")
        offered = await self._offered(visit)
        shown = {"outcomes": (), "left": "", "most": bulk_invitations.MOST, **values}
        return self._site.render(
            visit,
            USERS,
            template,
            offered=offered,
            hints={one.role.name: _hint(visit, one) for one in offered},
            **shown,
        )

    async def invite(self, visit: Visit) -> Response:
        """Invite somebody."""
        form, path = visit.request.form(), visit.path(USERS, "invite")
        email, role = form.get("email", "").strip(), form.get("role", "")
        given = {"email": email, "role": role}
        membership = users_pb.CreateMembership(roles=[Role(name=role)] if role else [])
        request = users_pb.CreateUserAndMembershipRequest(
            organization_id=visit.organization.id,
            user=users_pb.CreateUser(email=email, membership=membership),
        )
        try:
            await visit.api.users.create_user_and_membership(request)
        except errors.Error as problem:
            return self._wrong(visit, problem, path, given)
        return self._site.done(visit.path(USERS), "invited")

    async def member(self, visit: Visit) -> Response:
        """Show one member, with the forms that change them."""
        user = await users.get(visit.call, users.UserIdentifier(visit.request.params["id"]))
        row = _Row.of(user)
        held = await directory_members.held(visit.call.db, visit.organization.id, [user.id])
        every = await self._roles(visit)
        shown = {one.role.name: one.role.display_name or one.role.name for one in every}
        reached = {one.role.name for one in every if _reaches(visit, one)}
        return self._site.render(
            visit,
            USERS,
            "user.html",
            row=row,
            is_held=bool(held),
            is_self=visit.person is not None and visit.person.id == user.id,
            offered=[
                (one.role.name, shown[one.role.name], _hint(visit, one))
                for one in every
                if one.role.name in reached
            ],
            beyond=[shown.get(name, name) for name in row.role_names if name not in reached],
            changes_roles=visit.may(CHANGE_ROLES),
            removes=visit.may(REMOVE),
            invites=self._may_invite(visit),
        )

    async def change_roles(self, visit: Visit) -> Response:
        """Give a member the roles that are chosen, and take the others."""
        id_, path = self._named(visit)
        chosen = boxes.ticked(boxes.form(visit.request), "role")
        user = await users.get(visit.call, users.UserIdentifier(id_))
        reached = {one.role.name for one in await self._offered(visit)}
        # Roles that are beyond the visitor have no box, and stay.
        kept = [role.name for role in user.memberships[0].roles if role.name not in reached]
        chosen += [name for name in kept if name not in chosen]
        if not chosen:
            return self._site.failed(visit.request, Problems({"role": "users.no_role"}), path)
        request = users_pb.UpdateMembershipRequest(
            organization_id=visit.organization.id,
            identities=_identity(id_),
            membership=users_pb.UpdateMembership(roles=[Role(name=name) for name in chosen]),
        )
        try:
            await visit.api.users.update_membership(request)
        except errors.Error as problem:
            return self._wrong(visit, problem, path)
        return self._site.done(path, "roles_changed")

    async def resend(self, visit: Visit) -> Response:
        """Send an invitation again."""
        id_, path = self._named(visit)
        request = users_pb.ResendInviteRequest(organization_id=visit.organization.id, id=id_)
        try:
            await visit.api.users.resend_invite(request)
        except (errors.InvalidArgument, errors.PermissionDenied, errors.RateLimited) as problem:
            return self._wrong(visit, problem, path)
        return self._site.done(path, "resent")

    async def remove(self, visit: Visit) -> Response:
        """Take a member out."""
        id_, path = self._named(visit)
        request = users_pb.DeleteMembershipRequest(
            organization_id=visit.organization.id, identities=_identity(id_)
        )
        try:
            await visit.api.users.delete_membership(request)
        except (errors.InvalidArgument, errors.PermissionDenied) as problem:
            return self._wrong(visit, problem, path)
        return self._site.done(visit.path(USERS), "removed")

    def _named(self, visit: Visit) -> tuple[str, str]:
        """Return the id of the member that a form is about, and the page to go back to."""
        id_ = visit.request.params["id"]
        return id_, visit.path(USERS, id_)

    def _wrong(
        self,
        visit: Visit,
        problem: errors.Error,
        path: str,
        given: Mapping[str, str] | None = None,
    ) -> Response:
        """Return the redirect to the page of a form, which names the fault in its own words."""
        if isinstance(problem, errors.RateLimited):
            return self._site.failed(visit.request, Problems.limited(problem), path)
        fields = {one.field for one in problem.violations}
        place, key = "", "refusal.other"
        if isinstance(problem, errors.PermissionDenied):
            key = "users.beyond"
        elif isinstance(problem, errors.Duplicate):
            place, key = "email", "users.member_already"
        elif any(field.endswith("email") for field in fields):
            place, key = "email", "users.bad_address"
        elif any(".roles[" in field for field in fields):
            place, key = "role", "users.no_such_role"
        elif _LAST in problem.message:
            key = "users.last_administrator"
        elif bulk_invitations.FULL in problem.message:
            key = "users.full"
        return self._site.failed(visit.request, Problems({place: key}, dict(given or {})), path)

    def _may_invite(self, visit: Visit) -> bool:
        return visit.may(INVITE) and not self._site.context.settings.is_modular

    async def _roles(self, visit: Visit) -> list[Listed]:
        return await roles.list_all(visit.call, visit.organization.id, roles.Include.ALL)

    async def _offered(self, visit: Visit) -> list[Listed]:
        """Return the roles that the visitor may give, the organization's default first."""
        offered = [one for one in await self._roles(visit) if _reaches(visit, one)]
        return sorted(offered, key=lambda one: not one.role.default_member)


def _reaches(visit: Visit, one: Listed) -> bool:
    return visit.permissions is not None and visit.permissions.issuperset(
        grant.permission.name for grant in one.grants
    )


def _hint(visit: Visit, one: Listed) -> str:
    """Return the description of a role, and what it amounts to beyond its name."""
    description = one.role.description or ""
    if not any(grant.permission.name == SSO.manage for grant in one.grants):
        return description
    if description and description[-1] not in ".!?":
        description += "."
    return f"{description} {visit.words.plain('users.sso_role')}".strip()


def _identity(id_: str) -> Oneof[Literal["id"], str]:
    """Return a user as requests of the API name one."""
    return Oneof("id", id_)


def _name(whole: str, given: str, family: str) -> str:
    return whole or " ".join(part for part in (given, family) if part)
