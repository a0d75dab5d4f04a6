"""The pages as HTML, with the headers that all of them have; the style sheet and the script."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tenantry.times import clock, plainly, rfc3339
from tenantry.web import Response

if TYPE_CHECKING:
    from jinja2 import Environment

    from tenantry.doors.account.words import Words
    from tenantry.settings import Settings
    from tenantry.web import Request

STYLE, SCRIPT = "/ui/account.css", "/ui/account.js"
_MEDIA_TYPES = {
    STYLE: "text/css; charset=utf-8",
    SCRIPT: "text/javascript; charset=utf-8",
}
_FOREVER = "public, max-age=31536000, immutable"  # the address changes with the content

# To our own pages the browser says where a form came from; to others it says nothing.
HEADERS = {
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}
_CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; img-src 'self'"
)


@dataclass(frozen=True, slots=True)
class Brand:
    """What the head of a page shows; ``logo_url`` is "" where there is none."""

    name: str
    logo_url: str


class Pages:
    """Renders the pages of one deployment."""

    def __init__(self, settings: Settings) -> None:
        host = urlsplit(settings.public_url).hostname or ""
        self._brand = Brand(settings.app_name or host, settings.app_logo_url)
        self._support = _address(settings.support_email)
        self._csp = _CSP
        if settings.app_logo_url:
            logo = urlsplit(settings.app_logo_url)
            self._csp += f" {logo.scheme}://{logo.netloc}"

    def render(
        self, template: str, words: Words, *, status: int = 200, **values: object
    ) -> Response:
        """Return a page."""
        page = (
            _environment()
            .get_template(template)
            .render(
                {
                    "problems": {},
                    "person": None,
                    "page": "",
                    **values,
                    "t": words,
                    "brand": self._brand,
                    "support": self._support,
                    "style_url": _url(STYLE),
                    "script_url": _url(SCRIPT),
                }
            )
        )
        response = Response.html(page, status)
        response.headers |= HEADERS
        response.headers["content-security-policy"] = self._csp
        return response

    async def asset(self, request: Request) -> Response:
        """Answer with the style sheet or the script."""
        current = f"{request.path}?{request.query}" == _url(request.path)
        headers = {
            "content-type": _MEDIA_TYPES[request.path],
            "cache-control": _FOREVER if current else "no-cache",
        }
        return Response(200, _read(request.path), headers)


@functools.cache
def _read(path: str) -> bytes:
    name = path.rpartition("/")[2]
    return files("tenantry.doors.account").joinpath("static", name).read_bytes()


@functools.cache
def _url(path: str) -> str:
    return f"{path}?v={hashlib.sha256(_read(path)).hexdigest()[:16]}"


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # start time

    environment = Environment(
        loader=PackageLoader("tenantry.doors.account"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["clock"] = clock
    environment.filters["iso"] = rfc3339
    environment.filters["plainly"] = plainly
    return environment


def _address(mailbox: str) -> str:
    """Return the address of `Name <address>`."""
    _, bracket, address = mailbox.rpartition("<")
    return address.rstrip(">") if bracket else mailbox
