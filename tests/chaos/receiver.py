"""The application that the webhooks go to: it checks each, and now and then it fails."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

if TYPE_CHECKING:
    import random
    from types import TracebackType

_FAILS = 0.04  # of all requests


@dataclass
class Endpoint:
    """The requests to one address, in the order in which they were taken."""

    taken: list[str] = field(default_factory=list)  # ids of events, repeats left out
    requests: int = 0
    failed: int = 0
    repeats: int = 0
    bodies: dict[str, dict[str, Any]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)


class Receiver:
    """An HTTP server with one endpoint for each path."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._secrets: dict[str, str] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self.port = 0

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_post("/{name}", self._take)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()

    def open(self, name: str, secret: str) -> None:
        """Take requests signed by this secret."""
        self._secrets[name] = secret
        self.endpoints[name] = Endpoint()

    async def _take(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        endpoint = self.endpoints[name]
        body = await request.read()
        endpoint.requests += 1
        try:
            Webhook(self._secrets[name]).verify(body, dict(request.headers))
        except WebhookVerificationError as problem:
            endpoint.broken.append(repr(problem))
            return web.Response(status=401)
        event = json.loads(body)
        if request.headers["webhook-id"] != event["id"]:
            endpoint.broken.append(f"webhook-id {request.headers['webhook-id']}, id {event['id']}")
        if self._chance.random() < _FAILS:
            endpoint.failed += 1
            return web.Response(status=self._chance.choice([302, 400, 429, 500, 503]))
        if event["id"] in endpoint.bodies:
            endpoint.repeats += 1
            if endpoint.bodies[event["id"]] != event:
                endpoint.broken.append(f"{event['id']} came twice and not alike")
        else:
            endpoint.taken.append(event["id"])
            endpoint.bodies[event["id"]] = event
        return web.Response(status=201)
