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
from tenantry.server import admission, housekeeping  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


_applications: list[Application] = []
_one_by_one = threading.Lock()


async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """Answer a request with the application of its event loop.

    TLS and cleartext are two filter chains, and pyvoy gives each its event loop and its lifespan.
    A pool of connections belongs to one loop, so each loop gets its own application.
    """
    state = scope["state"]
    if scope["type"] == "lifespan":
        with _one_by_one:
            state["application"] = Application(next(iter(_applications), None))
            _applications.append(state["application"])
        state["finished"] = admission.Finished()
        await state["application"](scope, receive, send)
        return
    cells = admission.cells(scope)
    try:
        await state["application"](scope, receive, send)
    finally:
        state["finished"].count(cells)


admission.share()
housekeeping.start(settings.load())
