"""Suggestions for the fields of filters, as JSON for the script of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.endpoints.console import organization_filter, user_filter
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
from tenantry.web.rendering import json_response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tenantry.endpoints.console.organization_filter import Candidate
    from tenantry.net.http import Response

    Search = Callable[[Visit, str], Awaitable[tuple[list[Candidate], bool]]]


def pages(_site: ConsoleSite) -> list[Page]:
    return [
        Page("GET", "/suggestions/organizations", _handler(organization_filter.search)),
        Page("GET", "/suggestions/users", _handler(user_filter.search)),
    ]


def _handler(search: Search) -> Callable[[Visit], Awaitable[Response]]:
    async def answered(visit: Visit) -> Response:
        text = visit.query("query").strip()
        found: list[Candidate] = []
        if organization_filter.can_search(text):
            try:
                found, _ = await search(visit, text)
            except errors.InvalidArgument:  # such as control characters
                found = []
        return json_response([_option(one, found) for one in found])

    return answered


def _option(one: Candidate, found: list[Candidate]) -> dict[str, str]:
    """Return the text that fills the field, and the one beside it.

    The name fills the field if it identifies the object, else the ID.
    """
    is_unique = [other.name for other in found].count(one.name) == 1
    if is_unique and organization_filter.can_search(one.name):
        return {"value": one.name, "label": one.detail or one.id}
    return {"value": one.id, "label": one.name}
