"""Resources, their clients, and the requests that these make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from apis import unique
from authorizations import CHALLENGE, VERIFIER, answer_of, with_cookies

from tenantry.access.clients import resource_clients
from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.identity.consents import service as consents

if TYPE_CHECKING:
    import httpx

CALLBACK = "https://agent.example.com/callback"


@dataclass(frozen=True)
class ResourceClient:
    """A client of a resource, and how it asks."""

    http: httpx.AsyncClient
    id: str
    secret: str
    resource: dict[str, Any]

    @property
    def issuer_path(self) -> str:
        return f"/resources/{self.resource['id']}"

    async def authorize(self, cookies: str = "", **members: Any) -> httpx.Response:
        """The answer to an authorization request; None leaves a member out."""
        whole = {
            "response_type": "code",
            "client_id": self.id,
            "redirect_uri": CALLBACK,
            "state": "s",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **members,
        }
        query = urlencode({k: v for k, v in whole.items() if v is not None}, doseq=True)
        return await self.http.get(
            f"{self.issuer_path}/authorize?{query}", headers=with_cookies(cookies)
        )

    async def code(self, cookies: str, **members: Any) -> str:
        return answer_of(await self.authorize(cookies, **members), CALLBACK)["code"]

    async def token(self, path: str = "", **members: Any) -> httpx.Response:
        """The answer of the token endpoint to the client with its secret."""
        form = {"client_id": self.id, "client_secret": self.secret, **members}
        return await self.http.post(path or f"{self.issuer_path}/token", data=form)

    async def redeem(self, code: str, **members: Any) -> httpx.Response:
        return await self.token(
            grant_type="authorization_code",
            code=code,
            redirect_uri=CALLBACK,
            code_verifier=VERIFIER,
            **members,
        )

    async def refresh(self, token: str, **members: Any) -> httpx.Response:
        return await self.token(grant_type="refresh_token", refresh_token=token, **members)


class Resources:
    """Makes resources and clients, and records consents."""

    def __init__(self, rest: Any, http: httpx.AsyncClient, database: Any) -> None:
        self.rest = rest
        self._http = http
        self._database = database

    async def permission(self) -> str:
        name = unique("p").replace("-", ":")
        await self.rest.roles.create_permission(permission={"name": name, "description": "Read"})
        return name

    async def __call__(self, **members: Any) -> dict[str, Any]:
        new = {
            "resource_type": "MCP_SERVER",
            "name": "Acme MCP server",
            "resource_uri": f"https://{unique()}.example.com/mcp",
            **members,
        }
        return dict((await self.rest.clients.create_resource(resource=new))["resource"])

    async def client(self, resource: dict[str, Any], **members: Any) -> ResourceClient:
        new = {"name": "Agent", "redirect_uris": [CALLBACK], **members}
        made = await self.rest.clients.create_resource_client(
            resource_id=resource["id"], client=new
        )
        client_id = made["client"]["client_id"]
        return ResourceClient(self._http, client_id, made["plain_secret"], resource)

    async def consent(self, client: ResourceClient, session: Any, *scopes: str) -> str:
        """Record what the consent page does; return the ID of the consent."""
        found, resource = await resource_clients.get(
            self._database, client.resource["id"], client.id
        )
        consent = await consents.grant(
            Call(SYSTEM, self._database, "test"),
            found,
            resource,
            user_id=session.user_id,
            organization_id=session.organization_id,
            scopes=scopes,
        )
        return consent.id
