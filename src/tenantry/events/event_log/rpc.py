"""EventsService: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protobuf.wkt import Struct

from tenantry import errors
from tenantry.events.event_log import listing
from tenantry.events.event_log.envelopes import envelope
from tenantry.gen.scalekit.v1.events import events_pb as pb
from tenantry.times import microseconds, timestamp

if TYPE_CHECKING:
    from tenantry.call import Call

_IN_CONTEXT = (
    "auth_request_id",
    "interceptor_id",
    "interceptor_status",
    "interceptor_decision",
    "connection_id",
    "connected_account_id",
)
_OBJECTS = pb.ObjectType.__members__
_FROM_DIRECTORY = {pb.Source.SCALEKIT: False, pb.Source.DIR_SYNC: True}


class EventsService:
    """One async method per rpc."""

    async def list_events(self, request: pb.ListEventsRequest, call: Call) -> pb.ListEventsResponse:
        page = await listing.page(
            call,
            _filter(request.filter),
            page_size=request.page_size,
            page_token=request.page_token,
            counted=True,
        )
        return pb.ListEventsResponse(
            events=[_message(row, call) for row in page.items],
            next_page_token=page.next_page_token,
            prev_page_token=page.prev_page_token,
            total_size=page.total_size,
        )

    async def list_events_paginated(
        self, request: pb.ListEventsPaginatedRequest, call: Call
    ) -> pb.ListEventsPaginatedResponse:
        page = await listing.page(
            call,
            _filter(request.filter),
            page_size=request.page_size,
            page_token=request.page_token,
            counted=False,
        )
        return pb.ListEventsPaginatedResponse(
            events=[_message(row, call) for row in page.items],
            next_page_token=page.next_page_token,
            prev_page_token=page.prev_page_token,
        )


def _filter(given: pb.EventFilter | None) -> listing.Filter:
    if given is None:
        return listing.Filter()
    members = ((name, getattr(given, name)) for name in _IN_CONTEXT)
    return listing.Filter(
        types=tuple(given.event_types),
        start_time=microseconds(given.start_time, "filter.start_time", up=True),
        end_time=microseconds(given.end_time, "filter.end_time"),
        organization_id=given.organization_id or None,
        from_directory=_source(given.source),
        context=tuple((name, value) for name, value in members if value),
    )


def _source(source: pb.Source) -> bool | None:
    if source and source not in _FROM_DIRECTORY:
        raise errors.InvalidArgument.field("filter.source", "enum", "is no known source")
    return _FROM_DIRECTORY.get(source)


def _message(row: Any, call: Call) -> pb.ScalekitEvent:
    shown = envelope(row, call.db.environment_id)
    message = pb.ScalekitEvent(
        spec_version=shown["spec_version"],
        id=shown["id"],
        type=shown["type"],
        occurred_at=timestamp(row["occurred_at"]),
        environment_id=shown["environment_id"],
        object=_OBJECTS.get(shown["object"], pb.ObjectType.UNSPECIFIED),
        data=Struct.from_python(shown["data"]),
        display_name=shown["display_name"],
    )
    if "organization_id" in shown:
        message.organization_id = shown["organization_id"]
    return message
