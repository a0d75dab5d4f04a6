"""DirectoryStateService: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core.times import timestamp
from tenantry.gen.tenantry.v1 import states_pb
from tenantry.tenants.directories import (
    states,
)

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.tenants.directories.states import State


class DirectoryStateService:
    """The method of StateService about directories."""

    async def list_directory_states(
        self, request: states_pb.ListDirectoryStatesRequest, call: Call
    ) -> states_pb.ListDirectoryStatesResponse:
        page = await states.page(
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
