"""The token endpoint (RFC 6749): client_credentials, secret in the form or by Basic."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from tenantry import errors
from tenantry.clients import service as clients
from tenantry.web import Response

if TYPE_CHECKING:
    from tenantry.db.engine import Database
    from tenantry.oauth.access_tokens import AccessTokens
    from tenantry.web import Request

_NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}  # section 5.1


class OAuthError(Exception):
    """An error of RFC 6749 section 5.2."""

    def __init__(self, error: str, description: str, *, basic: bool = False) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.basic = basic

    def response(self) -> Response:
        """Return the error as the specification answers it."""
        failed = self.error == "invalid_client"
        body = {"error": self.error, "error_description": self.description}
        response = Response.json(body, 401 if failed else 400)
        response.headers.update(_NO_STORE)
        if failed and self.basic:
            response.headers["www-authenticate"] = 'Basic realm="token"'
        return response


class TokenEndpoint:
    """POST /oauth/token."""

    def __init__(self, db: Database, tokens: AccessTokens) -> None:
        self._db = db
        self._tokens = tokens

    async def __call__(self, request: Request) -> Response:
        """Answer one token request; every failure in the form of RFC 6749."""
        try:
            return await self._grant(request)
        except OAuthError as problem:
            return problem.response()
        except (errors.InvalidArgument, errors.UnsupportedMediaType) as problem:
            return OAuthError("invalid_request", problem.message).response()

    async def _grant(self, request: Request) -> Response:
        form = request.form()
        grant = form.get("grant_type")
        if not grant:
            raise OAuthError("invalid_request", "grant_type is required")
        if grant != "client_credentials":
            raise OAuthError("unsupported_grant_type", "grant_type must be client_credentials")
        client_id, secret, basic = _credentials(request, form)
        client = await clients.authenticate(self._db, client_id, secret)
        if client is None:
            raise OAuthError("invalid_client", "unknown client or wrong secret", basic=basic)
        issued = await self._tokens.issue(client.id)
        response = Response.json(
            {
                "access_token": issued.token,
                "token_type": "Bearer",
                "expires_in": issued.expires_in,
                "scope": "",
            }
        )
        response.headers.update(_NO_STORE)
        return response


def _credentials(request: Request, form: dict[str, str]) -> tuple[str, str, bool]:
    """Return client id, secret, and whether they came by Basic (section 2.3.1).

    A Bearer header is not looked at: some SDKs send their stale access token along.
    """
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        if "client_secret" in form:
            raise OAuthError("invalid_request", "credentials are given twice", basic=True)
        try:
            pair = base64.b64decode(encoded.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise OAuthError(
                "invalid_client", "the Basic credentials cannot be read", basic=True
            ) from None
        name, _, secret = pair.partition(":")
        client_id = unquote_plus(name)
        if form.get("client_id", client_id) != client_id:
            raise OAuthError("invalid_request", "two different client_id", basic=True)
        return client_id, unquote_plus(secret), True
    client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
    if not client_id or not secret:
        raise OAuthError("invalid_client", "client_id and client_secret are required")
    return client_id, secret, False
