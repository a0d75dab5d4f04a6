"""The page of an invitation: whose it is, from whom, and a button."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.identity.known_origins import cookies as device_cookies
from tenantry.identity.sign_in import invitations
from tenantry.tenants.memberships.invitations import DomainNotAllowed
from tenantry.web.forms.problems import Problems

if TYPE_CHECKING:
    from tenantry.endpoints.login.site import LoginSite
    from tenantry.identity.sign_in.dependencies import SignInDependencies
    from tenantry.net.http import Request, Response


class Invitations:
    """Handlers of `/invitations/{token}`."""

    def __init__(self, site: LoginSite, dependencies: SignInDependencies) -> None:
        self._site = site
        self._dependencies = dependencies

    async def show(self, request: Request) -> Response:
        """Show whose invitation it is, and a button: opening the link changes nothing."""
        found = await invitations.find(self._site.db, request.params["token"])
        if found is None:
            return await self._over(request)
        words = self._site.words(request)
        return self._site.show(request, "invitation.html", words, invitation=found)

    async def accept(self, request: Request) -> Response:
        """Accept it: the link is in the inbox that it was sent to, and nowhere else."""
        site = self._site
        session = await site.session(request)
        try:
            accepted = await invitations.accept(
                self._dependencies, site.call(request), request.params["token"], session=session
            )
        except errors.NotFound:
            return await self._over(request)
        except DomainNotAllowed:
            return site.failed(request, Problems({"": "invitation.domain"}))
        except errors.InvalidArgument:
            return site.failed(request, Problems({"": "invitation.full"}))
        way = accepted.way
        if way is not None and way.begins:
            response = site.redirect(way.uri)
        else:
            words = site.words(request)
            link = None if way is None else site.link(way, words, starts_again=False)
            response = site.pages.render(
                "invitation_accepted.html", words, accepted=accepted, link=link
            )
        if accepted.secret:
            response.cookies.append(site.session_cookie.issue(accepted.secret))
            response.cookies.append(device_cookies.issue(site.public_url, accepted.devices))
        return response

    async def _over(self, request: Request) -> Response:
        way = await invitations.way_of(self._site.db, request.params["token"])
        return await self._site.leaving(request, "invitation_over", way, status=410)
