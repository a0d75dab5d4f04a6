"""Connections by which an organization's people sign in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.doors.organization.visit import Door, Page, Visit
from tenantry.pages.areas import SSO

if TYPE_CHECKING:
    from tenantry.web import Response


def pages(door: Door) -> list[Page]:
    """Return the pages of this subject."""
    subject = _SingleSignOn(door)
    return [Page("GET", "", subject.show, SSO)]


class _SingleSignOn:
    """Handlers of the pages."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def show(self, visit: Visit) -> Response:
        """Show it."""
        return self._door.render(visit, SSO, "single_sign_on.html")
