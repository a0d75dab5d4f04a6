"""The HTTP routes of this package: one for each verb below an address of a directory."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tenantry.endpoints.scim.answers import refused
from tenantry.net.http import Route

if TYPE_CHECKING:
    from tenantry.app_context import AppContext
    from tenantry.endpoints.scim.server import ScimServer
    from tenantry.net.http import Request, Response, StreamingResponse

# The first is ours. The others are for providers that were set up with addresses of Scalekit,
# whose samples misspell one.
BASES = (
    "/directory/{directory_id}/scim/v2",
    "/api/v1/directories/{directory_id}/scim/v2",
    "/api/v1/directoies/{directory_id}/scim/v2",
)
_VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def routes(context: AppContext) -> list[Route]:
    answer = _Opening(context)
    return [
        Route(verb, f"{base}/{{path*}}", answer, streams=True, refused=refused)
        for base in BASES
        for verb in _VERBS
    ]


class _Opening:
    """The SCIM endpoint, whose modules the first request loads: most deployments have no
    directory.
    """

    def __init__(self, context: AppContext) -> None:
        self._context = context
        self._server: ScimServer | None = None

    async def __call__(self, request: Request) -> Response | StreamingResponse:
        if self._server is None:
            self._server = await asyncio.to_thread(_opened, self._context)
        return await self._server(request)


def _opened(context: AppContext) -> ScimServer:
    from tenantry.endpoints.scim.server import Bearers, ScimServer

    return ScimServer(
        context.db,
        context.rates,
        bearers=Bearers(context.db),
        uses=context.directory_secret_uses,
        log=context.directory_requests,
        public_url=context.settings.public_url,
        is_modular=context.settings.is_modular,
    )
