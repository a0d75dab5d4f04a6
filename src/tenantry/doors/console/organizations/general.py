"""The first tab of an organization: what it is, what it may, its branding, and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry import errors
from tenantry.doors.console import forms
from tenantry.doors.console.organizations import one
from tenantry.doors.console.visit import Door, Page, Visit
from tenantry.pages import boxes

if TYPE_CHECKING:
    from tenantry.web import Response

_TEXTS = ("display_name", "external_id", "slug", "logo_url")
_ENVIRONMENT, _CUSTOM = "BRANDING_SOURCE_ENVIRONMENT", "BRANDING_SOURCE_CUSTOM"


def pages(door: Door) -> list[Page]:
    """Return the pages of the tab."""
    general = _General(door)
    root = "/organizations/{id}"
    return [
        Page("GET", root, general.show),
        Page("POST", f"{root}/update", general.update),
        Page("POST", f"{root}/metadata", general.change_metadata),
        Page("POST", f"{root}/features", general.switch_features),
        Page("POST", f"{root}/branding", general.choose_branding),
        Page("POST", f"{root}/delete", general.delete),
    ]


class _General:
    """Handlers of the pages."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def show(self, visit: Visit) -> Response:
        """Show it."""
        organization = await one.get(visit)
        branding = await visit.api.get(
            "/organizations/{}/portal_customizations", organization["id"]
        )
        return one.render(
            self._door,
            visit,
            "",
            organization,
            is_custom=branding["branding"].get("source") == _CUSTOM,
        )

    async def update(self, visit: Visit) -> Response:
        """Change its texts."""
        form = visit.request.form()
        given = {name: form.get(name, "").strip() for name in _TEXTS}
        fields = {f"organization.{name}": name for name in _TEXTS} | {n: n for n in _TEXTS}
        call = visit.api.patch("/organizations/{}", visit.request.params["id"], body=given)
        path = one.path_of(visit)
        return await forms.send(
            self._door, visit, call, path, "changed", fields=fields, given=given
        )

    async def change_metadata(self, visit: Visit) -> Response:
        """Put other metadata in the place of what it has."""
        form, path = visit.request.form(), one.path_of(visit)
        try:
            metadata = forms.pairs(form, "metadata")
        except errors.InvalidArgument as problem:
            return self._door.wrong(visit, problem, path, given=form)
        # Without a pair the mask says that the map is meant: JSON leaves an empty one out.
        call = visit.api.patch(
            "/organizations/{}",
            visit.request.params["id"],
            body={"metadata": metadata},
            update_mask="metadata",
        )
        return await forms.send(self._door, visit, call, path, "changed", given=form)

    async def switch_features(self, visit: Visit) -> Response:
        """Switch its features as they are ticked."""
        form = visit.request.form()
        there = form.get("features", "").split()
        on = boxes.ticked(form, "feature")
        call = visit.api.patch(
            "/organizations/{}/settings",
            visit.request.params["id"],
            body={"features": [{"name": name, "enabled": name in on} for name in there]},
        )
        return await forms.send(self._door, visit, call, one.path_of(visit), "changed")

    async def choose_branding(self, visit: Visit) -> Response:
        """Let pages for its people show its own name and logo, or those of the deployment."""
        own = "custom" in visit.request.form()
        call = visit.api.put(
            "/organizations/{}/portal_customizations",
            visit.request.params["id"],
            body={"source": _CUSTOM if own else _ENVIRONMENT},
        )
        return await forms.send(self._door, visit, call, one.path_of(visit), "changed")

    async def delete(self, visit: Visit) -> Response:
        """Delete it, if its name was typed."""
        organization = await one.get(visit)
        typed = visit.request.form().get("name", "").strip()
        if typed != organization["display_name"].strip():
            problem = errors.InvalidArgument.field(
                "name", "same", f"must be the name of what is deleted, got {typed[:60]!r}"
            )
            return self._door.wrong(visit, problem, one.path_of(visit), {"name": "delete-name"})
        call = visit.api.delete("/organizations/{}", organization["id"])
        return await forms.send(self._door, visit, call, visit.path("organizations"), "deleted")
