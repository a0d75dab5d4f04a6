"""Clients of MCP as data: what each sends to register, to authorize and to redeem a code."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class McpClient:
    """What one client sends; see `mcp_clients.toml`."""

    name: str
    registration: dict[str, Any]
    sent: list[str]
    refused: list[str]
    client_id: str = ""
    document: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)


def _load() -> list[McpClient]:
    with Path(__file__).with_suffix(".toml").open("rb") as file:
        found = tomllib.load(file)
    return [McpClient(name, **members) for name, members in found.items()]


CLIENTS = _load()
WITH_DOCUMENT = [client for client in CLIENTS if client.client_id]
