"""The HTTP routes of the portal: `/magicLink/{token}` opens a link, `/portal` is its page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry import errors
from tenantry.call import Call
from tenantry.caller import ANONYMOUS, Caller, Kind
from tenantry.pages.assets import Asset
from tenantry.pages.rendering import PLAIN_HEADERS, PLAIN_STYLE, page
from tenantry.tenants.domains import service as domains
from tenantry.tenants.domains.model import (
    AUTO_VERIFIED,
    FAILED,
    ORGANIZATION_DOMAIN,
    PENDING,
    VERIFIED,
)
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.organizations.service import Identity
from tenantry.tenants.portal_links import service as portal_links
from tenantry.web import Cookie, Request, Response, Route

if TYPE_CHECKING:
    from tenantry.db.engine import Database
    from tenantry.doors.parts import Parts

# A feature without a page is said, and not left out: the link was made for it.
_MISSING = {
    "sso": ("Single sign-on", "Your people sign in with your identity provider."),
    "dir_sync": ("Directory sync", "People and groups stay in step with your directory."),
}
_STATES = {
    VERIFIED: "Proven",
    AUTO_VERIFIED: "Proven",
    PENDING: "Waits for its TXT record",
    FAILED: "Not proven in time",
}
_STYLE = Asset.of_files(
    "/portal/portal.css", PLAIN_STYLE, "doors/portal/static/portal.css", cache="max-age=300"
)


def session_cookie(public_url: str) -> Cookie:
    """Return the cookie of the portal's sessions."""
    return Cookie.of(public_url, "tenantry_portal", seconds=portal_links.SESSION_SECONDS)


def routes(parts: Parts) -> list[Route]:
    """Return what this door serves."""
    door = Portal(parts.db, parts.settings.public_url)
    return [
        Route("GET", "/magicLink/{token}", door.open),
        Route("GET", "/portal", door.page),
        _STYLE.route,
    ]


class Portal:
    """Handlers of the routes."""

    def __init__(self, db: Database, public_url: str) -> None:
        self._db = db
        self._cookie = session_cookie(public_url)

    async def open(self, request: Request) -> Response:
        """Open a link and go on to the page, leaving the link's address behind."""
        if request.verb == "HEAD":
            # A preview or a scanner: it must not use up the link.
            return Response(200, b"", dict(PLAIN_HEADERS))
        call = Call(ANONYMOUS, self._db, request.request_id)
        opened = await portal_links.open_link(call, request.params["token"])
        if opened is None:
            return _page("closed.html", 410)
        _, secret = opened
        response = Response(303, b"", {**PLAIN_HEADERS, "location": "/portal"})
        response.cookies.append(self._cookie.issue(secret))
        return response

    async def page(self, request: Request) -> Response:
        """Show whose portal it is, its domains with how each is proven, and the missing pages."""
        secret = self._cookie.read(request.headers.get("cookie", ""))
        session = await portal_links.find_session(self._db, secret) if secret else None
        if session is None:
            return _page("closed.html", 401)
        caller = Caller(Kind.PORTAL_SESSION, session.id, session.organization_id)
        call = Call(caller, self._db, request.request_id)
        try:
            organization = await organizations.get(call, Identity(session.organization_id))
        except errors.NotFound:
            return _page("closed.html", 410)
        features = [name for name in session.features if organization.has_feature(name)]
        claimed = None
        if "domain_verification" in features:
            identity = Identity(session.organization_id)
            claimed = await domains.page(
                call, identity, domain_type=ORGANIZATION_DOMAIN, size=domains.MAX_PAGE, number=0
            )
        return _page(
            "portal.html",
            200,
            organization=organization,
            missing=[_MISSING[name] for name in features if name in _MISSING],
            domains=claimed and claimed.domains,
            states=_STATES,
        )


def _page(template: str, status: int, **values: object) -> Response:
    values["style_url"] = _STYLE.url
    return page(f"portal/templates/{template}", values, status=status)
