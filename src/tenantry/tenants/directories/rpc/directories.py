"""DirectoryService: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protobuf.wkt import Empty, Struct

from tenantry.core import errors, structs
from tenantry.core.times import SECOND, microseconds, timestamp
from tenantry.db.lists.pages import DEFAULT_SIZE
from tenantry.db.sql.schema import to_json
from tenantry.gen.scalekit.v1.directories import directories_pb as pb
from tenantry.tenants.directories import changing, listing, registry, role_assignments, secrets
from tenantry.tenants.directories.listing import Assignment
from tenantry.tenants.directories.model import SCIM
from tenantry.tenants.directories.polling import differences
from tenantry.tenants.directories.polling import service as polling
from tenantry.tenants.directories.polling.workspace import Workspace
from tenantry.tenants.directories.resources import paging
from tenantry.tenants.directories.rpc.messages import (
    is_by_program,
    read_assignments,
    to_external_group,
    to_group,
    to_mappings,
    to_provider,
    to_secret,
    to_user,
)

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.net.outgoing import Outgoing
    from tenantry.settings import Settings
    from tenantry.tenants.directories.listing import DirectoryDetails
    from tenantry.tenants.directories.model import Directory

MOST_LISTED = 30  # of the contract
_DAY, _HOUR = 24 * 3600, 3600  # seconds


class DirectoryService:
    def __init__(self, settings: Settings, outgoing: Outgoing) -> None:
        self._workspace = Workspace(outgoing, settings.google_workspace_url)
        self._public_url = settings.public_url
        self._overlap = settings.directory_secret_overlap_hours * _HOUR

    async def create_directory(
        self, request: pb.CreateDirectoryRequest, call: Call
    ) -> pb.CreateDirectoryResponse:
        assert request.directory is not None
        made = await registry.create(
            call,
            request.organization_id,
            directory_type=request.directory.directory_type.name,
            directory_provider=to_provider(request.directory.directory_provider),
            enabled=is_by_program(call),
        )
        return pb.CreateDirectoryResponse(directory=await self._answer(call, made))

    async def get_directory(
        self, request: pb.GetDirectoryRequest, call: Call
    ) -> pb.GetDirectoryResponse:
        found = await registry.get(call, request.organization_id, request.id)
        return pb.GetDirectoryResponse(directory=await self._answer(call, found))

    async def list_directories(
        self, request: pb.ListDirectoriesRequest, call: Call
    ) -> pb.ListDirectoriesResponse:
        found = await listing.of_organization(call, request.organization_id)
        return pb.ListDirectoriesResponse(directories=[self._message(one) for one in found])

    async def delete_directory(self, request: pb.DeleteDirectoryRequest, call: Call) -> Empty:
        by_page = not is_by_program(call)  # which asks whether that is meant
        await registry.remove(call, request.organization_id, request.id, while_enabled=by_page)
        return Empty()

    async def enable_directory(
        self, request: pb.ToggleDirectoryRequest, call: Call
    ) -> pb.ToggleDirectoryResponse:
        after = await registry.enable(call, request.organization_id, request.id)
        return pb.ToggleDirectoryResponse(enabled=after.enabled)

    async def disable_directory(
        self, request: pb.ToggleDirectoryRequest, call: Call
    ) -> pb.ToggleDirectoryResponse:
        after = await registry.disable(call, request.organization_id, request.id)
        return pb.ToggleDirectoryResponse(enabled=after.enabled)

    async def create_directory_secret(
        self, request: pb.CreateDirectorySecretRequest, call: Call
    ) -> pb.CreateDirectorySecretResponse:
        made, plain = await secrets.create(call, request.organization_id, request.directory_id)
        return pb.CreateDirectorySecretResponse(plain_secret=plain, secret=to_secret(made))

    async def regenerate_directory_secret(
        self, request: pb.RegenerateDirectorySecretRequest, call: Call
    ) -> pb.RegenerateDirectorySecretResponse:
        given = call.seconds("overlap_seconds", range(366 * _DAY + 1))
        made, plain = await secrets.regenerate(
            call,
            request.organization_id,
            request.directory_id,
            overlap=(self._overlap if given is None else given) * SECOND,
        )
        return pb.RegenerateDirectorySecretResponse(plain_secret=plain, secret=to_secret(made))

    async def list_directory_users(
        self, request: pb.ListDirectoryUsersRequest, call: Call
    ) -> pb.ListDirectoryUsersResponse:
        directory = await registry.get(call, request.organization_id, request.directory_id)
        page = await paging.page_of_users(
            call.db,
            directory,
            page_size=min(request.page_size or DEFAULT_SIZE, MOST_LISTED),
            page_token=request.page_token,
            group_id=request.directory_group_id,
            updated_after=microseconds(request.updated_after, "updated_after"),
            search=call.text("search", paging.MOST_SEARCHED),
        )
        return pb.ListDirectoryUsersResponse(
            users=[to_user(one, detail=request.include_detail) for one in page.items],
            total_size=page.total_size,
            next_page_token=page.next_page_token,
            prev_page_token=page.prev_page_token,
        )

    async def before_list_directory_groups(
        self, request: pb.ListDirectoryGroupsRequest, call: Call
    ) -> None:
        if request.include_external_groups:
            directory = await registry.get(call, request.organization_id, request.directory_id)
            _check_polled(directory)
            call.found = await polling.external_groups(
                call,
                self._workspace,
                directory,
                page_size=min(request.page_size or DEFAULT_SIZE, MOST_LISTED),
                page_token=request.page_token,
            )

    async def list_directory_groups(
        self, request: pb.ListDirectoryGroupsRequest, call: Call
    ) -> pb.ListDirectoryGroupsResponse:
        directory = await registry.get(call, request.organization_id, request.directory_id)
        if request.include_external_groups:
            here = await differences.groups(
                call.db, directory, [one["id"] for one in call.found.items]
            )
            return pb.ListDirectoryGroupsResponse(
                groups=[to_external_group(one, here.get(one["id"])) for one in call.found.items],
                total_size=len(call.found.items),
                next_page_token=call.found.next_page_token,
            )
        page = await paging.page_of_groups(
            call.db,
            directory,
            page_size=min(request.page_size or DEFAULT_SIZE, MOST_LISTED),
            page_token=request.page_token,
            updated_after=microseconds(request.updated_after, "updated_after"),
            search=call.text("search", paging.MOST_SEARCHED),
        )
        return pb.ListDirectoryGroupsResponse(
            groups=[to_group(one, detail=request.include_detail) for one in page.items],
            total_size=page.total_size,
            next_page_token=page.next_page_token,
            prev_page_token=page.prev_page_token,
        )

    async def list_directory_groups_summary(
        self, request: pb.ListDirectoryGroupsSummaryRequest, call: Call
    ) -> pb.ListDirectoryGroupsResponse:
        directory = await registry.get(call, request.organization_id, request.directory_id)
        found = await paging.names_of_groups(call.db, directory)
        return pb.ListDirectoryGroupsResponse(
            groups=[pb.DirectoryGroup(id=one.id, display_name=one.display) for one in found],
            total_size=len(found),
        )

    async def update_directory(
        self, request: pb.UpdateDirectoryRequest, call: Call
    ) -> pb.UpdateDirectoryResponse:
        given = request.directory
        assert given is not None
        after = await changing.update(
            call,
            request.organization_id,
            request.id,
            name=given.name,
            directory_type=given.directory_type.name if given.directory_type.value else "",
            directory_provider=given.directory_provider.name
            if given.directory_provider.value
            else "",
            status=given.status.name if given.status.value else "",
            enabled=given.enabled,
            mappings=[(one.key, one.map_to) for one in given.mappings],
            groups=[
                {name: getattr(one, name) for name in ("external_id", "display_name", "email")}
                for one in given.groups
            ],
        )
        return pb.UpdateDirectoryResponse(directory=await self._answer(call, after))

    async def assign_groups_for_directory(
        self, request: pb.AssignGroupsForDirectoryRequest, call: Call
    ) -> Empty:
        await changing.follow_groups(
            call, request.organization_id, request.id, request.external_ids
        )
        return Empty()

    async def assign_roles(
        self, request: pb.AssignRolesRequest, call: Call
    ) -> pb.AssignRolesResponse:
        asked = request.role_assignments
        given = [
            Assignment(one.group_id, one.role_name, one.role_id)
            for one in (() if asked is None else asked.assignments)
        ]
        after, assignments = await role_assignments.assign(
            call, request.organization_id, request.id, given
        )
        call.tag(after.revision)
        return pb.AssignRolesResponse(role_assignments=read_assignments(assignments))

    async def update_attributes(
        self, request: pb.UpdateAttributesRequest, call: Call
    ) -> pb.UpdateAttributesResponse:
        asked = request.attribute_mapping
        pairs = [(one.key, one.map_to) for one in (() if asked is None else asked.attributes)]
        after = await changing.map_attributes(call, request.organization_id, request.id, pairs)
        call.tag(after.revision)
        return pb.UpdateAttributesResponse(attribute_mappings=to_mappings(after))

    async def trigger_directory_sync(
        self, request: pb.TriggerDirectorySyncRequest, call: Call
    ) -> Empty:
        await polling.sync_now(call, request.organization_id, request.directory_id)
        return Empty()

    async def get_directory_context(
        self, request: pb.GetDirectoryContextRequest, call: Call
    ) -> pb.GetDirectoryContextResponse:
        found = await registry.get(call, request.organization_id, request.directory_id)
        kept = Struct.from_json(to_json(found.context or {}))
        return pb.GetDirectoryContextResponse(context=kept)

    async def update_directory_context(
        self, request: pb.UpdateDirectoryContextRequest, call: Call
    ) -> Empty:
        context = request.context
        kept = {} if context is None else structs.plain(context, "context")
        await registry.keep_context(call, request.organization_id, request.directory_id, kept)
        return Empty()

    async def _answer(self, call: Call, directory: Directory) -> pb.Directory:
        call.tag(directory.revision)
        return self._message(await listing.whole(call, directory))

    def _message(self, whole: DirectoryDetails) -> pb.Directory:
        directory = whole.directory
        stats = pb.Stats(total_users=whole.total_users, total_groups=whole.total_groups)
        if whole.user_updated is not None:
            stats.user_updated_at = timestamp(whole.user_updated)
        if whole.group_updated is not None:
            stats.group_updated_at = timestamp(whole.group_updated)
        is_pushed = directory.directory_type == SCIM
        message = pb.Directory(
            id=directory.id,
            name=directory.name,
            directory_type=pb.DirectoryType[directory.directory_type],
            organization_id=directory.organization_id,
            enabled=directory.enabled,
            directory_provider=pb.DirectoryProvider.__members__.get(
                directory.directory_provider, pb.DirectoryProvider(0)
            ),
            directory_endpoint=f"{self._public_url}/directory/{directory.id}/scim/v2"
            if is_pushed
            else "",
            total_users=whole.total_users,
            total_groups=whole.total_groups,
            secrets=[to_secret(one) for one in whole.secrets],
            stats=stats,
            role_assignments=read_assignments(whole.assignments),
            attribute_mappings=to_mappings(directory),
            status=directory.status,
            email=directory.email,
            groups_tracked=directory.groups_tracked,
        )
        if directory.last_sync_time is not None:
            message.last_synced_at = timestamp(directory.last_sync_time)
        return message


def _check_polled(directory: Directory) -> None:
    if directory.directory_type == SCIM:
        raise errors.InvalidArgument.field(
            "include_external_groups",
            "polled",
            "can only be used with a polled directory",
        )
