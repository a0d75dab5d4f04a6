"""The mapping from attributes of the provider to Tenantry's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.endpoints.organization.directories.subject import Subject
from tenantry.endpoints.organization.visit import Page
from tenantry.gen.scalekit.v1.directories.directories_pb import (
    AttributeMapping,
    AttributeMappings,
    UpdateAttributesRequest,
)
from tenantry.tenants.directories.effects import profiles
from tenantry.tenants.user_attributes import reading
from tenantry.tenants.user_attributes.model import DIRECTORY
from tenantry.web.frames.areas import SCIM

if TYPE_CHECKING:
    from tenantry.endpoints.organization.visit import OrganizationSite, Visit
    from tenantry.net.http import Response

_MOST = 45  # rows of the form, with those that are mapped first


def pages(site: OrganizationSite) -> list[Page]:
    part = _Attributes(site)
    return [
        Page("GET", "/{id}/attributes", part.show, SCIM),
        Page("POST", "/{id}/attributes", part.map, SCIM),
    ]


class _Attributes(Subject):
    async def show(self, visit: Visit) -> Response:
        """Show all attributes with where each comes from."""
        directory = await self.directory(visit)
        mappings = directory.attribute_mappings
        mapped = {one.key: one.map_to for one in (mappings.attributes if mappings else ())}
        own = sorted(await _registered(visit), key=lambda key: (key not in mapped, key))
        usual = {**profiles.USUAL, **{key: key for key in own}}
        rows = [(key, usual[key], mapped.get(key, "")) for key in list(usual)[:_MOST]]
        return self.render(
            visit, "attributes.html", directory, "", rows=rows, standard=profiles.USUAL
        )

    async def map(self, visit: Visit) -> Response:
        """Replace the mapping."""
        form = visit.request.form()
        given = {
            name: value.strip() for name, value in form.items() if name.startswith("attribute-")
        }
        pairs = [
            AttributeMapping(key=name.removeprefix("attribute-"), map_to=value)
            for name, value in given.items()
            if value
        ]
        shown = {*profiles.USUAL, *await _registered(visit)}
        fields = {
            f"attribute_mapping.attributes[{number}].{member}": f"attribute-{pair.key}"
            for number, pair in enumerate(pairs)
            for member in ("key", "map_to")
            if pair.key in shown
        }
        organization_id, id_ = self.names(visit)
        request = UpdateAttributesRequest(
            organization_id=organization_id,
            id=id_,
            attribute_mapping=AttributeMappings(attributes=pairs),
        )
        return await self.changed(
            visit,
            self.path(visit, "attributes"),
            "directory_attributes",
            visit.api.directories.update_attributes(request),
            fields=fields,
            given=given,
        )


async def _registered(visit: Visit) -> list[str]:
    """Return the keys of attributes that the environment has beside the standard ones.

    Read from their package: the API shows them to management clients alone.
    """
    return [one.key for one in await reading.of_kind(visit.call.db, DIRECTORY)]
