"""The HTTP routes of the sign-in pages.

`/login/{id}` shows what the auth request waits for. A step is a form that is posted below it: when
it is taken, the browser is sent back to `/login/{id}`, or on to the application; when it is not,
it is sent back to the same page, which says why. No GET of a link from a mail changes anything, so
programs that follow it do no harm.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tenantry.access.clients import reading as clients
from tenantry.access.clients.reading import ClientIdentifier
from tenantry.access.clients.uris import return_targets
from tenantry.core import errors
from tenantry.endpoints.login import problems
from tenantry.endpoints.login.invitations import Invitations
from tenantry.endpoints.login.not_me import NotMe
from tenantry.endpoints.login.page import SignInPage, path_of
from tenantry.endpoints.login.second_factor_setup import SecondFactorSetup
from tenantry.endpoints.login.site import LoginSite
from tenantry.endpoints.login.steps import STEPS, FormInput, page_of
from tenantry.identity.authenticators.passwordless.model import EXPIRED, GOOD, USED
from tenantry.identity.known_origins import cookies as device_cookies
from tenantry.identity.security_notices import links
from tenantry.identity.sign_in import (
    beginning,
    completing,
    consenting,
    login_requirements,
    verification,
)
from tenantry.identity.sign_in.auth_requests import refusals, requests, states
from tenantry.identity.sign_in.auth_requests.refusals import Refusal
from tenantry.identity.sign_in.federated import completion
from tenantry.identity.sign_in.model import AuthRequest
from tenantry.net.http import Request, Response, Route
from tenantry.tenants.organizations.policy import Refusal as PolicyRefusal
from tenantry.web import answers as answer_pages
from tenantry.web.forms import boxes
from tenantry.web.forms.problems import Problems
from tenantry.web.rendering import HEADERS, json_response
from tenantry.web.site import query

if TYPE_CHECKING:
    from tenantry.access.clients.model import Client
    from tenantry.access.clients.uris.return_targets import ReturnTarget
    from tenantry.app_context import AppContext
    from tenantry.identity.sign_in.dependencies import SignInDependencies
    from tenantry.identity.sign_in.model import AuthorizationResponse

_TOKEN_MAX = 200  # characters of a link's token that go back into an address
# The pages of links that are not taken.
_LINKS = {
    USED: "link_used",
    EXPIRED: "link_expired",
    verification.FOREIGN: "other_browser",
    verification.WRONG: "link_wrong",
}


def routes(context: AppContext) -> list[Route]:
    site = LoginSite(context)
    sign_in_page = SignInPage(site, context.sign_in)
    login = Login(site, sign_in_page, context.sign_in)
    setup = SecondFactorSetup(site, sign_in_page, issuer=context.relying_party.name)
    invitations = Invitations(site, context.sign_in)
    not_me = NotMe(site)
    page, form = site.page, site.form
    return site.served(
        [
            *context.themes.routes(),
            site.script.route,
            Route("GET", "/login/error/{error_id}", page(login.error)),
            Route("GET", "/login/{id}", page(login.show)),
            *(
                Route("POST", f"/login/{{id}}/{name}", form(functools.partial(login.step, name)))
                for name in STEPS
            ),
            Route("GET", "/login/{id}/setup.svg", page(setup.picture)),
            Route("POST", "/login/{id}/set-up", form(setup.enable)),
            Route("POST", "/login/{id}/passkey/options", site.own(login.passkey_options)),
            Route("POST", "/login/{id}/forgotten", form(login.forgotten)),
            Route("POST", "/login/{id}/resend", form(login.resend)),
            Route("POST", "/login/{id}/restart", form(login.restart)),
            Route("POST", "/login/{id}/cancel", form(login.cancel)),
            Route("GET", "/login/{id}/sso", page(login.arrive)),
            Route("GET", "/login/{id}/link", page(login.link)),
            Route("GET", "/login/{id}/waits", page(login.waits)),
            Route("POST", "/login/{id}/link", form(login.open_link)),
            Route("GET", "/invitations/{token}", page(invitations.show)),
            Route("POST", "/invitations/{token}", form(invitations.accept)),
            Route("GET", f"{links.PATH}{{token}}", page(not_me.show)),
            Route("POST", f"{links.PATH}{{token}}", form(not_me.disown)),
        ]
    )


class Login:
    """Handlers of the paths below `/login`."""

    def __init__(self, site: LoginSite, page: SignInPage, dependencies: SignInDependencies) -> None:
        settings = dependencies.settings
        self._site = site
        self._dependencies = dependencies
        self._page = page
        self._development = settings.development

    async def show(self, request: Request) -> Response:
        """Show what the auth request waits for; one that waits for nothing is completed."""
        found = await self._find(request)
        if found is None:
            # A browser that keeps no cookies would come back for ever: it gets the page.
            kept = self._site.browser_cookies.secrets(request.headers.get("cookie", ""))
            return await self._gone(request, moves_on=bool(kept))
        if found.state != states.ORGANIZATION_SELECTED and found.error is None:
            return await self._page.render(request, found)
        if request.verb == "HEAD":
            return Response(200, b"", dict(HEADERS))
        return await self._complete(request, found)

    async def step(self, name: str, request: Request) -> Response:
        """Take a step: the form is proof of something, or a choice."""
        found = await self._find(request)
        if found is None:
            return await self._gone(request)
        form = boxes.form(request) if STEPS[name].boxes else request.form()
        given = FormInput(form)
        try:
            found = await STEPS[name].take(
                self._dependencies, self._site.call(request), found, given
            )
        except states.OutOfStep:
            raise
        except errors.InvalidArgument as problem:
            page = page_of(name, given)
            keys = problems.keys("recovery" if page == "recovery" else name, problem)
            failed = Problems(keys, given.to_json, page)
            return self._site.failed(request, failed, members={"page": page})
        except errors.RateLimited as problem:
            # The other ways are counted by themselves: they are on the same page.
            page = page_of(name, given)
            limited = Problems.limited(problem, problems.limit(name))
            failed = replace(limited, given=given.to_json, page=page)
            return self._site.failed(request, failed, members={"page": page})
        return await self._proceed(request, found)

    async def passkey_options(self, request: Request) -> Response:
        """Answer, to our script, with what a browser asks for a passkey with."""
        found = await self._find(request)
        if found is None:
            raise errors.NotFound("auth request")
        call = self._site.call(request)
        challenge_id, options = await verification.passkey_options(self._dependencies, call, found)
        return Response.json({"challenge_id": challenge_id, "options": options})

    async def forgotten(self, request: Request) -> Response:
        """Show the page that resets a password, with the email address that was typed."""
        if await self._find(request) is None:
            return await self._gone(request)
        typed = Problems(given={"email": request.form().get("email", "")}, page="reset")
        return self._site.failed(request, typed, members={"page": "reset"})

    async def resend(self, request: Request) -> Response:
        """Send the mail again."""
        found = await self._find(request)
        if found is None:
            return await self._gone(request)
        try:
            await verification.resend_email(self._site.call(request), found)
        except errors.RateLimited as problem:
            return self._site.failed(request, Problems.limited(problem, problems.limit("resend")))
        return self._site.redirect(f"{path_of(found)}?sent=again")

    async def restart(self, request: Request) -> Response:
        """Begin anew, from the first page on."""
        found = await self._find(request)
        if found is None:
            return await self._gone(request)
        await self._site.context.rates.take_sign_in(request.origin.address)
        begun = await beginning.again(self._site.call(request), found)
        response = self._site.redirect(login_requirements.path(begun))
        cookies = self._site.browser_cookies
        response.cookies = cookies.make_room(request.origin.cookies) + cookies.issue(begun)
        return response

    async def cancel(self, request: Request) -> Response:
        """End it, and tell the application; a choice alone leads back to where one was."""
        found = await self._find(request)
        if found is None:
            return await self._gone(request)
        call = self._site.call(request)
        if found.state == states.POLICY_REFUSED:
            said = PolicyRefusal(found.facts.refusal).sentence
            answer = await completing.cancel(self._dependencies, call, found, description=said)
            return self._back(request, answer, found)
        answer = await completing.cancel(self._dependencies, call, found)
        session = await self._site.session(request)
        if session is not None:
            client = await self._client(found.client_id)
            stays = await beginning.stay(self._dependencies, call, client, found, session)
            answer = stays or answer
        return self._back(request, answer, found)

    async def arrive(self, request: Request) -> Response:
        """Go on with the answer of a provider, whose handler has led the browser back here."""
        if request.verb == "HEAD":
            return Response(200, b"", dict(HEADERS))
        found = await self._find(request)
        if found is None:
            return await self._gone(request)
        arrived = await completion.arrive(
            self._dependencies, self._site.call(request), found, query(request, "arrival")
        )
        return await self._proceed(request, arrived)

    async def link(self, request: Request) -> Response:
        """Show a button: programs that look into mails follow links, and press none.

        A link that would not be taken is told from others before that.
        """
        found, token = await self._find(request), query(request, "link_token")
        if found is not None and found.state not in verification.SENT:
            return self._site.redirect(path_of(found))
        request_id = request.params["id"]
        state = await verification.look_at_link(
            self._dependencies, self._site.db, request_id, found, token[:_TOKEN_MAX]
        )
        if state == GOOD or found is not None:
            return self._site.show(
                request,
                "link.html" if state == GOOD else "old_link.html",
                self._page.words(request, found),
                action=request.path,
                token=token,
                key=_LINKS.get(state, ""),
                code_path="" if found is None else path_of(found),
                email="" if found is None else found.email,
                brand=None if found is None else await self._page.brand(request, found),
            )
        way = await requests.return_target(self._site.db, request_id)
        status = 200 if state == verification.FOREIGN else 410
        return self._over(request, _LINKS[state], way, status)

    async def waits(self, request: Request) -> Response:
        """Answer, to our script, whether a page still waits for a mail, or its link was opened.

        A page whose time is up goes on waiting: its form says so.
        """
        found = await self._find(request)
        if found is None:
            waits = not await self._is_completed(request)
        else:
            # It is completed just now, in the browser tab of the link.
            waits = found.state in {*verification.SENT, states.ORGANIZATION_SELECTED}
        return json_response({"waits": waits})

    async def open_link(self, request: Request) -> Response:
        """Take the link from a mail for a proof; where that is allowed, in any browser."""
        found = await self._find(request)
        token, call = request.form().get("token", ""), self._site.call(request)
        try:
            if found is not None:
                proved = await verification.verify_link(self._dependencies, call, found, token)
            else:
                elsewhere = await verification.verify_link_elsewhere(
                    self._dependencies, call, request.params["id"], token
                )
                if elsewhere is None:
                    return self._site.message(request, "other_browser", status=410)
                proved = elsewhere
        except states.OutOfStep:
            raise
        except errors.InvalidArgument:
            # Its page says why.
            members = urlencode({"link_token": token[:_TOKEN_MAX]})
            return self._site.redirect(f"{request.path}?{members}")
        return await self._proceed(request, proved)

    async def error(self, request: Request) -> Response:
        """Say why an application's request was refused."""
        error_id = request.params["error_id"]
        found = refusals.find(self._site.db, error_id)
        if found is None:
            return await self._site.leaving(request, "gone", status=404)
        request.context.error, request.context.error_id = found.refusal.error, error_id
        way = await return_targets.of_client_or_only(self._site.db, found.client_id)
        came = ""
        registered: tuple[str, ...] = ()
        is_unregistered = found.refusal is Refusal.REDIRECT_URI_UNKNOWN
        if self._development and is_unregistered and found.client_id is not None:
            client = await self._client(found.client_id)
            came, registered = query(request, "redirect_uri"), client.post_login_uris
        said_in = self._site.words(request)
        return self._site.pages.render(
            "failed.html",
            said_in,
            status=400,
            key="failed",
            said=found.refusal.description,
            quoted=error_id,
            link=way and self._site.link(way, said_in, starts_again=True),
            came=came,
            registered=registered,
        )

    async def _client(self, client_id: str) -> Client:
        """Return an application, or a client of a resource."""
        return await clients.get(self._site.db, ClientIdentifier(client_id, anywhere=True))

    async def _find(self, request: Request) -> AuthRequest | None:
        request_id = request.params["id"]
        secret = self._site.browser_cookies.read(request.headers.get("cookie", ""), request_id)
        return await requests.find(self._site.db, request_id, secret)

    async def _proceed(self, request: Request, found: AuthRequest) -> Response:
        if found.state in {states.ORGANIZATION_SELECTED, states.FAILED}:
            response = await self._complete(request, found)
        else:
            response = self._site.redirect(login_requirements.path(found))
        response.cookies += self._site.browser_cookies.issue(found)
        return response

    async def _complete(self, request: Request, found: AuthRequest) -> Response:
        if found.error is not None and found.state != states.FAILED:
            # The application has told the end, and the browser comes for it only now.
            answer = await completing.cancel(
                self._dependencies,
                self._site.call(request),
                found,
                found.error["error"],
                found.error["error_description"],
            )
            return self._back(request, answer, found)
        if found.state == states.ORGANIZATION_SELECTED:
            asked = await consenting.ask(self._site.call(request), found)
            if asked is not None:
                return self._site.redirect(path_of(asked))
        session = await self._site.session(request)
        done = await completing.complete(
            self._dependencies, self._site.call(request), found, session=session
        )
        if isinstance(done, AuthRequest):  # a step that the organization's policy asks for
            response = self._site.redirect(login_requirements.path(done))
            response.cookies += self._site.browser_cookies.issue(done)
            return response
        response = self._back(request, done.answer, found)
        if done.secret is not None:
            response.cookies.append(self._site.session_cookie.issue(done.secret))
        if done.devices:
            response.cookies.append(device_cookies.issue(self._site.public_url, done.devices))
        return response

    def _back(
        self, request: Request, answer: AuthorizationResponse, found: AuthRequest
    ) -> Response:
        accepted = request.headers.get("accept-language", "")
        return answer_pages.response(answer, accepted, found.params.ui_locales)

    async def _gone(self, request: Request, *, moves_on: bool = False) -> Response:
        """Return the page of a sign-in that is over, or the way to where one begins again."""
        way = await requests.return_target(self._site.db, request.params["id"])
        if way is None:
            return await self._site.leaving(request, "gone", status=410)
        if way.begins and moves_on:
            return self._site.redirect(way.uri)
        went_on = await self._is_completed(request) and await self._site.session(request)
        return self._over(request, "went_on" if went_on else "gone", way, 410)

    def _over(self, request: Request, key: str, way: ReturnTarget | None, status: int) -> Response:
        """Return a page that says one thing of a sign-in of an application."""
        brand = self._site.pages.theme.brand.of_client("" if way is None else way.app)
        return self._site.message(request, key, status=status, way=way, brand=brand)

    async def _is_completed(self, request: Request) -> bool:
        request_id = request.params["id"]
        secret = self._site.browser_cookies.read(request.headers.get("cookie", ""), request_id)
        return await requests.is_completed(self._site.db, request_id, secret)
