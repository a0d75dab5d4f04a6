"""Connections: those of all organizations with their state, those of the environment, and one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from protobuf import Message, Oneof, message_to_json_value
from protobuf.wkt import StringValue

from tenantry.core import errors
from tenantry.core.times import DAY, SECOND, now
from tenantry.endpoints.console import filters, forms
from tenantry.endpoints.console import undo as undoing
from tenantry.endpoints.console.connections import connection
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
from tenantry.gen.scalekit.v1.connections.connections_pb import (
    ConnectionProvider,
    ConnectionStatus,
    ConnectionType,
    CreateConnection,
    CreateEnvironmentConnectionRequest,
    DeleteConnectionRequest,
    DeleteEnvironmentConnectionRequest,
    ListConnectionsRequest,
    ListOrganizationConnectionsRequest,
    OAuthConnectionConfig,
    SAMLConnectionConfigResponse,
    SearchOrganizationConnectionsRequest,
    SearchOrganizationConnectionsResponse,
    ToggleConnectionRequest,
    ToggleEnvironmentConnectionRequest,
    UpdateEnvironmentConnectionRequest,
)
from tenantry.gen.tenantry.v1.settings_pb import ListSettingsRequest, UpdateSettingsRequest
from tenantry.gen.tenantry.v1.sign_ins_pb import (
    ListFailedSignInsRequest,
    ListFailedSignInsResponse,
)
from tenantry.gen.tenantry.v1.states_pb import ListConnectionStatesRequest
from tenantry.identity.operators.model import OWNER
from tenantry.web import domains
from tenantry.web.connections import serving as serving_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from tenantry.gen.scalekit.v1.connections.connections_pb import (
        IDPCertificate,
        ListConnection,
        ListOrganizationConnectionsResponse,
    )
    from tenantry.gen.tenantry.v1.settings_pb import Setting
    from tenantry.gen.tenantry.v1.states_pb import ConnectionState
    from tenantry.net.http import Response

_FILTERS = ("provider", "connection_type", "status", "enabled")
PROVIDERS = (
    *("OKTA", "MICROSOFT_AD", "GOOGLE", "ONELOGIN", "PING_IDENTITY", "JUMPCLOUD", "ADFS"),
    *("AUTH0", "CUSTOM", "IDP_SIMULATOR"),
)
_SHOWN = 30
_SOCIAL = ("GOOGLE", "MICROSOFT", "GITHUB", "GITLAB", "LINKEDIN", "SALESFORCE", "APPLE", "CUSTOM")
# Settings of the deployment by which people sign in with a mail.
_OF_MAIL = ("email_code_seconds", "email_same_browser")
_APPLE = "APPLE"  # of no name in the contract: a custom one with this key
_TEXTS = ("client_id", "tenant_id", "authorize_uri", "token_uri", "user_info_uri")


def pages(site: ConsoleSite) -> list[Page]:
    connections = _Connections(site)
    root = "/connections/{id}"
    return [
        Page("GET", "/connections", connections.listed),
        Page("GET", "/connections/environment", connections.of_environment),
        Page("POST", "/connections/environment/create", connections.create),
        Page("GET", root, connections.show),
        Page("POST", f"{root}/update", connections.update),
        Page("POST", f"{root}/mail", connections.set_email_domains, OWNER),
        Page("POST", f"{root}/enable", connections.enable),
        Page("POST", f"{root}/disable", connections.disable),
        Page("POST", f"{root}/delete", connections.delete),
    ]


class _Connections:
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def listed(self, visit: Visit) -> Response:
        """List those of all organizations."""
        narrow = {name: visit.query(name)[:60] for name in _FILTERS}
        query, chosen = visit.query("query").strip(), filters.Chosen()
        if not query.startswith("conn_"):
            chosen = await filters.find_organization(visit, query)
            query = chosen.id
        found: ListOrganizationConnectionsResponse | SearchOrganizationConnectionsResponse
        found = SearchOrganizationConnectionsResponse()
        if not chosen.is_unresolved:
            if query or any(narrow.values()):
                request = _search(query, narrow)
                request.page_size, request.page_token = _SHOWN, visit.query("page_token")
                found = await visit.api.connections.search_organization_connections(request)
            else:
                found = await visit.api.connections.list_organization_connections(
                    ListOrganizationConnectionsRequest(
                        page_size=_SHOWN, page_token=visit.query("page_token")
                    )
                )
        return self._site.render(
            visit,
            "connections",
            "connections/list.html",
            listed=found,
            query=query or chosen.asked,
            chosen=chosen,
            narrow=narrow,
            filters={**narrow, "query": query},
            states=await _states(visit, [one.id for one in found.connections]),
            providers=PROVIDERS,
            tabs=_tabs(visit, ""),
        )

    async def of_environment(self, visit: Visit) -> Response:
        """List those that are everybody's."""
        found = await visit.api.connections.list_connections(ListConnectionsRequest(include="all"))
        return self._site.render(
            visit,
            "connections",
            "connections/environment.html",
            connections=found.connections,
            social=_SOCIAL,
            tabs=_tabs(visit, "environment"),
        )

    async def create(self, visit: Visit) -> Response:
        """Make one of the environment, by which people of any organization sign in."""
        provider = visit.request.form().get("provider", "")
        made = CreateConnection(type=ConnectionType.OAUTH)
        if provider == _APPLE:
            made.provider, made.provider_key = ConnectionProvider.CUSTOM, _APPLE
        try:
            if provider != _APPLE:
                made.provider = forms.constant(ConnectionProvider, provider, "connection.provider")
            answer = await visit.api.connections.create_environment_connection(
                CreateEnvironmentConnectionRequest(connection=made)
            )
        except (errors.InvalidArgument, errors.Duplicate) as problem:
            return self._site.wrong(visit, problem, visit.path("connections", "environment"))
        assert answer.connection is not None
        return self._site.done(visit.path("connections", answer.connection.id), "created")

    async def show(self, visit: Visit) -> Response:
        """Show one, the environment's or an organization's."""
        found = await connection.get(visit)
        one, organization_id = found.message, found.organization_id
        states = await _states(visit, [one.id]) if organization_id else {}
        failed = ListFailedSignInsResponse()
        serving: Mapping[str, ListConnection] = {}
        has_domain = True
        if organization_id:
            listed = await visit.api.connections.list_connections(
                ListConnectionsRequest(organization_id=organization_id, include="all")
            )
            serving = serving_of(listed.connections)
            failed = await visit.api.sign_ins.list_failed_sign_ins(
                ListFailedSignInsRequest(connection_id=one.id)
            )
            has_domain = await domains.has_verified(visit.api, organization_id)
        config = one.settings.value if one.settings else None
        certificates: Sequence[IDPCertificate] = ()
        if isinstance(config, SAMLConnectionConfigResponse):
            certificates = config.idp_certificates
        return self._site.render(
            visit,
            "connections",
            "connections/one.html",
            one=one,
            organization_id=organization_id,
            organization_name=found.organization_name,
            serving=serving,
            has_domain=has_domain,
            state=states.get(one.id),
            failed=failed.sign_ins,
            client=config if isinstance(config, OAuthConnectionConfig) else OAuthConnectionConfig(),
            certificates=certificates,
            shown="" if config is None else _written(config),
            here=visit.path("connections", one.id),
            tabs=connection.tabs_of(visit, one, ""),
            of_mail=await _of_mail(visit) if one.type is ConnectionType.PASSWORDLESS else {},
            is_owner=visit.has_role(OWNER),
        )

    async def update(self, visit: Visit) -> Response:
        """Change the client at a social provider; an empty secret stays as it was."""
        found = (await connection.get(visit)).message
        form, path = visit.request.form(), visit.path("connections", found.id)
        given = {
            name: form.get(name, "").strip() for name in (*_TEXTS, "scopes", "ui_button_title")
        }
        texts = {name: StringValue(value=given[name]) for name in _TEXTS if name in form}
        config = OAuthConnectionConfig(
            client_id=texts.get("client_id"),
            tenant_id=texts.get("tenant_id"),
            authorize_uri=texts.get("authorize_uri"),
            token_uri=texts.get("token_uri"),
            user_info_uri=texts.get("user_info_uri"),
            scopes=forms.words_of(given["scopes"]),
        )
        if form.get("client_secret"):
            config.client_secret = StringValue(value=form["client_secret"])
        settings: Oneof[Literal["oauth_config"], OAuthConnectionConfig]
        settings = Oneof("oauth_config", config)
        changed = connection.update_of(found)
        changed.ui_button_title = StringValue(value=given["ui_button_title"])
        changed.settings = settings
        call = visit.api.connections.update_environment_connection(
            UpdateEnvironmentConnectionRequest(connection_id=found.id, connection=changed)
        )
        fields = {f"connection.oauth_config.{name}": name for name in (*_TEXTS, "scopes")}
        fields |= {"connection.oauth_config.client_secret": "client_secret"}
        return await forms.send(
            self._site, visit, call, path, "changed", fields=fields, given=given
        )

    async def set_email_domains(self, visit: Visit) -> Response:
        """Set for how long codes are good, and for which browser, where that is not fixed."""
        form = visit.request.form()
        given = {"email_code_seconds": form.get("email_code_seconds", "").strip()}
        given["email_same_browser"] = str("email_same_browser" in form).lower()
        known = await _of_mail(visit)
        changed = {name: given[name] for name in _OF_MAIL if known[name].changeable}
        call = visit.api.settings.update_settings(UpdateSettingsRequest(settings=changed))
        path = visit.path("connections", visit.request.params["id"])
        fields = {f"settings.{name}": name for name in _OF_MAIL}
        return await forms.send(
            self._site, visit, call, path, "changed", fields=fields, given=given
        )

    async def enable(self, visit: Visit) -> Response:
        """Let people sign in by it."""
        rpcs = visit.api.connections
        return await self._switch(
            visit, rpcs.enable_connection, rpcs.enable_environment_connection, "enabled"
        )

    async def disable(self, visit: Visit) -> Response:
        """Let nobody sign in by it."""
        rpcs = visit.api.connections
        return await self._switch(
            visit, rpcs.disable_connection, rpcs.disable_environment_connection, "disabled"
        )

    async def _switch(
        self,
        visit: Visit,
        of_organization: Callable[[ToggleConnectionRequest], Awaitable[object]],
        of_environment: Callable[[ToggleEnvironmentConnectionRequest], Awaitable[object]],
        change: str,
    ) -> Response:
        found = await connection.get(visit)
        id_, organization_id = found.message.id, found.organization_id
        if organization_id:
            call = of_organization(ToggleConnectionRequest(organization_id=organization_id, id=id_))
        else:
            call = of_environment(ToggleEnvironmentConnectionRequest(connection_id=id_))
        undo = undoing.of_switch(visit.request.path)
        return await forms.send(
            self._site, visit, call, visit.path("connections", id_), change, undo=undo
        )

    async def delete(self, visit: Visit) -> Response:
        found, connections = await connection.get(visit), visit.api.connections
        id_, organization_id = found.message.id, found.organization_id
        if organization_id:
            own = DeleteConnectionRequest(organization_id=organization_id, id=id_)
            call = connections.delete_connection(own)
        else:
            request = DeleteEnvironmentConnectionRequest(connection_id=id_)
            call = connections.delete_environment_connection(request)
        back = visit.path("connections", id_)
        return await forms.send(
            self._site, visit, call, visit.path("connections"), "deleted", back=back
        )


def _search(query: str, narrow: Mapping[str, str]) -> SearchOrganizationConnectionsRequest:
    """Return the search that filters ask for."""
    request = SearchOrganizationConnectionsRequest(
        query=query or None,
        provider=narrow["provider"] or None,
        enabled=forms.switch(narrow["enabled"], "enabled"),
    )
    if narrow["status"]:
        request.status = forms.constant(ConnectionStatus, narrow["status"], "status")
    if type_ := narrow["connection_type"]:
        request.connection_type = forms.constant(ConnectionType, type_, "connection_type")
    return request


async def _of_mail(visit: Visit) -> dict[str, Setting]:
    listed = await visit.api.settings.list_settings(ListSettingsRequest())
    return {one.name: one for one in listed.settings if one.name in _OF_MAIL}


@dataclass(frozen=True, slots=True)
class _State:
    """The state of a connection, and for how many days its certificates are still good."""

    message: ConnectionState
    days_left: int | None


async def _states(visit: Visit, ids: Sequence[str]) -> dict[str, _State]:
    """Return the states of connections by their ids."""
    if not ids:
        return {}
    answer = await visit.api.states.list_connection_states(
        ListConnectionStatesRequest(connection_ids=list(ids))
    )
    return {one.connection_id: _State(one, _days_left(one)) for one in answer.states}


def _days_left(state: ConnectionState) -> int | None:
    ends = state.certificate_expire_time
    if ends is None:
        return None
    return int((ends.to_datetime().timestamp() * SECOND - now()) // DAY)


def _written(config: Message[Any]) -> str:
    """Return a configuration as JSON, without certificates: they have their own place."""
    members = message_to_json_value(config, use_proto_field_name=True, always_emit_implicit=True)
    assert isinstance(members, dict)
    members.pop("idp_certificates", None)
    return json.dumps(members, indent=2, ensure_ascii=False)


def _tabs(visit: Visit, shown: str) -> list[tuple[str, str, bool]]:
    return [
        (
            visit.path("connections", *((one,) if one else ())),
            visit.words.plain(f"tabs.{one or 'of_organizations'}"),
            one == shown,
        )
        for one in ("", "environment")
    ]
