"""The HTTP routes of this package: its pages, what they load, and the documents for programs."""

from __future__ import annotations

import asyncio
import functools
import json
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

from tenantry.core import errors, urlencoded
from tenantry.endpoints.docs.guides import diagrams
from tenantry.events.webhooks import catalogue
from tenantry.net.http import Request, Response, Route, cookie
from tenantry.web import fonts
from tenantry.web.assets import Asset, Content, read

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tenantry.api.methods import Method
    from tenantry.endpoints.docs.pages.page import Frame
    from tenantry.endpoints.docs.reference.contents import Contents

# The page needs nothing but its own files and the font of all pages, and nothing may frame it.
_CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; font-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {"content-security-policy": _CSP, "referrer-policy": "no-referrer"}
_STYLE = Asset(
    "/docs/page.css",
    lambda: fonts.face().encode() + read("endpoints/docs/static/page.css"),
)
_SCRIPT = Asset.of_files("/docs/page.js", "endpoints/docs/static/page.js")
_TRY = Asset.of_files("/docs/try.js", "endpoints/docs/static/try.js")
_A_WHILE = "public, max-age=300"  # then asked for again, by its ETag
_HTML = "text/html; charset=utf-8"
_MARKDOWN = "text/markdown; charset=utf-8"
_TEXT = "text/plain; charset=utf-8"
_LANGUAGE_COOKIE = "docs_language"  # which the script sets, too
_LANGUAGE_KEYS = ("sh", "js", "python", "go", "java")  # those of reference/languages.py
_A_YEAR = 365 * 24 * 3600
_KEPT = 2 << 20  # bytes of pages that a process keeps: the ones that were asked for last


def routes(methods: Sequence[Method], public_url: str, *, development: bool = False) -> list[Route]:
    """Return the routes of this package; the first request for a document makes it.

    In ``development`` the page of an operation can send it.
    """
    reference = Reference(methods, public_url, development=development)
    return [
        Route("GET", "/docs", reference.page),
        Route("GET", "/docs/{path*}", reference.page),
        Route("GET", "/docs.md", reference.page),
        Route("GET", "/llms.txt", reference.page),
        _STYLE.route,
        _SCRIPT.route,
        *([_TRY.route] if development else ()),
        Route("GET", "/docs/search.json", reference.search),
        *(diagram.route for diagram in diagrams.ASSETS.values()),
        Route("GET", "/openapi.json", reference.openapi, public=True),
        Route("GET", catalogue.PATH, reference.schemas, public=True),
        Route("GET", catalogue.PATH.rstrip("/"), reference.schemas, public=True),
        *(
            Route("GET", kind.path, reference.schema, public=True)
            for kind in catalogue.TYPES.values()
        ),
    ]


def _asked_language(request: Request) -> str:
    """Return the language of samples that the query asks for, "" without one."""
    try:
        asked = dict(urlencoded.members(request.query, most=10)).get("language", "")
    except ValueError:
        return ""
    return asked if asked in _LANGUAGE_KEYS else ""


class Reference:
    def __init__(
        self, methods: Sequence[Method], public_url: str, *, development: bool = False
    ) -> None:
        self._methods = methods
        self._public_url = public_url
        self._development = development
        self._documents: dict[str, Content] = {}
        self._pages: OrderedDict[str, Content] = OrderedDict()  # the one asked for last at the end
        self._making = asyncio.Lock()

    async def page(self, request: Request) -> Response:
        """Answer with the page of a path below `/docs`, as Markdown where it ends in `.md`.

        A page has its samples in the language of the query, which a cookie keeps, or of the cookie.
        """
        path = request.path
        kind = {"md": _MARKDOWN, "txt": _TEXT}.get(path.rpartition(".")[2], _HTML)
        asked = _asked_language(request)
        kept = cookie(request.headers.get("cookie", ""), _LANGUAGE_COOKIE)
        language = asked or (kept if kept in _LANGUAGE_KEYS else _LANGUAGE_KEYS[0])
        key = path
        if kind == _HTML and language != _LANGUAGE_KEYS[0]:
            key = f"{path}?language={language}"
        if key not in self._pages:
            async with self._making:
                if key not in self._pages:
                    # It takes a few milliseconds, the first one more: not on the loop of the calls.
                    self._pages[key] = await asyncio.to_thread(
                        self._made, self._page, path, language
                    )
                    self._forget()
        self._pages.move_to_end(key)
        response = self._answer(request, kind, self._pages[key])
        if kind == _HTML:
            response.headers["vary"] = f"{response.headers['vary']}, cookie"
        if asked:
            response.headers["cache-control"] = "private, no-cache"
            secure = "; Secure" if self._public_url.startswith("https:") else ""
            response.headers["set-cookie"] = (
                f"{_LANGUAGE_COOKIE}={asked}; Max-Age={_A_YEAR}; Path=/docs; SameSite=Lax{secure}"
            )
        return response

    async def schemas(self, request: Request) -> Response:
        """Answer with the list of the schemas of events."""
        return await self._document(request, "application/json", self._schemas)

    async def schema(self, request: Request) -> Response:
        """Answer with the schema of one type of event."""
        event_type = request.path.removeprefix(catalogue.PATH).removesuffix(".json")
        make = functools.partial(self._schema, event_type)
        return await self._document(request, "application/schema+json", make)

    async def search(self, request: Request) -> Response:
        """Answer with the index of the search."""
        return await self._document(request, "application/json", self._search)

    async def openapi(self, request: Request) -> Response:
        """Answer with the OpenAPI document."""
        return await self._document(request, "application/json", self._openapi)

    @functools.cached_property
    def _contents(self) -> Contents:
        # Start time: most processes never show the reference.
        from tenantry.endpoints.docs.reference.contents import Contents

        return Contents(self._methods)

    @functools.cached_property
    def _frame(self) -> Frame:
        from tenantry.endpoints.docs.pages.page import Frame

        try_url = _TRY.url if self._development else ""
        return Frame(self._contents, self._public_url, _STYLE.url, _SCRIPT.url, try_url)

    def _page(self, path: str, language: str) -> str:
        """Return the page of a path, with the samples in this language."""
        from tenantry.endpoints.docs.guides import examples, sources
        from tenantry.endpoints.docs.pages import (
            error_page,
            event_page,
            guide_page,
            introduction_page,
            operation_page,
            plain,
        )

        if path == "/llms.txt":
            return plain.llms(self._contents, self._public_url)
        if path.endswith(".md"):
            text = plain.page(self._contents, path.removesuffix(".md"), self._public_url)
            if text is None:
                raise errors.RouteNotFound
            return text
        pages = {
            "/docs": introduction_page.render,
            "/docs/events": event_page.render,
            "/docs/errors": error_page.render,
        }
        frame = replace(self._frame, language=language)
        if path in pages:
            return pages[path](frame)
        if guide := sources.by_url().get(path) or examples.by_url().get(path):
            return guide_page.render(frame, guide)
        name = path.removeprefix("/docs/api/")
        if entry := self._contents.by_name.get(name):
            return operation_page.render(frame, entry)
        if group := self._contents.group(name):
            return operation_page.render_group(frame, group)
        raise errors.RouteNotFound

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

    def _search(self) -> str:
        from tenantry.endpoints.docs.pages import search

        index = search.index(self._contents)
        return json.dumps(index, ensure_ascii=False, separators=(",", ":"))

    def _openapi(self) -> str:
        from tenantry.endpoints.docs.reference import openapi, operations

        document = openapi.document(*operations.read(self._methods), self._public_url)
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"))

    async def _document(self, request: Request, kind: str, make: Callable[[], str]) -> Response:
        """Answer with a document that is made once and kept."""
        async with self._making:  # requests for it meanwhile wait, and make no other
            if request.path not in self._documents:
                # A second: not on the loop that calls run on.
                self._documents[request.path] = await asyncio.to_thread(self._made, make)
        return self._answer(request, kind, self._documents[request.path])

    def _made(self, make: Callable[..., str], *given: str) -> Content:
        return Content.of(make(*given).encode())

    def _forget(self) -> None:
        """Keep no more pages than may be."""
        size = sum(len(page.plain) + len(page.packed) for page in self._pages.values())
        while size > _KEPT:
            _, page = self._pages.popitem(last=False)
            size -= len(page.plain) + len(page.packed)

    def _answer(self, request: Request, kind: str, content: Content) -> Response:
        return content.answer(request, kind, {**_HEADERS, "cache-control": _A_WHILE})
