"""How far the settings of a connection are: which of those that a sign-in needs are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.identity.connections.model import (
    COMPLETED,
    DRAFT,
    GOOGLE_DWD,
    IDP_SIMULATOR,
    IN_PROGRESS,
    OAUTH,
    OIDC,
    SAML,
)
from tenantry.identity.connections.providers.social_providers import PROVIDERS
from tenantry.identity.connections.settings import PRIVATE_KEY_JWT

if TYPE_CHECKING:
    from tenantry.identity.connections.model import Connection

# By type: the part of the contract's message that has its settings.
CONFIG = {OIDC: "oidc_config", SAML: "saml_config", OAUTH: "oauth_config"}
APP_CONFIG = {OAUTH: "oauth_config", GOOGLE_DWD: "google_dwd_config"}  # of applications
_OIDC = ("issuer", "authorize_uri", "token_uri", "jwks_uri", "client_id")
_SAML = ("idp_entity_id", "idp_sso_url", "idp_certificates")
_APP = ("client_id", "authorize_uri", "token_uri")
_OAUTH = ("client_id", "authorize_uri", "token_uri", "user_info_uri")


def missing(connection: Connection) -> tuple[str, ...]:
    """Return the settings that a sign-in needs and that are not there, by the contract's names."""
    if connection.provider == IDP_SIMULATOR or connection.type not in CONFIG:
        return ()
    settings = connection.settings
    if settings.get("login_uri"):
        return ()
    lacking = tuple(name for name in _needed(connection) if not settings.get(name))
    by_secret = connection.type != SAML and settings.get("token_auth_type") != PRIVATE_KEY_JWT
    return (*lacking, "client_secret") if by_secret and connection.secret is None else lacking


def status(connection: Connection) -> str:
    """Return DRAFT, IN_PROGRESS or COMPLETED, regardless of the state of the connection itself."""
    if connection.is_app:
        return _status_of_app(connection)
    if not missing(connection):
        return COMPLETED
    has_some = connection.secret is not None or connection.settings.keys() - {"fault"}
    return IN_PROGRESS if has_some else DRAFT


def _status_of_app(connection: Connection) -> str:
    has_secret = connection.secret is not None
    needed = _APP if connection.type == OAUTH else ()
    if has_secret and all(connection.settings.get(name) for name in needed):
        return COMPLETED
    return IN_PROGRESS if has_secret or connection.settings.get("client_id") else DRAFT


def _needed(connection: Connection) -> tuple[str, ...]:
    if connection.type == SAML:
        return _SAML
    if connection.type == OIDC:
        return _OIDC
    named = {connection.provider, connection.provider_key.upper()}
    return _OAUTH[:1] if named & PROVIDERS.keys() else _OAUTH
