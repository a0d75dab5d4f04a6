"""The members of an organization: listed, invited, given roles, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tenantry.core import errors
from tenantry.endpoints.console import forms, sorting
from tenantry.endpoints.console import undo as undoing
from tenantry.endpoints.console.organizations import organization_page
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit, by_id
from tenantry.gen.scalekit.v1.commons.commons_pb import OrganizationMembership, Role
from tenantry.gen.scalekit.v1.roles.roles_pb import ListOrganizationRolesRequest
from tenantry.gen.scalekit.v1.users.users_pb import (
    CreateMembership,
    CreateUser,
    CreateUserAndMembershipRequest,
    DeleteMembershipRequest,
    GetUserRequest,
    ListOrganizationUsersRequest,
    ResendInviteRequest,
    SearchOrganizationUsersRequest,
    UpdateMembership,
    UpdateMembershipRequest,
)
from tenantry.web.forms import boxes
from tenantry.web.forms.problems import Problems

if TYPE_CHECKING:
    from tenantry.gen.scalekit.v1.users.users_pb import (
        ListOrganizationUsersResponse,
        SearchOrganizationUsersResponse,
    )
    from tenantry.net.http import Response

_SHOWN = 30

_LIST_QUERY = ("query", "page_token", "sort")


def pages(site: ConsoleSite) -> list[Page]:
    members = _Members(site)
    root = "/organizations/{id}/members"
    return [
        Page("GET", root, members.listed),
        Page("POST", f"{root}/invite", members.invite),
        Page("POST", f"{root}/{{user_id}}/roles", members.give_roles),
        Page("POST", f"{root}/{{user_id}}/resend", members.resend),
        Page("POST", f"{root}/{{user_id}}/remove", members.remove),
    ]


class _Members:
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def listed(self, visit: Visit) -> Response:
        """List them, or those that the search finds."""
        organization = await organization_page.get(visit)
        query = visit.query("query").strip()[:100]
        path = organization_page.path_of(visit, "members")
        order = sorting.paged(visit, path, {"query": query} if query else {})
        found: ListOrganizationUsersResponse | SearchOrganizationUsersResponse
        if query:
            found = await visit.api.users.search_organization_users(
                SearchOrganizationUsersRequest(
                    organization_id=organization.id,
                    query=query,
                    page_size=_SHOWN,
                    page_token=order.page_token,
                )
            )
        else:
            found = await visit.api.users.list_organization_users(
                ListOrganizationUsersRequest(
                    organization_id=organization.id,
                    page_size=_SHOWN,
                    page_token=order.page_token,
                )
            )
        order.arrange(found, found.users)
        answer = await visit.api.roles.list_organization_roles(
            ListOrganizationRolesRequest(org_id=organization.id)
        )
        roles = answer.roles
        offered = [(role.name, role.display_name or role.name, "") for role in roles]
        return organization_page.render(
            self._site,
            visit,
            "members",
            organization,
            rows=[
                (user, user.memberships[0] if user.memberships else OrganizationMembership())
                for user in found.users
            ],
            listed=found,
            order=order,
            query=query,
            shown=_list_query(visit),
            changed=visit.query("change"),  # the one whose form is open: of all it would be long
            offered=[] if len(roles) > boxes.MOST else offered,
            role_choices=[(role.name, role.name) for role in roles],
        )

    async def invite(self, visit: Visit) -> Response:
        """Invite somebody, or make them a member at once."""
        form = visit.request.form()
        given = {"email": form.get("email", "").strip(), "role": form.get("role", "")}
        membership = CreateMembership(roles=[Role(name=given["role"])] if given["role"] else [])
        request = CreateUserAndMembershipRequest(
            organization_id=visit.request.params["id"],
            user=CreateUser(email=given["email"], membership=membership),
            send_invitation_email="invited" in form,
        )
        call = visit.api.users.create_user_and_membership(request)
        return await forms.send(
            self._site,
            visit,
            call,
            organization_page.path_of(visit, "members"),
            "invited" if request.send_invitation_email else "added",
            fields={"user.email": "email", "email": "email"},
            given=given,
            name=given["email"],
        )

    async def give_roles(self, visit: Visit) -> Response:
        """Put other roles in the place of those that they have."""
        form, params = boxes.form(visit.request), visit.request.params
        if "role_names" in form:  # there are too many for a box each
            names, field = forms.words_of(form["role_names"]), "role_names"
        else:
            names, field = boxes.ticked(form, "roles"), "roles"
        path, shown = organization_page.path_of(visit, "members"), _list_query(visit)
        again = {**shown, "change": params["user_id"]}
        if not names:  # to the API that is no change
            problems = Problems({field: "organizations.no_role"})
            return self._site.failed(visit.request, problems, path, again)
        before = await _roles_of(visit)
        request = UpdateMembershipRequest(
            organization_id=params["id"],
            identities=by_id(params["user_id"]),
            membership=UpdateMembership(roles=[Role(name=name) for name in names]),
        )
        try:
            await visit.api.users.update_membership(request)
        except errors.InvalidArgument as problem:
            kept = Problems({field: "refusal.said"}, {"": problem.message})
            return self._site.failed(visit.request, kept, path, again)
        undo = undoing.Undo(visit.request.path, {"role_names": " ".join(before)})
        return forms.finish(
            self._site,
            visit,
            f"{path}?{urlencode(shown)}" if shown else path,
            "changed",
            undo=undo if before else None,
        )

    async def resend(self, visit: Visit) -> Response:
        """Send the invitation once more."""
        params = visit.request.params
        request = ResendInviteRequest(organization_id=params["id"], id=params["user_id"])
        call = visit.api.users.resend_invite(request)
        return await forms.send(
            self._site, visit, call, organization_page.path_of(visit, "members"), "invited"
        )

    async def remove(self, visit: Visit) -> Response:
        """Take them out of the organization; the person stays."""
        params = visit.request.params
        request = DeleteMembershipRequest(
            organization_id=params["id"], identities=by_id(params["user_id"])
        )
        call = visit.api.users.delete_membership(request)
        return await forms.send(
            self._site, visit, call, organization_page.path_of(visit, "members"), "removed"
        )


async def _roles_of(visit: Visit) -> list[str]:
    """Return the roles of the member that a form is about."""
    params = visit.request.params
    request = GetUserRequest(identities=by_id(params["user_id"]))
    user = (await visit.api.users.get_user(request)).user
    memberships = user.memberships if user else []
    of_organization = (one for one in memberships if one.organization_id == params["id"])
    return [role.name for one in of_organization for role in one.roles]


def _list_query(visit: Visit) -> dict[str, str]:
    """Return the members of the query that say which part of the list is shown."""
    return {name: value for name in _LIST_QUERY if (value := visit.query(name))}
