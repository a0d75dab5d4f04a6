"""A client with the official Python SDK; tests/support/peers/mcp_programs.py starts it.

Arguments: the mode of the SDK (`auto` or `legacy`), the URL of the MCP server, a redirect URI.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any
from urllib.parse import parse_qs, urlsplit

from httpx2 import AsyncClient
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata


def write(**members: Any) -> None:
    print(json.dumps(members), flush=True)


async def read() -> dict[str, Any]:
    line = await asyncio.to_thread(sys.stdin.readline)
    return json.loads(line) if line else {"do": "end"}


class Storage:
    """Keeps what the SDK stores."""

    tokens = client_info = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens) -> None:
        self.tokens = tokens

    async def get_client_info(self):
        return self.client_info

    async def set_client_info(self, client_info) -> None:
        self.client_info = client_info


async def open_browser(url: str) -> None:
    write(authorize=url)


async def callback() -> AuthorizationCodeResult:
    members = parse_qs(urlsplit((await read())["callback"]).query)
    return AuthorizationCodeResult(**{name: members[name][0] for name in ("code", "state", "iss")})


async def main(mode: str, url: str, redirect_uri: str) -> None:
    metadata = OAuthClientMetadata(client_name="Python SDK", redirect_uris=[redirect_uri])
    storage = Storage()
    provider = OAuthClientProvider(url, metadata, storage, open_browser, callback)
    async with (
        AsyncClient(auth=provider, timeout=300) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        write(version=client.protocol_version)
        while (order := await read())["do"] != "end":
            if order["do"] == "expire":
                provider.context.token_expiry_time = 1.0
                write()
                continue
            result = await client.call_tool(order["tool"], order["arguments"])
            text = "\n".join(one.text for one in result.content)
            write(text=text, failed=bool(result.is_error), tokens=storage.tokens.model_dump())


asyncio.run(main(*sys.argv[1:]))
