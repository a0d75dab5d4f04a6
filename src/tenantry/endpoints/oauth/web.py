"""The HTTP routes of this package for programs: the endpoints of clients, keys, discovery."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.access.clients.model import NONE
from tenantry.crypto.jws import ALGORITHMS
from tenantry.endpoints.oauth import logout, resource_metadata
from tenantry.endpoints.oauth.authorization import endpoint as authorize
from tenantry.endpoints.oauth.authorization import request
from tenantry.endpoints.oauth.authorization.id_token_hints import IdTokenHints
from tenantry.endpoints.oauth.client_authentication import METHODS, ClientAuthentication
from tenantry.endpoints.oauth.grant_types import (
    authorization_code,
    client_credentials,
    identity_assertion,
    refresh_token,
    token_exchange,
)
from tenantry.endpoints.oauth.grant_types.identity_assertion_request import (
    TOKEN_TYPE,
    IdentityAssertionRequest,
)
from tenantry.endpoints.oauth.introspection import IntrospectionEndpoint
from tenantry.endpoints.oauth.registration import RegistrationEndpoint
from tenantry.endpoints.oauth.resource_metadata import ResourceMetadata
from tenantry.endpoints.oauth.revocation import RevocationEndpoint
from tenantry.endpoints.oauth.token import TokenEndpoint
from tenantry.endpoints.oauth.userinfo import PATH as USERINFO
from tenantry.endpoints.oauth.userinfo import UserInfoEndpoint
from tenantry.i18n.languages import LANGUAGES
from tenantry.identity.grants import claims, pkce
from tenantry.identity.sign_in import answers
from tenantry.identity.tokens.id_tokens import ALGORITHM, IdTokens
from tenantry.identity.tokens.issued_assertions import IssuedAssertions
from tenantry.net.http import Request, Response, Route

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenantry.app_context import AppContext
    from tenantry.endpoints.oauth.grant_types import Grant

# RFC 5861: a stale answer is better than nothing while we cannot be reached.
_CACHE = "public, max-age=60, stale-if-error=86400"


def routes(context: AppContext) -> list[Route]:
    """Return the routes that programs use."""
    db, ring, rates, issuer = context.db, context.ring, context.rates, context.settings.public_url
    tokens, user_tokens, templates = context.tokens, context.user_tokens, context.token_templates
    resource_tokens = context.resource_tokens
    of_client = ClientAuthentication(
        db,
        context.clients,
        context.secret_uses,
        rates,
        issuer=issuer,
        document_clients=context.document_clients,
    )
    id_tokens = IdTokens(ring, issuer, compact=context.settings.compact_tokens)
    grants: dict[str, Grant] = {
        authorization_code.GRANT_TYPE: authorization_code.AuthorizationCode(
            user_tokens, resource_tokens, id_tokens, templates, issuer=issuer
        ),
        refresh_token.GRANT_TYPE: refresh_token.RefreshToken(
            user_tokens, resource_tokens, templates
        ),
        client_credentials.GRANT_TYPE: client_credentials.ClientCredentials(
            context.clients, tokens, resource_tokens, context.interceptors
        ),
        token_exchange.GRANT_TYPE: token_exchange.TokenExchange(
            user_tokens,
            context.delegated_tokens,
            context.resources,
            templates=templates,
            interceptors=context.interceptors,
            assertions=IdentityAssertionRequest(
                IdTokenHints(ring, issuer), IssuedAssertions(db, ring, issuer)
            ),
            issuer=issuer,
            by_resource=context.settings.resource_token_issuer == "resource",  # noqa: S105
        ),
        identity_assertion.GRANT_TYPE: identity_assertion.IdentityAssertionGrant(
            db, resource_tokens, context.openid, templates, issuer=issuer
        ),
    }
    token = TokenEndpoint(
        db,
        of_client,
        grants,
        resources=context.resources,
        token_events=context.token_events,
        rates=rates,
        issuer=issuer,
    )
    introspection = IntrospectionEndpoint(
        of_client,
        db,
        tokens,
        user_tokens,
        resource_tokens=resource_tokens,
        delegated_tokens=context.delegated_tokens,
        api_tokens=context.api_tokens,
        api_token_uses=context.api_token_uses,
        rates=rates,
        issuer=issuer,
    )
    revocation = RevocationEndpoint(
        db,
        of_client,
        context.clients,
        tokens,
        user_tokens,
        resource_tokens=resource_tokens,
        delegated_tokens=context.delegated_tokens,
        api_tokens=context.api_tokens,
        rates=rates,
    )
    userinfo = UserInfoEndpoint(user_tokens, templates, rates)
    # Only resources accept assertions: their metadata adds the grant type.
    metadata = discovery(issuer, [name for name in grants if name != identity_assertion.GRANT_TYPE])

    async def keys(_request: Request) -> Response:
        published = await ring.published()
        # RFC 9111 section 5.1: more than a second or two while the database is unavailable.
        return Response.json(published, cache_control=_CACHE, age=str(ring.age))

    async def discovered(_request: Request) -> Response:
        return Response.json(metadata, cache_control=_CACHE)

    registration = RegistrationEndpoint(db, context.resources, rates, public_url=issuer)
    of_resources = ResourceMetadata(context.resources, metadata, issuer)
    return [
        *of_resources.routes(),
        *registration.routes(),
        Route("POST", resource_metadata.TOKEN_PATH, token, public=True),
        Route("POST", resource_metadata.REVOCATION_PATH, revocation, public=True),
        # Pages of applications fetch their tokens themselves: no cookie counts here.
        Route("POST", "/oauth/token", token, public=True),
        Route("POST", "/oauth/introspect", introspection),
        Route("POST", "/oauth/revoke", revocation),
        Route("GET", USERINFO, userinfo, public=True),
        Route("POST", USERINFO, userinfo, public=True),
        Route("GET", "/keys", keys, public=True),
        Route("GET", "/.well-known/openid-configuration", discovered, public=True),
        Route("GET", "/.well-known/oauth-authorization-server", discovered, public=True),
    ]


def discovery(issuer: str, grant_types: Iterable[str]) -> dict[str, object]:
    """Return the metadata of RFC 8414 section 2, and of OpenID Connect: only served features."""
    metadata: dict[str, object] = {
        "issuer": issuer,
        "authorization_endpoint": issuer + authorize.PATH,
        "token_endpoint": f"{issuer}/oauth/token",
        "introspection_endpoint": f"{issuer}/oauth/introspect",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "userinfo_endpoint": issuer + USERINFO,
        "end_session_endpoint": issuer + logout.PATH,
        "jwks_uri": f"{issuer}/keys",
        "response_types_supported": ["code"],
        "response_modes_supported": list(answers.RESPONSE_MODES),
        "grant_types_supported": list(grant_types),
        # draft-ietf-oauth-identity-chaining section 4
        "identity_chaining_requested_token_types_supported": [TOKEN_TYPE],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "scopes_supported": list(claims.SCOPES),
        "claims_supported": list(claims.CLAIMS),
        "code_challenge_methods_supported": [pkce.METHOD],
        "prompt_values_supported": list(request.PROMPTS),
        # RFC 9207
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "ui_locales_supported": list(LANGUAGES),
        "service_documentation": f"{issuer}/docs",
    }
    for endpoint in ("token", "introspection", "revocation"):
        metadata[f"{endpoint}_endpoint_auth_methods_supported"] = list(METHODS)
        metadata[f"{endpoint}_endpoint_auth_signing_alg_values_supported"] = list(ALGORITHMS)
    # By its name alone a public client may get tokens, and nothing else.
    metadata["token_endpoint_auth_methods_supported"] = [*METHODS, NONE]
    return metadata
