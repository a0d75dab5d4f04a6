"""The settings of each protocol, as a connection keeps them; names are those of the contract.

A member that is not set is not stored. Members that the contract lacks are marked as ours.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

# TokenAuthType of the contract; the last is ours (RFC 7523).
URL_PARAMS, BASIC_AUTH, PRIVATE_KEY_JWT = "URL_PARAMS", "BASIC_AUTH", "PRIVATE_KEY_JWT"
# RequestBinding and NameIdFormat of the contract.
HTTP_POST, HTTP_REDIRECT = "HTTP_POST", "HTTP_REDIRECT"
# SAMLSigningOptions of the contract; the others stand in `saml.trust.SigningOption`.
EITHER_SIGNED = "SAML_RESPONSE_OR_ASSERTION_SIGNING"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The members that all protocols share."""

    # The profile follows the provider at each sign-in.
    sync_user_profile_on_login: bool = False
    # People of the organization's domains are made members by their first sign-in.
    jit_provisioning_with_sso_enabled: bool = True
    # Ours: the roles that members of the provider's groups have, by the names of both.
    group_roles: Mapping[str, str] | None = None
    # Ours: why the provider's own description was not taken, in a sentence.
    fault: str = ""
    # Ours: where people sign in at an application, which names them to us; no protocol is spoken.
    login_uri: str = ""

    @classmethod
    def stored(cls, members: Mapping[str, Any]) -> Self:
        """Return those of a row, without further ones that another version may know."""
        names = {one.name for one in fields(cls)}
        known: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in members.items()
            if name in names
        }
        return cls(**known)

    def to_row(self) -> dict[str, Any]:
        """Return the members that differ from a new connection's, as they are stored."""
        return {
            one.name: value
            for one in fields(self)
            if (value := getattr(self, one.name)) != one.default
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class OIDCSettings(Settings):
    """A relying party's settings for one OpenID Provider."""

    issuer: str = ""
    discovery_endpoint: str = ""
    authorize_uri: str = ""
    token_uri: str = ""
    user_info_uri: str = ""
    jwks_uri: str = ""
    end_session_uri: str = ""  # ours
    client_id: str = ""
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    token_auth_type: str = BASIC_AUTH
    pkce_enabled: bool = True
    idp_logout_required: bool = False
    id_jag_enabled: bool = False  # ours


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthSettings(Settings):
    """A client's settings for one OAuth 2.0 provider; "" takes the provider's own."""

    authorize_uri: str = ""
    token_uri: str = ""
    user_info_uri: str = ""
    client_id: str = ""
    scopes: tuple[str, ...] = ()
    pkce_enabled: bool = True
    prompt: str = ""
    use_platform_creds: bool = False
    access_type: str = ""
    token_access_type: str = ""
    custom_scope_name: str = ""
    tenant_id: str = ""
    app_name: str = ""
    token_endpoint_auth_method: str = ""
    extra_authorize_params: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SAMLSettings(Settings):
    """A service provider's settings for one identity provider.

    ``idp_certificates`` are objects of id, certificate (DER in base64), create_time, expiry_time
    (microseconds since 1970, UTC) and issuer, and of noticed_days where its end has been told. The
    sp_ members are empty unless they stay those of another vendor.
    """

    idp_metadata_url: str = ""
    idp_entity_id: str = ""
    idp_sso_url: str = ""
    idp_slo_url: str = ""
    idp_slo_response_url: str = ""  # ours
    idp_certificates: tuple[Mapping[str, Any], ...] = ()
    idp_name_id_format: str = "NAME_ID_FORMAT_NIL"
    idp_sso_request_binding: str = HTTP_REDIRECT
    idp_slo_request_binding: str = HTTP_REDIRECT
    saml_signing_option: str = EITHER_SIGNED
    want_request_signed: bool = False
    certificate_id: str = ""
    assertion_encrypted: bool = False
    allow_idp_initiated_login: bool = False
    force_authn: bool = False
    default_redirect_uri: str = ""
    idp_slo_required: bool = False
    sp_entity_id: str = ""
    sp_assertion_url: str = ""
    sp_slo_url: str = ""
    accept_sha1: bool = False  # ours
    metadata_wants_signed: bool = False  # ours: as the metadata says
    metadata_valid_until: int = 0  # ours: as the metadata says, in microseconds; 0 for no end
