"""DirectoryService: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protobuf.wkt import Empty, Struct

from tenantry.core import errors, ids, structs
from tenantry.core.caller import Kind
from tenantry.core.times import SECOND, microseconds, now, timestamp
from tenantry.db.pages import DEFAULT_SIZE
from tenantry.db.schema import to_json
from tenantry.gen.scalekit.v1.directories import directories_pb as pb
from tenantry.gen.tenantry.v1 import directory_requests_pb as requests_pb
from tenantry.gen.tenantry.v1 import states_pb
from tenantry.tenants.directories import (
    changing,
    listing,
    registry,
    request_log,
    role_assignments,
    secrets,
    states,
)
from tenantry.tenants.directories.changing import Changes
from tenantry.tenants.directories.model import ACTIVE, INACTIVE, SCIM
from tenantry.tenants.directories.polling import differences
from tenantry.tenants.directories.polling import service as polling
from tenantry.tenants.directories.polling.workspace import Workspace
from tenantry.tenants.directories.resources import paging
from tenantry.tenants.directories.role_assignments import Given

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from tenantry.call import Call
    from tenantry.net.outgoing import Outgoing
    from tenantry.settings import Settings
    from tenantry.tenants.directories.listing import Assignment, Whole
    from tenantry.tenants.directories.model import (
        Directory,
        DirectoryGroup,
        DirectoryUser,
        Secret,
    )
    from tenantry.tenants.directories.request_log import DirectoryRequest
    from tenantry.tenants.directories.resources.paging import Listed
    from tenantry.tenants.directories.states import State

MOST_LISTED = 30  # of the contract
_DAY, _HOUR = 24 * 3600, 3600  # seconds


class DirectoryService:
    """One async method per rpc."""

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
            directory_provider=_provider(request.directory.directory_provider),
            enabled=_is_by_program(call),
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
        by_page = not _is_by_program(call)  # which asks whether that is meant
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
        return pb.CreateDirectorySecretResponse(plain_secret=plain, secret=_secret(made))

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
        return pb.RegenerateDirectorySecretResponse(plain_secret=plain, secret=_secret(made))

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
            users=[_user(one, detail=request.include_detail) for one in page.items],
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
                groups=[_external(one, here.get(one["id"])) for one in call.found.items],
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
            groups=[_group(one, detail=request.include_detail) for one in page.items],
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
        changes = Changes(
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
        after = await changing.update(call, request.organization_id, request.id, changes)
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
            Given(one.group_id, one.role_name, one.role_id)
            for one in (() if asked is None else asked.assignments)
        ]
        after, assignments = await role_assignments.assign(
            call, request.organization_id, request.id, given
        )
        call.tag(after.revision)
        return pb.AssignRolesResponse(role_assignments=_assignments(assignments))

    async def update_attributes(
        self, request: pb.UpdateAttributesRequest, call: Call
    ) -> pb.UpdateAttributesResponse:
        asked = request.attribute_mapping
        pairs = [(one.key, one.map_to) for one in (() if asked is None else asked.attributes)]
        after = await changing.map_attributes(call, request.organization_id, request.id, pairs)
        call.tag(after.revision)
        return pb.UpdateAttributesResponse(attribute_mappings=_mappings(after))

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

    def _message(self, whole: Whole) -> pb.Directory:
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
            secrets=[_secret(one) for one in whole.secrets],
            stats=stats,
            role_assignments=_assignments(whole.assignments),
            attribute_mappings=_mappings(directory),
            status=directory.status,
            email=directory.email,
            groups_tracked=directory.groups_tracked,
        )
        if directory.last_sync_time is not None:
            message.last_synced_at = timestamp(directory.last_sync_time)
        return message


class DirectoryRequestService:
    """One async method per rpc."""

    async def list_directory_requests(
        self, request: requests_pb.ListDirectoryRequestsRequest, call: Call
    ) -> requests_pb.ListDirectoryRequestsResponse:
        directory = await registry.get(call, request.organization_id, request.directory_id)
        page = await request_log.listing(
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
        found = await request_log.get(call.db, directory, request.id)
        return requests_pb.GetDirectoryRequestResponse(request=_request(found))


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


def _check_polled(directory: Directory) -> None:
    if directory.directory_type == SCIM:
        raise errors.InvalidArgument.field(
            "include_external_groups",
            "polled",
            "is for a directory that is polled: the provider of this one cannot be asked",
        )


def _user(one: Listed, *, detail: bool) -> pb.DirectoryUser:
    user = one.user
    name = user.document.get("name") or {}
    message = pb.DirectoryUser(
        id=user.id,
        email=user.email,
        preferred_username=user.user_name,
        given_name=name.get("givenName") or "",
        family_name=name.get("familyName") or "",
        updated_at=timestamp(user.update_time),
        emails=_addresses(user),
        groups=[pb.DirectoryGroup(id=group.id, display_name=group.display) for group in one.groups],
    )
    if detail:
        message.user_detail = Struct.from_json(to_json(user.document))
    return message


def _addresses(user: DirectoryUser) -> list[str]:
    found = [user.email, *(one.get("value") for one in user.document.get("emails") or ())]
    return list(dict.fromkeys(address for address in found if address))


def _group(group: DirectoryGroup, *, detail: bool) -> pb.DirectoryGroup:
    message = pb.DirectoryGroup(
        id=group.id,
        display_name=group.display_name,
        total_users=group.member_count,
        updated_at=timestamp(group.update_time),
    )
    if detail:
        message.group_detail = Struct.from_json(to_json(group.document))
    return message


def _external(found: Mapping[str, Any], here: DirectoryGroup | None) -> pb.DirectoryGroup:
    """Return a group that the provider has, with its id here where it is here already."""
    message = pb.DirectoryGroup() if here is None else _group(here, detail=False)
    name, email = found.get("name") or "", found.get("email") or ""
    message.display_name = name or email or found["id"]
    detail = {"external_id": found["id"], "display_name": name, "email": email}
    message.group_detail = Struct.from_json(to_json(detail))
    return message


def _assignments(given: Sequence[Assignment]) -> pb.RoleAssignments:
    return pb.RoleAssignments(
        assignments=[
            pb.RoleAssignment(group_id=one.group_id, role_name=one.role_name, role_id=one.role_id)
            for one in given
        ]
    )


def _is_by_program(call: Call) -> bool:
    """Whether an application calls: its directories take up at once what arrives.

    Somebody at a page enables one at the end of its guide, and is asked before one is deleted.
    """
    return call.caller.kind is Kind.MANAGEMENT_CLIENT


def _provider(value: pb.DirectoryProvider) -> str:
    return "DIRECTORY_PROVIDER_UNSPECIFIED" if value == pb.DirectoryProvider(0) else value.name


def _mappings(directory: Directory) -> pb.AttributeMappings:
    return pb.AttributeMappings(
        attributes=[
            pb.AttributeMapping(key=key, map_to=map_to)
            for key, map_to in sorted(directory.attribute_mapping.items())
        ]
    )


def _secret(secret: Secret) -> pb.Secret:
    message = pb.Secret(
        id=secret.id,
        create_time=timestamp(secret.create_time),
        secret_suffix=secret.suffix,
        status=pb.SecretStatus[ACTIVE if secret.in_force(now()) else INACTIVE],
        directory_id=secret.directory_id,
    )
    if secret.expire_time is not None:
        message.expire_time = timestamp(secret.expire_time)
    if secret.last_used_time is not None:
        message.last_used_time = timestamp(secret.last_used_time)
    return message


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
            requests_pb.SkippedPart(member=part.get("member", ""), reason=part["reason"])
            for part in one.skipped or ()
        ],
    )
