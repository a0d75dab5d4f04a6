"""Measure people: refreshes of their access tokens, and applications let into their sessions.

``python bench/run.py --sign-ins`` makes as many signed-in people of one application, each
with a role, on a PostgreSQL of its own; every other session has an idle limit, which each refresh
puts off. A refresh is one of `POST /oauth/token` with the token that
the refresh before it has given. An authorization is one of `GET /oauth/authorize` with the
session's cookie, which is answered with a code.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tenantry import master_key, settings
from tenantry.access.clients import directory
from tenantry.call import Call
from tenantry.caller import SYSTEM
from tenantry.db.opening import open_database
from tenantry.identity.connections import service as connections
from tenantry.identity.grants import refresh_tokens, subjects
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.cookies import session_cookie
from tenantry.identity.sessions.model import Bounds

if TYPE_CHECKING:
    from serving import Server

    from tenantry.access.clients.model import Client
    from tenantry.db.engine import Database

CALLS = {
    "refresh": "refresh",
    "refresh, idle limit": "refresh",
    "authorize to code": "authorize",
}
_SCOPE = "openid profile email offline_access"
_REDIRECT_URI = "https://app.example.com/callback"
_CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


class SignIns:
    """A server with an application and so many people signed in to it."""

    def __init__(self, server: Server, count: int) -> None:
        self._server = server
        self._headers = {"authorization": f"Bearer {server.token()}"}
        new = {"name": "Shop", "client_type": "WEB_APP", "post_login_uris": [_REDIRECT_URI]}
        self._client_id = self._post("/api/v1/clients", new)["client"]["id"]
        secret = self._post(f"/api/v1/clients/{self._client_id}/secrets", {})["plain_secret"]
        self._credentials = {"client_id": self._client_id, "client_secret": secret}
        organization = self._post("/api/v1/organizations", {"display_name": "Acme"})
        path = f"/api/v1/organizations/{organization['organization']['id']}/users"
        people = [
            self._post(f"{path}?send_invitation_email=false", {"email": f"user{n}@example.com"})
            for n in range(count)
        ]
        self._cookies: list[str] = []
        self._tokens: list[str] = []
        asyncio.run(self._sign_in([one["user"] for one in people]))

    def targets(self, call: str) -> list[str]:
        """Return the requests of a call."""
        if call.startswith("refresh"):
            form = urlencode({"grant_type": "refresh_token", **self._credentials})
            tokens = self._tokens[call == "refresh, idle limit" :: 2]
            return [f"{form}\t{token}" for token in tokens]
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self._client_id,
                "redirect_uri": _REDIRECT_URI,
                "scope": _SCOPE,
                "state": "af0ifjsldkj",
                "code_challenge": _CHALLENGE,
                "code_challenge_method": "S256",
            }
        )
        return [f"/oauth/authorize?{query}\t{cookie}" for cookie in self._cookies]

    async def _sign_in(self, people: list[dict[str, str]]) -> None:
        """Begin the sessions by the rooms themselves: how a person signs in, is not measured."""
        known = settings.load(
            {k: v for k, v in self._server.environment.items() if k.startswith("TENANTRY_")}
        )
        cookie = session_cookie(known)
        async with open_database(known.database, master_key.load(known)) as db:
            client = await directory.Directory(db).find(self._client_id)
            assert client is not None
            for number, person in enumerate(people):
                bounds = Bounds(480, 60 if number % 2 else None)
                secret, token = await self._begin(db, client, person, bounds)
                self._cookies.append(f"{cookie.name}={secret}")
                self._tokens.append(token)

    async def _begin(
        self, db: Database, client: Client, person: dict[str, str], bounds: Bounds
    ) -> tuple[str, str]:
        email = (await connections.of_environment(db))["PASSWORDLESS"]
        _, secret = await sessions.begin(
            Call(SYSTEM, db, "bench"),
            user_id=person["id"],
            organization_id=person["memberships"][0]["organization_id"],
            client_id=client.id,
            amr=[email.id],
            bounds=bounds,
            custom_claims={},
        )
        subject = await subjects.find_of_cookie(db, secret)
        assert subject is not None
        family = refresh_tokens.new_id(db)
        await refresh_tokens.begin(db, family, client, subject, scope=_SCOPE)
        return secret, refresh_tokens.first(db, family)

    def _post(self, path: str, body: dict[str, object]) -> dict[str, dict[str, str]]:
        answer = self._server.http.post(path, json=body, headers=self._headers)
        made: dict[str, dict[str, str]] = answer.raise_for_status().json()
        return made
