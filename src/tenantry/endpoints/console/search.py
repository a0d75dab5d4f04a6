"""Search for pages of the console, and for objects by name, email address, ID or external ID.

One path serves the results as a page and, for the command palette, as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.access.clients import listing
from tenantry.api.descriptors import enum_name
from tenantry.core import errors, ids
from tenantry.endpoints.console import filters
from tenantry.endpoints.console.connections.pages import PROVIDERS
from tenantry.endpoints.console.overview import PLACES
from tenantry.endpoints.console.visit import NAVIGATION, ConsoleSite, Page, Visit
from tenantry.gen.scalekit.v1.clients.clients_pb import GetClientRequest, ListClientsRequest
from tenantry.gen.scalekit.v1.connections.connections_pb import (
    SearchOrganizationConnectionsRequest,
)
from tenantry.gen.scalekit.v1.organizations.organizations_pb import SearchOrganizationsRequest
from tenantry.gen.scalekit.v1.users.users_pb import SearchUsersRequest
from tenantry.web.rendering import json_response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.gen.scalekit.v1.clients.clients_pb import Client
    from tenantry.gen.scalekit.v1.organizations.organizations_pb import Organization
    from tenantry.net.http import Response

_MAX_RESULTS = 5  # of a kind
_MAX_QUERY = 100  # characters
_CLIENTS_READ = 30  # the API has no search for clients: only the newest are compared


@dataclass(frozen=True, slots=True)
class Result:
    """A page that was found; ``detail`` tells pages with the same name apart."""

    name: str
    detail: str
    path: str


@dataclass(frozen=True, slots=True)
class Kind:
    """The results of one kind, with its icon."""

    name: str
    icon: str
    results: Sequence[Result]


def pages(site: ConsoleSite) -> list[Page]:
    search = _Search(site)
    return [Page("GET", "/search", search.show)]


class _Search:
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def show(self, visit: Visit) -> Response:
        """Show the results as a page or as JSON."""
        asked = visit.query("query").strip()[:_MAX_QUERY]
        kinds = [kind for kind in await _find(visit, asked) if kind.results]
        if visit.request.headers.get("accept", "").startswith("application/json"):
            return json_response(
                [
                    {
                        "name": kind.name,
                        "results": [
                            {"name": one.name, "detail": one.detail, "path": one.path}
                            for one in kind.results
                        ],
                    }
                    for kind in kinds
                ]
            )
        return self._site.render(visit, "", "search.html", query=asked, kinds=kinds)


async def _find(visit: Visit, asked: str) -> list[Kind]:
    """Return the results by kind, with at most one API call for each kind."""
    words = visit.words
    found = [Kind(words.plain("search.pages"), "arrow-right", _of_navigation(visit, asked))]
    if not filters.can_search(asked):
        return found
    if asked.startswith((*PLACES, "err_", "req_")):
        exact = Result(asked, words.plain("search.by_id"), visit.path("jump", id=asked))
        found.append(Kind(words.plain("search.go_to"), "arrow-right", [exact]))
    organizations = await _organizations(visit, asked)
    return [
        *found,
        Kind(
            words.plain("subjects.organizations"),
            "building-2",
            [
                Result(
                    one.display_name,
                    one.external_id or one.id,
                    visit.path("organizations", one.id),
                )
                for one in organizations
            ],
        ),
        Kind(words.plain("subjects.people"), "users", await _users(visit, asked)),
        Kind(words.plain("subjects.applications"), "app-window", await _clients(visit, asked)),
        Kind(
            words.plain("subjects.connections"),
            "log-in",
            await _connections(visit, asked, organizations),
        ),
    ]


def _of_navigation(visit: Visit, asked: str) -> list[Result]:
    """Return the pages whose name contains the query, or all pages for an empty query."""
    found = []
    for group, subjects in NAVIGATION:
        for key in subjects:
            name = visit.words.plain(f"subjects.{key}")
            if asked.casefold() in name.casefold():
                about = visit.words.plain(f"navigation.{group}") if group else ""
                found.append(Result(name, about, visit.path(key)))
    return found[:_MAX_RESULTS] if asked else found


async def _organizations(visit: Visit, asked: str) -> Sequence[Organization]:
    request = SearchOrganizationsRequest(query=asked, page_size=_MAX_RESULTS)
    return (await visit.api.organizations.search_organization(request)).organizations


async def _users(visit: Visit, asked: str) -> list[Result]:
    found = await visit.api.users.search_users(
        SearchUsersRequest(query=asked, page_size=_MAX_RESULTS)
    )
    results = []
    for one in found.users:
        profile = one.user_profile
        names = (profile.given_name, profile.family_name) if profile else ()
        name = (profile.name if profile else "") or " ".join(filter(None, names))
        address = one.email or one.id
        results.append(
            Result(name or address, address if name else one.id, visit.path("people", one.id))
        )
    return results


async def _clients(visit: Visit, asked: str) -> list[Result]:
    clients: Sequence[Client]
    if asked.startswith("skc_"):
        try:
            found = await visit.api.clients.get_client(GetClientRequest(client_id=asked))
        except (errors.NotFound, errors.InvalidArgument):
            return []
        clients = [found.client] if found.client else []
    else:
        listed = await visit.api.clients.list_client(
            ListClientsRequest(
                filter=ListClientsRequest.Filter(client_type=[listing.ALL]),
                page_size=_CLIENTS_READ,
            )
        )
        clients = [one for one in listed.clients if asked.casefold() in one.name.casefold()]
    return [
        Result(one.name or one.id, one.id, visit.path("applications", one.id))
        for one in clients[:_MAX_RESULTS]
    ]


async def _connections(
    visit: Visit, asked: str, organizations: Sequence[Organization]
) -> list[Result]:
    """Return connections by ID or provider, or those of the first organization found."""
    request = SearchOrganizationConnectionsRequest(page_size=_MAX_RESULTS)
    provider = next((each for each in PROVIDERS if each.startswith(asked.upper())), None)
    if ids.well_formed(ids.CONNECTION, asked):
        request.query = asked
    elif provider:
        request.provider = provider
    elif organizations:
        request.query = organizations[0].id
    else:
        return []
    found = await visit.api.connections.search_organization_connections(request)
    return [
        Result(
            one.organization_name or one.organization_id,
            f"{one.provider_key or enum_name(one.provider)} · {one.id}",
            visit.path("connections", one.id),
        )
        for one in found.connections
    ]
