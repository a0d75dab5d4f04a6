"""EventsService and EventRecordService: message in, message out. No SQL, no rules."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from protobuf.wkt import Struct

from tenantry.core import errors
from tenantry.core.times import microseconds, timestamp
from tenantry.db.engine import Database
from tenantry.db.sql.schema import from_json
from tenantry.events.event_log import listing, records, verification
from tenantry.events.event_log.envelopes import display_name, envelope
from tenantry.gen.scalekit.v1.events import events_pb as pb
from tenantry.gen.tenantry.v1 import event_records_pb as own_pb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.call import Call

_IN_CONTEXT = (
    "auth_request_id",
    "interceptor_id",
    "interceptor_status",
    "interceptor_decision",
    "connection_id",
    "connected_account_id",
)
_VERIFIED_SECONDS = 20.0  # at most, by one call
_TOLD = 100  # problems that an answer shows
_CONTENT = ("before", "after", "context")
_OBJECTS = pb.ObjectType.__members__
_FROM_DIRECTORY = {pb.Source.SCALEKIT: False, pb.Source.DIR_SYNC: True}


class EventsService:
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


class EventRecordService:
    def __init__(self) -> None:
        self._verifying = asyncio.Lock()

    async def search_events(
        self, request: own_pb.SearchEventsRequest, call: Call
    ) -> own_pb.SearchEventsResponse:
        page = await records.search(
            call,
            records.Filter(
                types=tuple(request.event_types),
                organization_id=request.organization_id,
                actor_id=request.actor_id,
                object_id=request.object_id,
                request_id=request.request_id,
                start_time=microseconds(request.start_time, "start_time", up=True),
                end_time=microseconds(request.end_time, "end_time"),
            ),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return own_pb.SearchEventsResponse(
            events=[_record(row) for row in page.items], next_page_token=page.next_page_token
        )

    async def get_event_record(
        self, request: own_pb.GetEventRecordRequest, call: Call
    ) -> own_pb.GetEventRecordResponse:
        row = await records.find(call, request.event_id)
        content = {name: from_json(row[name]) for name in _CONTENT if row[name] is not None}
        flat = {
            f"{name}_{key}": str(content.get(name, {}).get(key) or "")
            for name in ("before", "after")
            for key in records.OBJECT_IDS
        }
        event = _record({**row, **flat})
        for name, value in content.items():
            setattr(event, name, Struct.from_python(value))
        return own_pb.GetEventRecordResponse(event=event)

    async def verify_events(
        self, request: own_pb.VerifyEventsRequest, call: Call
    ) -> own_pb.VerifyEventsResponse:
        assert isinstance(call.db, Database)
        if self._verifying.locked():
            raise errors.Busy("the log is being verified, try again", seconds=20)
        found: list[verification.Problem] = []
        counts, finished = verification.Verified(), True
        async with self._verifying:
            try:
                async with asyncio.timeout(_VERIFIED_SECONDS):
                    await verification.verify(
                        call.db, request.organization_id or None, found=found.append, counts=counts
                    )
            except TimeoutError:
                finished = False
        return own_pb.VerifyEventsResponse(
            events=counts.events,
            chains=counts.chains,
            problem_count=counts.problems,
            problems=[
                own_pb.EventLogProblem(
                    kind=one.kind, chain=one.chain, text=one.text, event_id=one.event_id or ""
                )
                for one in found[:_TOLD]
            ],
            finished=finished,
        )


def _record(row: Mapping[str, Any]) -> own_pb.EventRecord:
    actor = from_json(row["actor"])
    named = (row[f"{name}_{key}"] for name in ("after", "before") for key in records.OBJECT_IDS)
    return own_pb.EventRecord(
        id=row["id"],
        type=row["type"],
        display_name=display_name(row["type"]),
        occurred_at=timestamp(row["occurred_at"]),
        organization_id=row["organization_id"] or "",
        object=row["object"],
        object_id=next((value for value in named if value), ""),
        actor_type=actor.get("type", ""),
        actor_id=actor.get("id", ""),
        request_id=row["request_id"],
        impersonator_id=actor.get("impersonator", ""),
        actor_client=actor.get("client", ""),
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
        raise errors.InvalidArgument.field("filter.source", "enum", "is not a known source")
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
