"""ClientService, of resources: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protobuf.wkt import Empty, Struct

from tenantry.access.resources import listing, metadata, service
from tenantry.core import errors
from tenantry.core.times import timestamp
from tenantry.db.sql.schema import to_json
from tenantry.gen.scalekit.v1.clients import clients_pb as pb

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tenantry.access.resources.model import Resource
    from tenantry.call import Call
    from tenantry.tenants.roles.model import Permission

# Members of an update that are messages, so that they can be absent.
_SWITCHES = (
    *("disable_dynamic_client_registration", "intersect_scopes_user_permission", "enable_cimd"),
    *("xaa_enabled", "cimd_client_allowlist_enabled", "resource_scope_selection_allowed"),
)


class ResourceService:
    """One async method per rpc; ``production`` is the deployment, see `redirect_uris`."""

    def __init__(self, *, production: bool, public_url: str) -> None:
        self._production = production
        self._public_url = public_url

    async def create_resource(
        self, request: pb.CreateResourceRequest, call: Call
    ) -> pb.CreateResourceResponse:
        given = request.resource
        assert given is not None
        _check_supported(given)
        resource = await service.create(
            call,
            resource_type=given.resource_type.name,
            members={name: _member(given, name) for name in service.MEMBERS},
            production=self._production,
        )
        return pb.CreateResourceResponse(resource=await self._answer(call, resource))

    async def get_resource(
        self, request: pb.GetResourceRequest, call: Call
    ) -> pb.GetResourceResponse:
        resource = await service.get(call.db, request.resource_id)
        return pb.GetResourceResponse(resource=await self._answer(call, resource))

    async def list_resources(
        self, request: pb.ListResourcesRequest, call: Call
    ) -> pb.ListResourcesResponse:
        page = await listing.page(
            call,
            request.resource_type.name,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.ListResourcesResponse(
            total_size=page.total_size,
            next_page_token=page.next_page_token,
            resources=[self._message(resource, _enabled(resource)) for resource in page.items],
            prev_page_token=page.prev_page_token,
        )

    async def update_resource(
        self, request: pb.UpdateResourceRequest, call: Call
    ) -> pb.UpdateResourceResponse:
        given = request.resource
        assert given is not None
        _check_supported(given)
        paths = request.update_mask.paths if request.update_mask else ()
        names = list(_masked(paths)) or _given(given)
        resource = await service.update(
            call,
            request.resource_id,
            {name: _member(given, name) for name in names},
            production=self._production,
        )
        return pb.UpdateResourceResponse(resource=await self._answer(call, resource))

    async def delete_resource(self, request: pb.DeleteResourceRequest, call: Call) -> Empty:
        await service.remove(call, request.resource_id)
        return Empty()

    async def delete_resource_provider(
        self, request: pb.DeleteResourceProviderRequest, call: Call
    ) -> pb.GetResourceResponse:
        resource = await service.get(call.db, request.resource_id)
        return pb.GetResourceResponse(resource=await self._whole(call, resource))

    async def _answer(self, call: Call, resource: Resource) -> pb.Resource:
        call.tag(resource.revision)
        return await self._whole(call, resource)

    async def _whole(self, call: Call, resource: Resource) -> pb.Resource:
        return self._message(resource, _all(resource, await listing.scopes(call.db)))

    def _message(self, resource: Resource, scopes: list[pb.Scope]) -> pb.Resource:
        document = metadata.protected_resource(resource, self._public_url)
        return pb.Resource(
            id=resource.id,
            name=resource.name,
            resource_uri=resource.resource_uri,
            description=resource.description,
            resource_type=pb.ResourceType[resource.resource_type],
            disable_dynamic_client_registration=not resource.dynamic_registration,
            logo_uri=resource.logo_uri,
            access_token_expiry=resource.access_token_expiry,
            refresh_token_expiry=resource.refresh_token_expiry,
            create_time=timestamp(resource.create_time),
            update_time=timestamp(resource.update_time),
            protected_metadata=Struct.from_json(to_json(document)),
            protected_metadata_uri=metadata.protected_resource_uri(resource, self._public_url),
            resource_id=resource.resource_uri,
            scopes=scopes,
            intersect_scopes_user_permission=resource.intersect_permissions,
            enable_cimd=resource.cimd,
            xaa_enabled=resource.xaa,
            cimd_client_allowlist=[
                pb.CimdAllowlistEntry(type=type_, value=value)
                for type_, value in resource.cimd_allowlist
            ],
            cimd_client_allowlist_enabled=resource.cimd_allowlist_enabled,
            resource_scope_selection_allowed=resource.scope_selection,
        )


def _check_supported(given: pb.CreateResource | pb.UpdateResource) -> None:
    """Refuse the sign-in of another system, which resources do not have."""
    if given.provider:
        raise errors.InvalidArgument.field(
            "resource.provider", "const", "is not supported: users sign in to this server"
        )
    if isinstance(given, pb.UpdateResource) and given.has_field("custom_connection_settings"):
        raise errors.InvalidArgument.field(
            "resource.custom_connection_settings",
            "const",
            "is not supported: users sign in to this server",
        )
    if given.resource_id and given.resource_uri and given.resource_id != given.resource_uri:
        raise errors.InvalidArgument.field(
            "resource.resource_id", "const", "must be empty or the same as resource_uri"
        )


def _member(given: pb.CreateResource | pb.UpdateResource, name: str) -> Any:
    """Return a member of a resource as its rules take it."""
    value = getattr(given, name)
    if name == "resource_uri":
        return value or given.resource_id
    if name == "cimd_client_allowlist":
        return [(entry.type, entry.value) for entry in value]
    if name in _SWITCHES and not isinstance(value, bool):
        return value is not None and value.value
    return value


def _given(resource: pb.UpdateResource) -> list[str]:
    """Return the names of the members that are not empty; a switch that is off is not empty."""
    named = [
        name
        for name in service.MEMBERS
        if (value := getattr(resource, name)) is not None and value not in ("", 0) and value != []
    ]
    if resource.resource_id and "resource_uri" not in named:
        named.append("resource_uri")
    return named


def _masked(paths: Iterable[str]) -> Iterable[str]:
    for path in paths:
        name = path.removeprefix("resource.")
        if name == "resource_id":
            name = "resource_uri"
        if name not in service.MEMBERS:
            raise errors.InvalidArgument.field(
                "update_mask",
                "in",
                f"{path[:60]!r} cannot be updated; must be one of {', '.join(service.MEMBERS)}",
            )
        yield name


def _all(resource: Resource, permissions: Sequence[Permission]) -> list[pb.Scope]:
    return [
        pb.Scope(
            id=permission.id,
            name=permission.name,
            description=permission.description,
            enabled=permission.name in resource.scopes,
        )
        for permission in permissions
    ]


def _enabled(resource: Resource) -> list[pb.Scope]:
    return [pb.Scope(name=name, enabled=True) for name in resource.scopes]
