"""Imported by Envoy: the application, once for each event loop, and the housekeeping thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry import settings
from tenantry.app import Application
from tenantry.launcher import housekeeping

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """Answer a request with the application of its event loop.

    TLS and cleartext are two filter chains, and pyvoy gives each its event loop and its lifespan.
    A pool of connections belongs to one loop, so each loop gets an application of its own.
    """
    if scope["type"] == "lifespan":
        scope["state"]["application"] = Application()
    await scope["state"]["application"](scope, receive, send)


housekeeping.start(settings.load())
