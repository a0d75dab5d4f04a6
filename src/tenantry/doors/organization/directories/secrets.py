"""The tokens by which a provider pushes: made here and shown once, on the answer to the form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry import errors
from tenantry.doors.organization.directories.subject import ONE, Subject
from tenantry.doors.organization.visit import Page
from tenantry.pages.areas import SCIM

if TYPE_CHECKING:
    from tenantry.doors.organization.visit import Door, Visit
    from tenantry.web import Response


def pages(door: Door) -> list[Page]:
    """Return the pages of this part."""
    part = _Secrets(door)
    return [
        Page("POST", "/{id}/secrets", part.make, SCIM),
        Page("POST", "/{id}/secrets/regenerate", part.regenerate, SCIM),
    ]


class _Secrets(Subject):
    """Handlers of the pages."""

    async def make(self, visit: Visit) -> Response:
        """Make a token and show it."""
        return await self._shown(visit, f"{ONE}/secrets")

    async def regenerate(self, visit: Visit) -> Response:
        """Make a token in place of those before, and show it."""
        return await self._shown(visit, f"{ONE}/secrets:regenerate")

    async def _shown(self, visit: Visit, call: str) -> Response:
        try:
            made = await visit.api.post(call, *self.names(visit))
        except (errors.InvalidArgument, errors.PermissionDenied) as problem:
            return self.refused(visit, self.path(visit), problem)
        return self.render(
            visit,
            "secret.html",
            await self.directory(visit),
            "",
            plain=made["plain_secret"],
            end=made["secret"].get("expire_time", ""),
        )
