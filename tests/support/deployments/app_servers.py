"""Tenantry in the process of the tests: the application on its database, without Envoy and TLS."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx
from in_process import AsgiClient
from servers import Installation

from tenantry import settings
from tenantry.app import Application

if TYPE_CHECKING:
    from pathlib import Path

_ports = itertools.count(20_000)  # of URLs: nothing listens


class AppServer(Installation):
    """An application with settings of its own; requests reach it through `transport`."""

    def __init__(self, folder: Path, template: Path, **settings: object) -> None:
        self.url = f"https://localhost:{next(_ports)}"
        self.data_dir = folder / "data"
        super().__init__(
            folder,
            {
                "data_dir": self.data_dir,
                "public_url": self.url,
                "simulator": "false",  # no organization but a test's own
                **settings,
            },
        )
        self._template = template
        self.application = Application()

    async def start(self) -> AppServer:
        """Open the database and wire the application."""
        self.data_dir.mkdir(mode=0o700)
        if "database_url" not in self._settings:
            shutil.copy(self._template, self.data_dir / "tenantry.db")
        named = {k: v for k, v in self.environment.items() if k.startswith("TENANTRY_")}
        await self.application.start(settings.load(named))
        return self

    async def stop(self) -> None:
        """Close the database."""
        await self.application.stop()

    @cached_property
    def _credentials(self) -> dict[str, str]:
        kept: dict[str, str] = json.loads((self.data_dir / "credentials.json").read_bytes())
        return kept

    @property
    def client_id(self) -> str:
        return self._credentials["client_id"]

    @property
    def client_secret(self) -> str:
        return self._credentials["client_secret"]

    @property
    def transport(self) -> AsgiTransport:
        """A transport for `httpx.AsyncClient`."""
        return AsgiTransport(self.application)


class AsgiTransport(httpx.AsyncBaseTransport):
    """Answers requests of httpx by an ASGI application."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._connections = asyncio.Semaphore(100)  # as many as httpx opens to a server

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the response; trailers are in its extensions."""
        headers: dict[str, list[str]] = {}
        for name, value in request.headers.raw:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        body = await request.aread()
        call = AsgiClient(self._application)(
            request.method,
            request.url.raw_path.decode("ascii"),
            body,
            **{"content_type": [], **headers},
        )
        async with self._connections:
            # As on a server, a request has its own context, which does not outlive it.
            answer = await asyncio.create_task(call)
        return httpx.Response(
            answer.status,
            headers=answer.pairs,
            content=answer.body,
            request=request,
            extensions={"trailers": answer.trailers},
        )
