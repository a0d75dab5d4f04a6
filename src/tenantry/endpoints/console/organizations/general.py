"""The first tab of an organization: what it is, what it may, its branding, and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protobuf.wkt import FieldMask

from tenantry.core import errors
from tenantry.endpoints.console import forms
from tenantry.endpoints.console import undo as undoing
from tenantry.endpoints.console.organizations import organization_page
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit, by_id
from tenantry.gen.scalekit.v1.organizations.organizations_pb import (
    BrandingSource,
    DeleteOrganizationRequest,
    GetOrganizationBrandingRequest,
    OrganizationSettings,
    OrganizationSettingsFeature,
    UpdateOrganization,
    UpdateOrganizationBrandingRequest,
    UpdateOrganizationRequest,
    UpdateOrganizationSettingsRequest,
)
from tenantry.web.forms import boxes

if TYPE_CHECKING:
    from tenantry.net.http import Response

_TEXTS = ("display_name", "external_id", "slug", "logo_url")


def pages(site: ConsoleSite) -> list[Page]:
    general = _General(site)
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
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def show(self, visit: Visit) -> Response:
        organization = await organization_page.get(visit)
        return organization_page.render(
            self._site, visit, "", organization, is_custom=await _has_custom_branding(visit)
        )

    async def update(self, visit: Visit) -> Response:
        """Change its texts."""
        form = visit.request.form()
        given = {name: form.get(name, "").strip() for name in _TEXTS}
        fields = {f"organization.{name}": name for name in _TEXTS} | {n: n for n in _TEXTS}
        organization = UpdateOrganization(
            display_name=given["display_name"],
            external_id=given["external_id"],
            slug=given["slug"],
            logo_url=given["logo_url"],
        )
        before = await organization_page.get(visit)
        former = {name: getattr(before, name) or "" for name in _TEXTS}
        call = visit.api.organizations.update_organization(
            UpdateOrganizationRequest(
                identities=by_id(visit.request.params["id"]), organization=organization
            )
        )
        path = organization_page.path_of(visit)
        return await forms.send(
            self._site,
            visit,
            call,
            path,
            "changed",
            fields=fields,
            given=given,
            undo=undoing.Undo(visit.request.path, former),
        )

    async def change_metadata(self, visit: Visit) -> Response:
        """Put other metadata in the place of what it has."""
        form, path = visit.request.form(), organization_page.path_of(visit)
        try:
            metadata = forms.pairs(form, "metadata")
        except errors.InvalidArgument as problem:
            return self._site.wrong(visit, problem, path, given=form)
        # Without a pair the mask says that the map is meant: an empty one is as if not given.
        request = UpdateOrganizationRequest(
            identities=by_id(visit.request.params["id"]),
            organization=UpdateOrganization(metadata=metadata),
            update_mask=FieldMask(paths=["metadata"]),
        )
        call = visit.api.organizations.update_organization(request)
        return await forms.send(self._site, visit, call, path, "changed", given=form)

    async def switch_features(self, visit: Visit) -> Response:
        """Switch its features as they are ticked."""
        form = visit.request.form()
        there = form.get("features", "").split()
        on = boxes.ticked(form, "feature")
        before = (await organization_page.get(visit)).settings
        enabled = [one.name for one in before.features if one.enabled] if before else []
        former = {"features": " ".join(there)} | {f"feature-{name}": "true" for name in enabled}
        settings = OrganizationSettings(
            features=[OrganizationSettingsFeature(name=name, enabled=name in on) for name in there]
        )
        call = visit.api.organizations.update_organization_settings(
            UpdateOrganizationSettingsRequest(id=visit.request.params["id"], settings=settings)
        )
        return await forms.send(
            self._site,
            visit,
            call,
            organization_page.path_of(visit),
            "changed",
            undo=undoing.Undo(visit.request.path, former),
        )

    async def choose_branding(self, visit: Visit) -> Response:
        """Let pages for its people show its own name and logo, or those of the deployment."""
        own = "custom" in visit.request.form()
        request = UpdateOrganizationBrandingRequest(
            organization_id=visit.request.params["id"],
            source=BrandingSource.CUSTOM if own else BrandingSource.ENVIRONMENT,
        )
        former = {"custom": "true"} if await _has_custom_branding(visit) else {}
        call = visit.api.organizations.update_organization_branding(request)
        return await forms.send(
            self._site,
            visit,
            call,
            organization_page.path_of(visit),
            "changed",
            undo=undoing.Undo(visit.request.path, former),
        )

    async def delete(self, visit: Visit) -> Response:
        """Delete it, if its name was typed."""
        organization = await organization_page.get(visit)
        typed = visit.request.form().get("name", "").strip()
        if typed != organization.display_name.strip():
            problem = errors.InvalidArgument.field(
                "name", "same", f"must match the name of the organization, got {typed[:60]!r}"
            )
            return self._site.wrong(
                visit, problem, organization_page.path_of(visit), {"name": "delete-name"}
            )
        request = DeleteOrganizationRequest(identities=by_id(organization.id))
        call = visit.api.organizations.delete_organization(request)
        return await forms.send(self._site, visit, call, visit.path("organizations"), "deleted")


async def _has_custom_branding(visit: Visit) -> bool:
    """Whether the organization has its own branding."""
    found = await visit.api.organizations.get_organization_branding(
        GetOrganizationBrandingRequest(organization_id=visit.request.params["id"])
    )
    assert found.branding is not None
    return found.branding.source is BrandingSource.CUSTOM
