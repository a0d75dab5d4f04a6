"""Connections as messages of the contract."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from protobuf import DescFieldValueMessage, Message, Oneof
from protobuf.wkt import BoolValue, StringValue, UInt32Value

from tenantry.core.times import timestamp
from tenantry.gen.scalekit.v1.connections import connections_pb as pb
from tenantry.gen.scalekit.v1.domains import domains_pb
from tenantry.identity.connections import addresses, service
from tenantry.identity.connections.changes import client_secrets
from tenantry.identity.connections.model import (
    GOOGLE_DWD,
    OAUTH,
    OIDC,
    PASSWORDLESS,
    SAML,
    WEBAUTHN,
)
from tenantry.identity.connections.settings import OAuthSettings, OIDCSettings, SAMLSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.call import Call
    from tenantry.db.lists.pages import Page
    from tenantry.identity.connections.listing import Listed
    from tenantry.identity.connections.model import Connection
    from tenantry.settings import Settings
    from tenantry.tenants.domains.model import Domain
# Enums of SAML, which are texts in the model.
_SAML_ENUMS = {
    "idp_name_id_format": pb.NameIdFormat,
    "idp_sso_request_binding": pb.RequestBinding,
    "idp_slo_request_binding": pb.RequestBinding,
    "saml_signing_option": pb.SAMLSigningOptions,
}
_NIL = "NAME_ID_FORMAT_NIL"


def to_page(page: Page[Listed], settings: Settings) -> dict[str, Any]:
    return {
        "connections": [to_list_message(one, settings) for one in page.items],
        "next_page_token": page.next_page_token,
        "prev_page_token": page.prev_page_token,
        "total_size": page.total_size,
    }


def to_message(
    call: Call, connection: Connection, domains: Sequence[Domain], settings: Settings
) -> pb.Connection:
    """Return a connection as the contract shows it: without its secret but for four characters."""
    message = pb.Connection(
        id=connection.id,
        provider=_provider(connection.provider),
        type=pb.ConnectionType[connection.type],
        status=pb.ConnectionStatus[connection.status],
        enabled=service.is_enabled(connection, settings),
        debug_enabled=connection.debug_enabled,
        ui_button_title=connection.ui_button_title,
        configuration_type=pb.ConfigurationType[connection.configuration_type],
        test_connection_uri=addresses.test(settings.public_url, connection),
        attribute_mapping=dict(connection.attribute_mapping),
        create_time=timestamp(connection.create_time),
        update_time=timestamp(connection.update_time),
        provider_key=connection.provider_key,
        domains=[_domain(call, one) for one in domains],
    )
    if connection.organization_id is not None:
        message.organization_id = connection.organization_id
    if connection.key_id is not None:
        message.key_id = connection.key_id
    config = _CONFIGS.get(connection.type)
    if config is not None:
        message.settings = config(call, connection, settings)
    return message


def _oidc(call: Call, connection: Connection, deployment: Settings) -> Oneof[Any, Any]:
    public_url = deployment.public_url
    settings = OIDCSettings.stored(connection.settings)
    shown = pb.OIDCConnectionConfig(
        **_wrapped(pb.OIDCConnectionConfig, settings),
        **_secret(call, connection),
        scopes=[pb.OIDCScope[name] for name in settings.scopes],
        token_auth_type=pb.TokenAuthType.__members__.get(
            settings.token_auth_type, pb.TokenAuthType(0)
        ),
        redirect_uri=addresses.callback(public_url, connection),
        post_logout_redirect_uri=_text(addresses.logout_callback(public_url, connection)),
        backchannel_logout_redirect_uri=_text(addresses.backchannel_logout(public_url, connection)),
    )
    return Oneof("oidc_config", shown)


def _saml(_call: Call, connection: Connection, deployment: Settings) -> Oneof[Any, Any]:
    public_url = deployment.public_url
    settings = SAMLSettings.stored(connection.settings)
    wrapped = _wrapped(pb.SAMLConnectionConfigResponse, settings)
    wrapped["sp_slo_url"] = _text(settings.sp_slo_url or addresses.slo(public_url, connection))
    shown = pb.SAMLConnectionConfigResponse(
        **wrapped,
        **{name: _enum(kind, getattr(settings, name)) for name, kind in _SAML_ENUMS.items()},
        ui_button_title=_text(connection.ui_button_title),
        idp_certificates=[_certificate(one) for one in settings.idp_certificates],
        sp_entity_id=settings.sp_entity_id or addresses.base(public_url, connection),
        sp_assertion_url=settings.sp_assertion_url or addresses.callback(public_url, connection),
        sp_metadata_url=addresses.metadata(public_url, connection),
    )
    return Oneof("saml_config", shown)


def _oauth(call: Call, connection: Connection, deployment: Settings) -> Oneof[Any, Any]:
    public_url = deployment.public_url
    settings = OAuthSettings.stored(connection.settings)
    shown = pb.OAuthConnectionConfig(
        **_wrapped(pb.OAuthConnectionConfig, settings),
        **_secret(call, connection),
        scopes=list(settings.scopes),
        redirect_uri=addresses.callback(public_url, connection),
    )
    if settings.extra_authorize_params:
        shown.extensions = pb.OauthExtensions(
            extra_authorize_params=dict(settings.extra_authorize_params)
        )
    return Oneof("oauth_config", shown)


def _google_dwd(_call: Call, connection: Connection, _settings: Settings) -> Oneof[Any, Any]:
    shown = pb.GoogleDWDConfig(
        scopes=list(connection.settings.get("scopes", ())),
        token_uri=_text(connection.settings.get("token_uri", "")),
    )
    return Oneof("google_dwd_config", shown)


def _passwordless(_call: Call, _connection: Connection, settings: Settings) -> Oneof[Any, Any]:
    shown = pb.PasswordLessConfig(
        type=pb.PasswordlessType.LINK_OTP,
        validity=UInt32Value(value=settings.email_code_seconds),
        enforce_same_browser_origin=BoolValue(value=settings.email_same_browser),
    )
    return Oneof("passwordless_config", shown)


def _webauthn(_call: Call, _connection: Connection, settings: Settings) -> Oneof[Any, Any]:
    host = urlsplit(settings.public_url).hostname or ""
    shown = pb.WebAuthConfiguration(
        rp=pb.WebAuthConfiguration.Rp(
            ids=[host], origins=[settings.public_url, *settings.passkey_origins]
        ),
        show_passkey_button=True,
        enable_conditional_login=True,
    )
    return Oneof("webauthn_config", shown)


_CONFIGS = {
    OIDC: _oidc,
    SAML: _saml,
    OAUTH: _oauth,
    GOOGLE_DWD: _google_dwd,
    PASSWORDLESS: _passwordless,
    WEBAUTHN: _webauthn,
}


def _wrapped(config: type[Message[Any]], settings: object) -> dict[str, Any]:
    """Return the texts and flags of a config, from the settings of the same names."""
    found: dict[str, Any] = {}
    for field in config.desc().fields:
        value = getattr(settings, field.name, None)
        if not isinstance(field.value, DescFieldValueMessage):
            continue
        if isinstance(value, bool):
            found[field.name] = BoolValue(value=value)
        elif isinstance(value, str) and value:
            found[field.name] = _text(value)
    return found


def _text(value: str) -> StringValue:
    return StringValue(value=value)


def _enum(kind: Any, name: str) -> Any:
    return kind.NIL if name == _NIL else kind[name]


def _secret(call: Call, connection: Connection) -> dict[str, Any]:
    hint = client_secrets.hint(call.db, connection)
    return {"client_secret": _text(hint)} if hint else {}


def _certificate(stored: Mapping[str, Any]) -> pb.IDPCertificate:
    lines = "\n".join(textwrap.wrap(stored["certificate"], 64))
    return pb.IDPCertificate(
        id=stored["id"],
        certificate=f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n",
        create_time=timestamp(stored["create_time"]),
        expiry_time=timestamp(stored["expiry_time"]),
        issuer=stored["issuer"],
    )


def to_list_message(one: Listed, settings: Settings) -> pb.ListConnection:
    connection = one.connection
    return pb.ListConnection(
        id=connection.id,
        provider=_provider(connection.provider),
        type=pb.ConnectionType[connection.type],
        status=pb.ConnectionStatus[connection.status],
        enabled=service.is_enabled(connection, settings),
        organization_id=connection.organization_id or "",
        ui_button_title=connection.ui_button_title,
        domains=list(one.domains),
        organization_name=one.organization_name,
        provider_key=connection.provider_key,
        key_id=connection.key_id or "",
        created_at=timestamp(connection.create_time),
    )


def _provider(name: str) -> pb.ConnectionProvider:
    return pb.ConnectionProvider[name] if name else pb.ConnectionProvider(0)


def _domain(call: Call, domain: Domain) -> domains_pb.Domain:
    return domains_pb.Domain(
        id=domain.id,
        domain=domain.domain,
        environment_id=call.db.environment_id,
        organization_id=domain.organization_id,
        txt_record_key=domain.txt_record_key,
        txt_record_secret=domain.txt_record_secret,
        verification_status=domains_pb.VerificationStatus[domain.verification_status],
        verification_method=domains_pb.VerificationMethod[domain.verification_method],
        create_time=timestamp(domain.create_time),
        update_time=timestamp(domain.update_time),
        domain_type=domains_pb.DomainType[domain.domain_type],
    )
