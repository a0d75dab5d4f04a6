"""The first page: how the deployment is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.doors.console.visit import Door, Page, Visit

if TYPE_CHECKING:
    from tenantry.web import Response


def pages(door: Door) -> list[Page]:
    """Return the pages of this subject."""
    overview = _Overview(door)
    return [Page("GET", "", overview.show), Page("GET", "/overview", overview.show)]


class _Overview:
    """The handler of the page."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def show(self, visit: Visit) -> Response:
        """Show it."""
        return self._door.render(visit, "overview", "overview.html")
