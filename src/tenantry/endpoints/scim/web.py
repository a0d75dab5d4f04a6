"""The HTTP routes of this package: one for each verb below an address of a directory."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tenantry.endpoints.scim.answers import refused
from tenantry.net.http import Route

if TYPE_CHECKING:
    from tenantry.app_context import AppContext
    from tenantry.endpoints.scim.door import Door
    from tenantry.net.http import Request, Response, StreamingResponse

# The first is ours. The others are for providers that were set up with addresses of Scalekit,
# whose samples misspell one.
BASES = (
    "/directory/{directory_id}/scim/v2",
    "/api/v1/directories/{directory_id}/scim/v2",
    "/api/v1/directoies/{directory_id}/scim/v2",
)
_VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def routes(parts: AppContext) -> list[Route]:
    answer = _Opening(parts)
    return [
        Route(verb, f"{base}/{{path*}}", answer, streams=True, refused=refused)
        for base in BASES
        for verb in _VERBS
    ]


class _Opening:
    """The SCIM endpoint, whose modules the first request loads: most deployments have no
    directory.
    """

    def __init__(self, parts: AppContext) -> None:
        self._parts = parts
        self._door: Door | None = None

    async def __call__(self, request: Request) -> Response | StreamingResponse:
        if self._door is None:
            self._door = await asyncio.to_thread(_opened, self._parts)
        return await self._door(request)


def _opened(parts: AppContext) -> Door:
    from tenantry.endpoints.scim.door import Bearers, Door

    return Door(
        parts.db,
        parts.rates,
        bearers=Bearers(parts.db),
        uses=parts.directory_secret_uses,
        log=parts.directory_requests,
        public_url=parts.settings.public_url,
        is_modular=parts.settings.is_modular,
    )
