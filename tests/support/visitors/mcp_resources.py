"""Resources, and the clients that register there."""

from __future__ import annotations

from typing import Any

from apis import unique

from tenantry.access.resources import service as resources
from tenantry.call import Call
from tenantry.core.caller import SYSTEM

CALLBACK = "https://client.example/callback"


class Resources:
    """Makes resources of a deployment."""

    def __init__(self, rest: Any, database: Any) -> None:
        self._rest = rest
        self._database = database

    async def permission(self, description: str = "Read documents") -> str:
        """A new permission, which a resource may have as a scope."""
        name = unique("docs").replace("-", "_") + ":read"
        permission = {"name": name, "description": description}
        await self._rest.roles.create_permission(permission=permission)
        return name

    async def __call__(self, **members: Any) -> Any:
        call = Call(SYSTEM, self._database, "test")
        members.setdefault("name", unique("MCP server"))
        members.setdefault("resource_uri", f"https://{unique('mcp')}.example/mcp")
        return await resources.create(
            call, resource_type="MCP_SERVER", members=members, production=True
        )


def registration(**changes: Any) -> dict[str, Any]:
    """The body of a registration; None leaves a member out."""
    body = {
        "client_name": "Client",
        "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}
