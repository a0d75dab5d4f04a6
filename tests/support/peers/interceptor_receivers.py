"""A receiver of interceptor requests: a real server, on loopback, that says what a test says."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web

from tenantry import settings
from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.events.interceptors import registry

LOOPBACK = "127.0.0.0/8"
ALLOWED = {"decision": "ALLOW"}


def denied(message: str = "", code: str = "NO") -> dict[str, Any]:
    """An answer that says no."""
    error = {"error": {"code": code, "message": message}} if message else {}
    return {"decision": "DENY", **error}


@dataclass
class Got:
    """A request that came."""

    verb: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def context(self) -> dict[str, Any]:
        found: dict[str, Any] = self.content["interceptor_context"]
        return found


class Receiver:
    """A server that notes requests; ``answers`` has the answer of a path.

    An answer is a value to send as JSON, bytes, a status, or a function of the request; ALLOW
    without one.
    """

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.answers: dict[str, Any] = {}
        self.port = 0
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._handle)
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=0, handler_cancellation=True
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def url(self, path: str = "/ask") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def at(self, path: str = "/ask") -> list[Got]:
        """The requests to a path."""
        return [one for one in self.got if one.path == path]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.decode(): value.decode() for name, value in request.raw_headers}
        self.got.append(Got(request.method, request.path, headers, await request.read()))
        answer = self.answers.get(request.path, ALLOWED)
        if callable(answer):
            return await answer(request)
        if isinstance(answer, int):
            return web.Response(status=answer, body=json.dumps(ALLOWED))
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return web.Response(body=body, content_type="application/json")


async def hang(_request):
    """Never answer."""
    await asyncio.sleep(3600)


async def drip(request):
    """Answer, and never end."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.02)


async def breaks_off(request):
    """Say less than was announced."""
    response = web.StreamResponse(headers={"content-length": "100"})
    await response.prepare(request)
    await response.write(b'{"decision": "ALLOW"')
    request.transport.close()
    return response


def moved(to: str):
    """Send on to another address."""

    async def answer(_request):
        return web.Response(status=307, headers={"location": to})

    return answer


def configured(**values: object) -> settings.Settings:
    """Settings as an operator writes them, loopback allowed."""
    given = {"outgoing_allow": LOOPBACK, "support_email": "help@example.com", **values}
    named = {f"TENANTRY_{name.upper()}": str(value) for name, value in given.items()}
    return settings.load({**named, "TENANTRY_CONFIG": "/dev/null"})


def a_call(db, **members: Any) -> Call:
    """A call of the system itself."""
    return Call(SYSTEM, db, request_id="req_1", **members)


async def interceptor(db, url: str, *, enabled: bool = True, **members: Any):
    """A new interceptor, and its secret."""
    given = {
        "display_name": "Policy",
        "trigger_point": "PRE_SESSION_CREATION",
        "api_url": url,
        "timeout_ms": 2000,
        **members,
    }
    made, secret = await registry.create(a_call(db), given, allow=(LOOPBACK,))
    if enabled:
        made = await registry.enable(a_call(db), made.id)
    return made, secret
