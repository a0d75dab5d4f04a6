"""Operators who connect MCP clients to the server in their browser."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

from operators_with_passkeys import link_of
from user_agent import Callback, Page, UserAgent

if TYPE_CHECKING:
    import httpx
    from operators_with_passkeys import Operator

CALLBACK = "http://127.0.0.1:8123/callback"


@dataclass(slots=True)
class Connection:
    """A registered MCP client on the way to its tokens."""

    http: httpx.Client
    client_id: str
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    redirect_uri: str = CALLBACK

    @classmethod
    def registered(cls, http: httpx.Client, **members: Any) -> Connection:
        """A client that has registered itself."""
        body = {"client_name": "Agent", "redirect_uris": [CALLBACK], **members}
        answer = http.post("/console/register", json=body)
        assert answer.status_code == 201, answer.text
        return cls(http, answer.json()["client_id"], redirect_uri=body["redirect_uris"][0])

    def path(self, **changes: str | None) -> str:
        """The path of an authorization request; None removes a parameter."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        members: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "state": "xyz",
            "scope": "tenantry:read",
        }
        kept = {name: value for name, value in (members | changes).items() if value is not None}
        return f"/console/authorize?{urlencode(kept)}"

    def decide(self, operator: Operator, *, write: bool = False, **changes: Any) -> dict[str, str]:
        """Open the consent page, decide, and return the members of the answer to the client."""
        decision = changes.pop("decision", "allow")
        page = operator.get(self.path(**changes))
        assert page.status_code == 200, page.text
        found = re.search(r'<form method="post" action="(/console/authorize[^"]*)"', page.text)
        assert found is not None, page.text
        fields = {"decision": decision, **({"write": "on"} if write else {})}
        answer = operator.post(found[1].replace("&amp;", "&"), **fields)
        return answered(answer, self.redirect_uri)

    def token(self, **form: str) -> httpx.Response:
        """Send a token request."""
        return self.http.post("/console/token", data={"client_id": self.client_id, **form})

    def redeem(self, code: str, **changes: str) -> httpx.Response:
        """Redeem a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
        }
        return self.token(**(form | changes))

    def refresh(self, token: str, **changes: str) -> httpx.Response:
        """Use a refresh token."""
        return self.token(**({"grant_type": "refresh_token", "refresh_token": token} | changes))

    def tokens(self, operator: Operator, *, write: bool = False) -> dict[str, Any]:
        """Authorize the client, and return the token response."""
        answer = self.redeem(self.decide(operator, write=write)["code"])
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


class OperatorsBrowser(UserAgent):
    """The browser of an operator who has signed in and connects MCP clients."""

    @classmethod
    async def of(cls, server: Any, http: httpx.AsyncClient) -> OperatorsBrowser:
        """A new operator, let in by a link."""
        browser = cls(http, server.url)
        link = await asyncio.to_thread(link_of, server, "--role", "OPERATOR")
        page = await browser.open(link)
        assert isinstance(page, Page), page
        form = page.form("name")
        assert form is not None, page.text
        await browser.submit(page, form, name="Ada")
        return browser

    async def authorize(self, url: str) -> Callback:
        """Open an authorization URL, and allow what the client asks for."""
        page = await self.open(url)
        assert isinstance(page, Page), page
        if page.form("write") is None:  # without the strict cookie: the page leads on by itself
            page = await self._go("GET", url, site="same-origin")
        assert isinstance(page, Page), page
        form = page.form("write")
        assert form is not None, page.text
        if "tenantry%3Awrite" not in url:
            form.fields.pop("write")
        found = await self.submit(page, form, decision="allow")
        assert isinstance(found, Callback), found.text
        return found

    async def revoke_apps(self) -> None:
        """Revoke the access of all connected apps."""
        page = await self._go("GET", f"{self._base_url}/console/me", site="same-origin")
        assert isinstance(page, Page), page
        forms = [form for form in page.forms if "/console/me/apps/" in form.action]
        assert forms, page.text
        for form in forms:
            await self.submit(page, form)


def answered(answer: httpx.Response, redirect_uri: str) -> dict[str, str]:
    """The members of a redirect to a client."""
    assert answer.status_code == 303, answer.text
    location = answer.headers["location"]
    assert location.startswith(redirect_uri), location
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
