"""The parts of the deployment that requests to identity providers depend on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenantry.identity.connections.providers.fetching import Fetching
    from tenantry.net.outgoing import Outgoing


@dataclass(frozen=True, slots=True)
class ConnectionContext:
    public_url: str
    development: bool
    fetching: Fetching
    outgoing: Outgoing
