"""The HTTP routes of this package that browsers come to, sent by an application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.access.clients.uris import redirect_uris
from tenantry.endpoints.oauth import logout, resource_metadata
from tenantry.endpoints.oauth.authorization import endpoint
from tenantry.endpoints.oauth.authorization.endpoint import AuthorizationEndpoint
from tenantry.endpoints.oauth.authorization.id_token_hints import IdTokenHints
from tenantry.endpoints.oauth.authorization.registered_uris import RegisteredUris
from tenantry.endpoints.oauth.logout import LogoutEndpoint
from tenantry.identity.federation.provider_logout import ProviderLogout
from tenantry.net.http import Route
from tenantry.web import answers

if TYPE_CHECKING:
    from tenantry.app_context import AppContext


def routes(context: AppContext) -> list[Route]:
    """Return the routes that browsers use."""
    db, settings = context.db, context.settings
    issuer = settings.public_url
    production = redirect_uris.is_production(issuer, development=settings.development)
    registered = RegisteredUris(context.clients, production=production)
    hints = IdTokenHints(context.ring, issuer)
    authorization = AuthorizationEndpoint(
        db,
        registered,
        context.sign_in,
        hints,
        resources=context.resources,
        document_clients=context.document_clients,
        rates=context.rates,
        session_cookie=context.session_cookie,
        browser_cookies=context.browser_cookies,
    )
    end_session = LogoutEndpoint(
        db,
        registered,
        hints,
        settings,
        ProviderLogout(db, settings, context.openid),
        themes=context.themes,
        session_cookie=context.session_cookie,
    )
    return [
        Route("GET", endpoint.PATH, authorization),
        Route("POST", endpoint.PATH, authorization.post),
        Route("GET", resource_metadata.AUTHORIZE_PATH, authorization),
        Route("POST", resource_metadata.AUTHORIZE_PATH, authorization.post),
        answers.SCRIPT.route,
        Route("GET", logout.PATH, end_session),
        Route("POST", logout.PATH, end_session.post),
    ]
