"""An MCP client of the server's own MCP endpoint: requests of revision 2026-07-28."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

VERSION = "2026-07-28"
PREFIX = "io.modelcontextprotocol/"


class McpAgent:
    """Sends requests with an access token; ``capabilities`` are those of the client."""

    def __init__(self, http: httpx.AsyncClient, token: str, **capabilities: Any) -> None:
        self._http = http
        self._token = token
        self.capabilities: dict[str, Any] = capabilities

    async def send(
        self,
        method: str,
        params: dict[str, Any] | None = None,
        *,
        path: str = "/mcp",
        **headers: str,
    ) -> httpx.Response:
        """Send a request, and return the response; ``headers`` replace those of the request."""
        meta = {
            f"{PREFIX}protocolVersion": VERSION,
            f"{PREFIX}clientCapabilities": self.capabilities,
        }
        params = {**(params or {}), "_meta": meta}
        sent = {
            "authorization": f"Bearer {self._token}",
            "mcp-protocol-version": VERSION,
            "mcp-method": method,
        }
        if method == "tools/call":
            sent["mcp-name"] = params["name"]
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return await self._http.post(path, json=body, headers=sent)

    async def result(
        self, method: str, params: dict[str, Any] | None = None, *, path: str = "/mcp"
    ) -> dict[str, Any]:
        """Send a request that succeeds, and return its result."""
        response = await self.send(method, params, path=path)
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()["result"]
        return found

    async def tools(self, toolsets: str = "") -> dict[str, dict[str, Any]]:
        """Return the listed tools by name."""
        path = f"/mcp?toolsets={toolsets}" if toolsets else "/mcp"
        listed = (await self.result("tools/list", path=path))["tools"]
        return {tool["name"]: tool for tool in listed}

    async def call(self, tool: str, arguments: dict[str, Any], **params: Any) -> dict[str, Any]:
        """Call a tool, and return the result."""
        asked = {"name": tool, "arguments": arguments, **params}
        return await self.result("tools/call", asked)
