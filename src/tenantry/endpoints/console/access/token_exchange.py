"""Token exchange of an application: its audiences, and servers that accept its assertions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.endpoints.console import forms
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
from tenantry.gen.tenantry.v1.client_settings_pb import (
    ClientSettings,
    GetClientSettingsRequest,
    IdentityAssertionTarget,
    TokenExchangeSettings,
    UpdateClientSettingsRequest,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.api.in_process import InProcessClient
    from tenantry.net.http import Response

_EXCHANGE = "settings.token_exchange"
_MOST_AUDIENCES, _MOST_SCOPES = 20, 100
# The fields of the form that adds an authorization server, and those of the message.
_SERVER = {
    "issuer": "issuer",
    "server_client_id": "client_id",
    "resources": "resources",
    "server_scopes": "scopes",
}


def pages(site: ConsoleSite) -> list[Page]:
    """Return the pages of this subject: forms of the page of an application."""
    exchange = _TokenExchange(site)
    return [
        Page("POST", "/applications/{id}/exchange", exchange.update_audiences),
        Page("POST", "/applications/{id}/servers/add", exchange.add_server),
        Page("POST", "/applications/{id}/servers/remove", exchange.remove_server),
    ]


class _TokenExchange:
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def update_audiences(self, visit: Visit) -> Response:
        """Change the APIs that it exchanges tokens of users for."""
        typed = visit.request.form().get("audiences", "")
        exchange, api = await self._settings(visit)
        exchange.audiences = forms.words_of(typed)
        fields = {f"{_EXCHANGE}.audiences": "audiences"}
        fields |= {f"{_EXCHANGE}.audiences[{at}]": "audiences" for at in range(_MOST_AUDIENCES)}
        return await self._change(
            visit, api, exchange, "changed", fields=fields, given={"audiences": typed}
        )

    async def add_server(self, visit: Visit) -> Response:
        """Let it request identity assertions for another authorization server."""
        form = visit.request.form()
        given = {name: form.get(name, "").strip() for name in _SERVER}
        exchange, api = await self._settings(visit)
        at = len(exchange.identity_assertions)
        exchange.identity_assertions.append(
            IdentityAssertionTarget(
                issuer=given["issuer"],
                client_id=given["server_client_id"],
                resources=forms.words_of(given["resources"]),
                scopes=forms.words_of(given["server_scopes"]),
            )
        )
        place = f"{_EXCHANGE}.identity_assertions"
        fields = {place: "issuer"}
        for name, field in _SERVER.items():
            fields[f"{place}[{at}].{field}"] = name
            fields |= {f"{place}[{at}].{field}[{n}]": name for n in range(_MOST_SCOPES)}
        return await self._change(visit, api, exchange, "created", fields=fields, given=given)

    async def remove_server(self, visit: Visit) -> Response:
        """Stop identity assertions for an authorization server."""
        issuer = visit.request.form().get("issuer", "")
        exchange, api = await self._settings(visit)
        exchange.identity_assertions = [
            one for one in exchange.identity_assertions if one.issuer != issuer
        ]
        return await self._change(visit, api, exchange, "deleted")

    async def _settings(self, visit: Visit) -> tuple[TokenExchangeSettings, InProcessClient]:
        """Return the settings of token exchange, and the API for a change of these."""
        request = GetClientSettingsRequest(client_id=visit.request.params["id"])
        found = await visit.api.client_settings.get_client_settings(request)
        assert found.settings is not None
        return found.settings.token_exchange or TokenExchangeSettings(), visit.api.if_unchanged()

    async def _change(
        self,
        visit: Visit,
        api: InProcessClient,
        exchange: TokenExchangeSettings,
        change: str,
        *,
        fields: Mapping[str, str] | None = None,
        given: Mapping[str, str] | None = None,
    ) -> Response:
        id_ = visit.request.params["id"]
        path = visit.path("applications", id_)
        settings = ClientSettings(token_exchange=exchange)
        call = api.client_settings.update_client_settings(
            UpdateClientSettingsRequest(client_id=id_, settings=settings)
        )
        return await forms.send(self._site, visit, call, path, change, fields=fields, given=given)
