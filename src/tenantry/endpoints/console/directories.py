"""Directories: those of all organizations with how they go, and one with its secrets and groups."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tenantry.core import errors, structs
from tenantry.endpoints.console import activity, filters, forms
from tenantry.endpoints.console import undo as undoing
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
from tenantry.gen.scalekit.v1.directories.directories_pb import (
    AssignRolesRequest,
    CreateDirectorySecretRequest,
    DeleteDirectoryRequest,
    Directory,
    DirectoryType,
    GetDirectoryRequest,
    ListDirectoryGroupsRequest,
    RoleAssignment,
    RoleAssignments,
    ToggleDirectoryRequest,
    TriggerDirectorySyncRequest,
)
from tenantry.gen.scalekit.v1.roles.roles_pb import ListOrganizationRolesRequest
from tenantry.gen.tenantry.v1.directory_polling_pb import GetDirectoryPollRequest
from tenantry.gen.tenantry.v1.directory_requests_pb import ListDirectoryRequestsRequest
from tenantry.gen.tenantry.v1.overview_pb import ActivityMetric
from tenantry.gen.tenantry.v1.states_pb import (
    ListDirectoryStatesRequest,
    ListDirectoryStatesResponse,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.gen.tenantry.v1.directory_polling_pb import DirectoryPoll
    from tenantry.gen.tenantry.v1.directory_requests_pb import DirectoryRequest
    from tenantry.gen.tenantry.v1.states_pb import DirectoryState
    from tenantry.net.http import Response

_FILTERS = ("directory_type", "status", "enabled")
_SHOWN = 30


def pages(site: ConsoleSite) -> list[Page]:
    directories = _Directories(site)
    root = "/directories/{id}"
    return [
        Page("GET", "/directories", directories.listed),
        Page("GET", root, directories.show),
        Page("POST", f"{root}/enable", directories.enable),
        Page("POST", f"{root}/disable", directories.disable),
        Page("POST", f"{root}/secret", directories.make_secret),
        Page("POST", f"{root}/sync", directories.sync),
        Page("POST", f"{root}/delete", directories.delete),
        Page("GET", f"{root}/requests", directories.requests),
        Page("GET", f"{root}/groups", directories.groups),
        Page("POST", f"{root}/groups/roles", directories.assign_roles),
    ]


class _Directories:
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def listed(self, visit: Visit) -> Response:
        """List those of all organizations."""
        narrow = {name: visit.query(name)[:40] for name in _FILTERS}
        query, chosen = visit.query("query").strip(), filters.Chosen()
        if not query.startswith("dir_"):
            chosen = await filters.find_organization(visit, query)
            query = chosen.id
        found = ListDirectoryStatesResponse()
        if not chosen.is_unresolved:
            found = await visit.api.states.list_directory_states(
                ListDirectoryStatesRequest(
                    query=query,
                    directory_type=narrow["directory_type"],
                    status=narrow["status"],
                    enabled=forms.switch(narrow["enabled"], "enabled"),
                    page_size=_SHOWN,
                    page_token=visit.query("page_token"),
                )
            )
        return self._site.render(
            visit,
            "directories",
            "directories/list.html",
            listed=found,
            query=query or chosen.asked,
            chosen=chosen,
            narrow=narrow,
            filters={**narrow, "query": query},
            charts=await _charts(visit) if found.directories else None,
        )

    async def show(self, visit: Visit) -> Response:
        """Show its facts and its secrets."""
        found = await self._get(visit)
        return await self._facts(visit, found)

    async def make_secret(self, visit: Visit) -> Response:
        """Make a secret and show it: on this page, and on no other."""
        found = await self._get(visit)
        made = await visit.api.directories.create_directory_secret(
            CreateDirectorySecretRequest(
                organization_id=found.organization_id, directory_id=found.id
            )
        )
        return await self._facts(visit, found, secret=made.plain_secret)

    async def _facts(self, visit: Visit, found: DirectoryState, secret: str = "") -> Response:
        directory = await _directory(visit, found)
        poll = None
        if directory.directory_type is DirectoryType.POLL:
            request = GetDirectoryPollRequest(
                organization_id=found.organization_id, directory_id=found.id
            )
            poll = (await visit.api.directory_polling.get_directory_poll(request)).poll
        return self._tab(
            visit,
            "",
            found,
            directory=directory,
            secret=secret,
            poll=poll,
            charts=await _charts(visit, found.id),
            is_syncing=poll is not None and directory.enabled and is_syncing(poll),
        )

    async def enable(self, visit: Visit) -> Response:
        """Let it take pushes, or be polled."""
        found = await self._get(visit)
        call = visit.api.directories.enable_directory(_toggle(found))
        return await forms.send(
            self._site,
            visit,
            call,
            _path(visit),
            "enabled",
            name=found.name or found.id,
            undo=undoing.of_switch(visit.request.path),
        )

    async def disable(self, visit: Visit) -> Response:
        """Let it take nothing."""
        found = await self._get(visit)
        call = visit.api.directories.disable_directory(_toggle(found))
        return await forms.send(
            self._site,
            visit,
            call,
            _path(visit),
            "disabled",
            name=found.name or found.id,
            undo=undoing.of_switch(visit.request.path),
        )

    async def sync(self, visit: Visit) -> Response:
        """Poll it at once."""
        found = await self._get(visit)
        request = TriggerDirectorySyncRequest(
            organization_id=found.organization_id, directory_id=found.id
        )
        call = visit.api.directories.trigger_directory_sync(request)
        return await forms.send(
            self._site, visit, call, _path(visit), "synced", name=found.name or found.id
        )

    async def delete(self, visit: Visit) -> Response:
        """Delete it with all that it holds."""
        found = await self._get(visit)
        request = DeleteDirectoryRequest(organization_id=found.organization_id, id=found.id)
        call = visit.api.directories.delete_directory(request)
        return await forms.send(self._site, visit, call, visit.path("directories"), "deleted")

    async def requests(self, visit: Visit) -> Response:
        """List what its provider has sent."""
        found = await self._get(visit)
        failed = bool(visit.query("failed"))
        listed = await visit.api.directory_requests.list_directory_requests(
            ListDirectoryRequestsRequest(
                organization_id=found.organization_id,
                directory_id=found.id,
                failed=failed,
                page_size=20,
                page_token=visit.query("page_token"),
            )
        )
        requests = [(one, _payload(one)) for one in listed.requests]
        return self._tab(visit, "requests", found, listed=listed, requests=requests, failed=failed)

    async def groups(self, visit: Visit) -> Response:
        """List its groups, with the roles that their members have."""
        found = await self._get(visit)
        listed = await visit.api.directories.list_directory_groups(
            ListDirectoryGroupsRequest(
                organization_id=found.organization_id,
                directory_id=found.id,
                page_size=_SHOWN,
                page_token=visit.query("page_token"),
            )
        )
        directory = await _directory(visit, found)
        roles = await visit.api.roles.list_organization_roles(
            ListOrganizationRolesRequest(org_id=found.organization_id)
        )
        return self._tab(
            visit,
            "groups",
            found,
            listed=listed,
            assigned=_assigned(directory),
            role_choices=[("", "–"), *((role.name, role.name) for role in roles.roles)],
        )

    async def assign_roles(self, visit: Visit) -> Response:
        """Give the members of a group a role, and no other; the other groups keep theirs."""
        found = await self._get(visit)
        form = visit.request.form()
        group_id, role = form.get("group_id", ""), form.get("role", "")
        kept = [
            RoleAssignment(group_id=one.group_id, role_name=one.role_name)
            for one in _assignments(await _directory(visit, found))
            if one.group_id != group_id
        ]
        given = [RoleAssignment(group_id=group_id, role_name=role)] if role else []
        call = visit.api.directories.assign_roles(
            AssignRolesRequest(
                organization_id=found.organization_id,
                id=found.id,
                role_assignments=RoleAssignments(assignments=[*kept, *given]),
            )
        )
        return await forms.send(self._site, visit, call, _path(visit, "groups"), "changed")

    async def _get(self, visit: Visit) -> DirectoryState:
        """Return the state of the directory that a visit is about, whosever it is."""
        directory_id = visit.request.params["id"]
        answer = await visit.api.states.list_directory_states(
            ListDirectoryStatesRequest(query=directory_id)
        )
        for one in answer.directories:
            if one.id == directory_id:
                return one
        raise errors.NotFound("directory")

    def _tab(self, visit: Visit, tab: str, found: DirectoryState, **values: Any) -> Response:
        names = ("", "requests", "groups")
        tabs = [
            (_path(visit, one), visit.words.plain(f"tabs.{one or 'general'}"), one == tab)
            for one in names
        ]
        return self._site.render(
            visit,
            "directories",
            f"directories/{tab or 'general'}.html",
            found=found,
            here=_path(visit, tab),
            root=_path(visit),
            tabs=tabs,
            **values,
        )


async def _charts(visit: Visit, directory_id: str = "") -> activity.ChartGrid:
    """Return the charts of one directory, or of all."""
    metric = ActivityMetric.DIRECTORY_SYNCS
    counts = await activity.load(visit, [metric], key=directory_id)
    if directory_id:
        latency = activity.latency(counts, metric, "sync_latency")
        path = visit.path("directories", directory_id)
        return activity.grid(visit, path, activity.directory_syncs(counts), latency)
    cards = activity.directory_syncs(counts), activity.directories(counts)
    return activity.grid(visit, visit.path("directories"), *cards)


async def _directory(visit: Visit, found: DirectoryState) -> Directory:
    request = GetDirectoryRequest(organization_id=found.organization_id, id=found.id)
    directory = (await visit.api.directories.get_directory(request)).directory
    assert directory is not None
    return directory


def _toggle(found: DirectoryState) -> ToggleDirectoryRequest:
    return ToggleDirectoryRequest(organization_id=found.organization_id, id=found.id)


def _payload(request: DirectoryRequest) -> str:
    """Return what a provider sent, as JSON; "" where it sent nothing."""
    sent = {} if request.payload is None else structs.members(request.payload)
    return json.dumps(sent, indent=2, ensure_ascii=False) if sent else ""


def _path(visit: Visit, *segments: str) -> str:
    return visit.path("directories", visit.request.params["id"], *(one for one in segments if one))


def _assignments(directory: Directory) -> Sequence[RoleAssignment]:
    return directory.role_assignments.assignments if directory.role_assignments else ()


def _assigned(directory: Directory) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in _assignments(directory):
        found.setdefault(one.group_id, []).append(one.role_name)
    return found


def is_syncing(poll: DirectoryPoll) -> bool:
    """Return whether a sync is in progress or due."""
    due = poll.next_time
    return poll.under_way or (due is not None and due.to_datetime() <= datetime.now(UTC))
