"""An MCP server that accepts access tokens of Tenantry. Its tools require different scopes."""

import json
import os
from collections import defaultdict
from urllib.parse import urlsplit

import jwt
from anyio import to_thread
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

ENVIRONMENT = os.environ["SCALEKIT_ENVIRONMENT_URL"]
ISSUER = f"{ENVIRONMENT}/resources/{os.environ['RESOURCE_ID']}"
RESOURCE_URL = os.environ.get("RESOURCE_URL", "http://127.0.0.1:8000/mcp")
PATH = urlsplit(RESOURCE_URL).path
METADATA_URL = RESOURCE_URL.removesuffix(PATH) + "/.well-known/oauth-protected-resource" + PATH

READ, WRITE = "invoices:read", "invoices:write"
SCOPES = {"list_invoices": READ, "create_invoice": WRITE}  # by tool
MOST_BYTES = 1_000_000

keys = jwt.PyJWKClient(f"{ENVIRONMENT}/keys")
invoices: dict[str, list[int]] = defaultdict(list)  # by organization


class AccessTokens:
    """Verifies access tokens."""

    async def verify_token(self, token: str) -> AccessToken | None:
        try:
            claims = await to_thread.run_sync(verified_claims, token)
        except jwt.PyJWKClientConnectionError:
            raise  # status 500: a new token would not help
        except (jwt.InvalidTokenError, jwt.PyJWKClientError):
            return None
        return AccessToken(
            token=token,
            client_id=claims["client_id"],
            scopes=claims["scopes"],
            expires_at=claims["exp"],
            resource=RESOURCE_URL,
            subject=claims["sub"],
            claims=claims,
        )


def verified_claims(token: str) -> dict:
    return jwt.decode(
        token,
        keys.get_signing_key_from_jwt(token).key,
        algorithms=["RS256", "ES256"],
        issuer=ISSUER,
        audience=RESOURCE_URL,
        options={"require": ["exp", "sub", "oid", "client_id", "scopes"]},
    )


mcp = MCPServer(
    "Acme invoices",
    token_verifier=AccessTokens(),
    auth=AuthSettings(
        issuer_url=ISSUER,
        resource_server_url=RESOURCE_URL,
        required_scopes=[READ],  # of each request; clients ask for these first
        validate_token_resource=True,
    ),
)


def organization(tool: str) -> str:
    """Return the organization of the caller, whose token must have the scope of the tool."""
    token = get_access_token()
    if token is None or SCOPES[tool] not in token.scopes:
        raise PermissionError(SCOPES[tool])
    return token.claims["oid"]


@mcp.tool()
async def list_invoices() -> list[int]:
    """List the amounts of the invoices of the organization."""
    return invoices[organization("list_invoices")]


@mcp.tool()
async def create_invoice(amount: int) -> str:
    """Create an invoice of this amount."""
    invoices[organization("create_invoice")].append(amount)
    return "created"


async def step_up(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """Answer a call with a missing scope with 403, so that the client requests the scope.

    Tools cannot do this: their errors have status 200.
    """
    user = request.scope["user"]
    if isinstance(user, AuthenticatedUser) and request.method == "POST":
        if int(request.headers.get("content-length", MOST_BYTES + 1)) > MOST_BYTES:
            return Response(status_code=413)
        missing = scopes_of(await request.body()) - set(user.scopes)
        if missing:
            # With the granted scopes: some clients replace their scopes by these.
            named = " ".join(s for s in (READ, WRITE) if s in {*missing, *user.scopes})
            challenge = f'Bearer error="insufficient_scope", scope="{named}"'
            challenge += f', resource_metadata="{METADATA_URL}"'
            body = {"error": "insufficient_scope"}
            return JSONResponse(body, 403, {"WWW-Authenticate": challenge})
    return await call_next(request)


def scopes_of(body: bytes) -> set[str]:
    """Return the scopes that a JSON-RPC request requires."""
    try:
        match json.loads(body):
            case {"method": "tools/call", "params": {"name": str(tool)}} if tool in SCOPES:
                return {SCOPES[tool]}
    except ValueError:
        pass  # the SDK rejects the request
    return set()


app = mcp.streamable_http_app(streamable_http_path=PATH)
app.user_middleware.append(Middleware(BaseHTTPMiddleware, dispatch=step_up))  # after authentication
