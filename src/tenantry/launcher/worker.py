"""Imported by Envoy: the application, once for each event loop, and the housekeeping thread."""

from __future__ import annotations

import gc
import threading
from typing import TYPE_CHECKING, Any

# Until the application is ready: imports make next to no garbage, and each collection looks at all
# that they have made.
gc.disable()

from tenantry import settings  # noqa: E402
from tenantry.app import Application  # noqa: E402
from tenantry.launcher import housekeeping  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


_applications: list[Application] = []
_one_by_one = threading.Lock()


async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """Answer a request with the application of its event loop.

    TLS and cleartext are two filter chains, and pyvoy gives each its event loop and its lifespan.
    A pool of connections belongs to one loop, so each loop gets an application of its own.
    """
    if scope["type"] == "lifespan":
        with _one_by_one:
            application = Application(next(iter(_applications), None))
            _applications.append(application)
        scope["state"]["application"] = application
    await scope["state"]["application"](scope, receive, send)


housekeeping.start(settings.load())
