"""The HTTP routes of this door: its pages, what they load, and the documents for programs."""

from __future__ import annotations

import asyncio
import functools
import gzip
import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from tenantry.events.webhooks import catalogue
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
_FOREVER = "public, max-age=31536000, immutable"  # the address changes with the content
_A_WHILE = "public, max-age=300"  # then asked for again, by its ETag


def routes(methods: Sequence[Method], public_url: str) -> list[Route]:
    """Return what this door serves; the first request for a document makes it."""
    door = Reference(methods, public_url)
    return [
        Route("GET", "/docs", door.page),
        Route("GET", "/docs/events", door.events),
        Route("GET", "/docs/page.css", door.style),
        Route("GET", "/docs/page.js", door.script),
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
        self._made: dict[str, _Document] = {}
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

    async def style(self, request: Request) -> Response:
        """Answer with the page's style sheet."""
        make = functools.partial(_asset, "page.css")
        return await self._answer(request, "text/css; charset=utf-8", make, _FOREVER)

    async def script(self, request: Request) -> Response:
        """Answer with the page's script."""
        make = functools.partial(_asset, "page.js")
        return await self._answer(request, "text/javascript; charset=utf-8", make, _FOREVER)

    def _page(self) -> str:
        # Start time: most processes never show the reference.
        from tenantry.doors.reference import operations, page

        found, _ = operations.read(self._methods)
        return page.render(
            found,
            self._public_url,
            style_url=_address("page.css"),
            script_url=_address("page.js"),
        )

    def _events(self) -> str:
        from tenantry.doors.reference import event_page

        return event_page.render(
            self._public_url, style_url=_address("page.css"), script_url=_address("page.js")
        )

    def _schemas(self) -> str:
        listed = [
            {
                "type": kind.name,
                "object": kind.object,
                "description": kind.summary,
                "emitted": kind.emitted,
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

    async def _answer(
        self, request: Request, kind: str, make: Callable[[], str], cache: str = _A_WHILE
    ) -> Response:
        """Answer with what is made once and kept, in gzip where the client takes that.

        A client that has it already is told so (RFC 9110 section 13.1.2).
        """
        async with self._making:  # whoever asks for it meanwhile waits, and makes no other
            if request.path not in self._made:
                # A tenth of a second: not on the loop that calls run on.
                self._made[request.path] = await asyncio.to_thread(_Document.of, make)
        made = self._made[request.path]
        zipped = _takes_gzip(request.headers.get("accept-encoding", ""))
        tag = f'"{made.digest}{"-gzip" if zipped else ""}"'
        headers = {**_HEADERS, "cache-control": cache, "etag": tag, "vary": "accept-encoding"}
        if _has(request.headers.get("if-none-match", ""), tag):
            return Response(304, b"", headers)
        headers["content-type"] = kind
        if zipped:
            return Response(200, made.zipped, {**headers, "content-encoding": "gzip"})
        return Response(200, made.plain, headers)


@dataclass(frozen=True, slots=True)
class _Document:
    plain: bytes
    zipped: bytes
    digest: str

    @classmethod
    def of(cls, make: Callable[[], str]) -> _Document:
        plain = make().encode()
        return cls(plain, gzip.compress(plain, mtime=0), hashlib.sha256(plain).hexdigest()[:24])


def _takes_gzip(accepted: str) -> bool:
    """Whether Accept-Encoding allows gzip (RFC 9110 section 12.5.3); without it, nobody asks."""
    weights: dict[str, bool] = {}
    for part in accepted.lower().split(","):
        name, _, weight = part.replace(" ", "").partition(";q=")
        weights[name] = weight.strip("0.") != "" if weight else True
    return weights.get("gzip", weights.get("*", False))


def _has(if_none_match: str, tag: str) -> bool:
    tags = {one.strip().removeprefix("W/") for one in if_none_match.split(",")}
    return tag in tags or if_none_match.strip() == "*"


@functools.cache
def _asset(name: str) -> str:
    path = files("tenantry.doors.reference").joinpath("templates", name)
    return path.read_text(encoding="utf-8")


def _address(name: str) -> str:
    return f"/docs/{name}?v={hashlib.sha256(_asset(name).encode()).hexdigest()[:12]}"
