"""The organization that a filter names: by its ID, its external ID or its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from protobuf import Oneof

from tenantry.core import errors, ids
from tenantry.endpoints.console.visit import by_id
from tenantry.gen.scalekit.v1.organizations.organizations_pb import (
    GetOrganizationRequest,
    SearchOrganizationsRequest,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from tenantry.endpoints.console.visit import Visit
    from tenantry.gen.scalekit.v1.organizations.organizations_pb import (
        GetOrganizationResponse,
        Organization,
    )

MAX_LENGTH = 255  # characters of the input, as of an external ID
_LEAST_SEARCHED, _MOST_SEARCHED = 3, 100
MAX_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Candidate:
    """An object that matches the text of a filter."""

    id: str
    name: str
    detail: str = ""  # its external ID


@dataclass(frozen=True, slots=True)
class Chosen:
    """The object of a filter, or those to choose among.

    ``id`` is "" where none was found, or several. ``name`` is "" where the object of an ID does
    not exist, or does no longer.
    """

    asked: str = ""
    id: str = ""
    name: str = ""
    candidates: Sequence[Candidate] = ()
    has_more: bool = False  # candidates than these

    @property
    def is_unresolved(self) -> bool:
        """Whether something was typed that identifies no object."""
        return bool(self.asked) and not self.id


async def find(visit: Visit, asked: str) -> Chosen:
    """Find the organization with this ID, external ID or name."""
    asked = asked.strip()[:MAX_LENGTH]
    if not asked:
        return Chosen()
    organizations = visit.api.organizations
    if ids.well_formed(ids.ORGANIZATION, asked):
        request = GetOrganizationRequest(identities=by_id(asked))
        found = await _found(organizations.get_organization(request))
        return Chosen(asked, asked, found.display_name if found else "")
    external_id: Oneof[Literal["external_id"], str] = Oneof("external_id", asked)
    request = GetOrganizationRequest(identities=external_id)
    if found := await _found(organizations.get_organization_by_external_id(request)):
        return _one(asked, found)
    return await _by_name(visit, asked)


async def _by_name(visit: Visit, asked: str) -> Chosen:
    if not can_search(asked):
        return Chosen(asked)
    try:
        candidates, has_more = await search(visit, asked)
    except errors.InvalidArgument:
        return Chosen(asked)
    named = [one for one in candidates if one.name.casefold() == asked.casefold()]
    if len(named) == 1:
        return Chosen(asked, named[0].id, named[0].name)
    return Chosen(asked, candidates=named or candidates, has_more=has_more and not named)


def the_one(chosen: Chosen, field: str) -> str:
    """Return the ID of the object that a field of a form identifies, "" for an empty field.

    Raises:
        errors.InvalidArgument: the text identifies no object, or several.

    """
    if chosen.candidates:
        names = ", ".join(f"{one.name} ({one.id})" for one in chosen.candidates[:3])
        raise errors.InvalidArgument.field(field, "unique", f"matches several objects: {names}")
    if chosen.is_unresolved:
        raise errors.InvalidArgument.field(field, "found", f"matches nothing: {chosen.asked!r}")
    return chosen.id


def can_search(text: str) -> bool:
    """Whether a text has a length for which the API searches."""
    return _LEAST_SEARCHED <= len(text) <= _MOST_SEARCHED


async def search(visit: Visit, text: str) -> tuple[list[Candidate], bool]:
    """Return the first organizations that match, and whether there are more."""
    listed = await visit.api.organizations.search_organization(
        SearchOrganizationsRequest(query=text, page_size=MAX_SHOWN)
    )
    found = [
        Candidate(row.id, row.display_name, row.external_id or "") for row in listed.organizations
    ]
    return found, bool(listed.next_page_token)


def _one(asked: str, row: Organization) -> Chosen:
    return Chosen(asked, row.id, row.display_name)


async def _found(call: Awaitable[GetOrganizationResponse]) -> Organization | None:
    try:
        return (await call).organization
    except (errors.NotFound, errors.InvalidArgument):
        return None
