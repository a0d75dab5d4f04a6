"""Suggestions for the fields of filters, as JSON for the script of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.endpoints.console import filters
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
from tenantry.web.rendering import json_response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tenantry.endpoints.console.filters import Candidate, Search
    from tenantry.net.http import Response


def pages(_site: ConsoleSite) -> list[Page]:
    return [
        Page("GET", "/suggestions/organizations", _handler(filters.search_organizations)),
        Page("GET", "/suggestions/users", _handler(filters.search_users)),
    ]


def _handler(search: Search) -> Callable[[Visit], Awaitable[Response]]:
    async def handler(visit: Visit) -> Response:
        text = visit.query("query").strip()
        found: list[Candidate] = []
        if filters.can_search(text):
            try:
                found, _ = await search(visit, text)
            except errors.InvalidArgument:  # such as control characters
                found = []
        return json_response([_option(one, found) for one in found])

    return handler


def _option(one: Candidate, found: list[Candidate]) -> dict[str, str]:
    """Return the value of the field and its label.

    The value is the name if it identifies the object, otherwise the ID.
    """
    is_unique = [other.name for other in found].count(one.name) == 1
    if is_unique and filters.can_search(one.name):
        return {"value": one.name, "label": one.detail or one.id}
    return {"value": one.id, "label": one.name}
