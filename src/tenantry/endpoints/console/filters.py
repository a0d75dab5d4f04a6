"""Objects that a field identifies by an ID, an external ID, a name or an email address."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from protobuf import Oneof

from tenantry.core import errors, ids
from tenantry.core.caller import SYSTEM
from tenantry.endpoints.console.visit import by_id
from tenantry.gen.scalekit.v1.organizations.organizations_pb import (
    GetOrganizationRequest,
    SearchOrganizationsRequest,
)
from tenantry.gen.scalekit.v1.users.users_pb import SearchUsersRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from tenantry.endpoints.console.visit import Visit
    from tenantry.gen.scalekit.v1.organizations.organizations_pb import (
        GetOrganizationResponse,
        Organization,
    )

    # Returns the first objects that match a text, and whether there are more.
    Search = Callable[[Visit, str], Awaitable[tuple[list["Candidate"], bool]]]

_MAX_LENGTH = 255  # characters of the input, as of an external ID
_MAX_SHOWN = 10
_MIN_SEARCHED, _MAX_SEARCHED = 3, 100
_ID = re.compile(r"[a-z0-9]+_[0-9]+")


@dataclass(frozen=True, slots=True)
class Candidate:
    """An object that matches the text of a field."""

    id: str
    name: str
    detail: str = ""  # the external ID


@dataclass(frozen=True, slots=True)
class Chosen:
    """The object that a field identifies, or the candidates to choose from.

    ``id`` is "" if no object or several objects match. ``name`` is "" if no object has the ID.
    """

    asked: str = ""
    id: str = ""
    name: str = ""
    candidates: Sequence[Candidate] = ()
    has_more: bool = False  # candidates than these

    @property
    def is_unresolved(self) -> bool:
        """Whether the field has a text that identifies no object."""
        return bool(self.asked) and not self.id


async def find_organization(visit: Visit, asked: str) -> Chosen:
    """Find the organization with this ID, external ID or name."""
    asked = asked.strip()[:_MAX_LENGTH]
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
        return Chosen(asked, found.id, found.display_name)
    return await _choose(
        visit, asked, search_organizations, lambda one, text: one.name.casefold() == text
    )


async def find_user(visit: Visit, asked: str) -> Chosen:
    """Find the user with this external ID or email address. An ID of any kind is kept as it is."""
    asked = asked.strip()[:_MAX_LENGTH]
    if not asked or _ID.fullmatch(asked) or asked == SYSTEM.id:
        return Chosen(asked, asked)
    return await _choose(
        visit,
        asked,
        search_users,
        lambda one, text: text in (one.name.casefold(), one.detail.casefold()),
    )


def require_id(chosen: Chosen, field: str) -> str:
    """Return the ID of the object that a field of a form identifies, "" for an empty field.

    Raises:
        errors.InvalidArgument: the text matches no object or several objects.

    """
    if chosen.candidates:
        names = ", ".join(f"{one.name} ({one.id})" for one in chosen.candidates[:3])
        raise errors.InvalidArgument.field(field, "unique", f"matches several objects: {names}")
    if chosen.is_unresolved:
        raise errors.InvalidArgument.field(field, "found", f"matches nothing: {chosen.asked!r}")
    return chosen.id


def can_search(text: str) -> bool:
    """Whether the API accepts a search for a text of this length."""
    return _MIN_SEARCHED <= len(text) <= _MAX_SEARCHED


async def search_organizations(visit: Visit, text: str) -> tuple[list[Candidate], bool]:
    """Return the first organizations that match, and whether there are more."""
    listed = await visit.api.organizations.search_organization(
        SearchOrganizationsRequest(query=text, page_size=_MAX_SHOWN)
    )
    found = [
        Candidate(row.id, row.display_name, row.external_id or "") for row in listed.organizations
    ]
    return found, bool(listed.next_page_token)


async def search_users(visit: Visit, text: str) -> tuple[list[Candidate], bool]:
    """Return the first users that match, and whether there are more."""
    listed = await visit.api.users.search_users(
        SearchUsersRequest(query=text, page_size=_MAX_SHOWN)
    )
    found = [
        Candidate(user.id, user.email or user.id, user.external_id or "") for user in listed.users
    ]
    return found, bool(listed.next_page_token)


async def _choose(
    visit: Visit, asked: str, search: Search, is_exact: Callable[[Candidate, str], bool]
) -> Chosen:
    """Search for a text: a single exact match is chosen, otherwise the matches are candidates.

    ``is_exact`` compares a candidate with the text in case-folded form.
    """
    if not can_search(asked):
        return Chosen(asked)
    try:
        candidates, has_more = await search(visit, asked)
    except errors.InvalidArgument:  # such as control characters
        return Chosen(asked)
    exact = [one for one in candidates if is_exact(one, asked.casefold())]
    if len(exact) == 1:
        return Chosen(asked, exact[0].id, exact[0].name)
    return Chosen(asked, candidates=exact or candidates, has_more=has_more and not exact)


async def _found(call: Awaitable[GetOrganizationResponse]) -> Organization | None:
    try:
        return (await call).organization
    except (errors.NotFound, errors.InvalidArgument):
        return None
