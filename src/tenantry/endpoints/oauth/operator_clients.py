"""The authorization server of operators, for MCP clients: metadata, registration and tokens.

Its issuer is the console, where operators sign in and consent (`/console/authorize`). Its access
tokens are for `/mcp` only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.access.client_metadata import metadata as client_metadata
from tenantry.access.client_metadata.metadata import NONE, MetadataError
from tenantry.call import Call
from tenantry.core import errors, strict_json
from tenantry.core.caller import ANONYMOUS
from tenantry.core.times import SECOND, now
from tenantry.endpoints.oauth.errors import NO_STORE, OAuthError
from tenantry.identity.grants import pkce
from tenantry.identity.grants.model import InvalidGrant
from tenantry.identity.operators import grants
from tenantry.net.http import Response, Route

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.app_context import AppContext
    from tenantry.net.http import Request

_ROOT = "/console"
_CACHE = "public, max-age=60, stale-if-error=86400"
_METADATA_PATHS = (
    f"/.well-known/oauth-authorization-server{_ROOT}",
    f"/.well-known/openid-configuration{_ROOT}",
    f"{_ROOT}/.well-known/openid-configuration",
    f"{_ROOT}/.well-known/oauth-authorization-server",
)
_CODE, _REFRESH = "authorization_code", "refresh_token"


def routes(context: AppContext) -> list[Route]:
    """Return the routes; none where the console is disabled."""
    if not context.settings.console:
        return []
    endpoints = _Endpoints(context)
    # Clients in browsers of any origin: no cookie counts here.
    return [
        *(Route("GET", path, endpoints.metadata, public=True) for path in _METADATA_PATHS),
        Route("POST", f"{_ROOT}/register", endpoints.register, public=True),
        Route("POST", f"{_ROOT}/token", endpoints.token, public=True),
        Route("POST", f"{_ROOT}/revoke", endpoints.revoke, public=True),
    ]


class _Endpoints:
    def __init__(self, context: AppContext) -> None:
        self._db = context.db
        self._rates = context.rates
        self._clients = context.unstored_clients
        self._public_url = context.settings.public_url

    async def metadata(self, _request: Request) -> Response:
        """Return the metadata of the authorization server (RFC 8414 section 2)."""
        issuer = self._public_url + _ROOT
        document = {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "registration_endpoint": f"{issuer}/register",
            "revocation_endpoint": f"{issuer}/revoke",
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": [_CODE, _REFRESH],
            "scopes_supported": list(grants.SCOPES),
            "code_challenge_methods_supported": [pkce.METHOD],
            "token_endpoint_auth_methods_supported": [NONE],
            "revocation_endpoint_auth_methods_supported": [NONE],
            "authorization_response_iss_parameter_supported": True,
            "client_id_metadata_document_supported": True,
            "protected_resources": [f"{self._public_url}/mcp"],
        }
        return Response.json(document, cache_control=_CACHE)

    async def register(self, request: Request) -> Response:
        """Register a public client (RFC 7591 section 3.1); other methods become `none`."""
        try:
            members = _members(request)
            given = client_metadata.parse({**members, "token_endpoint_auth_method": NONE})
            request.tell(await self._rates.take_registration(request.address))
            client_id = self._clients.register(given)
        except MetadataError as problem:
            return OAuthError(problem.error, problem.description).response()
        except errors.RateLimited as problem:
            return OAuthError.of(problem).response()
        answer: dict[str, Any] = {
            "client_id": client_id,
            "client_id_issued_at": now() // SECOND,
            "client_name": given.name,
            "redirect_uris": list(given.redirect_uris),
            "grant_types": [_CODE, _REFRESH],
            "response_types": ["code"],
            "token_endpoint_auth_method": NONE,
            "application_type": given.application_type,
            "scope": " ".join(grants.SCOPES),
        }
        response = Response.json(answer, 201)
        response.headers |= NO_STORE
        return response

    async def token(self, request: Request) -> Response:
        """Return tokens for a code or a refresh token."""
        try:
            form = request.form()
            tokens = await self._tokens(request, form)
        except OAuthError as problem:
            return problem.response()
        except InvalidGrant as problem:
            return await self._refused(request, str(problem))
        except OAuthError.TRANSLATED as problem:
            return OAuthError.of(problem).response()
        response = Response.json(
            {
                "access_token": tokens.access_token,
                "token_type": "Bearer",
                "expires_in": grants.TOKEN_SECONDS,
                "refresh_token": tokens.refresh_token,
                "scope": " ".join(tokens.scopes),
            }
        )
        response.headers |= NO_STORE
        return response

    async def revoke(self, request: Request) -> Response:
        """Revoke the grant of a token (RFC 7009); the response is the same for other texts."""
        try:
            form = request.form()
        except OAuthError.TRANSLATED as problem:
            return OAuthError.of(problem).response()
        await grants.revoke_token(
            self._call(request), form.get("token", ""), client_id=form.get("client_id", "")
        )
        return Response(200, b"", dict(NO_STORE))

    async def _tokens(self, request: Request, form: Mapping[str, str]) -> grants.Tokens:
        call, client_id = self._call(request), form.get("client_id", "")
        resource = form.get("resource", "").rstrip("/")
        if resource and resource != f"{self._public_url}/mcp":
            raise OAuthError("invalid_target", f"resource must be {self._public_url}/mcp")
        match form.get("grant_type"):
            case "authorization_code":
                return await grants.redeem(
                    call,
                    form.get("code", ""),
                    client_id=client_id,
                    redirect_uri=form.get("redirect_uri", ""),
                    verifier=form.get("code_verifier", ""),
                )
            case "refresh_token":
                return await grants.refresh(
                    call, form.get("refresh_token", ""), client_id=client_id
                )
            case None:
                raise OAuthError("invalid_request", "grant_type is missing")
            case _:
                raise OAuthError(
                    "unsupported_grant_type", f"grant_type must be {_CODE} or {_REFRESH}"
                )

    async def _refused(self, request: Request, description: str) -> Response:
        try:
            request.tell(await self._rates.take_failure(request.address))
        except errors.RateLimited as problem:
            return OAuthError.of(problem).response()
        return OAuthError("invalid_grant", description).response()

    def _call(self, request: Request) -> Call:
        return Call(ANONYMOUS, self._db, request.request_id, origin=request.origin)


def _members(request: Request) -> dict[str, Any]:
    """Return the members of a JSON body of any content type.

    Raises:
        MetadataError: the body is no JSON object.

    """
    try:
        members = strict_json.loads(request.body)
    except ValueError:
        members = None
    if not isinstance(members, dict) or strict_json.has_nul(members, spelled=request.body):
        raise MetadataError(client_metadata.INVALID_METADATA, "the body must be a JSON object")
    return members
