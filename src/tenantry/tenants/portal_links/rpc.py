"""The rpcs of OrganizationService that are about portal links: message in, message out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protobuf.wkt import Empty

from tenantry.core import errors, structs
from tenantry.core.times import timestamp
from tenantry.gen.scalekit.v1.events import events_pb
from tenantry.gen.scalekit.v1.organizations import organizations_pb as pb
from tenantry.tenants.portal_links import service

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.tenants.portal_links.model import PortalLink


class PortalLinkService:
    def __init__(self, *, public_url: str) -> None:
        self._public_url = public_url

    async def generate_portal_link(
        self, request: pb.GeneratePortalLinkRequest, call: Call
    ) -> pb.GeneratePortalLinkResponse:
        asked = [f.name for f in request.features if f != pb.Feature.FEATURE_UNSPECIFIED]
        # Deprecated spellings of the same.
        asked += ["sso"] if request.sso else []
        asked += ["dir_sync"] if request.directory_sync else []
        link = await service.create(call, request.id, asked, shareable=_is_shareable(call))
        return pb.GeneratePortalLinkResponse(link=self._link(call, link))

    async def get_portal_links(
        self, request: pb.GetPortalLinkRequest, call: Call
    ) -> pb.GetPortalLinksResponse:
        links = await service.list_all(call, request.id)
        return pb.GetPortalLinksResponse(links=[self._link(call, link) for link in links])

    async def delete_portal_link(self, request: pb.DeletePortalLinkRequest, call: Call) -> Empty:
        await service.remove_all(call, request.id)
        return Empty()

    async def delete_portal_link_by_id(
        self, request: pb.DeletePortalLinkByIdRequest, call: Call
    ) -> Empty:
        await service.remove(call, request.id, request.link_id)
        return Empty()

    def _link(self, call: Call, link: PortalLink) -> pb.Link:
        token = service.token(call.db, link.id, shareable=link.shareable)
        return pb.Link(
            id=link.id,
            location=f"{self._public_url}/magicLink/{token}",
            expire_time=timestamp(link.expire_time),
        )


class PortalEventService:
    async def send_custom_event(
        self, request: events_pb.SendCustomEventRequest, call: Call
    ) -> events_pb.SendCustomEventResponse:
        content = {} if request.event is None else structs.plain(request.event, "event")
        event_id = await service.tell(call, request.event_type, content)
        return events_pb.SendCustomEventResponse(event_id=event_id)


def _is_shareable(call: Call) -> bool:
    given = call.extra.get("shareable", ["false"])
    if given not in (["true"], ["false"]):
        raise errors.InvalidArgument.field(
            "shareable", "bool", "must be given once, as true or false"
        )
    return given == ["true"]
