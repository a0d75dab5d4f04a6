"""Organizations: all of them, and one with all that belongs to it, a tab for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.endpoints.console.organizations import belongings, general, listing, members, programs

if TYPE_CHECKING:
    from tenantry.endpoints.console.visit import Door, Page

_PARTS = (listing, general, members, belongings, programs)


def pages(door: Door) -> list[Page]:
    return [page for part in _PARTS for page in part.pages(door)]
