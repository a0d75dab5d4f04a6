"""Requests of every kind, as many callers send them to one server: for soak.py."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import sso
from applications import Application
from directories import Directories, patch, person
from sign_ins import import_people

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import aiohttp
    from serving import Server

_ORGANIZATIONS = 100
_PEOPLE = 20
_SCOPE = "openid profile email offline_access"
_SCIM = {"content-type": "application/scim+json"}


@dataclass(frozen=True)
class Kind:
    """One kind of request, or a few that belong together.

    ``rate`` of them are sent in a second, and 99 of 100 have to end within ``p99_ms``.
    """

    name: str
    rate: float
    p99_ms: float
    send: Callable[[], Awaitable[None]]


class Unexpected(Exception):
    """An answer that this request should not have had."""


class Mixed:
    """Organizations, people, an application, connections and a directory for the requests."""

    def __init__(self, server: Server, http: aiohttp.ClientSession) -> None:
        self._server = server
        self._http = http
        self._numbers = itertools.count(1)
        self.kinds = [
            Kind("API: read an organization", 20, 150, self._get),
            Kind("API: list organizations", 5, 150, self._list),
            Kind("API: change an organization", 10, 200, self._patch),
            Kind("API: create and delete one", 1, 300, self._create),
            Kind("API: a member joins and leaves", 1, 300, self._join),
            Kind("OAuth: token of a client", 2, 200, self._token),
            Kind("OAuth: introspection", 5, 150, self._introspect),
            Kind("OAuth: refresh", 4, 200, self._refresh),
            Kind("sign-in by password", 0.5, 800, self._password),
            Kind("sign-in by SAML", 1, 500, self._saml),
            Kind("sign-in by OpenID Connect", 1, 500, self._oidc),
            Kind("SCIM: create, find, change, delete", 1, 400, self._scim),
        ]

    async def prepare(self, receiver: int) -> None:
        """Make all that, and one endpoint of webhooks on this port."""
        self._management = {"authorization": f"Bearer {self._server.token()}"}
        self._organizations = itertools.cycle(self._server.seed(_ORGANIZATIONS))
        endpoint = {"url": f"http://127.0.0.1:{receiver}/take"}
        await self._ask("POST", "/api/v1/webhooks/endpoints", endpoint)
        self._single = sso.SingleSignOn(self._server, _PEOPLE)
        self._providers = {kind: kind() for kind in sso.PROVIDERS}
        self._connections = {
            kind: await one.open(self._single) for kind, one in self._providers.items()
        }
        self._application = Application(self._server, _SCOPE)
        emails = [f"user{number}@people.example.com" for number in range(_PEOPLE)]
        import_people(self._server, emails)
        self._emails = itertools.cycle(emails)
        async with self._browser() as http:
            cookie = await self._application.sign_in(http, emails[0])
        self._families = itertools.cycle(
            [[self._application.refresh_token(cookie)] for _ in range(_PEOPLE)]
        )
        self._directory = Directories(self._server, None, 0, 1, domain="scim.example.com")
        self._scim_headers = {"authorization": f"Bearer {self._directory.token}", **_SCIM}

    async def _ask(
        self,
        verb: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        headers: dict[str, str] | None = None,
        form: dict[str, str] | None = None,
    ) -> Any:
        given = headers or ({} if form else self._management)
        data: Any = form
        if body is not None:
            data, given = json.dumps(body), {"content-type": "application/json", **given}
        async with self._http.request(verb, path, data=data, headers=given) as answer:
            text = await answer.text()
            if answer.status >= 300:
                raise Unexpected(f"{verb} {path}: {answer.status} {text[:300]}")
            return json.loads(text) if text else None

    async def _get(self) -> None:
        await self._ask("GET", f"/api/v1/organizations/{next(self._organizations)}")

    async def _list(self) -> None:
        await self._ask("GET", "/api/v1/organizations?page_size=30")

    async def _patch(self) -> None:
        body = {"display_name": f"Changed {next(self._numbers)}"}
        await self._ask("PATCH", f"/api/v1/organizations/{next(self._organizations)}", body)

    async def _create(self) -> None:
        made = await self._ask(
            "POST", "/api/v1/organizations", {"display_name": f"New {next(self._numbers)}"}
        )
        await self._ask("DELETE", f"/api/v1/organizations/{made['id']}")

    async def _join(self) -> None:
        path = f"/api/v1/organizations/{next(self._organizations)}/users"
        email = f"join{next(self._numbers)}@members.example.com"
        made = await self._ask("POST", f"{path}?send_invitation_email=false", {"email": email})
        await self._ask("DELETE", f"/api/v1/users/{made['user']['id']}")

    async def _token(self) -> None:
        client_id, secret = self._server.credentials()
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        shown = await self._ask("POST", "/oauth/token", form=form)
        # A run is longer than a token lives.
        self._management = {"authorization": f"Bearer {shown['access_token']}"}

    async def _introspect(self) -> None:
        client_id, secret = self._server.credentials()
        token = self._management["authorization"].removeprefix("Bearer ")
        form = {"token": token, "client_id": client_id, "client_secret": secret}
        shown = await self._ask("POST", "/oauth/introspect", form=form)
        if not shown["active"]:
            raise Unexpected("a token that was just given is not active")

    async def _refresh(self) -> None:
        family = next(self._families)
        form = {"grant_type": "refresh_token", "refresh_token": family[0], **self._application.form}
        family[0] = (await self._ask("POST", "/oauth/token", form=form))["refresh_token"]

    def _browser(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self._server.url, timeout=60)

    async def _password(self) -> None:
        async with self._browser() as http:
            await self._application.sign_in(http, next(self._emails))

    async def _saml(self) -> None:
        await self._provider(sso.SAML)

    async def _oidc(self) -> None:
        await self._provider(sso.OpenID)

    async def _provider(self, kind: type[sso.Provider]) -> None:
        provider, connection = self._providers[kind], self._connections[kind]
        async for journey in self._single.begun(provider, connection, 1):
            async with sso.connected(self._server.url) as http:
                await http.to_code(journey)

    async def _scim(self) -> None:
        base, headers = self._directory.base, self._scim_headers
        name = f"scim{next(self._numbers)}@scim.example.com"
        made = await self._ask("POST", f"{base}/Users", person(name), headers=headers)
        found = await self._ask(
            "GET", f'{base}/Users?filter=userName%20eq%20"{name}"', headers=headers
        )
        if found["totalResults"] != 1:
            raise Unexpected(f"{name} is not found")
        path = f"{base}/Users/{made['id']}"
        change = patch({"op": "replace", "value": {"active": False}})
        await self._ask("PATCH", path, change, headers=headers)
        await self._ask("DELETE", path, headers=headers)
