"""`/ui/profile/organizations`: where a person is a member; going there, leaving, founding one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.identity.sign_in import places
from tenantry.tenants.users import reading
from tenantry.tenants.users.model import ACTIVE, PENDING_INVITE

if TYPE_CHECKING:
    from tenantry.endpoints.account.site import AccountSite, Visit
    from tenantry.identity.sign_in.dependencies import SignInDependencies
    from tenantry.net.http import Response

PATH = "/ui/profile/organizations"
_DONE = ("switched", "left", "founded", "accepted")
_MOST = 100  # that are shown


class OrganizationPages:
    def __init__(self, site: AccountSite, dependencies: SignInDependencies) -> None:
        self._site = site
        self._dependencies = dependencies

    async def show(self, visit: Visit) -> Response:
        """Show the person's organizations, the oldest membership first, and the last change."""
        user = await reading.find(visit.call.db, id_=visit.person.id, external_id=None)
        if user is None:
            raise errors.NotFound("user")
        found = [place for place in user.memberships if place.status in {ACTIVE, PENDING_INVITE}]
        done = visit.query("done")
        return self._site.render(
            visit,
            "organizations.html",
            page="organizations",
            done=visit.words.plain(f"organizations.done_{done}") if done in _DONE else "",
            places=found[:_MOST],
            more=len(found) > _MOST,
            may_found=await places.may_found(self._dependencies, user),
            may_accept=user.email_verified,
            way=visit.way,
        )

    async def switch(self, visit: Visit) -> Response:
        """Go over to another organization, or say that it takes a sign-in."""
        wanted = visit.request.params["id"]
        if not await places.go_to(self._dependencies, visit.call, visit.session, wanted):
            return self._site.wrong(visit, "", "organizations.sign_in_anew")
        return self._site.redirect(f"{PATH}?done=switched")

    async def accept(self, visit: Visit) -> Response:
        """Accept an invitation."""
        wanted = visit.request.params["id"]
        try:
            await places.accept(visit.call, visit.session, visit.person, wanted)
        except errors.InvalidArgument:
            return self._site.wrong(visit, "", "organizations.full")
        return self._site.redirect(f"{PATH}?done=accepted")

    async def leave(self, visit: Visit) -> Response:
        """End a membership."""
        try:
            await places.leave(visit.call, visit.session, visit.request.params["id"])
        except places.ProvisionedByDirectory:
            return self._site.wrong(visit, "", "organizations.by_directory")
        except errors.InvalidArgument:
            return self._site.wrong(visit, "", "organizations.last_administrator")
        return self._site.redirect(f"{PATH}?done=left")

    async def found(self, visit: Visit) -> Response:
        """Found an organization."""
        name = visit.request.form().get("display_name", "").strip()
        try:
            await places.found(self._dependencies, visit.call, visit.session, display_name=name)
        except errors.InvalidArgument:
            given = {"display_name": name}
            return self._site.wrong(visit, "display_name", "problem.organization", given=given)
        return self._site.redirect(f"{PATH}?done=founded")
