"""GET /livez, /readyz and /healthz (docs/observability.md, "Health")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.db.readiness import Readiness
from tenantry.net.http import DRAINING, STOPPING, Request, Response, Route

if TYPE_CHECKING:
    from tenantry.app_context import AppContext


def routes(context: AppContext) -> list[Route]:
    readiness = Readiness(context.db)

    async def ready(_request: Request) -> Response:
        if DRAINING.is_set() or STOPPING.is_set():
            raise errors.Draining
        await readiness.check()
        return Response.json({"status": "ready"})

    return [
        Route("GET", "/livez", _alive),
        Route("GET", "/readyz", ready),
        Route("GET", "/healthz", _healthy),
    ]


async def _alive(_request: Request) -> Response:
    return Response.json({"status": "alive"})


async def _healthy(_request: Request) -> Response:
    # As it has always been: the process answers.
    return Response.json({"status": "ok"})
