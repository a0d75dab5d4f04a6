"""Widgets: areas of an organization as custom elements in pages of the product.

An element posts the access token of the user into its frame (`static/widgets.js`). The response
keeps the token in a cookie that only frames in that site send. Each request of a widget is made as
the user of the token, with its scopes at most.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.endpoints.organization.visit import Frame
from tenantry.net.http import Response
from tenantry.web.assets import Asset
from tenantry.web.frames import areas
from tenantry.web.rendering import HEADERS

if TYPE_CHECKING:
    from tenantry.endpoints.organization.visit import OrganizationSite
    from tenantry.net.http import Request

# API keys, clients and the audit log have no scope for access tokens of users.
EMBEDDED = (
    areas.GENERAL,
    areas.USERS,
    areas.SSO,
    areas.SCIM,
    areas.DOMAINS,
    areas.SESSION_POLICY,
)
SESSION = f"{Frame.WIDGET.value}/session"
SCRIPT = Asset.of_files("/ui/widgets.js", "endpoints/organization/static/widgets.js")


class WidgetPages:
    def __init__(self, site: OrganizationSite) -> None:
        self._site = site

    async def first(self, request: Request) -> Response:
        """Redirect to the first area that the user of the token sees."""
        visit = await self._site.visit(request, Frame.WIDGET)
        if visit is None:
            return await self._site.closed(request, Frame.WIDGET)
        seen = next((area for area in visit.areas if area in EMBEDDED), None)
        if seen is None:
            return self._site.pages_of(request).message("nothing", visit.words)
        return self._site.redirect(visit.path(seen))

    async def begin(self, request: Request) -> Response:
        """Keep the access token of a form in the cookie, and redirect to the area.

        The form comes from a page that may embed widgets. With ``renew`` the frame keeps its page:
        the response has no content.
        """
        site = self._site
        if request.origin.page not in {site.public_url, *site.framing}:
            return site.pages_of(request).message(
                "not_same_origin", site.words(request), status=403
            )
        form = request.form()
        area = next((one for one in EMBEDDED if one.key == form.get("area")), None)
        cookie = await site.begin_widget(request, form.get("access_token", ""))
        if area is None or cookie is None:
            return await site.closed(request, Frame.WIDGET)
        if form.get("renew"):
            response = Response(204, b"", dict(HEADERS))
        else:
            response = site.redirect(f"{Frame.WIDGET.value}/{area.key}")
        response.cookies.append(cookie)
        return response
