"""`/ui/profile/apps`: the apps that a person has given access to an organization."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.access.client_metadata import names
from tenantry.core import errors
from tenantry.gen.scalekit.v1.clients.clients_pb import RevokeCurrentAgentConsentRequest
from tenantry.identity.consents import listing
from tenantry.identity.grants.claims import SCOPES
from tenantry.identity.sign_in import consenting

if TYPE_CHECKING:
    from tenantry.endpoints.account.site import AccountSite, Visit
    from tenantry.net.http import Response

PATH = "/ui/profile/apps"
_NAME_MAX = 60  # characters that are shown


class AppPages:
    def __init__(self, site: AccountSite) -> None:
        self._site = site

    async def show(self, visit: Visit) -> Response:
        """Show the apps of the organization that the session is in, the newest consent first."""
        try:
            page = await listing.of_user(
                visit.call,
                user_id=visit.person.id,
                organization_id=visit.organization.id,
                page_size=listing.MAX_PAGE,
                page_token=visit.query("page_token"),
            )
        except errors.InvalidArgument:  # a page token that is not ours
            return self._site.redirect(PATH)
        asked = {scope for one in page.items for scope in one.consent.scopes}
        described = await consenting.descriptions(visit.call.db, sorted(asked - {*SCOPES}))
        return self._site.render(
            visit,
            "apps.html",
            page="apps",
            done=visit.words.plain("apps.done_revoked") if visit.query("done") == "revoked" else "",
            apps=[
                (
                    one.consent,
                    names.clean(one.client_name, most=_NAME_MAX),
                    one.resource_name,
                    [described.get(s) or s for s in one.consent.scopes if s not in SCOPES],
                )
                for one in page.items
            ],
            next_page=page.next_page_token,
            previous_page=page.prev_page_token,
        )

    async def revoke(self, visit: Visit) -> Response:
        """Revoke the access of an app."""
        request = RevokeCurrentAgentConsentRequest(consent_id=visit.request.params["id"])
        try:
            await visit.api.clients.revoke_current_agent_consent(request)
        except errors.InvalidArgument:  # the ID of no consent
            raise errors.NotFound("consent") from None
        return self._site.redirect(f"{PATH}?done=revoked")
