"""Measure people: refreshes of their access tokens, and applications let into their sessions.

``python bench/run.py --sign-ins`` makes as many signed-in people of one application, each
with a role, on a PostgreSQL of its own; then as many whose sessions have an idle limit, which each
refresh puts off. A refresh is one of `POST /oauth/token` with the token that
the refresh before it has given. An authorization is one of `GET /oauth/authorize` with the
session's cookie, which is answered with a code.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import bcrypt
import httpx
from applications import PASSWORD, Application

if TYPE_CHECKING:
    from serving import Server

CALLS = {"refresh": "refresh", "authorize to code": "authorize"}
SETTINGS = {"TENANTRY_SIGN_IN_METHODS": "email,password"}
IDLE = {"TENANTRY_SESSION_IDLE_MINUTES": "60"}
_SCOPE = "openid profile email offline_access"


class SignIns:
    """A server with an application and so many people signed in to it."""

    def __init__(self, server: Server, count: int) -> None:
        self._application = Application(server, _SCOPE)
        emails = [f"user{number}@example.com" for number in range(count)]
        import_people(server, emails)
        self._cookies = asyncio.run(self._sign_in(server, emails))

    def targets(self, call: str) -> list[str]:
        """Return the requests of a call; for refreshes, each time those of new tokens."""
        if call.startswith("refresh"):
            form = urlencode({"grant_type": "refresh_token", **self._application.form})
            tokens = map(self._application.refresh_token, self._cookies)
            return [f"{form}\t{token}" for token in tokens]
        return [f"{self._application.authorize}\t{cookie}" for cookie in self._cookies]

    async def _sign_in(self, server: Server, emails: list[str]) -> list[str]:
        async with httpx.AsyncClient(base_url=server.url, verify=False, timeout=30) as http:
            return [await self._application.sign_in(http, email) for email in emails]


def import_people(server: Server, emails: list[str]) -> None:
    """Bring the people with their password; a second time changes nothing."""
    # How a person signs in is not measured: the hash is as cheap as there is.
    known = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    organization = {"organization_external_id": "acme", "organization_name": "Acme"}
    path = server.folder / "people.ndjson"
    with path.open("w") as file:
        for email in emails:
            row = {"email": email, **organization, "roles": ["member"], "password_hash": known}
            file.write(json.dumps(row) + "\n")
    done = subprocess.run(
        [
            *(server.program.command, "import", "users", str(path)),
            *("--create-organizations", "--json"),
        ],
        env=server.environment,
        cwd=server.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"bench: the import failed\n{done.stdout[-999:]}{done.stderr[-999:]}")
