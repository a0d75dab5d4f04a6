"""A member with a browser, who allows what MCP clients ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authorizations import COOKIE, SignedIn
from user_agent import Callback, UserAgent

if TYPE_CHECKING:
    import httpx


class ConsentingUser(UserAgent):
    """The browser of a member who has signed in."""

    def __init__(self, http: httpx.AsyncClient, base_url: str, session: Any, secret: str) -> None:
        super().__init__(http, base_url)
        self.session = session
        self._cookies[COOKIE] = secret

    @classmethod
    async def of(cls, place: Any, http: httpx.AsyncClient) -> ConsentingUser:
        """A new member of a new organization of a deployment."""
        session, cookie = await SignedIn(place.make, place.database)()
        return cls(http, place.server.url, session, cookie.partition("=")[2])

    async def authorize(self, url: str) -> Callback:
        """Open an authorization URL, and allow the client if the consent page asks."""
        found = await self.open(url)
        if not isinstance(found, Callback):
            form = found.form("organization_id")
            assert form is not None, found.text
            found = await self.submit(found, form, decision="allow")
        assert isinstance(found, Callback), found.text
        return found
