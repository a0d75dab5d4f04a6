"""The tokens by which a provider pushes: made here and shown once, on the answer to the form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.endpoints.organization.directories.subject import Subject
from tenantry.endpoints.organization.visit import Page
from tenantry.gen.scalekit.v1.directories.directories_pb import (
    CreateDirectorySecretRequest,
    RegenerateDirectorySecretRequest,
)
from tenantry.web.frames.areas import SCIM

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from tenantry.endpoints.organization.visit import OrganizationSite, Visit
    from tenantry.gen.scalekit.v1.directories.directories_pb import (
        CreateDirectorySecretResponse,
        RegenerateDirectorySecretResponse,
    )
    from tenantry.net.http import Response

    _Made = CreateDirectorySecretResponse | RegenerateDirectorySecretResponse


def pages(site: OrganizationSite) -> list[Page]:
    part = _Secrets(site)
    return [
        Page("POST", "/{id}/secrets", part.make, SCIM),
        Page("POST", "/{id}/secrets/regenerate", part.regenerate, SCIM),
    ]


class _Secrets(Subject):
    async def make(self, visit: Visit) -> Response:
        """Make a token and show it."""
        organization_id, id_ = self.names(visit)
        request = CreateDirectorySecretRequest(organization_id=organization_id, directory_id=id_)
        return await self._shown(visit, visit.api.directories.create_directory_secret(request))

    async def regenerate(self, visit: Visit) -> Response:
        """Make a token in place of those before, and show it."""
        organization_id, id_ = self.names(visit)
        request = RegenerateDirectorySecretRequest(
            organization_id=organization_id, directory_id=id_
        )
        return await self._shown(visit, visit.api.directories.regenerate_directory_secret(request))

    async def _shown(self, visit: Visit, call: Awaitable[_Made]) -> Response:
        try:
            made = await call
        except (errors.InvalidArgument, errors.PermissionDenied) as problem:
            return self.refused(visit, self.path(visit), problem)
        assert made.secret is not None
        return self.render(
            visit,
            "secret.html",
            await self.directory(visit),
            "",
            plain=made.plain_secret,
            end=made.secret.expire_time,
        )
