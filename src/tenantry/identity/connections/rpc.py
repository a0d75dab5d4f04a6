"""ConnectionService: message in, message out. No SQL, no rules."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from protobuf import Oneof
from protobuf.wkt import BoolValue, StringValue

from tenantry import structs
from tenantry.gen.scalekit.v1.connections import connections_pb as pb
from tenantry.gen.scalekit.v1.domains import domains_pb
from tenantry.identity.connections import addresses, listing, registry
from tenantry.identity.connections.model import OAUTH, OIDC, SAML
from tenantry.identity.connections.settings import OAuthSettings, OIDCSettings, SAMLSettings
from tenantry.times import timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.call import Call
    from tenantry.identity.connections.listing import Listed
    from tenantry.identity.connections.model import Connection
    from tenantry.tenants.domains.model import Domain

# Members of the settings by the kind of their field, which are alike in requests and answers.
_OIDC_TEXTS = (
    *("issuer", "discovery_endpoint", "authorize_uri", "token_uri", "user_info_uri", "jwks_uri"),
    "client_id",
)
_PROFILE_FLAGS = ("sync_user_profile_on_login", "jit_provisioning_with_sso_enabled")
_OIDC_FLAGS = ("pkce_enabled", "idp_logout_required", *_PROFILE_FLAGS)
_SAML_TEXTS = (
    *("idp_metadata_url", "idp_entity_id", "idp_sso_url", "idp_slo_url", "default_redirect_uri"),
    "certificate_id",
)
_SAML_FLAGS = (
    *("force_authn", "assertion_encrypted", "want_request_signed", "idp_slo_required"),
    *_PROFILE_FLAGS,
)
_OAUTH_TEXTS = (
    *("authorize_uri", "token_uri", "user_info_uri", "client_id", "prompt", "access_type"),
    *("token_access_type", "custom_scope_name", "tenant_id", "app_name"),
    "token_endpoint_auth_method",
)
_OAUTH_FLAGS = ("pkce_enabled", "use_platform_creds", "sync_user_profile_on_login")
# Enums of SAML, which are texts in the room.
_SAML_ENUMS = {
    "idp_name_id_format": pb.NameIdFormat,
    "idp_sso_request_binding": pb.RequestBinding,
    "idp_slo_request_binding": pb.RequestBinding,
    "saml_signing_option": pb.SAMLSigningOptions,
}
_NIL = "NAME_ID_FORMAT_NIL"


class ConnectionService:
    """One async method per rpc."""

    def __init__(self, *, public_url: str) -> None:
        self._public_url = public_url

    async def create_connection(
        self, request: pb.CreateConnectionRequest, call: Call
    ) -> pb.CreateConnectionResponse:
        assert request.connection is not None
        made = await registry.create(call, request.organization_id, **_start(request.connection))
        return pb.CreateConnectionResponse(connection=await self._answer(call, made))

    async def get_connection(
        self, request: pb.GetConnectionRequest, call: Call
    ) -> pb.GetConnectionResponse:
        found = await registry.get(call, request.organization_id, request.id)
        return pb.GetConnectionResponse(connection=await self._answer(call, found))

    async def list_connections(
        self, request: pb.ListConnectionsRequest, call: Call
    ) -> pb.ListConnectionsResponse:
        found = await listing.listed(
            call,
            organization_id=_present(request, "organization_id"),
            domain=_present(request, "domain"),
            serving=request.include != "all",
        )
        return pb.ListConnectionsResponse(connections=[_listed(one) for one in found])

    async def _answer(self, call: Call, connection: Connection) -> pb.Connection:
        call.tag(connection.revision)
        domains = await listing.domains_of(call.db, connection)
        return to_message(call, connection, domains, self._public_url)


def _present(request: Any, name: str) -> str | None:
    return getattr(request, name) if request.has_field(name) else None


def _start(given: pb.CreateConnection) -> dict[str, Any]:
    context = None if given.context is None else given.context
    return {
        "type_": given.type.name,
        "provider": "" if given.provider == pb.ConnectionProvider(0) else given.provider.name,
        "provider_key": given.provider_key,
        "key_id": _present(given, "key_id"),
        "context": None if context is None else structs.plain(context, "connection.context"),
    }


def to_message(
    call: Call, connection: Connection, domains: Sequence[Domain], public_url: str
) -> pb.Connection:
    """Return a connection as the contract shows it: without its secret but for four characters."""
    message = pb.Connection(
        id=connection.id,
        provider=_provider(connection.provider),
        type=pb.ConnectionType[connection.type],
        status=pb.ConnectionStatus[connection.status],
        enabled=connection.enabled,
        debug_enabled=connection.debug_enabled,
        ui_button_title=connection.ui_button_title,
        configuration_type=pb.ConfigurationType[connection.configuration_type],
        test_connection_uri=addresses.test(public_url, connection),
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
        message.settings = config(call, connection, public_url)
    return message


def _oidc(call: Call, connection: Connection, public_url: str) -> Oneof[Any, Any]:
    settings = OIDCSettings.stored(connection.settings)
    shown = pb.OIDCConnectionConfig(
        **_texts(settings, _OIDC_TEXTS),
        **_flags(settings, _OIDC_FLAGS),
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


def _saml(_call: Call, connection: Connection, public_url: str) -> Oneof[Any, Any]:
    settings = SAMLSettings.stored(connection.settings)
    shown = pb.SAMLConnectionConfigResponse(
        **_texts(settings, _SAML_TEXTS),
        **_flags(settings, (*_SAML_FLAGS, "allow_idp_initiated_login")),
        **{name: _enum(kind, getattr(settings, name)) for name, kind in _SAML_ENUMS.items()},
        ui_button_title=_text(connection.ui_button_title),
        idp_certificates=[_certificate(one) for one in settings.idp_certificates],
        sp_entity_id=settings.sp_entity_id or addresses.base(public_url, connection),
        sp_assertion_url=settings.sp_assertion_url or addresses.callback(public_url, connection),
        sp_metadata_url=addresses.metadata(public_url, connection),
        sp_slo_url=_text(settings.sp_slo_url or addresses.slo(public_url, connection)),
    )
    return Oneof("saml_config", shown)


def _oauth(call: Call, connection: Connection, public_url: str) -> Oneof[Any, Any]:
    settings = OAuthSettings.stored(connection.settings)
    shown = pb.OAuthConnectionConfig(
        **_texts(settings, _OAUTH_TEXTS),
        **_flags(settings, _OAUTH_FLAGS),
        **_secret(call, connection),
        scopes=list(settings.scopes),
        redirect_uri=addresses.callback(public_url, connection),
    )
    if settings.extra_authorize_params:
        shown.extensions = pb.OauthExtensions(
            extra_authorize_params=dict(settings.extra_authorize_params)
        )
    return Oneof("oauth_config", shown)


_CONFIGS = {OIDC: _oidc, SAML: _saml, OAUTH: _oauth}


def _texts(settings: object, names: Sequence[str]) -> dict[str, Any]:
    return {name: _text(value) for name in names if (value := getattr(settings, name))}


def _text(value: str) -> StringValue:
    return StringValue(value=value)


def _flags(settings: object, names: Sequence[str]) -> dict[str, Any]:
    return {name: BoolValue(value=getattr(settings, name)) for name in names}


def _enum(kind: Any, name: str) -> Any:
    return kind.NIL if name == _NIL else kind[name]


def _secret(call: Call, connection: Connection) -> dict[str, Any]:
    hint = registry.secret_hint(call.db, connection)
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


def _listed(one: Listed) -> pb.ListConnection:
    connection = one.connection
    return pb.ListConnection(
        id=connection.id,
        provider=_provider(connection.provider),
        type=pb.ConnectionType[connection.type],
        status=pb.ConnectionStatus[connection.status],
        enabled=connection.enabled,
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
