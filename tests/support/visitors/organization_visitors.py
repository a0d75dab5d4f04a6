"""Visitors of an organization's pages: with a link into the portal, or signed in as a member."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from apis import unique

from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.identity.connections import environment as connections
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import Bounds

if TYPE_CHECKING:
    import httpx
    from factories import Make

    from tenantry.db.engine import Database

FEATURES = ("sso", "dir_sync", "domain_verification", "session_policy")
PORTAL, MEMBERS = "/portal", "/ui/organization"


class Visitor:
    """A browser without scripts, in one of the two frames."""

    def __init__(self, http: httpx.AsyncClient, frame: str, cookie: str) -> None:
        self._http = http
        self.frame = frame
        self.cookie = cookie

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """Ask for a page, below the frame or, from a redirect, by its whole path."""
        sent = {"cookie": self.cookie, "accept-language": "en", **headers}
        return await self._http.get(self._whole(path), headers=sent)

    async def post(
        self, path: str, form: dict[str, str] | None = None, **headers: str
    ) -> httpx.Response:
        """Send a form, from a page of ours unless the headers say otherwise."""
        sent = {"cookie": self.cookie, "content-type": "application/x-www-form-urlencoded"}
        sent |= headers or {"sec-fetch-site": "same-origin"}
        return await self._http.post(self._whole(path), headers=sent, content=urlencode(form or {}))

    async def done(self, path: str, form: dict[str, str] | None = None) -> str:
        """Send a form that is taken; return the text of the page after it."""
        sent = await self.post(path, form)
        assert sent.status_code == 303, sent.text
        assert "failed=" not in sent.headers["location"]
        return (await self.get(sent.headers["location"])).text

    async def refused(self, path: str, form: dict[str, str] | None = None) -> str:
        """Send a form that is not taken; return the text of the page that says why."""
        sent = await self.post(path, form)
        assert sent.status_code == 303, sent.text
        assert "failed=" in sent.headers["location"]
        page = await self.get(sent.headers["location"])
        assert (page.status_code, "<title>Error: " in page.text) == (200, True)
        return page.text

    def _whole(self, path: str) -> str:
        return path if path.startswith((PORTAL, MEMBERS)) else f"{self.frame}/{path}"


async def new_organization(
    make: Make, rest: Any, *features: str, display_name: str = "Acme"
) -> dict[str, Any]:
    """An organization with these features on, and no other; with all if none is named."""
    made = await make.organization(display_name)
    on = features or FEATURES
    await rest.organizations.update_organization_settings(
        id=made["id"],
        settings={"features": [{"name": name, "enabled": name in on} for name in FEATURES]},
    )
    return made


async def by_link(
    http: httpx.AsyncClient, make: Make, organization_id: str, *features: str
) -> Visitor:
    """The customer's IT admin: a browser that a link was opened with."""
    link = await make.portal_link(
        organization_id, **({"features": list(features)} if features else {})
    )
    opened = await http.get(link["location"])
    return Visitor(http, PORTAL, opened.headers["set-cookie"].partition(";")[0])


async def as_member(
    http: httpx.AsyncClient,
    make: Make,
    rest: Any,
    database: Database,
    organization_id: str,
    *permissions: str,
) -> Visitor:
    """A signed-in member whose one role has these permissions."""
    answer = await rest.roles.create_organization_role(
        org_id=organization_id,
        role={
            "name": unique("role").replace("-", "_"),
            "display_name": "Of a test",
            "permissions": list(permissions),
        },
    )
    user = await make.user(
        organization_id, membership={"roles": [{"name": answer["role"]["name"]}]}
    )
    session, secret = await sessions.begin(
        Call(SYSTEM, database, "req_t"),
        user_id=user["id"],
        organization_id=organization_id,
        client_id=None,
        amr=[(await connections.of_environment(database))["PASSWORDLESS"].id],
        bounds=Bounds(480, None),
        custom_claims={},
    )
    assert session.id
    return Visitor(http, MEMBERS, f"__Host-tenantry_session={secret}")


def text(page: str) -> str:
    """The text of a page as its reader sees it."""
    return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", page).split()))
