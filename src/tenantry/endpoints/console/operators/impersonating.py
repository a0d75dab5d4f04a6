"""Signing in as a person, for support: `/console/people/{id}/impersonate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit, by_id
from tenantry.gen.scalekit.v1.commons.commons_pb import MembershipStatus
from tenantry.gen.scalekit.v1.users.users_pb import GetUserRequest
from tenantry.identity.operators import impersonation
from tenantry.identity.operators.model import OPERATOR

if TYPE_CHECKING:
    from tenantry.net.http import Response

_DEFAULT_MINUTES = "30"


def pages(site: ConsoleSite) -> list[Page]:
    impersonating = _Impersonating(site)
    path = "/people/{id}/impersonate"
    return [
        Page("GET", path, impersonating.ask, OPERATOR),
        Page("POST", path, impersonating.begin, OPERATOR),
    ]


class _Impersonating:
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def ask(self, visit: Visit) -> Response:
        """Ask for which organization, why, and for how long."""
        request = GetUserRequest(identities=by_id(visit.request.params["id"]))
        found = await visit.api.users.get_user(request)
        assert found.user is not None
        return self._site.render(
            visit,
            "people",
            "impersonate.html",
            user=found.user,
            places=[
                (one.organization_id, one.display_name or one.organization_id)
                for one in found.user.memberships
                if one.membership_status == MembershipStatus.ACTIVE
            ],
            most=impersonation.MOST_MINUTES,
            reason_max=impersonation.REASON_MAX,
            minutes=_DEFAULT_MINUTES,
        )

    async def begin(self, visit: Visit) -> Response:
        """Begin the session, in this browser in place of any that it has."""
        form, id_ = visit.request.form(), visit.request.params["id"]
        given = {name: form.get(name, "")[:1000] for name in ("reason", "minutes", "organization")}
        minutes = given["minutes"]
        try:
            secret = await impersonation.begin(
                visit.call,
                user_id=id_,
                organization_id=given["organization"],
                reason=given["reason"],
                minutes=int(minutes) if minutes.isascii() and minutes.isdecimal() else 0,
            )
        except errors.InvalidArgument as problem:
            path = visit.path("people", id_, "impersonate")
            fields = {"reason": "reason", "minutes": "minutes", "organization_id": "organization"}
            return self._site.wrong(visit, problem, path, fields, given)
        response = self._site.redirect("/ui/profile/security")
        response.cookies.append(self._site.context.session_cookie.issue(secret))
        return response
