"""The steps by which a directory is set up, with their state; on, off, its name, and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.endpoints.organization import embedding
from tenantry.endpoints.organization.directories import states
from tenantry.endpoints.organization.directories.subject import Subject, roles_of
from tenantry.endpoints.organization.visit import Frame, Page
from tenantry.gen.scalekit.v1.directories.directories_pb import (
    DeleteDirectoryRequest,
    DirectoryType,
    ToggleDirectoryRequest,
    UpdateDirectory,
    UpdateDirectoryRequest,
)
from tenantry.gen.tenantry.v1.directory_polling_pb import (
    DirectoryPoll,
    GetDirectoryPollRequest,
    GetDirectoryPollResponse,
)
from tenantry.gen.tenantry.v1.directory_requests_pb import ListDirectoryRequestsRequest
from tenantry.web.frames.areas import DOMAINS, SCIM

if TYPE_CHECKING:
    from tenantry.endpoints.organization.visit import OrganizationSite, Visit
    from tenantry.net.http import Response


def pages(site: OrganizationSite) -> list[Page]:
    part = _SettingUp(site)
    return [
        Page("GET", "/{id}", part.show, SCIM),
        Page("POST", "/{id}/enable", part.enable, SCIM),
        Page("POST", "/{id}/disable", part.disable, SCIM),
        Page("POST", "/{id}/name", part.rename, SCIM),
        Page("POST", "/{id}/delete", part.delete, SCIM),
    ]


class _SettingUp(Subject):
    async def show(self, visit: Visit) -> Response:
        """Show the steps, and on top all that needs a look."""
        directory = await self.directory(visit)
        organization_id, id_ = self.names(visit)
        polling, refused = GetDirectoryPollResponse(), None
        if directory.directory_type is DirectoryType.POLL:
            polling = await visit.api.directory_polling.get_directory_poll(
                GetDirectoryPollRequest(organization_id=organization_id, directory_id=id_)
            )
        else:
            log = await visit.api.directory_requests.list_directory_requests(
                ListDirectoryRequestsRequest(
                    organization_id=organization_id, directory_id=id_, failed=True, page_size=1
                )
            )
            refused = next(iter(log.requests), None)
        return self.render(
            visit,
            "set_up.html",
            directory,
            "",
            poll=polling.poll or DirectoryPoll(),
            account=polling.credentials,
            followed=polling.groups,
            warnings=states.warnings(directory, refused),
            secrets=states.active(directory),
            has_domain=await visit.has_verified_domain(),
            domains=visit.path(DOMAINS) if visit.sees(DOMAINS) else "",
            mapped=len(roles_of(directory)),
            overlap=self.site.context.settings.directory_secret_overlap_hours,
            deletes=visit.frame is Frame.PORTAL,
            plain="",
        )

    async def enable(self, visit: Visit) -> Response:
        """Take up what arrives."""
        try:
            await visit.api.directories.enable_directory(self._toggle(visit))
        except errors.PermissionDenied as problem:
            return self.refused(visit, self.path(visit), problem)
        return await self._switched(visit, "directory_enabled")

    async def disable(self, visit: Visit) -> Response:
        """Take nothing up any more."""
        await visit.api.directories.disable_directory(self._toggle(visit))
        return await self._switched(visit, "directory_disabled")

    async def rename(self, visit: Visit) -> Response:
        """Give it another name."""
        organization_id, id_ = self.names(visit)
        name = visit.request.form().get("name", "").strip()
        request = UpdateDirectoryRequest(
            organization_id=organization_id, id=id_, directory=UpdateDirectory(name=name)
        )
        return await self.changed(
            visit,
            self.path(visit),
            "directory_named",
            visit.api.directories.update_directory(request),
            fields={"directory.name": "name"},
            given={"name": name},
        )

    async def delete(self, visit: Visit) -> Response:
        organization_id, id_ = self.names(visit)
        await visit.api.directories.delete_directory(
            DeleteDirectoryRequest(organization_id=organization_id, id=id_)
        )
        return self.site.done(visit.path(SCIM), "directory_deleted")

    def _toggle(self, visit: Visit) -> ToggleDirectoryRequest:
        organization_id, id_ = self.names(visit)
        return ToggleDirectoryRequest(organization_id=organization_id, id=id_)

    async def _switched(self, visit: Visit, change: str) -> Response:
        told = embedding.Event.of_directory(await self.directory(visit))
        return self.site.done(self.path(visit), change, told)
