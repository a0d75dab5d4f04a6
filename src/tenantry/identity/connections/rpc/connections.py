"""ConnectionService and those beside it: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protobuf.wkt import Empty, Struct

from tenantry.core import structs
from tenantry.db.sql.schema import to_json
from tenantry.gen.scalekit.v1.connections import connections_pb as pb
from tenantry.identity.connections import diagnostics, listing, service
from tenantry.identity.connections.applications import apps
from tenantry.identity.connections.changes import changing
from tenantry.identity.connections.listing import Listed
from tenantry.identity.connections.providers.fetching import ConnectionContext
from tenantry.identity.connections.rpc.changes import changes_of, creation, name_of, present
from tenantry.identity.connections.rpc.messages import to_list_message, to_message, to_page

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.identity.connections.model import Connection
    from tenantry.identity.connections.providers.fetching import Fetching
    from tenantry.net.outgoing import Outgoing
    from tenantry.settings import Settings
    from tenantry.tenants.environment.effective import Effective


class ConnectionService:
    def __init__(self, effective: Effective, *, fetching: Fetching, outgoing: Outgoing) -> None:
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
        made = await service.create(call, request.organization_id, **creation(request.connection))
        return pb.CreateConnectionResponse(connection=await self._answer(call, made))

    async def get_connection(
        self, request: pb.GetConnectionRequest, call: Call
    ) -> pb.GetConnectionResponse:
        found = await service.get(call, request.organization_id, request.id)
        return pb.GetConnectionResponse(connection=await self._answer(call, found))

    async def list_connections(
        self, request: pb.ListConnectionsRequest, call: Call
    ) -> pb.ListConnectionsResponse:
        serving = request.include != "all"
        found = await listing.listed(
            call,
            organization_id=present(request, "organization_id"),
            domain=present(request, "domain"),
            serving=serving,
        )
        shown = [to_list_message(one, self._settings) for one in found]
        return pb.ListConnectionsResponse(
            connections=[one for one in shown if one.enabled or not serving]
        )

    async def before_update_connection(
        self, request: pb.UpdateConnectionRequest, call: Call
    ) -> None:
        assert request.connection is not None
        call.found = await changing.ask(
            call, self._ground, request.organization_id, request.id, changes_of(request.connection)
        )

    async def update_connection(
        self, request: pb.UpdateConnectionRequest, call: Call
    ) -> pb.UpdateConnectionResponse:
        assert request.connection is not None
        after = await changing.change(
            call, self._ground, request.organization_id, request.id, changes_of(request.connection)
        )
        return pb.UpdateConnectionResponse(connection=await self._answer(call, after))

    async def delete_connection(self, request: pb.DeleteConnectionRequest, call: Call) -> Empty:
        await service.remove(call, request.organization_id, request.id)
        return Empty()

    async def enable_connection(
        self, request: pb.ToggleConnectionRequest, call: Call
    ) -> pb.ToggleConnectionResponse:
        after = await service.enable(call, request.organization_id, request.id)
        return pb.ToggleConnectionResponse(enabled=after.enabled)

    async def disable_connection(
        self, request: pb.ToggleConnectionRequest, call: Call
    ) -> pb.ToggleConnectionResponse:
        after = await service.disable(call, request.organization_id, request.id)
        return pb.ToggleConnectionResponse(enabled=after.enabled)

    async def assign_domains_to_connection(
        self, request: pb.AssignDomainsToConnectionRequest, call: Call
    ) -> pb.AssignDomainsToConnectionResponse:
        after = await service.assign_domains(
            call, request.organization_id, request.connection_id, request.domain_ids
        )
        return pb.AssignDomainsToConnectionResponse(connection=await self._answer(call, after))

    async def create_environment_connection(
        self, request: pb.CreateEnvironmentConnectionRequest, call: Call
    ) -> pb.CreateConnectionResponse:
        assert request.connection is not None
        start = creation(request.connection)
        if request.flags is not None and request.flags.is_app:
            start.pop("context")
            made = await apps.create(call, **start)
            return pb.CreateConnectionResponse(connection=self._app(call, made))
        made = await service.create(call, None, **start)
        return pb.CreateConnectionResponse(connection=await self._answer(call, made))

    async def get_environment_connection(
        self, request: pb.GetEnvironmentConnectionRequest, call: Call
    ) -> pb.GetConnectionResponse:
        app = await apps.find(call, request.connection_id)
        if app is not None:
            return pb.GetConnectionResponse(connection=self._app(call, app))
        found = await service.get(call, None, request.connection_id)
        return pb.GetConnectionResponse(connection=await self._answer(call, found))

    async def update_environment_connection(
        self, request: pb.UpdateEnvironmentConnectionRequest, call: Call
    ) -> pb.UpdateConnectionResponse:
        assert request.connection is not None
        changes = changes_of(request.connection)
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
            await service.remove(call, None, request.connection_id)
        return Empty()

    async def enable_environment_connection(
        self, request: pb.ToggleEnvironmentConnectionRequest, call: Call
    ) -> pb.ToggleConnectionResponse:
        if await apps.find(call, request.connection_id):
            after = await apps.switch(call, request.connection_id, enabled=True)
        else:
            after = await service.enable(call, None, request.connection_id)
        return pb.ToggleConnectionResponse(enabled=after.enabled)

    async def disable_environment_connection(
        self, request: pb.ToggleEnvironmentConnectionRequest, call: Call
    ) -> pb.ToggleConnectionResponse:
        if await apps.find(call, request.connection_id):
            after = await apps.switch(call, request.connection_id, enabled=False)
        else:
            after = await service.disable(call, None, request.connection_id)
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
        return pb.ListAppConnectionsResponse(**to_page(listed, self._settings))

    async def list_organization_connections(
        self, request: pb.ListOrganizationConnectionsRequest, call: Call
    ) -> pb.ListOrganizationConnectionsResponse:
        page = await listing.page(call, page_size=request.page_size, page_token=request.page_token)
        return pb.ListOrganizationConnectionsResponse(**to_page(page, self._settings))

    async def search_organization_connections(
        self, request: pb.SearchOrganizationConnectionsRequest, call: Call
    ) -> pb.SearchOrganizationConnectionsResponse:
        page = await listing.page(
            call,
            query=request.query,
            provider=request.provider,
            status=name_of(request.status),
            type_=name_of(request.connection_type),
            enabled=request.enabled if request.has_field("enabled") else None,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.SearchOrganizationConnectionsResponse(**to_page(page, self._settings))

    async def get_connection_test_result(
        self, request: pb.GetConnectionTestResultRequest, call: Call
    ) -> pb.GetConnectionTestResultResponse:
        connection = await service.get_any(call, request.connection_id)
        result = await diagnostics.result(call.db, connection.id, request.test_request_id)
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
        found = await service.get_any(call, request.connection_id, request.organization_id)
        kept = Struct.from_json(to_json(found.context or {}))
        return pb.GetConnectionContextResponse(context=kept)

    async def update_connection_context(
        self, request: pb.UpdateConnectionContextRequest, call: Call
    ) -> Empty:
        context = request.context
        kept = {} if context is None else structs.plain(context, "context")
        found = await service.get_any(call, request.connection_id, request.organization_id)
        await service.keep_context(call, found.organization_id, found.id, kept)
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
