"""How operators sign in and out: `/console/sign-in`, by a passkey."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tenantry.call import Call
from tenantry.core import errors, strict_json, urlencoded
from tenantry.core.caller import ANONYMOUS
from tenantry.endpoints.console.visit import ROOT
from tenantry.identity.connections.oidc.callback import CallbackResponse
from tenantry.identity.operators import passkeys, sessions
from tenantry.identity.operators import service as operators
from tenantry.identity.operators.provider import LIFE, LoginRefused
from tenantry.net.http import Cookie, Response
from tenantry.web.forms.problems import Problems
from tenantry.web.rendering import json_response
from tenantry.web.site import query

if TYPE_CHECKING:
    from tenantry.endpoints.console.visit import ConsoleSite
    from tenantry.net.http import Request

PATH = f"{ROOT}/sign-in"
_OWN = re.compile(rf"{ROOT}(?:/[\w.~%/-]*)?(?:\?[\w.~%=&+:-]*)?", re.ASCII)
_NEXT_MAX = 2500  # characters: that of /console/authorize has a client ID
_ANSWER_SECONDS = 12  # that the provider's endpoints may take together


class SigningIn:
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site
        self._relying_party = site.context.relying_party
        # Lax: the provider sends the browser back from another site.
        self._way = Cookie.of(
            site.public_url, "tenantry_console_way", seconds=LIFE // 1_000_000, same_site="lax"
        )

    async def show(self, request: Request) -> Response:
        """Show the ways to sign in."""
        return self._site.sign_in(request, next_of(query(request, "next")))

    async def options(self, request: Request) -> Response:
        """Answer the script with the options of `navigator.credentials.get`."""
        try:
            challenge_id, options = await passkeys.begin_authentication(
                self._call(request), self._relying_party
            )
        except errors.RateLimited as problem:
            said = self._site.words(request).plain("sign_in.limited")
            return json_response({"problem": said}, problem.status)
        return json_response({"challenge_id": challenge_id, "options": options})

    async def finish(self, request: Request) -> Response:
        """Begin a session of the operator whose passkey answered."""
        form = request.form()
        goal = next_of(form.get("next", ""))
        try:
            secret = await passkeys.finish_authentication(
                self._call(request),
                self._relying_party,
                form.get("challenge_id", "")[:64],
                credential_of(form),
            )
        except errors.InvalidArgument:
            refused = Problems({"": "sign_in.refused"}, {})
            return self._site.failed(request, refused, PATH, {"next": goal})
        return self._site.entered(goal, secret)

    async def to_provider(self, request: Request) -> Response:
        """Send the browser to the operators' identity provider."""
        goal = next_of(request.form().get("next", ""))
        request.tell(await self._site.context.rates.take_sign_in(request.address))
        try:
            address, kept = await self._site.provider.start(goal)
        except LoginRefused:
            return self._not_let_in(request)
        response = self._site.redirect(address)
        response.cookies.append(self._way.issue(kept))
        return response

    async def from_provider(self, request: Request) -> Response:
        """Begin a session of the operator that the provider vouches for."""
        kept = self._way.read(request.headers.get("cookie", ""))
        try:
            members = dict(urlencoded.members(request.query, most=20))
            async with asyncio.timeout(_ANSWER_SECONDS):
                secret, goal = await self._site.provider.finish(
                    self._call(request), kept, CallbackResponse(members)
                )
        except (LoginRefused, ValueError, TimeoutError):
            response = self._not_let_in(request)
        else:
            response = self._site.entered(goal, secret)
        response.cookies.append(self._way.clear())
        return response

    def _not_let_in(self, request: Request) -> Response:
        refused = Problems({"": "sign_in.not_let_in"}, {})
        return self._site.failed(request, refused, PATH)

    async def sign_out(self, request: Request) -> Response:
        """End the session of this browser."""
        secret = self._site.holder(request)
        session = await sessions.find(self._site.db, secret) if secret else None
        if session is not None:
            acting = replace(self._call(request), caller=operators.caller(session.operator))
            await operators.end_session(acting, session.operator.id, session.id)
        response = self._site.redirect(PATH)
        response.cookies.append(self._site.cookie.clear())
        return response

    def _call(self, request: Request) -> Call:
        return Call(ANONYMOUS, self._site.db, request.request_id, origin=request.origin)


def next_of(text: str) -> str:
    """Return the page of the console to go on to: its first one, where another cannot be."""
    return text if len(text) <= _NEXT_MAX and _OWN.fullmatch(text) else ROOT


def credential_of(form: dict[str, str]) -> dict[str, Any]:
    """Return what the script put into a form as the browser's answer."""
    try:
        credential = strict_json.loads(form.get("credential", ""))
    except ValueError:
        credential = None
    if not isinstance(credential, dict):
        raise errors.InvalidArgument.field("credential", "type", "must be an object")
    return credential
