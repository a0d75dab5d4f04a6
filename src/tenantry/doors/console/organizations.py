"""Organizations: all of them, and one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.doors.console.visit import Door, Page, Visit

if TYPE_CHECKING:
    from tenantry.web import Response


def pages(door: Door) -> list[Page]:
    """Return the pages of this subject."""
    organizations = _Organizations(door)
    return [Page("GET", "/organizations", organizations.listed)]


class _Organizations:
    """Handlers of the pages."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def listed(self, visit: Visit) -> Response:
        """List them."""
        token = visit.query("page_token") or None
        listed = await visit.api.get("/organizations", page_size=30, page_token=token)
        return self._door.render(visit, "organizations", "organizations.html", listed=listed)
