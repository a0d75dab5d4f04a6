"""The audit log of an organization."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.doors.organization.visit import Door, Page, Visit
from tenantry.pages.areas import AUDIT

if TYPE_CHECKING:
    from tenantry.web import Response


def pages(door: Door) -> list[Page]:
    """Return the pages of this subject."""
    subject = _Audit(door)
    return [Page("GET", "", subject.show, AUDIT)]


class _Audit:
    """Handlers of the pages."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def show(self, visit: Visit) -> Response:
        """Show it."""
        return self._door.render(visit, AUDIT, "audit.html")
