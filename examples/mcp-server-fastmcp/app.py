"""An MCP server with FastMCP, whose Scalekit provider verifies access tokens of Tenantry."""

import os
from collections import defaultdict

from fastmcp import FastMCP
from fastmcp.server.auth.providers.scalekit import ScalekitProvider
from fastmcp.server.dependencies import get_access_token

auth = ScalekitProvider(
    environment_url=os.environ["SCALEKIT_ENVIRONMENT_URL"],
    resource_id=os.environ["RESOURCE_ID"],
    base_url=os.environ.get("BASE_URL", "http://127.0.0.1:8000"),
    required_scopes=["invoices:read", "invoices:write"],  # of each request
)
mcp = FastMCP("Acme invoices", auth=auth)
invoices: dict[str, list[int]] = defaultdict(list)  # by organization


def organization() -> str:
    """Return the organization of the caller: never an argument, which a model could choose."""
    token = get_access_token()
    assert token is not None
    return token.claims["oid"]


@mcp.tool
def list_invoices() -> list[int]:
    """List the amounts of the invoices of the organization."""
    return invoices[organization()]


@mcp.tool
def create_invoice(amount: int) -> str:
    """Create an invoice of this amount."""
    invoices[organization()].append(amount)
    return "created"


app = mcp.http_app(path="/mcp")
