"""The members of an organization: listed, invited, given roles, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tenantry import errors
from tenantry.doors.console import forms
from tenantry.doors.console.organizations import one
from tenantry.doors.console.visit import Door, Page, Visit
from tenantry.pages import boxes
from tenantry.pages.problems import Problems

if TYPE_CHECKING:
    from tenantry.web import Response

_MEMBERSHIP = "/memberships/organizations/{}/users/{}"


def pages(door: Door) -> list[Page]:
    """Return the pages of the tab."""
    members = _Members(door)
    root = "/organizations/{id}/members"
    return [
        Page("GET", root, members.listed),
        Page("POST", f"{root}/invite", members.invite),
        Page("POST", f"{root}/{{user_id}}/roles", members.give_roles),
        Page("POST", f"{root}/{{user_id}}/resend", members.resend),
        Page("POST", f"{root}/{{user_id}}/remove", members.remove),
    ]


class _Members:
    """Handlers of the pages."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def listed(self, visit: Visit) -> Response:
        """List them, or those that the search finds."""
        organization = await one.get(visit)
        query, token = visit.query("query").strip()[:100], visit.query("page_token") or None
        if query:
            found = await visit.api.get(
                "/organizations/{}/users:search",
                organization["id"],
                query=query,
                page_size=30,
                page_token=token,
            )
        else:
            found = await visit.api.get(
                "/organizations/{}/users", organization["id"], page_size=30, page_token=token
            )
        answer = await visit.api.get("/organizations/{}/roles", organization["id"])
        roles = answer.get("roles", [])
        offered = [(one["name"], one.get("display_name") or one["name"], "") for one in roles]
        return one.render(
            self._door,
            visit,
            "members",
            organization,
            listed=found,
            query=query,
            shown=_shown(visit),
            changed=visit.query("change"),  # the one whose form is open: of all it would be long
            offered=[] if len(roles) > boxes.MOST else offered,
            role_choices=[(role["name"], role["name"]) for role in roles],
        )

    async def invite(self, visit: Visit) -> Response:
        """Invite somebody, or make them a member at once."""
        form = visit.request.form()
        given = {"email": form.get("email", "").strip(), "role": form.get("role", "")}
        membership = {"roles": [{"name": given["role"]}]} if given["role"] else {}
        call = visit.api.post(
            "/organizations/{}/users",
            visit.request.params["id"],
            body={"email": given["email"], "membership": membership},
            send_invitation_email="invited" in form,
        )
        return await forms.send(
            self._door,
            visit,
            call,
            one.path_of(visit, "members"),
            "invited",
            fields={"user.email": "email", "email": "email"},
            given=given,
        )

    async def give_roles(self, visit: Visit) -> Response:
        """Put other roles in the place of those that they have."""
        form, params = boxes.form(visit.request), visit.request.params
        if "role_names" in form:  # there are too many for a box each
            names, field = forms.words_of(form["role_names"]), "role_names"
        else:
            names, field = boxes.ticked(form, "roles"), "roles"
        path, shown = one.path_of(visit, "members"), _shown(visit)
        again = {**shown, "change": params["user_id"]}
        if not names:  # to the API that is no change
            problems = Problems({field: "organizations.no_role"})
            return self._door.failed(visit.request, problems, path, again)
        call = visit.api.patch(
            _MEMBERSHIP,
            params["id"],
            params["user_id"],
            body={"roles": [{"name": name} for name in names]},
        )
        try:
            await call
        except errors.InvalidArgument as problem:
            kept = Problems({field: "refusal.said"}, {"": problem.message})
            return self._door.failed(visit.request, kept, path, again)
        return self._door.done(f"{path}?{urlencode(shown)}" if shown else path, "changed")

    async def resend(self, visit: Visit) -> Response:
        """Send the invitation once more."""
        params = visit.request.params
        call = visit.api.patch(
            "/invites/organizations/{}/users/{}/resend", params["id"], params["user_id"], body={}
        )
        return await forms.send(self._door, visit, call, one.path_of(visit, "members"), "invited")

    async def remove(self, visit: Visit) -> Response:
        """Take them out of the organization; the person stays."""
        params = visit.request.params
        call = visit.api.delete(_MEMBERSHIP, params["id"], params["user_id"])
        return await forms.send(self._door, visit, call, one.path_of(visit, "members"), "removed")


def _shown(visit: Visit) -> dict[str, str]:
    """Return the members of the query that say which part of the list is shown."""
    return {name: value for name in ("query", "page_token") if (value := visit.query(name))}
