"""The UserInfo endpoint (OpenID Connect Core section 5.3): who the bearer of a token speaks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.core.caller import signed_in
from tenantry.endpoints.oauth.errors import NO_STORE, OAuthError, plain
from tenantry.identity.grants import claims
from tenantry.net.http import Response

if TYPE_CHECKING:
    from tenantry.identity.token_templates.issuing import TokenTemplates
    from tenantry.identity.tokens.user_tokens import UserTokens
    from tenantry.net.http import Request
    from tenantry.rate_limits.rates import Rates

PATH = "/userinfo"


class UserInfoEndpoint:
    """GET and POST /userinfo."""

    def __init__(self, tokens: UserTokens, templates: TokenTemplates, rates: Rates) -> None:
        self._tokens = tokens
        self._templates = templates
        self._rates = rates

    async def __call__(self, request: Request) -> Response:
        """Answer with the claims that the token's scopes ask for; errors as of RFC 6750."""
        try:
            text = _token_of(request)
        except errors.InvalidArgument as problem:
            return _refusal("invalid_request", problem.message, 400)
        if not text:
            # Section 3.1: a request without any token is told no error.
            return Response(401, b"", {"www-authenticate": "Bearer", **NO_STORE})
        try:
            token = await self._tokens.verify(text)
        except errors.Unauthenticated as problem:
            return _refusal("invalid_token", problem.message, 401)
        person = token.subject
        request.context.caller = signed_in(
            person.user.id, person.organization_id, person.session_id
        )
        try:
            request.tell(await self._rates.take_client(token.client_id))
        except errors.RateLimited as problem:
            return OAuthError.of(problem).response()
        if "openid" not in token.scopes:
            return _refusal("insufficient_scope", "the token has no scope openid", 403)
        more = await self._templates.claims(token.subject)
        response = Response.json(claims.userinfo(token.subject, token.scopes, more))
        response.headers |= NO_STORE
        return response


def _token_of(request: Request) -> str:
    """Return the token that a header or a form brings (RFC 6750 section 2), "" without one."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    text = text.strip() if scheme.lower() == "bearer" else ""
    if request.verb != "POST" or request.media_type != "application/x-www-form-urlencoded":
        return text
    sent = request.form().get("access_token", "")
    if sent and text:
        raise errors.InvalidArgument("the token must be sent in a header or in a form, not in both")
    return sent or text


def _refusal(error: str, description: str, status: int) -> Response:
    response = OAuthError(error, description, status=status).response()
    scope = ', scope="openid"' if error == "insufficient_scope" else ""
    response.headers["www-authenticate"] = (
        f'Bearer error="{error}", error_description="{plain(description)}"{scope}'
    )
    return response
