"""Names of the objects to which a page refers, with the paths of their pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.core import ids
from tenantry.identity.object_names import service as object_names
from tenantry.web import branding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tenantry.endpoints.console.visit import Visit
    from tenantry.identity.object_names.service import ObjectName

    Names = Mapping[str, "NamedObject"]

# The path of an object's page by the prefix of its ID.
_PAGES: Mapping[str, tuple[str, ...]] = {
    ids.ORGANIZATION: ("organizations", "{id}"),
    ids.USER: ("people", "{id}"),
    ids.CONNECTION: ("connections", "{id}"),
    ids.DIRECTORY: ("directories", "{id}"),
    ids.ENVIRONMENT_CLIENT: ("applications", "{id}"),
    ids.ORGANIZATION_CLIENT: (
        *("organizations", "{owner_id}"),
        *("programs", "clients", "{id}"),
    ),
    ids.API_TOKEN: ("api-keys", "{id}"),
    ids.WEBHOOK_ENDPOINT: ("webhooks", "{id}"),
    ids.INTERCEPTOR: ("interceptors", "{id}"),
    ids.OPERATOR: ("operators", "{id}"),
    ids.SESSION: ("people", "{owner_id}", "security"),
    ids.WEBHOOK_DELIVERY: ("webhooks", "{owner_id}", "deliveries", "{id}"),
    ids.DOMAIN: ("organizations", "{owner_id}", "domains"),
}


@dataclass(frozen=True, slots=True)
class NamedObject:
    """An object with its name, which is "" if the object no longer exists."""

    id: str
    name: str = ""
    detail: str = ""
    path: str = ""
    logo: str = ""  # the URL of an organization's logo, if pages may show it

    @property
    def is_deleted(self) -> bool:
        """Whether the object no longer exists."""
        return not self.path

    @property
    def kind(self) -> str:
        """The prefix of the ID."""
        return object_names.kind_of(self.id)


async def load(visit: Visit, *wanted: str) -> Names:
    """Return the objects with these IDs, including deleted objects.

    Other strings, and IDs of kinds without a page, are left out.
    """
    known = {id_ for id_ in wanted if object_names.kind_of(id_)}
    found = await object_names.load(visit.call, known) if known else {}
    return {
        id_: _named(visit, id_, found[id_]) if id_ in found else NamedObject(id_) for id_ in known
    }


async def of_rows(visit: Visit, rows: Iterable[object], *fields: str) -> Names:
    """Return the objects to which these fields of a page's rows refer."""
    return await load(visit, *(getattr(row, field) or "" for row in rows for field in fields))


def _named(visit: Visit, id_: str, found: ObjectName) -> NamedObject:
    segments: tuple[str, ...]
    if (kind := object_names.kind_of(id_)) == ids.ROLE:
        owner = ("organizations", found.owner_id, "roles")
        segments = (*(owner if found.owner_id else ("roles", "of")), found.detail)
    else:
        values = {"id": id_, "owner_id": found.owner_id}
        segments = tuple(segment.format_map(values) for segment in _PAGES[kind])
    return NamedObject(
        id_,
        found.name or id_,
        found.detail,
        visit.path(*segments),
        branding.shown_logo(found.logo_url),
    )
