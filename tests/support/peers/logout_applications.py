"""Applications that are told of logouts: real servers on loopback, and a worker that tells them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs

from aiohttp import web

from tenantry import settings
from tenantry.worker import Job, jobs, run

PUBLIC_URL = "https://tenantry.example.com"
JOB = "logout notices"


@dataclass
class Got:
    """A request that came."""

    path: str
    headers: dict[str, str]
    form: dict[str, list[str]]
    at: float

    @property
    def token(self) -> str:
        (token,) = self.form["logout_token"]
        return token


@dataclass
class Application:
    """A server that notes requests; ``answers`` has the answer of a path, 200 otherwise.

    An answer is a status, a list of them of which the last one stays, or a coroutine function.
    """

    answers: dict[str, Any] = field(default_factory=dict)
    got: list[Got] = field(default_factory=list)
    open: int = 0
    most_open: int = 0
    port: int = 0

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._handle)
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=0, handler_cancellation=True
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def url(self, path: str = "/logout") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def at(self, path: str) -> list[Got]:
        """The requests to a path."""
        return [one for one in self.got if one.path == path]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        form = parse_qs(await request.text())
        assert request.method == "POST"
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.got.append(Got(request.path, headers, form, time.monotonic()))
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            answer = self.answers.get(request.path, 200)
            if isinstance(answer, list):
                answer = answer.pop(0) if len(answer) > 1 else answer[0]
            return await answer() if callable(answer) else web.Response(status=answer)
        finally:
            self.open -= 1


async def hang() -> None:
    """Never answer."""
    await asyncio.sleep(3600)


def configured(**values: object) -> settings.Settings:
    """Settings as an operator writes them, loopback allowed."""
    given = {"outgoing_allow": "127.0.0.0/8", "public_url": PUBLIC_URL, **values}
    named = {f"TENANTRY_{name.upper()}": str(value) for name, value in given.items()}
    return settings.load({**named, "TENANTRY_CONFIG": "/dev/null"})


def telling(known: settings.Settings) -> list[Job]:
    """The job of a worker that this is about."""
    return [job for job in jobs(known) if job.name == JOB]


class Worker:
    """A worker's job of notices, as a task of this process."""

    def __init__(self, db, **values: object) -> None:
        self._db = db
        self._values = values
        self._stop = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(
            run(self._db, telling(configured(**self._values)), self._stop)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await self._task
