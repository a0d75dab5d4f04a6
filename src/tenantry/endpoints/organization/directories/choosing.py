"""Which directories an organization has, and the making of one for a provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.api import descriptors
from tenantry.core import errors
from tenantry.endpoints.organization.directories import states
from tenantry.endpoints.organization.directories.subject import Subject, guide_of
from tenantry.endpoints.organization.visit import Page
from tenantry.gen.scalekit.v1.directories.directories_pb import (
    CreateDirectory,
    CreateDirectoryRequest,
    DirectoryProvider,
    DirectoryType,
    ListDirectoriesRequest,
)
from tenantry.tenants.directories import guides
from tenantry.web.forms.problems import Problems
from tenantry.web.frames.areas import SCIM

if TYPE_CHECKING:
    from tenantry.endpoints.organization.visit import OrganizationSite, Visit
    from tenantry.net.http import Response


def pages(site: OrganizationSite) -> list[Page]:
    part = _Choosing(site)
    return [
        Page("GET", "", part.first, SCIM),
        Page("GET", "/new", part.choose, SCIM),
        Page("POST", "/new", part.make, SCIM),
    ]


class _Choosing(Subject):
    async def first(self, visit: Visit) -> Response:
        """Show the directories, or lead on where there is one, or none."""
        request = ListDirectoriesRequest(organization_id=visit.organization.id)
        found = (await visit.api.directories.list_directories(request)).directories
        if not found:
            return self._tiles(visit, is_first=True)
        if len(found) == 1 and not visit.query("done"):
            return self.site.redirect(visit.path(SCIM, found[0].id))
        return self.site.render(
            visit,
            SCIM,
            "directories/all.html",
            directories=[
                (one, guide_of(one, visit.words.language), *states.state(one)) for one in found
            ],
            manages=visit.manages(SCIM),
        )

    async def choose(self, visit: Visit) -> Response:
        """Show the providers to choose from."""
        return self._tiles(visit, is_first=False)

    async def make(self, visit: Visit) -> Response:
        """Make a directory for the provider that was chosen."""
        form = visit.request.form()
        guide = next((one for one in guides.guides() if one.id == form.get("provider")), None)
        path = visit.path(SCIM, "new")
        if guide is None:
            problems = Problems({"": "directories.choose_one"})
            return self.site.failed(visit.request, problems, path)
        request = CreateDirectoryRequest(
            organization_id=visit.organization.id,
            directory=CreateDirectory(
                directory_type=descriptors.enum_value(DirectoryType, guide.type),
                directory_provider=descriptors.enum_value(DirectoryProvider, guide.provider),
            ),
        )
        try:
            made = await visit.api.directories.create_directory(request)
        except errors.InvalidArgument as problem:
            return self.refused(visit, path, problem)
        assert made.directory is not None
        return self.site.done(visit.path(SCIM, made.directory.id), "directory_made")

    def _tiles(self, visit: Visit, *, is_first: bool) -> Response:
        return self.site.render(
            visit,
            SCIM,
            "directories/choose.html",
            guides=guides.guides(visit.words.language),
            is_first=is_first,
            manages=visit.manages(SCIM),
        )
