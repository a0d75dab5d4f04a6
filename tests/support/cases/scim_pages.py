"""The pages of directories as a browser without JavaScript uses them; a provider that pushes."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wires import over_https

if TYPE_CHECKING:
    import httpx
    from apis import Api
    from factories import Make
    from servers import LiveServer
    from signins import SignIns

PORTAL, MEMBERS = "/portal/scim", "/ui/organization/scim"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"


def seen(answer: httpx.Response) -> str:
    """The words of a page, as a reader sees them."""
    text = re.sub(r"<(script|style)\b.*?</\1>", "", answer.text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text)))


@dataclass
class Visitor:
    """A browser with one cookie, at one of the two frames."""

    http: httpx.AsyncClient
    cookie: str
    root: str
    organization_id: str

    async def get(self, path: str = "", **query: str) -> httpx.Response:
        """The page at an address below the frame, after redirects."""
        answer = await self.http.get(
            path if path.startswith("/") and path.startswith(self.root) else f"{self.root}{path}",
            params=query or None,
            headers={"cookie": self.cookie},
        )
        return await self._followed(answer)

    async def post(self, path: str, _files: Any = None, **form: str) -> httpx.Response:
        """The page after a form, that of the redirect it is answered by, if it is."""
        return await self._followed(await self.send(path, _files, **form))

    async def send(
        self, path: str, files: Any = None, *, site: str = "same-origin", **form: str
    ) -> httpx.Response:
        """The answer to a form as it comes."""
        kind = {} if files else {"content-type": "application/x-www-form-urlencoded"}
        content: dict[str, Any] = {"data": form, "files": files} if files else {"data": form}
        return await self.http.post(
            path if path.startswith(self.root) else f"{self.root}{path}",
            headers={"cookie": self.cookie, "sec-fetch-site": site, **kind},
            **content,
        )

    async def _followed(self, answer: httpx.Response) -> httpx.Response:
        while answer.status_code == 303:
            answer = await self.http.get(
                answer.headers["location"], headers={"cookie": self.cookie}
            )
        return answer

    async def directory(self, provider: str = "okta") -> str:
        """Make a directory, and return its id."""
        page = await self.post("/new", provider=provider)
        assert page.status_code == 200, seen(page)
        return page.url.path.rpartition("/")[2]


async def organization(rest: Api, make: Make) -> str:
    """An organization that has directories, and a proved domain: acme-….example.com."""
    made = await make.organization("Acme")
    await rest.organizations.update_organization_settings(
        id=made["id"], settings={"features": [{"name": "dir_sync", "enabled": True}]}
    )
    return str(made["id"])


async def by_link(http: httpx.AsyncClient, make: Make, organization_id: str) -> Visitor:
    """The admin with an opened link."""
    cookie = await make.portal_session(http, organization_id)
    return Visitor(http, cookie, PORTAL, organization_id)


async def by_session(
    http: httpx.AsyncClient,
    make: Make,
    signins: SignIns,
    organization_id: str,
    *permissions: str,
) -> Visitor:
    """A member with these permissions."""
    role = await make.organization_role(organization_id, permissions=list(permissions))
    user = await make.user(organization_id, membership={"roles": [{"name": role["name"]}]})
    _, secret = await signins.session(user)
    return Visitor(http, f"__Host-tenantry_session={secret}", MEMBERS, organization_id)


class Pushing:
    """A provider with the endpoint and the token that a page showed."""

    def __init__(self, server: LiveServer, endpoint: str, token: str) -> None:
        self.http = over_https(server)
        self.endpoint = endpoint
        self.headers = {"authorization": f"Bearer {token}", "user-agent": "Okta SCIM Client 1.0.0"}

    async def __call__(self, verb: str, path: str, body: Any = None) -> httpx.Response:
        """Send a request to a path below the endpoint."""
        address = f"{self.endpoint}{path}"
        return await self.http.request(verb, address, json=body, headers=self.headers)

    async def person(self, email: str, **members: Any) -> str:
        """Push a person, and return the id."""
        body = {"schemas": [USER], "userName": email, "emails": [{"value": email}], **members}
        answer = await self("POST", "/Users", body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def group(self, name: str, *members: str) -> str:
        """Push a group, and return the id."""
        body = {
            "schemas": [GROUP],
            "displayName": name,
            "members": [{"value": one} for one in members],
        }
        answer = await self("POST", "/Groups", body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


def copied(page: httpx.Response) -> dict[str, str]:
    """The values of a page that can be copied, by their labels."""
    found = re.findall(
        r'<span class="label" id="[\w-]+"[^>]*>(.*?)</span>\s*<div>\s*<code[^>]*>(.*?)</code>',
        page.text,
    )
    return {
        html.unescape(re.sub(r"<[^>]*>", "", label)): html.unescape(value) for label, value in found
    }
