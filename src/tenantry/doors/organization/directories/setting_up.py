"""The steps by which a directory is set up, with their state; on, off, its name, and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry import errors
from tenantry.doors.organization import embedding
from tenantry.doors.organization.directories import states
from tenantry.doors.organization.directories.subject import ONE, POLLED, Subject, roles_of
from tenantry.doors.organization.visit import Frame, Page
from tenantry.pages.areas import DOMAINS, SCIM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.doors.organization.visit import Door, Visit
    from tenantry.web import Response


def pages(door: Door) -> list[Page]:
    """Return the pages of this part."""
    part = _SettingUp(door)
    return [
        Page("GET", "/{id}", part.show, SCIM),
        Page("POST", "/{id}/enable", part.enable, SCIM),
        Page("POST", "/{id}/disable", part.disable, SCIM),
        Page("POST", "/{id}/name", part.rename, SCIM),
        Page("POST", "/{id}/delete", part.delete, SCIM),
    ]


class _SettingUp(Subject):
    """Handlers of the pages."""

    async def show(self, visit: Visit) -> Response:
        """Show the steps, and on top all that needs a look."""
        directory = await self.directory(visit)
        names = self.names(visit)
        is_polled = directory["directory_type"] == POLLED
        poll: dict[str, Any] = {}
        refused = None
        if is_polled:
            poll = await visit.api.get(f"{ONE}/poll", *names)
        else:
            log = await visit.api.get(f"{ONE}/requests", *names, failed=True, page_size=1)
            refused = next(iter(log.get("requests", ())), None)
        return self.render(
            visit,
            "set_up.html",
            directory,
            "",
            poll=poll.get("poll", {}),
            account=poll.get("credentials"),
            followed=poll.get("groups", ()),
            warnings=states.warnings(directory, refused),
            secrets=states.active(directory),
            has_domain=await visit.has_verified_domain(),
            domains=visit.path(DOMAINS) if visit.sees(DOMAINS) else "",
            mapped=len(roles_of(directory)),
            overlap=self.door.parts.settings.directory_secret_overlap_hours,
            deletes=visit.frame is Frame.PORTAL,
            plain="",
        )

    async def enable(self, visit: Visit) -> Response:
        """Take up what arrives."""
        try:
            await visit.api.patch(f"{ONE}:enable", *self.names(visit))
        except errors.PermissionDenied as problem:
            return self.refused(visit, self.path(visit), problem)
        return await self._switched(visit, "directory_enabled")

    async def disable(self, visit: Visit) -> Response:
        """Take nothing up any more."""
        await visit.api.patch(f"{ONE}:disable", *self.names(visit))
        return await self._switched(visit, "directory_disabled")

    async def rename(self, visit: Visit) -> Response:
        """Give it another name."""
        name = visit.request.form().get("name", "").strip()
        return await self.changed(
            visit,
            self.path(visit),
            "directory_named",
            visit.api.patch(ONE, *self.names(visit), body={"name": name}),
            fields={"directory.name": "name"},
            given={"name": name},
        )

    async def delete(self, visit: Visit) -> Response:
        """Delete it."""
        await visit.api.delete(ONE, *self.names(visit))
        return self.door.done(visit.path(SCIM), "directory_deleted")

    async def _switched(self, visit: Visit, change: str) -> Response:
        directory: Mapping[str, Any] = await self.directory(visit)
        told = embedding.Event.of_directory(directory)
        return self.door.done(self.path(visit), change, told)
