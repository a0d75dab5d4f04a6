"""The protocol of one connection: its settings, and updates of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from protobuf import Enum, Oneof, message_to_json_value
from protobuf.wkt import BoolValue, StringValue

from tenantry.api import descriptors
from tenantry.core import errors
from tenantry.endpoints.console import forms
from tenantry.endpoints.console.connections import connection
from tenantry.gen.scalekit.v1.connections.connections_pb import (
    NameIdFormat,
    OAuthConnectionConfig,
    OauthExtensions,
    OIDCConnectionConfig,
    OIDCScope,
    RequestBinding,
    SAMLConnectionConfigRequest,
    SAMLConnectionConfigResponse,
    SAMLSigningOptions,
    TokenAuthType,
    UpdateConnectionRequest,
    UpdateEnvironmentConnectionRequest,
)
from tenantry.web import connections
from tenantry.web.connections import CHOICES, OIDC, SAML
from tenantry.web.forms import boxes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.endpoints.console.visit import Visit
    from tenantry.gen.scalekit.v1.connections.connections_pb import (
        Connection,
        IDPCertificate,
        UpdateConnection,
    )
    from tenantry.gen.tenantry.v1.single_sign_on_pb import ConnectionSettings

    _Config = SAMLConnectionConfigResponse | OIDCConnectionConfig | OAuthConnectionConfig
    _NewConfig = SAMLConnectionConfigRequest | OIDCConnectionConfig | OAuthConnectionConfig

OAUTH = "OAUTH"
SWITCHES = {**connections.SWITCHES, OAUTH: ("sync_user_profile_on_login", "pkce_enabled")}
CHOSEN: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    SAML: {name: CHOICES[name] for name in (*connections.CHOSEN[SAML], "idp_slo_request_binding")},
    OIDC: {name: CHOICES[name] for name in connections.CHOSEN[OIDC]},
    OAUTH: {"token_endpoint_auth_method": ("client_secret_basic", "client_secret_post")},
}
_NEW: Mapping[str, type[_NewConfig]] = {
    SAML: SAMLConnectionConfigRequest,
    OIDC: OIDCConnectionConfig,
    OAUTH: OAuthConnectionConfig,
}
_ENUMS = {
    "saml_signing_option": SAMLSigningOptions,
    "idp_name_id_format": NameIdFormat,
    "idp_sso_request_binding": RequestBinding,
    "idp_slo_request_binding": RequestBinding,
    "token_auth_type": TokenAuthType,
}
# Texts of the settings, "url" for addresses.
TEXTS: Mapping[str, Mapping[str, str]] = {
    SAML: {
        "default_redirect_uri": "url",
        "certificate_id": "text",
        "sp_entity_id": "text",
        "sp_assertion_url": "url",
        "sp_slo_url": "url",
    },
    OIDC: {},
    OAUTH: dict.fromkeys(
        ("prompt", "access_type", "token_access_type", "custom_scope_name", "app_name"), "text"
    ),
}


@dataclass(frozen=True, slots=True)
class Protocol:
    """The connection of a visit, with the settings of its protocol."""

    message: Connection
    config: _Config
    organization_id: str
    organization_name: str

    @property
    def type(self) -> str:
        """SAML, OIDC or OAUTH."""
        return self.message.type.name

    @property
    def is_tried_out(self) -> bool:
        """Whether it takes addresses without TLS.

        Those of others are asked beforehand: a wrong one does not take the place of a good one.
        """
        return self.message.debug_enabled

    @property
    def certificates(self) -> Sequence[IDPCertificate]:
        """The certificates of its provider."""
        config = self.config
        return config.idp_certificates if isinstance(config, SAMLConnectionConfigResponse) else ()

    @property
    def scopes(self) -> list[str]:
        """The scopes that the OpenID Provider is asked for."""
        scopes = self.config.scopes if isinstance(self.config, OIDCConnectionConfig) else ()
        return [descriptors.enum_name(one) for one in scopes]

    @property
    def params(self) -> Mapping[str, str]:
        """The further parameters of requests to an OAuth 2.0 provider."""
        extensions = (
            self.config.extensions if isinstance(self.config, OAuthConnectionConfig) else None
        )
        return extensions.extra_authorize_params if extensions else {}

    def text(self, name: str) -> str:
        """Return a setting that is a text or a choice, "" for none."""
        match getattr(self.config, name, None):
            case StringValue() as wrapped:
                return wrapped.value
            case Enum() as choice:
                return descriptors.enum_name(choice)
            case str() as text:
                return text
        return ""

    def is_on(self, name: str) -> bool:
        """Whether a setting is on."""
        value = getattr(self.config, name, None)
        return isinstance(value, BoolValue) and value.value

    def update(self, config: _NewConfig) -> UpdateConnection:
        """Return an update with these settings of the protocol."""
        changed = connection.update_of(self.message)
        saml: Oneof[Literal["saml_config"], SAMLConnectionConfigRequest]
        oidc: Oneof[Literal["oidc_config"], OIDCConnectionConfig]
        oauth: Oneof[Literal["oauth_config"], OAuthConnectionConfig]
        match config:
            case SAMLConnectionConfigRequest():
                saml = Oneof("saml_config", config)
                changed.settings = saml
            case OIDCConnectionConfig():
                oidc = Oneof("oidc_config", config)
                changed.settings = oidc
            case OAuthConnectionConfig():
                oauth = Oneof("oauth_config", config)
                changed.settings = oauth
        return changed


async def find(visit: Visit, type_: str = "") -> Protocol:
    """Return the connection that a visit is about; ``type_`` is the one that its form is for."""
    found = await connection.get(visit)
    name, settings = found.message.type.name, found.message.settings
    config = settings.value if settings else None
    if name not in connection.PROTOCOLS or type_ not in {"", name}:
        raise errors.NotFound("connection")
    assert isinstance(
        config, SAMLConnectionConfigResponse | OIDCConnectionConfig | OAuthConnectionConfig
    )
    return Protocol(found.message, config, found.organization_id, found.organization_name)


async def change(visit: Visit, found: Protocol, changed: UpdateConnection) -> None:
    """Change a connection, of an organization or of the environment."""
    if found.organization_id:
        await visit.api.connections.update_connection(
            UpdateConnectionRequest(
                organization_id=found.organization_id, id=found.message.id, connection=changed
            )
        )
    else:
        await visit.api.connections.update_environment_connection(
            UpdateEnvironmentConnectionRequest(connection_id=found.message.id, connection=changed)
        )


def settings_of(type_: str, form: Mapping[str, str]) -> _NewConfig:
    """Return the settings of a protocol that a form has."""
    config = _NEW[type_]()
    for name in SWITCHES[type_]:
        setattr(config, name, BoolValue(value=form.get(name) == "true"))
    for name in TEXTS[type_]:
        if name in form:
            setattr(config, name, StringValue(value=form[name].strip()))
    for name, values in CHOSEN[type_].items():
        if name not in _ENUMS:
            if name in form:
                setattr(config, name, StringValue(value=form[name]))
        elif form.get(name, "") in values:
            setattr(config, name, descriptors.enum_value(_ENUMS[name], form[name]))
    if isinstance(config, OIDCConnectionConfig):
        config.scopes = [_scope(name) for name in ("openid", *boxes.ticked(form, "scopes"))]
    if isinstance(config, OAuthConnectionConfig) and "extra_authorize_params" in form:
        path = "connection.oauth_config.extensions.extra_authorize_params"
        params = forms.named(form, "extra_authorize_params", path)
        config.extensions = OauthExtensions(extra_authorize_params=params)
    return config


def _scope(name: str) -> OIDCScope:
    if name not in OIDCScope.__members__:
        raise errors.InvalidArgument.field(
            "connection.oidc_config.scopes", "enum", f"has no value {name[:60]!r}"
        )
    return OIDCScope[name]


def written(config: _Config, further: ConnectionSettings | None) -> str:
    """Return all settings as JSON."""
    members: dict[str, object] = {}
    for message in (config, further):
        if message is None:
            continue
        found = message_to_json_value(message, use_proto_field_name=True, always_emit_implicit=True)
        assert isinstance(found, dict)
        members |= found
    return json.dumps(members, indent=2, ensure_ascii=False)
