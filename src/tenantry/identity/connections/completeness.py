"""How far the settings of a connection are: which of those that a sign-in needs are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.identity.connections.model import (
    COMPLETED,
    DRAFT,
    IDP_SIMULATOR,
    IN_PROGRESS,
    OAUTH,
    OIDC,
    SAML,
)
from tenantry.identity.connections.settings import PRIVATE_KEY_JWT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# Providers of OAuth connections whose endpoints are known.
SOCIAL = ("GOOGLE", "MICROSOFT", "GITHUB", "GITLAB", "LINKEDIN", "SALESFORCE", "APPLE")
# By type: the part of the contract's message that has its settings.
CONFIG = {OIDC: "oidc_config", SAML: "saml_config", OAUTH: "oauth_config"}
_OIDC = ("issuer", "authorize_uri", "token_uri", "jwks_uri", "client_id")
_SAML = ("idp_entity_id", "idp_sso_url", "idp_certificates")
_OAUTH = ("authorize_uri", "token_uri", "user_info_uri")


def missing(
    type_: str, provider: str, settings: Mapping[str, Any], *, has_secret: bool
) -> tuple[str, ...]:
    """Return the settings that a sign-in needs and that are not there, by the contract's names."""
    if provider == IDP_SIMULATOR or type_ not in CONFIG:
        return ()
    needed: tuple[str, ...]
    if type_ == SAML:
        needed = _SAML
    elif type_ == OIDC:
        needed = _OIDC
    else:
        needed = ("client_id",) if provider in SOCIAL else ("client_id", *_OAUTH)
    lacking = tuple(name for name in needed if not settings.get(name))
    by_secret = type_ != SAML and settings.get("token_auth_type") != PRIVATE_KEY_JWT
    return (*lacking, "client_secret") if by_secret and not has_secret else lacking


def status(type_: str, provider: str, settings: Mapping[str, Any], *, has_secret: bool) -> str:
    """Return DRAFT, IN_PROGRESS or COMPLETED; ``settings`` are those that are not the default."""
    if not missing(type_, provider, settings, has_secret=has_secret):
        return COMPLETED
    return IN_PROGRESS if settings or has_secret else DRAFT
