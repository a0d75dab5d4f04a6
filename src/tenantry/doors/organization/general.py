"""An organization's name and logo, and the domains whose people may join by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry import errors
from tenantry.doors.organization.visit import Door, Page, Visit
from tenantry.pages.areas import GENERAL

if TYPE_CHECKING:
    from tenantry.web import Response

_JOINING = "ALLOWED_EMAIL_DOMAIN"
_FIELDS = {
    "organization.display_name": "display_name",
    "organization.logo_url": "logo_url",
    "display_name": "display_name",
    "logo_url": "logo_url",
    "domain.domain": "domain",
}


def pages(door: Door) -> list[Page]:
    """Return the pages of this subject."""
    subject = _General(door)
    return [
        Page("GET", "", subject.show, GENERAL),
        Page("POST", "/save", subject.save, GENERAL),
        Page("POST", "/domains", subject.add_domain, GENERAL),
        Page("POST", "/domains/{id}/remove", subject.remove_domain, GENERAL),
    ]


class _General:
    """Handlers of the pages."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def show(self, visit: Visit) -> Response:
        """Show it."""
        listed = await visit.api.get(
            "/organizations/{}/domains", visit.organization.id, domain_type=_JOINING
        )
        domains = listed.get("domains", [])
        return self._door.render(visit, GENERAL, "general.html", domains=domains)

    async def save(self, visit: Visit) -> Response:
        """Change the name and the logo."""
        form, path = visit.request.form(), visit.path(GENERAL)
        given = {name: form.get(name, "").strip() for name in ("display_name", "logo_url")}
        if not given["display_name"]:  # to the API that is no change
            problem = errors.InvalidArgument.field("display_name", "required", "is required")
            return self._door.wrong(visit, problem, path, _FIELDS, given)
        try:
            await visit.api.patch("/organizations/{}", visit.organization.id, body=given)
        except errors.Error as problem:
            return self._door.wrong(visit, problem, path, _FIELDS, given)
        return self._door.done(path, "saved")

    async def add_domain(self, visit: Visit) -> Response:
        """Let people of a domain join."""
        domain, path = visit.request.form().get("domain", "").strip(), visit.path(GENERAL)
        try:
            await visit.api.post(
                "/organizations/{}/domains",
                visit.organization.id,
                body={"domain": domain, "domain_type": _JOINING},
            )
        except errors.Error as problem:
            fields = {"domain": "domain"} | _FIELDS
            return self._door.wrong(visit, problem, path, fields, {"domain": domain})
        return self._door.done(path, "joining_allowed")

    async def remove_domain(self, visit: Visit) -> Response:
        """Let people of a domain join no more."""
        path = visit.path(GENERAL)
        found = await visit.api.get(
            "/organizations/{}/domains/{}", visit.organization.id, visit.request.params["id"]
        )
        if found["domain"]["domain_type"] != _JOINING:
            raise errors.NotFound("domain")
        await visit.api.delete(
            "/organizations/{}/domains/{}", visit.organization.id, visit.request.params["id"]
        )
        return self._door.done(path, "domain_removed")
