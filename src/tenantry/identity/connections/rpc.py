"""ConnectionService and those beside it: message in, message out. No SQL, no rules."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from protobuf import Oneof
from protobuf.wkt import BoolValue, Empty, StringValue, Struct, UInt32Value

from tenantry.core import errors, structs
from tenantry.core.times import SECOND, timestamp
from tenantry.db.schema import to_json
from tenantry.gen.scalekit.v1.connections import connections_pb as pb
from tenantry.gen.scalekit.v1.domains import domains_pb
from tenantry.gen.scalekit.v1.environments import environments_pb
from tenantry.gen.tenantry.v1 import saml_key_pairs_pb as key_pairs_pb
from tenantry.gen.tenantry.v1 import single_sign_on_pb as own_pb
from tenantry.gen.tenantry.v1 import states_pb
from tenantry.identity.connections import addresses, key_pairs, listing, states, tests
from tenantry.identity.connections.applications import apps
from tenantry.identity.connections.changes import changing, client_secrets, further, registry
from tenantry.identity.connections.changes.changing import Changes
from tenantry.identity.connections.listing import Listed
from tenantry.identity.connections.model import (
    GOOGLE_DWD,
    OAUTH,
    OIDC,
    PASSWORDLESS,
    SAML,
    WEBAUTHN,
)
from tenantry.identity.connections.providers import descriptions
from tenantry.identity.connections.providers.context import ConnectionContext
from tenantry.identity.connections.settings import OAuthSettings, OIDCSettings, SAMLSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tenantry.call import Call
    from tenantry.db.pages import Page
    from tenantry.identity.connections.model import Connection
    from tenantry.identity.connections.providers.descriptions import CertificateFacts
    from tenantry.identity.connections.providers.fetching import Fetching
    from tenantry.net.outgoing import Outgoing
    from tenantry.settings import Settings
    from tenantry.tenants.domains.model import Domain
    from tenantry.tenants.environment.effective import Effective

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
# Enums of SAML, which are texts in the model.
_SAML_ENUMS = {
    "idp_name_id_format": pb.NameIdFormat,
    "idp_sso_request_binding": pb.RequestBinding,
    "idp_slo_request_binding": pb.RequestBinding,
    "saml_signing_option": pb.SAMLSigningOptions,
}
_NIL = "NAME_ID_FORMAT_NIL"


class ConnectionService:
    """One async method per rpc."""

    def __init__(
        self,
        effective: Effective,
        *,
        fetching: Fetching,
        outgoing: Outgoing,
    ) -> None:
        self._effective = effective
        given = effective.given
        self._ground = ConnectionContext(given.public_url, given.development, fetching, outgoing)

    @property
    def _settings(self) -> Settings:
        return self._effective.settings

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
        serving = request.include != "all"
        found = await listing.listed(
            call,
            organization_id=_present(request, "organization_id"),
            domain=_present(request, "domain"),
            serving=serving,
        )
        shown = [_listed(one, self._settings) for one in found]
        return pb.ListConnectionsResponse(
            connections=[one for one in shown if one.enabled or not serving]
        )

    async def before_update_connection(
        self, request: pb.UpdateConnectionRequest, call: Call
    ) -> None:
        assert request.connection is not None
        call.found = await changing.ask(
            call, self._ground, request.organization_id, request.id, _changes(request.connection)
        )

    async def update_connection(
        self, request: pb.UpdateConnectionRequest, call: Call
    ) -> pb.UpdateConnectionResponse:
        assert request.connection is not None
        after = await changing.change(
            call, self._ground, request.organization_id, request.id, _changes(request.connection)
        )
        return pb.UpdateConnectionResponse(connection=await self._answer(call, after))

    async def delete_connection(self, request: pb.DeleteConnectionRequest, call: Call) -> Empty:
        await registry.remove(call, request.organization_id, request.id)
        return Empty()

    async def enable_connection(
        self, request: pb.ToggleConnectionRequest, call: Call
    ) -> pb.ToggleConnectionResponse:
        after = await registry.enable(call, request.organization_id, request.id)
        return pb.ToggleConnectionResponse(enabled=after.enabled)

    async def disable_connection(
        self, request: pb.ToggleConnectionRequest, call: Call
    ) -> pb.ToggleConnectionResponse:
        after = await registry.disable(call, request.organization_id, request.id)
        return pb.ToggleConnectionResponse(enabled=after.enabled)

    async def assign_domains_to_connection(
        self, request: pb.AssignDomainsToConnectionRequest, call: Call
    ) -> pb.AssignDomainsToConnectionResponse:
        after = await registry.assign_domains(
            call, request.organization_id, request.connection_id, request.domain_ids
        )
        return pb.AssignDomainsToConnectionResponse(connection=await self._answer(call, after))

    async def create_environment_connection(
        self, request: pb.CreateEnvironmentConnectionRequest, call: Call
    ) -> pb.CreateConnectionResponse:
        assert request.connection is not None
        start = _start(request.connection)
        if request.flags is not None and request.flags.is_app:
            start.pop("context")
            made = await apps.create(call, **start)
            return pb.CreateConnectionResponse(connection=self._app(call, made))
        made = await registry.create(call, None, **start)
        return pb.CreateConnectionResponse(connection=await self._answer(call, made))

    async def get_environment_connection(
        self, request: pb.GetEnvironmentConnectionRequest, call: Call
    ) -> pb.GetConnectionResponse:
        app = await apps.find(call, request.connection_id)
        if app is not None:
            return pb.GetConnectionResponse(connection=self._app(call, app))
        found = await registry.get(call, None, request.connection_id)
        return pb.GetConnectionResponse(connection=await self._answer(call, found))

    async def update_environment_connection(
        self, request: pb.UpdateEnvironmentConnectionRequest, call: Call
    ) -> pb.UpdateConnectionResponse:
        assert request.connection is not None
        changes = _changes(request.connection)
        if await apps.find(call, request.connection_id):
            app = await apps.change(call, request.connection_id, changes)
            return pb.UpdateConnectionResponse(connection=self._app(call, app))
        after = await changing.change(call, self._ground, None, request.connection_id, changes)
        return pb.UpdateConnectionResponse(connection=await self._answer(call, after))

    async def delete_environment_connection(
        self, request: pb.DeleteEnvironmentConnectionRequest, call: Call
    ) -> Empty:
        if await apps.find(call, request.connection_id):
            await apps.remove(call, request.connection_id)
        else:
            await registry.remove(call, None, request.connection_id)
        return Empty()

    async def enable_environment_connection(
        self, request: pb.ToggleEnvironmentConnectionRequest, call: Call
    ) -> pb.ToggleConnectionResponse:
        if await apps.find(call, request.connection_id):
            after = await apps.switch(call, request.connection_id, enabled=True)
        else:
            after = await registry.enable(call, None, request.connection_id)
        return pb.ToggleConnectionResponse(enabled=after.enabled)

    async def disable_environment_connection(
        self, request: pb.ToggleEnvironmentConnectionRequest, call: Call
    ) -> pb.ToggleConnectionResponse:
        if await apps.find(call, request.connection_id):
            after = await apps.switch(call, request.connection_id, enabled=False)
        else:
            after = await registry.disable(call, None, request.connection_id)
        return pb.ToggleConnectionResponse(enabled=after.enabled)

    async def list_app_connections(
        self, request: pb.ListAppConnectionsRequest, call: Call
    ) -> pb.ListAppConnectionsResponse:
        found = await apps.page(
            call,
            provider=request.provider,
            query=request.query,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        listed = found.of(lambda one: Listed(one, "", ()))
        return pb.ListAppConnectionsResponse(**_page(listed, self._settings))

    async def list_organization_connections(
        self, request: pb.ListOrganizationConnectionsRequest, call: Call
    ) -> pb.ListOrganizationConnectionsResponse:
        page = await listing.page(call, page_size=request.page_size, page_token=request.page_token)
        return pb.ListOrganizationConnectionsResponse(**_page(page, self._settings))

    async def search_organization_connections(
        self, request: pb.SearchOrganizationConnectionsRequest, call: Call
    ) -> pb.SearchOrganizationConnectionsResponse:
        page = await listing.page(
            call,
            query=request.query,
            provider=request.provider,
            status=request.status.name if request.status != pb.ConnectionStatus(0) else "",
            type_=request.connection_type.name
            if request.connection_type != pb.ConnectionType.INVALID
            else "",
            enabled=request.enabled if request.has_field("enabled") else None,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.SearchOrganizationConnectionsResponse(**_page(page, self._settings))

    async def get_connection_test_result(
        self, request: pb.GetConnectionTestResultRequest, call: Call
    ) -> pb.GetConnectionTestResultResponse:
        connection = await registry.get_any(call, request.connection_id)
        result = await tests.result(call.db, connection.id, request.test_request_id)
        response = pb.GetConnectionTestResultResponse(status=pb.TestResultStatus[result.status])
        if result.user_info is not None:
            response.user_info = to_json(result.user_info)
        for name in ("error", "error_description", "error_details"):
            if (value := getattr(result, name)) is not None:
                setattr(response, name, value)
        return response

    async def get_connection_context(
        self, request: pb.GetConnectionContextRequest, call: Call
    ) -> pb.GetConnectionContextResponse:
        found = await registry.get_any(call, request.connection_id, request.organization_id)
        kept = Struct.from_json(to_json(found.context or {}))
        return pb.GetConnectionContextResponse(context=kept)

    async def update_connection_context(
        self, request: pb.UpdateConnectionContextRequest, call: Call
    ) -> Empty:
        context = request.context
        kept = {} if context is None else structs.plain(context, "context")
        found = await registry.get_any(call, request.connection_id, request.organization_id)
        await registry.keep_context(call, found.organization_id, found.id, kept)
        return Empty()

    def _app(self, call: Call, connection: Connection) -> pb.Connection:
        """Return a connection of an application: it has no addresses here."""
        call.tag(connection.revision)
        message = to_message(call, connection, (), self._settings)
        message.test_connection_uri = ""
        if message.settings is not None and message.settings.field == "oauth_config":
            message.settings.value.redirect_uri = ""
        return message

    async def _answer(self, call: Call, connection: Connection) -> pb.Connection:
        call.tag(connection.revision)
        domains = await listing.domains_of(call.db, connection)
        return to_message(call, connection, domains, self._settings)


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


def _changes(one: pb.UpdateConnection) -> Changes:
    """Return what a request gives: wrappers and lists that are present, enums that say something.

    An empty wrapper is there, and clears; an empty list, or a plain enum of 0, is not.
    """
    members: dict[str, Any] = {
        "provider": "" if one.provider == pb.ConnectionProvider(0) else one.provider.name,
        "provider_key": one.provider_key,
        "type": "" if one.type == pb.ConnectionType.INVALID else one.type.name,
        "key_id": _present(one, "key_id"),
        "debug_enabled": None if one.debug_enabled is None else one.debug_enabled.value,
        "ui_button_title": None if one.ui_button_title is None else one.ui_button_title.value,
        "attribute_mapping": one.attribute_mapping,
    }
    if one.configuration_type != pb.ConfigurationType(0):
        members["configuration_type"] = one.configuration_type.name
    if one.settings is not None:
        config = one.settings.value
        members["config"] = one.settings.field
        members["settings"] = _given(config)
        for wrapper, name in _BESIDE.items():
            value = getattr(config, wrapper, None)
            if value is not None:
                members[name] = value.value
    return Changes(**members)


# Members of the configs that the settings do not have by these names.
_BESIDE = {
    "client_secret": "secret",
    "service_account_json": "secret",
    "idp_certificate": "certificate",
    "ui_button_title": "ui_button_title",
}


def _given(config: Any) -> dict[str, Any]:
    wrapped = {
        name: value.value
        for name in _MEMBERS.get(type(config), ())
        if (value := getattr(config, name)) is not None
    }
    plain = _PLAIN.get(type(config))
    return wrapped if plain is None else wrapped | plain(config)


def _plain_of_oidc(config: pb.OIDCConnectionConfig) -> dict[str, Any]:
    given: dict[str, Any] = {}
    scopes = [one.name for one in config.scopes if one != pb.OIDCScope(0)]
    if scopes:
        given["scopes"] = tuple(dict.fromkeys(("openid", *scopes)))
    if config.token_auth_type != pb.TokenAuthType(0):
        given["token_auth_type"] = config.token_auth_type.name
    return given


def _plain_of_oauth(config: pb.OAuthConnectionConfig) -> dict[str, Any]:
    given: dict[str, Any] = {"scopes": tuple(config.scopes)} if config.scopes else {}
    if config.extensions is not None:
        given["extra_authorize_params"] = dict(config.extensions.extra_authorize_params)
    return given


def _plain_of_google_dwd(config: pb.GoogleDWDConfig) -> dict[str, Any]:
    return {"scopes": tuple(config.scopes)} if config.scopes else {}


def _plain_of_saml(config: pb.SAMLConnectionConfigRequest) -> dict[str, Any]:
    given = {name: getattr(config, name) for name in _SAML_ENUMS}
    return {name: value.name for name, value in given.items() if value.value}


_PLAIN: dict[type[Any], Callable[[Any], dict[str, Any]]] = {
    pb.OIDCConnectionConfig: _plain_of_oidc,
    pb.OAuthConnectionConfig: _plain_of_oauth,
    pb.SAMLConnectionConfigRequest: _plain_of_saml,
    pb.GoogleDWDConfig: _plain_of_google_dwd,
}
_MEMBERS: dict[type[Any], tuple[str, ...]] = {
    pb.OIDCConnectionConfig: (*_OIDC_TEXTS, *_OIDC_FLAGS),
    pb.OAuthConnectionConfig: (*_OAUTH_TEXTS, *_OAUTH_FLAGS),
    pb.GoogleDWDConfig: ("token_uri",),
    pb.SAMLConnectionConfigRequest: (
        *_SAML_TEXTS,
        *_SAML_FLAGS,
        *("sp_entity_id", "sp_assertion_url", "sp_slo_url"),
    ),
}


def _page(page: Page[Listed], settings: Settings) -> dict[str, Any]:
    return {
        "connections": [_listed(one, settings) for one in page.items],
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
        enabled=registry.is_enabled(connection, settings),
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


def _saml(_call: Call, connection: Connection, deployment: Settings) -> Oneof[Any, Any]:
    public_url = deployment.public_url
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


def _oauth(call: Call, connection: Connection, deployment: Settings) -> Oneof[Any, Any]:
    public_url = deployment.public_url
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


def _texts(settings: object, names: Sequence[str]) -> dict[str, Any]:
    return {name: _text(value) for name in names if (value := getattr(settings, name))}


def _text(value: str) -> StringValue:
    return StringValue(value=value)


def _flags(settings: object, names: Sequence[str]) -> dict[str, Any]:
    return {name: BoolValue(value=getattr(settings, name)) for name in names}


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


def _listed(one: Listed, settings: Settings) -> pb.ListConnection:
    connection = one.connection
    return pb.ListConnection(
        id=connection.id,
        provider=_provider(connection.provider),
        type=pb.ConnectionType[connection.type],
        status=pb.ConnectionStatus[connection.status],
        enabled=registry.is_enabled(connection, settings),
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


class SingleSignOnService:
    """One async method per rpc."""

    def __init__(self, settings: Settings, *, fetching: Fetching, outgoing: Outgoing) -> None:
        self._settings = settings
        self._ground = ConnectionContext(
            settings.public_url, settings.development, fetching, outgoing
        )

    async def get_connection_settings(
        self, request: own_pb.GetConnectionSettingsRequest, call: Call
    ) -> own_pb.GetConnectionSettingsResponse:
        found = await registry.get_any(call, request.connection_id)
        call.tag(found.revision)
        return own_pb.GetConnectionSettingsResponse(settings=_further(found))

    async def update_connection_settings(
        self, request: own_pb.UpdateConnectionSettingsRequest, call: Call
    ) -> own_pb.UpdateConnectionSettingsResponse:
        given = request.settings
        assert given is not None
        members: dict[str, Any] = {name: getattr(given, name) for name in _given_of(given)}
        if given.group_roles is not None:
            members["group_roles"] = dict(given.group_roles.roles)
        if given.attribute_mapping is not None:
            members["attribute_mapping"] = dict(given.attribute_mapping.attributes)
        after = await further.change(call, self._ground, request.connection_id, members)
        call.tag(after.revision)
        return own_pb.UpdateConnectionSettingsResponse(settings=_further(after))

    async def read_issuer(
        self, request: own_pb.ReadIssuerRequest, _call: Call
    ) -> own_pb.ReadIssuerResponse:
        known = await descriptions.endpoints(self._ground, request.issuer)
        return own_pb.ReadIssuerResponse(
            issuer=known.issuer,
            authorization_endpoint=known.authorization_endpoint,
            token_endpoint=known.token_endpoint,
            userinfo_endpoint=known.userinfo_endpoint,
            jwks_uri=known.jwks_uri,
            end_session_endpoint=known.end_session_endpoint,
        )

    async def read_metadata(
        self, request: own_pb.ReadMetadataRequest, _call: Call
    ) -> own_pb.ReadMetadataResponse:
        said, certificates = await descriptions.metadata_of(
            self._ground, request.metadata_url, request.metadata
        )
        return own_pb.ReadMetadataResponse(
            idp_entity_id=said["idp_entity_id"],
            idp_sso_url=said["idp_sso_url"],
            idp_slo_url=said.get("idp_slo_url", ""),
            idp_certificates=[_details(one) for one in certificates],
            idp_sso_request_binding=said["idp_sso_request_binding"],
            want_authn_requests_signed=said["metadata_wants_signed"],
        )

    async def import_connection_metadata(
        self, request: own_pb.ImportConnectionMetadataRequest, call: Call
    ) -> own_pb.ImportConnectionMetadataResponse:
        after = await changing.import_metadata(
            call, self._ground, request.connection_id, request.metadata
        )
        domains = await listing.domains_of(call.db, after)
        call.tag(after.revision)
        return own_pb.ImportConnectionMetadataResponse(
            connection=to_message(call, after, domains, self._settings)
        )

    async def read_certificate(
        self, request: own_pb.ReadCertificateRequest, _call: Call
    ) -> own_pb.ReadCertificateResponse:
        facts = descriptions.certificate(request.certificate)
        return own_pb.ReadCertificateResponse(certificate=_details(facts))

    async def list_connection_tests(
        self, request: own_pb.ListConnectionTestsRequest, call: Call
    ) -> own_pb.ListConnectionTestsResponse:
        found = await registry.get_any(call, request.connection_id)
        return own_pb.ListConnectionTestsResponse(
            tests=[
                own_pb.ConnectionTest(
                    id=one.id,
                    status=one.status,
                    create_time=timestamp(one.create_time),
                    email=one.email,
                    error=one.error,
                    error_description=one.error_description,
                    error_details=one.error_details,
                )
                for one in await tests.newest(call.db, found.id)
            ]
        )


class ConnectionStateService:
    """The method of StateService about connections."""

    async def list_connection_states(
        self, request: states_pb.ListConnectionStatesRequest, call: Call
    ) -> states_pb.ListConnectionStatesResponse:
        found = await states.of_connections(call, request.connection_ids)
        return states_pb.ListConnectionStatesResponse(states=[_state(one) for one in found])


class SamlCertificateService:
    """The rpcs of EnvironmentService that are about our key pairs for SAML."""

    async def generate_new_saml_certificate(
        self, request: environments_pb.GenerateSamlCertificateRequest, call: Call
    ) -> environments_pb.GenerateSamlCertificateResponse:
        if request.id != call.db.environment_id:
            raise errors.NotFound("environment")
        made = await key_pairs.generate_next(call)
        return environments_pb.GenerateSamlCertificateResponse(
            id=made.id,
            certificate=descriptions.pem(made.pair.certificate),
            expiry=made.expire_time // SECOND,
        )


def _state(found: states.State) -> states_pb.ConnectionState:
    message = states_pb.ConnectionState(
        connection_id=found.connection_id,
        fault=found.fault,
        last_test_status=found.test_status,
        last_test_error=found.test_error,
        last_test_error_description=found.test_error_description,
    )
    if found.certificate_expire_time is not None:
        message.certificate_expire_time = timestamp(found.certificate_expire_time)
    if found.test_time is not None:
        message.last_test_time = timestamp(found.test_time)
    return message


_MAPS = {"group_roles", "attribute_mapping"}


class SamlKeyPairService:
    """One async method per rpc."""

    async def list_saml_key_pairs(
        self, _request: key_pairs_pb.ListSamlKeyPairsRequest, call: Call
    ) -> key_pairs_pb.ListSamlKeyPairsResponse:
        pairs = await key_pairs.look(call.db)
        if pairs is None:
            return key_pairs_pb.ListSamlKeyPairsResponse()
        states = {pairs.current.id: "current"}
        if pairs.following is not None:
            states[pairs.following.id] = "next"
        return key_pairs_pb.ListSamlKeyPairsResponse(
            key_pairs=[
                key_pairs_pb.SamlKeyPair(
                    id=one.id,
                    state=states.get(one.id, "former"),
                    certificate=descriptions.pem(one.pair.certificate),
                    sign_time=timestamp(one.sign_time),
                    expire_time=timestamp(one.expire_time),
                )
                for one in pairs.all
            ]
        )


def _given_of(given: own_pb.ConnectionSettings) -> list[str]:
    """Return the names of the scalars that are present."""
    return [one.name for one in given if one.name not in _MAPS and one in given]


def _further(connection: Connection) -> own_pb.ConnectionSettings:
    found = further.shown(connection)
    roles, mapping = (found.pop(name, None) for name in ("group_roles", "attribute_mapping"))
    message = own_pb.ConnectionSettings(**found)
    if mapping is not None:
        message.attribute_mapping = own_pb.AttributeMapping(attributes=dict(mapping))
    if roles is not None:
        message.group_roles = own_pb.GroupRoles(roles=dict(roles))
    return message


def _details(facts: CertificateFacts) -> own_pb.SAMLCertificate:
    return own_pb.SAMLCertificate(
        certificate=facts.pem,
        subject=facts.subject,
        issuer=facts.issuer,
        not_before=timestamp(facts.not_before),
        not_after=timestamp(facts.not_after),
    )
