"""Sets up a second factor during a sign-in that an organization's policy requires it for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.endpoints.login import problems
from tenantry.endpoints.login.page import path_of
from tenantry.identity.authenticators.totp import service as totp
from tenantry.identity.sign_in import policy_steps
from tenantry.identity.sign_in.auth_requests import requests, states
from tenantry.web import setup_keys
from tenantry.web.forms.problems import Problems

if TYPE_CHECKING:
    from tenantry.endpoints.login.page import SignInPage
    from tenantry.endpoints.login.site import LoginSite
    from tenantry.identity.sign_in.model import AuthRequest
    from tenantry.net.http import Request, Response

_PAGE = "second_factor_setup"


class SecondFactorSetup:
    """Handlers of the setup; the page itself is one of `SignInPage`."""

    def __init__(self, site: LoginSite, page: SignInPage, *, issuer: str) -> None:
        self._site = site
        self._page = page
        self._issuer = issuer

    async def picture(self, request: Request) -> Response:
        """Answer with the QR code."""
        found = await self._find(request)
        registration = await policy_steps.registration_of(self._site.call(request), found)
        return setup_keys.picture(totp.uri(self._site.db, registration, self._issuer))

    async def enable(self, request: Request) -> Response:
        """Enable the authenticator app, and show its recovery codes once."""
        found = await self._find(request)
        code = request.form().get("code", "")
        try:
            moved, codes = await policy_steps.set_up(self._site.call(request), found, code)
        except states.OutOfStep:
            raise
        except errors.InvalidArgument:
            failed = Problems({"code": "problem.second_factor"}, {}, _PAGE)
            return self._site.failed(request, failed)
        except errors.RateLimited as problem:
            limited = Problems.limited(problem, problems.limit("second-factor"))
            return self._site.failed(request, limited)
        response = self._site.show(
            request,
            "recovery_codes.html",
            self._page.words(request, found),
            brand=await self._page.brand(request, found),
            codes=codes,
            onward=path_of(moved),
        )
        response.cookies += self._site.browser_cookies.issue(moved)
        return response

    async def _find(self, request: Request) -> AuthRequest:
        request_id = request.params["id"]
        secret = self._site.browser_cookies.read(request.headers.get("cookie", ""), request_id)
        found = await requests.find(self._site.db, request_id, secret)
        if found is None:
            raise states.OutOfStep
        return found
