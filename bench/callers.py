"""Measure machine callers: access tokens, introspection, and validation of API tokens.

``python bench/run.py --callers`` makes as many clients of organizations and API tokens as one says
on a PostgreSQL of its own, and sends each kind of request for all of them in turn. The last use of
every secret and token is written, and each client leaves its event of the day.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from serving import Server

CALLS = ("token RS256", "token ES256", "introspect", "introspect API token", "validate API token")
_FORM, _JSON = "application/x-www-form-urlencoded", "application/json"
_ORGANIZATIONS = 20


class Callers:
    """A server with so many clients of organizations, half of them for ES256, and API tokens."""

    def __init__(self, server: Server, count: int) -> None:
        self._server = server
        self._headers = {"authorization": f"Bearer {server.token()}"}
        self._clients: dict[str, list[tuple[str, str]]] = {"RS256": [], "ES256": []}
        self._tokens: list[str] = []
        organizations = [
            self._post("/api/v1/organizations", {"display_name": f"Acme {number}"})["id"]
            for number in range(min(_ORGANIZATIONS, count))
        ]
        for number in range(count):
            organization = organizations[number % len(organizations)]
            made = self._post(
                f"/api/v1/organizations/{organization}/clients",
                {"name": f"Machine {number}", "scopes": ["orders:read"], "audience": ["orders"]},
            )
            client = (made["client"]["client_id"], made["plain_secret"])
            algorithm = "ES256" if number % 2 else "RS256"
            if algorithm == "ES256":
                settings = {"access_token_signing_alg": algorithm}
                path = f"/api/v1/clients/{client[0]}/settings"
                server.http.patch(path, json=settings, headers=self._headers).raise_for_status()
            self._clients[algorithm].append(client)
            token = {"organization_id": organization, "custom_claims": {"plan": "pro"}}
            self._tokens.append(self._post("/api/v1/tokens", token)["token"])
        self._management = server.credentials()

    def targets(self, call: str) -> list[str]:
        """Return the requests of a call: path, media type and body of each request."""
        match call:
            case "introspect":
                of_all = [one for clients in self._clients.values() for one in clients]
                return [self._introspection(self._access_token(*client)) for client in of_all]
            case "introspect API token":
                return [self._introspection(token) for token in self._tokens]
            case "validate API token":
                path = "/api/v1/tokens:validate"
                return [f"{path}\t{_JSON}\t{json.dumps({'token': one})}" for one in self._tokens]
            case _:
                clients = self._clients[call.removeprefix("token ")]
                return [f"/oauth/token\t{_FORM}\t{urlencode(_grant(*one))}" for one in clients]

    def _introspection(self, token: str) -> str:
        form = {**_credentials(*self._management), "token": token}
        return f"/oauth/introspect\t{_FORM}\t{urlencode(form)}"

    def _access_token(self, client_id: str, secret: str) -> str:
        answer = self._server.http.post("/oauth/token", data=_grant(client_id, secret))
        token: str = answer.raise_for_status().json()["access_token"]
        return token

    def _post(self, path: str, body: dict[str, object]) -> dict[str, str]:
        answer = self._server.http.post(path, json=body, headers=self._headers)
        made: dict[str, str] = answer.raise_for_status().json()
        return made


def _credentials(client_id: str, secret: str) -> dict[str, str]:
    return {"client_id": client_id, "client_secret": secret}


def _grant(client_id: str, secret: str) -> dict[str, str]:
    return {"grant_type": "client_credentials", **_credentials(client_id, secret)}
