"""The rpcs of states and of requests of directories: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protobuf.wkt import Struct

from tenantry.core import ids
from tenantry.core.times import timestamp
from tenantry.db.sql.schema import to_json
from tenantry.gen.tenantry.v1 import directory_requests_pb as requests_pb
from tenantry.gen.tenantry.v1 import states_pb
from tenantry.tenants.directories import listing, registry
from tenantry.tenants.directories import request_log as log

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.call import Call
    from tenantry.tenants.directories.listing import State
    from tenantry.tenants.directories.request_log import DirectoryRequest


class DirectoryStateService:
    """The method of StateService about directories."""

    async def list_directory_states(
        self, request: states_pb.ListDirectoryStatesRequest, call: Call
    ) -> states_pb.ListDirectoryStatesResponse:
        page = await listing.page_of_states(
            call,
            query=request.query,
            type_=request.directory_type,
            status=request.status,
            enabled=request.enabled if request.has_field("enabled") else None,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return states_pb.ListDirectoryStatesResponse(
            directories=[_state(one) for one in page.items],
            next_page_token=page.next_page_token,
            prev_page_token=page.prev_page_token,
        )


def _state(found: State) -> states_pb.DirectoryState:
    directory = found.directory
    message = states_pb.DirectoryState(
        id=directory.id,
        organization_id=directory.organization_id,
        organization_name=found.organization_name,
        name=directory.name,
        directory_type=directory.directory_type,
        directory_provider=directory.directory_provider,
        status=directory.status,
        enabled=directory.enabled,
        total_users=found.total_users,
        last_error=found.last_error,
        create_time=timestamp(directory.create_time),
    )
    if directory.last_sync_time is not None:
        message.last_synced_at = timestamp(directory.last_sync_time)
    if found.last_failed_time is not None:
        message.last_failed_at = timestamp(found.last_failed_time)
    return message


class DirectoryRequestService:
    async def list_directory_requests(
        self, request: requests_pb.ListDirectoryRequestsRequest, call: Call
    ) -> requests_pb.ListDirectoryRequestsResponse:
        directory = await registry.get(call, request.organization_id, request.directory_id)
        page = await log.listing(
            call.db,
            directory,
            failed=request.failed,
            resource_id=request.resource_id,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return requests_pb.ListDirectoryRequestsResponse(
            requests=[_request(one) for one in page.items],
            next_page_token=page.next_page_token,
            prev_page_token=page.prev_page_token,
        )

    async def get_directory_request(
        self, request: requests_pb.GetDirectoryRequestRequest, call: Call
    ) -> requests_pb.GetDirectoryRequestResponse:
        directory = await registry.get(call, request.organization_id, request.directory_id)
        found = await log.get(call.db, directory, request.id)
        return requests_pb.GetDirectoryRequestResponse(request=_request(found))


def _request(one: DirectoryRequest) -> requests_pb.DirectoryRequest:
    # A request that found nobody is kept under the name that it asked for, which is no id.
    found = (one.resource_id or "").startswith((ids.DIRECTORY_USER, ids.DIRECTORY_GROUP))
    return requests_pb.DirectoryRequest(
        id=one.id,
        create_time=timestamp(one.create_time),
        method=one.method,
        path=one.path,
        query=one.query,
        user_agent=one.user_agent,
        request_id=one.request_id,
        status=one.status,
        milliseconds=one.milliseconds,
        error=one.error,
        resource_id=(one.resource_id or "") if found else "",
        payload=None if one.payload is None else Struct.from_json(to_json(one.payload)),
        skipped=[
            requests_pb.SkippedPart(member=_item(part), reason=part["reason"])
            for part in one.skipped or ()
        ],
    )


def _item(part: Mapping[str, str]) -> str:
    """Return the identifier of the member, user or group that was skipped."""
    return next((part[kind] for kind in ("member", "user", "group") if kind in part), "")
