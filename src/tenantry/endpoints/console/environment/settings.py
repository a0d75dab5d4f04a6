"""All settings, with where each comes from; a secret's value is shown nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
from tenantry.gen.tenantry.v1.settings_pb import ListSettingsRequest

if TYPE_CHECKING:
    from tenantry.net.http import Response


def pages(site: ConsoleSite) -> list[Page]:
    settings = _Settings(site)
    return [Page("GET", "/settings", settings.show)]


class _Settings:
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def show(self, visit: Visit) -> Response:
        """Show those whose name or text has the word that is looked for."""
        listed = await visit.api.settings.list_settings(ListSettingsRequest())
        asked = visit.query("query").strip().lower()[:100]
        found = [
            one
            for one in listed.settings
            if asked in one.name.lower() or asked in one.description.lower()
        ]
        return self._site.render(
            visit, "settings", "settings.html", settings=found, asked_for=asked
        )
