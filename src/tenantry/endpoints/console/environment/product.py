"""`/console/product`: the name and color of the product, the first page for a new owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
from tenantry.gen.tenantry.v1.settings_pb import ListSettingsRequest, UpdateSettingsRequest
from tenantry.identity.operators.model import OWNER
from tenantry.web.forms.problems import Problems

if TYPE_CHECKING:
    from tenantry.net.http import Response

NAME, COLOR = "app_name", "app_color"
_NEXT = "overview"


def pages(site: ConsoleSite) -> list[Page]:
    product = _Product(site)
    return [
        Page("GET", "/product", product.show),
        Page("POST", "/product/save", product.save, OWNER),
    ]


def first_page(site: ConsoleSite) -> str:
    """Return the page after entry by a link: this page until the product has a name."""
    return _NEXT if site.context.effective.settings.app_name else "product"


class _Product:
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def show(self, visit: Visit) -> Response:
        """Show the form to owners. Other operators cannot change settings and are redirected."""
        changeable = await self._changeable(visit)
        if not visit.has_role(OWNER) or NAME not in changeable:
            return self._site.redirect(visit.path(_NEXT))
        settings = self._site.context.effective.settings
        return self._site.render(
            visit,
            "overview",
            "product.html",
            skipped=visit.path(_NEXT),
            name=settings.app_name,
            color=settings.app_color,
            has_color=COLOR in changeable,
        )

    async def save(self, visit: Visit) -> Response:
        """Store the name and the color."""
        form, path = visit.request.form(), visit.path("product")
        given = {NAME: form.get(NAME, "").strip(), COLOR: form.get(COLOR, "").strip()}
        if not given[NAME]:
            return self._site.failed(
                visit.request, Problems({NAME: "product.unnamed"}, given), path
            )
        changed = {name: value for name, value in given.items() if value}
        try:
            await visit.api.settings.update_settings(UpdateSettingsRequest(settings=changed))
        except errors.InvalidArgument as problem:
            fields = {f'settings["{name}"]': name for name in given} | {
                f"settings.{name}": name for name in given
            }
            return self._site.wrong(visit, problem, path, fields, given)
        return self._site.done(visit.path(_NEXT), "product_saved")

    @staticmethod
    async def _changeable(visit: Visit) -> set[str]:
        """Return the settings that no file or environment variable fixes."""
        listed = await visit.api.settings.list_settings(ListSettingsRequest())
        return {one.name for one in listed.settings if one.changeable}
