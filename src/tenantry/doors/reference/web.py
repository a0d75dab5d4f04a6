"""The HTTP routes of this door: its pages, what they load, and the documents for programs."""

from __future__ import annotations

import asyncio
import functools
import json
from typing import TYPE_CHECKING

from tenantry.events.webhooks import catalogue
from tenantry.pages.assets import Asset, Content
from tenantry.web import Request, Response, Route

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tenantry.doors.transport.methods import Method

# The page needs nothing but its own two files, and nothing may frame it.
_CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {"content-security-policy": _CSP, "referrer-policy": "no-referrer"}
_STYLE = Asset.of_files("/docs/page.css", "doors/reference/static/page.css")
_SCRIPT = Asset.of_files("/docs/page.js", "doors/reference/static/page.js")
_A_WHILE = "public, max-age=300"  # then asked for again, by its ETag


def routes(methods: Sequence[Method], public_url: str) -> list[Route]:
    """Return what this door serves; the first request for a document makes it."""
    door = Reference(methods, public_url)
    return [
        Route("GET", "/docs", door.page),
        Route("GET", "/docs/events", door.events),
        _STYLE.route,
        _SCRIPT.route,
        Route("GET", "/openapi.json", door.openapi, public=True),
        Route("GET", catalogue.PATH, door.schemas, public=True),
        Route("GET", catalogue.PATH.rstrip("/"), door.schemas, public=True),
        *(Route("GET", kind.path, door.schema, public=True) for kind in catalogue.TYPES.values()),
    ]


class Reference:
    """Handlers of the routes."""

    def __init__(self, methods: Sequence[Method], public_url: str) -> None:
        self._methods = methods
        self._public_url = public_url
        self._made: dict[str, Content] = {}
        self._making = asyncio.Lock()

    async def page(self, request: Request) -> Response:
        """Answer with the page."""
        return await self._answer(request, "text/html; charset=utf-8", self._page)

    async def events(self, request: Request) -> Response:
        """Answer with the page of events."""
        return await self._answer(request, "text/html; charset=utf-8", self._events)

    async def schemas(self, request: Request) -> Response:
        """Answer with the list of the schemas of events."""
        return await self._answer(request, "application/json", self._schemas)

    async def schema(self, request: Request) -> Response:
        """Answer with the schema of one type of event."""
        event_type = request.path.removeprefix(catalogue.PATH).removesuffix(".json")
        make = functools.partial(self._schema, event_type)
        return await self._answer(request, "application/schema+json", make)

    async def openapi(self, request: Request) -> Response:
        """Answer with the OpenAPI document."""
        return await self._answer(request, "application/json", self._openapi)

    def _page(self) -> str:
        # Start time: most processes never show the reference.
        from tenantry.doors.reference import operations, page

        found, _ = operations.read(self._methods)
        return page.render(
            found,
            self._public_url,
            style_url=_STYLE.url,
            script_url=_SCRIPT.url,
        )

    def _events(self) -> str:
        from tenantry.doors.reference import event_page

        return event_page.render(self._public_url, style_url=_STYLE.url, script_url=_SCRIPT.url)

    def _schemas(self) -> str:
        listed = [
            {
                "type": kind.name,
                "object": kind.object,
                "description": kind.summary,
                "schema": self._public_url + kind.path,
            }
            for kind in catalogue.TYPES.values()
        ]
        return json.dumps({"event_types": listed}, indent=2)

    def _schema(self, event_type: str) -> str:
        return json.dumps(catalogue.schema(event_type, self._public_url), indent=2)

    def _openapi(self) -> str:
        from tenantry.doors.reference import openapi, operations

        document = openapi.document(*operations.read(self._methods), self._public_url)
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"))

    async def _answer(self, request: Request, kind: str, make: Callable[[], str]) -> Response:
        """Answer with a page that is made once and kept."""
        async with self._making:  # requests for it meanwhile wait, and make no other
            if request.path not in self._made:
                # A tenth of a second: not on the loop that calls run on.
                self._made[request.path] = await asyncio.to_thread(
                    lambda: Content.of(make().encode())
                )
        headers = {**_HEADERS, "cache-control": _A_WHILE}
        return self._made[request.path].answer(request, kind, headers)
