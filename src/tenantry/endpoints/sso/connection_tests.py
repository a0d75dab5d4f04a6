"""Tests of connections, seen from the browser: how one begins, and the page of its result.

Anybody may begin one, with a limit for each network; its result, which holds a person's data, is
shown to the browser that began it, and to nobody else.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from tenantry.crypto.vault import Binding, WrongKey
from tenantry.identity.connections import diagnostics
from tenantry.identity.connections.federated_identities import FederationError
from tenantry.identity.connections.guides import explanations
from tenantry.identity.connections.model import COMPLETED
from tenantry.net.http import Cookie, Request, Response, Route
from tenantry.web.assets import Asset

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.crypto.vault import Vault
    from tenantry.endpoints.sso.site import SSOSite
    from tenantry.identity.connections.model import Connection


class Send(Protocol):
    """The way to a provider, of each protocol."""

    async def __call__(
        self, request: Request, connection: Connection, *, test_id: str
    ) -> Response: ...


_BINDING = Binding("tests that a browser began")
_MOST = 8  # that a browser knows: the oldest ones go
_STYLE = Asset.of_files("/sso/result.css", "endpoints/sso/static/result.css")


def routes(site: SSOSite) -> list[Route]:
    """Return the routes of results."""
    return [
        _STYLE.route,
        Route("GET", f"{diagnostics.PATH}{{test}}", site.page(Results(site).show)),
    ]


def route(site: SSOSite, type_: str, send: Send) -> Route:
    """Return the route by which anybody begins a test of a connection of this type.

    ``send`` sends the browser to the provider. The connection may be disabled still.
    """

    async def begin(request: Request) -> Response:
        connection = await site.find(request.params["connection"])
        if connection is None or connection.type != type_:
            raise FederationError("invalid_connection_id", "Connection not found.")
        if connection.status != COMPLETED:
            raise FederationError(
                "connection_not_active", "The connection's configuration is incomplete."
            )
        request.tell(await site.context.rates.take_sign_in(request.address))
        test_id = await diagnostics.begin(site.db, connection.id)
        response = await send(request, connection, test_id=test_id)
        cookie, vault = _cookie(site), site.db.vault
        known = _known(vault, cookie.read(request.headers.get("cookie", "")))
        response.cookies.append(cookie.issue(_encrypted(vault, [test_id, *known][:_MOST])))
        return response

    path = f"/sso/v1/{type_.lower()}/{{connection}}/test"
    return Route("GET", path, site.page(begin))


class Results:
    """The handler of the page of a result."""

    def __init__(self, site: SSOSite) -> None:
        self._site = site

    async def show(self, request: Request) -> Response:
        """Show how a test went, to the browser that began it."""
        site, test_id = self._site, request.params["test"]
        words = site.words(request)
        encrypted = _cookie(site).read(request.headers.get("cookie", ""))
        found = None
        if test_id in _known(site.db.vault, encrypted):
            found = await diagnostics.find(site.db, test_id)
        if found is None:
            return site.pages.message("no_result", words, status=404)
        error = None
        if found.error is not None:
            error = explanations.say(
                words.language,
                found.error,
                found.error_description or "",
                found.error_details or "",
            )
        user_info = dict(found.user_info or {})
        return site.pages.render(
            "result.html",
            words,
            style=_STYLE,
            result=found,
            again=f"/sso/v1/{found.type.lower()}/{found.connection_id}/test",
            error=error,
            received=_rows(user_info.pop("received", {})),
            taken=_rows(user_info),
        )


def _rows(members: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Return names with their values as text."""
    return [
        (name, [_to_text(one) for one in (value if isinstance(value, list) else [value])])
        for name, value in members.items()
    ]


def _to_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cookie(site: SSOSite) -> Cookie:
    return Cookie.of(site.public_url, "tenantry_tests", seconds=diagnostics.KEPT_SECONDS)


def _encrypted(vault: Vault, test_ids: list[str]) -> str:
    return vault.encrypt(" ".join(test_ids).encode(), _BINDING)


def _known(vault: Vault, encrypted: str) -> list[str]:
    """Return the tests that a Tenantry cookie names."""
    try:
        return (
            vault.decrypt(encrypted, _BINDING, from_outside=True).decode().split()
            if encrypted
            else []
        )
    except (WrongKey, ValueError):
        return []
