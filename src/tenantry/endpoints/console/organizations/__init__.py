"""Organizations: all of them, and one with all that belongs to it, a tab for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.endpoints.console.organizations import (
    api_clients,
    general,
    listing,
    members,
    sign_in_policy,
    tabs,
)

if TYPE_CHECKING:
    from tenantry.endpoints.console.visit import ConsoleSite, Page

_PARTS = (listing, general, members, tabs, sign_in_policy, api_clients)


def pages(site: ConsoleSite) -> list[Page]:
    return [page for part in _PARTS for page in part.pages(site)]
