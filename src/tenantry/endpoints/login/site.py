"""Shared by all sign-in pages: the database, the cookies, the redirect to an application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from tenantry.access.clients.uris import return_targets
from tenantry.call import Call
from tenantry.core import errors
from tenantry.core.caller import ANONYMOUS
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sign_in.auth_requests import requests, states
from tenantry.web import site
from tenantry.web.assets import Asset
from tenantry.web.rendering import Pages

if TYPE_CHECKING:
    from markupsafe import Markup

    from tenantry.access.clients.uris.return_targets import ReturnTarget
    from tenantry.app_context import AppContext
    from tenantry.identity.sessions.model import Session
    from tenantry.net.http import Request, Response
    from tenantry.web.site import Handler
    from tenantry.web.words import Words


# Pages after which one starts again.
_ENDED = {"gone", "denied", "link_used", "link_expired", "link_wrong", "other_browser"}


class LoginSite(site.Site):
    """The sign-in pages of one deployment: `/login/{id}`, `/invitations/{token}` and the like."""

    sections: ClassVar = {**site.Site.sections, errors.Impersonated: "impersonated"}

    def __init__(self, context: AppContext) -> None:
        self.script = Asset.of_files(
            "/login/login.js", "web/static/six_digits.js", "endpoints/login/static/login.js"
        )
        pages = Pages(
            "login",
            context.themes,
            layout="login/templates/layout.html",
            scripts=(self.script,),
            defaults={"path": "", "stays_in": ""},
        )
        super().__init__(pages, context.db.vault, context.settings.public_url, depth=2)
        self.context = context
        self.db = context.db
        self.session_cookie = context.session_cookie
        self.browser_cookies = context.browser_cookies

    def holder(self, request: Request) -> str:
        """Return the secret of the auth request, which the browser keeps; a link has none."""
        cookies, request_id = request.headers.get("cookie", ""), request.params.get("id", "")
        return self.browser_cookies.read(cookies, request_id)

    def page(self, handler: Handler) -> Handler:
        """Return a handler whose errors are pages."""

        async def answered(request: Request) -> Response:
            try:
                return await handler(request)
            except states.OutOfStep:
                # Another tab was faster, or a second click: show how far it has come.
                return self.redirect(f"/login/{request.params['id']}")
            except errors.Intercepted as problem:
                status, said = problem.status, problem.message
                way = await requests.return_target(self.db, request.params.get("id", ""))
                response = await self.leaving(request, "denied", way, status=status, said=said)
                response.headers |= problem.headers
                return response

        return super().page(answered)

    def call(self, request: Request) -> Call:
        """Return the call with which a request calls the domain packages."""
        return Call(ANONYMOUS, self.db, request.request_id, origin=request.origin)

    async def session(self, request: Request) -> Session | None:
        """Return the live session of the browser."""
        secret = self.session_cookie.read(request.headers.get("cookie", ""))
        return await sessions.find(self.db, secret) if secret else None

    def message(
        self, request: Request, key: str, *, way: ReturnTarget | None = None, **more: Any
    ) -> Response:
        """Return a page that says one thing, as `Pages.message`; ``way`` is where to go on."""
        words = self.words(request)
        link = None
        if way is not None:
            link = self.link(way, words, starts_again=key in _ENDED)
        return self.pages.message(key, words, link=link, **more)

    def link(self, way: ReturnTarget, words: Words, *, starts_again: bool) -> tuple[str, Markup]:
        """Return the address of an application, and the text of a link to it."""
        if way.begins and starts_again:
            return way.uri, words("page.start_again")
        return way.uri, words("page.continue_to", app=way.app or self.pages.theme.brand.name)

    async def leaving(
        self,
        request: Request,
        key: str,
        way: ReturnTarget | None = None,
        *,
        status: int,
        **more: Any,
    ) -> Response:
        """Return a page that says one thing, with a link to an application.

        That is ``way``, or else the only application.
        """
        way = way or await return_targets.of_only_application(self.db)
        return self.message(request, key, status=status, way=way, **more)
