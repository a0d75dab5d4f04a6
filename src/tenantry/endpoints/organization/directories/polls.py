"""Directories that are read: their service account, their groups, and a sync by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.endpoints.organization.directories.subject import Subject
from tenantry.endpoints.organization.visit import Page
from tenantry.gen.scalekit.v1.directories.directories_pb import (
    AssignGroupsForDirectoryRequest,
    DirectoryType,
    ListDirectoryGroupsRequest,
    ListDirectoryGroupsResponse,
    TriggerDirectorySyncRequest,
)
from tenantry.gen.tenantry.v1.directory_polling_pb import (
    DeleteDirectoryCredentialsRequest,
    GetDirectoryPollRequest,
    SetDirectoryCredentialsRequest,
)
from tenantry.web.forms import uploads
from tenantry.web.forms.problems import Problems
from tenantry.web.frames.areas import SCIM

if TYPE_CHECKING:
    from tenantry.endpoints.organization.visit import OrganizationSite, Visit
    from tenantry.gen.scalekit.v1.directories.directories_pb import DirectoryGroup
    from tenantry.gen.tenantry.v1.directory_polling_pb import GetDirectoryPollResponse
    from tenantry.net.http import Response

_SHOWN = 20  # groups on a page
_EVERY = "ALL"
_GROUP = "group-"  # before the id of a group that a form shows


def pages(site: OrganizationSite) -> list[Page]:
    part = _Polls(site)
    return [
        Page("POST", "/{id}/credentials", part.give_account, SCIM),
        Page("POST", "/{id}/credentials/delete", part.forget_account, SCIM),
        Page("POST", "/{id}/sync", part.sync, SCIM),
        Page("GET", "/{id}/followed", part.show_groups, SCIM),
        Page("POST", "/{id}/followed", part.follow, SCIM),
        Page("POST", "/{id}/followed/all", part.follow_all, SCIM),
    ]


class _Polls(Subject):
    async def give_account(self, visit: Visit) -> Response:
        """Set the service account: a key file, and in whose name it reads."""
        form = await uploads.read(visit.request)
        email, path = form.members.get("email", "").strip(), self.path(visit)
        given = {"email": email}
        file = form.files.get("key")
        if file is None:
            return self.site.failed(
                visit.request, Problems({"key": "directory.key_needed"}, given), path
            )
        try:
            key = file.content.decode()
        except UnicodeDecodeError:
            return self.site.failed(
                visit.request, Problems({"key": "directory.key_unread"}, given), path
            )
        organization_id, id_ = self.names(visit)
        request = SetDirectoryCredentialsRequest(
            organization_id=organization_id,
            directory_id=id_,
            email=email,
            service_account_key=key,
        )
        return await self.changed(
            visit,
            path,
            "directory_account",
            visit.api.directory_polling.set_directory_credentials(request),
            fields={"service_account_key": "key", "email": "email"},
            given=given,
        )

    async def forget_account(self, visit: Visit) -> Response:
        """Forget the service account."""
        organization_id, id_ = self.names(visit)
        await visit.api.directory_polling.delete_directory_credentials(
            DeleteDirectoryCredentialsRequest(organization_id=organization_id, directory_id=id_)
        )
        return self.site.done(self.path(visit), "directory_account_gone")

    async def sync(self, visit: Visit) -> Response:
        """Read it now."""
        organization_id, id_ = self.names(visit)
        call = visit.api.directories.trigger_directory_sync(
            TriggerDirectorySyncRequest(organization_id=organization_id, directory_id=id_)
        )
        return await self.changed(visit, self.path(visit), "directory_sync", call)

    async def show_groups(self, visit: Visit) -> Response:
        """Show the groups of the provider to choose from, and those that are chosen.

        A directory that is pushed to has none such: its own page is shown.
        """
        directory = await self.directory(visit)
        if directory.directory_type is not DirectoryType.POLL:
            return self.site.redirect(self.path(visit))
        polling = await self._polling(visit)
        organization_id, id_ = self.names(visit)
        request = ListDirectoryGroupsRequest(
            organization_id=organization_id,
            directory_id=id_,
            include_external_groups=True,
            page_size=_SHOWN,
            page_token=visit.query("page_token"),
        )
        said, page = "", ListDirectoryGroupsResponse()
        try:
            page = await visit.api.directories.list_directory_groups(request)
        except errors.InvalidArgument as problem:
            said = problem.message
        followed = {
            one.external_id: one.display_name or one.email or one.external_id
            for one in polling.groups
        }
        shown = [_detail(one) for one in page.groups]
        return self.render(
            visit,
            "followed.html",
            directory,
            "",
            poll=polling.poll,
            shown=shown,
            followed=followed,
            elsewhere=_without(followed, {one for one, _, _ in shown}),
            said=said,
            page_token=visit.query("page_token"),
            next=page.next_page_token,
        )

    async def follow(self, visit: Visit) -> Response:
        """Choose groups: of those that the form shows the ticked ones, beside all others."""
        form = visit.request.form()
        shown = {name.removeprefix("shown-") for name in form if name.startswith("shown-")}
        ticked = {name.removeprefix(_GROUP) for name in form if name.startswith(_GROUP)}
        path = self.path(visit, "followed")
        before = {one.external_id for one in (await self._polling(visit)).groups}
        chosen = sorted((before - shown) | ticked)
        if not chosen:
            return self.site.failed(visit.request, Problems({"": "directory.choose_group"}), path)
        token = form.get("page_token", "")
        return await self.changed(
            visit,
            self.path(visit, "followed", page_token=token) if token else path,
            "directory_followed",
            visit.api.directories.assign_groups_for_directory(self._assignment(visit, chosen)),
        )

    async def follow_all(self, visit: Visit) -> Response:
        """Follow every group of the provider."""
        return await self.changed(
            visit,
            self.path(visit, "followed"),
            "directory_followed",
            visit.api.directories.assign_groups_for_directory(self._assignment(visit, [_EVERY])),
        )

    async def _polling(self, visit: Visit) -> GetDirectoryPollResponse:
        organization_id, id_ = self.names(visit)
        request = GetDirectoryPollRequest(organization_id=organization_id, directory_id=id_)
        return await visit.api.directory_polling.get_directory_poll(request)

    def _assignment(self, visit: Visit, chosen: list[str]) -> AssignGroupsForDirectoryRequest:
        organization_id, id_ = self.names(visit)
        return AssignGroupsForDirectoryRequest(
            organization_id=organization_id, id=id_, external_ids=chosen
        )


def _detail(group: DirectoryGroup) -> tuple[str, str, str]:
    """Return the id of a group at its provider, its name for people and its address."""
    assert group.group_detail is not None
    detail = {name: str(value) for name, value in group.group_detail.to_python().items()}
    id_, email = detail["external_id"], detail.get("email", "")
    return id_, detail.get("display_name") or email or id_, email


def _without(followed: dict[str, str], shown: set[str]) -> dict[str, str]:
    return {id_: name for id_, name in followed.items() if id_ not in shown}
