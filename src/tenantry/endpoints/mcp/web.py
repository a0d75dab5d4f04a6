"""The HTTP routes of this package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.endpoints.mcp.server import METADATA_PATH, PATH, McpServer
from tenantry.net.http import Route

if TYPE_CHECKING:
    from tenantry.app_context import AppContext


def routes(context: AppContext) -> list[Route]:
    """Return the routes of the MCP server."""
    server = McpServer(context)
    return [
        # The body is read after the caller is authenticated.
        Route("POST", PATH, server.post, streams=True),
        Route("GET", METADATA_PATH, server.metadata, public=True),
    ]
