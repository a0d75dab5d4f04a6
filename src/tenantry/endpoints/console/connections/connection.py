"""One connection as its pages show it: whose it is, its tabs, and an update of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.gen.scalekit.v1.connections.connections_pb import (
    GetConnectionRequest,
    GetEnvironmentConnectionRequest,
    SearchOrganizationConnectionsRequest,
    UpdateConnection,
)

if TYPE_CHECKING:
    from tenantry.endpoints.console.visit import Visit
    from tenantry.gen.scalekit.v1.connections.connections_pb import Connection

# Those whose protocol has its own page: `protocols`.
PROTOCOLS = ("SAML", "OIDC", "OAUTH")


@dataclass(frozen=True, slots=True)
class Found:
    """A connection, and its organization: "" for one of the environment."""

    message: Connection
    organization_id: str = ""
    organization_name: str = ""


async def get(visit: Visit) -> Found:
    """Return the connection that a visit is about."""
    id_, connections = visit.request.params["id"], visit.api.connections
    listed = await connections.search_organization_connections(
        SearchOrganizationConnectionsRequest(query=id_)
    )
    for one in listed.connections:
        if one.id == id_:
            own = await connections.get_connection(
                GetConnectionRequest(organization_id=one.organization_id, id=id_)
            )
            assert own.connection is not None
            return Found(own.connection, one.organization_id, one.organization_name)
    answer = await connections.get_environment_connection(
        GetEnvironmentConnectionRequest(connection_id=id_)
    )
    assert answer.connection is not None
    return Found(answer.connection)


def update_of(connection: Connection) -> UpdateConnection:
    """Return what each update of a connection has: whose provider it is."""
    return UpdateConnection(
        provider=connection.provider,
        type=connection.type,
        provider_key=connection.provider_key,
    )


def tabs_of(visit: Visit, connection: Connection, shown: str) -> list[tuple[str, str, bool]]:
    """Return the tabs of one connection: none where only its own page is there."""
    if connection.type.name not in PROTOCOLS:
        return []
    return [
        (
            visit.path("connections", connection.id, *((one,) if one else ())),
            visit.words.plain(f"tabs.{one or 'general'}"),
            one == shown,
        )
        for one in ("", "protocol")
    ]
