"""ClientService, of resources: their clients. Message in, message out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.access.clients import resource_clients
from tenantry.access.clients.model import DCR, STATIC
from tenantry.access.clients.rpc import messages
from tenantry.core import errors
from tenantry.gen.scalekit.v1.clients import clients_pb as pb

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenantry.call import Call

# With an update mask, these are set even if they are empty.
_LISTS = ("scopes", "custom_claims", "redirect_uris")
_MEMBERS = ("name", "description", "expiry", *_LISTS)


class ResourceClientService:
    """One async method per rpc; ``production`` is the deployment, see `redirect_uris`."""

    def __init__(self, *, production: bool) -> None:
        self._production = production

    async def create_resource_client(
        self, request: pb.CreateResourceClientRequest, call: Call
    ) -> pb.CreateResourceClientResponse:
        assert request.client is not None
        client, resource, plain = await resource_clients.create(
            call,
            request.resource_id,
            production=self._production,
            **{name: _member(request.client, name) for name in _MEMBERS},
        )
        call.tag(client.revision)
        return pb.CreateResourceClientResponse(
            client=messages.resource_client(client, resource), plain_secret=plain
        )

    async def list_resource_clients(
        self, request: pb.ListResourceClientsRequest, call: Call
    ) -> pb.ListResourceClientsResponse:
        found, resource = await resource_clients.newest(call.db, request.resource_id)
        totals = await resource_clients.totals(call.db, request.resource_id)
        return pb.ListResourceClientsResponse(
            clients=[messages.resource_client(client, resource) for client in found],
            total_dcr_clients=totals[DCR],
            total_static_clients=totals[STATIC],
        )

    async def update_resource_client(
        self, request: pb.UpdateResourceClientRequest, call: Call
    ) -> pb.UpdateResourceClientResponse:
        given = request.client
        assert given is not None
        masked = set(_masked(request.update_mask.paths)) if request.update_mask else set()
        names = [name for name in _MEMBERS if (name in masked if masked else getattr(given, name))]
        client, resource = await resource_clients.update(
            call,
            request.resource_id,
            request.client_id,
            production=self._production,
            **{name: _member(given, name) for name in names},
        )
        call.tag(client.revision)
        return pb.UpdateResourceClientResponse(client=messages.resource_client(client, resource))

    async def delete_resource_client(
        self, request: pb.DeleteResourceClientRequest, call: Call
    ) -> pb.DeleteResourceClientResponse:
        await resource_clients.remove(call, request.resource_id, request.client_id)
        return pb.DeleteResourceClientResponse()


def _member(given: pb.ResourceClient, name: str) -> Any:
    value = getattr(given, name)
    return messages.pairs(value) if name == "custom_claims" else value


def _masked(paths: Iterable[str]) -> Iterable[str]:
    for path in paths:
        name = path.removeprefix("client.")
        if name not in _MEMBERS and name != "audience":
            raise errors.InvalidArgument.field(
                "update_mask",
                "in",
                f"{path[:60]!r} cannot be updated; must be one of {', '.join(_MEMBERS)}",
            )
        yield name
