"""The HTTP routes of this door: `/` says where everything is; what is not there gets a page, too.

A program reads its errors as JSON. A browser that somebody uses gets them as a page with a way on.
"""

from __future__ import annotations

import functools
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING

from tenantry.web import Request, Response, Route

if TYPE_CHECKING:
    from jinja2 import Environment

    from tenantry import errors
    from tenantry.doors.parts import Parts
    from tenantry.settings import Settings

_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _CSP,
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
}
_ASSETS = {
    "/home.css": "text/css; charset=utf-8",
    "/favicon.svg": "image/svg+xml",
    "/favicon.ico": "image/vnd.microsoft.icon",
}
_FOR_A_DAY = "max-age=86400"
# By status: what it is called, and what a person can do about it.
_WORDS = {
    400: ("This request cannot be read", "Go back and try again."),
    403: ("This is not for you", "Go back, or sign in as somebody else."),
    404: ("There is nothing at this address", "It may be misspelled, or be gone."),
    405: ("This address takes something else", "It is not a page: programs send something to it."),
    408: ("That took too long", "Go back and try again."),
    413: ("That is too large", "Go back and send less."),
    415: ("This cannot be read here", "Go back and try again."),
    429: ("That was too often", "Wait for a moment, then try again."),
    501: ("This is not in this version", "Nothing here can be done about it."),
    503: ("The server is busy", "Wait for a moment, then try again."),
}
_OTHER = ("Something went wrong", "Try again; if it stays, tell whoever runs this server.")


def routes(parts: Parts) -> list[Route]:
    """Return what this door serves."""
    home = Home(parts.settings)
    return [
        Route("GET", "/", home.page),
        *(Route("GET", path, home.asset) for path in _ASSETS),
    ]


class Home:
    """Handlers of the routes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def page(self, _request: Request) -> Response:
        """Show where everything is."""
        response = _page(
            "home.html",
            200,
            url=self._settings.public_url,
            development=self._settings.development,
            version=version("tenantry"),
        )
        response.headers["cache-control"] = "no-cache"
        return response

    async def asset(self, request: Request) -> Response:
        """Return what the pages load."""
        headers = {"content-type": _ASSETS[request.path], "cache-control": _FOR_A_DAY}
        return Response(200, _read(request.path[1:]), headers)


def refusal(error: errors.Error, request: Request) -> Response:
    """Return an error as the page that a browser shows."""
    title, advice = _WORDS.get(error.status, _OTHER)
    response = _page(
        "refusal.html",
        error.status,
        title=title,
        advice=advice,
        said=error.message,
        request_id=request.request_id,
    )
    response.headers |= error.headers
    return response


def _page(template: str, status: int, **values: object) -> Response:
    page = _environment().get_template(template).render(values, status=status)
    response = Response.html(page, status)
    response.headers |= _HEADERS
    return response


@functools.cache
def _read(name: str) -> bytes:
    return files("tenantry.doors.home").joinpath("templates", name).read_bytes()


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader  # start time: most processes never need it

    return Environment(
        loader=PackageLoader("tenantry.doors.home"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
