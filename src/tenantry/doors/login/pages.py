"""The pages as HTML, with the headers that all of them have; the style sheet and the script."""

from __future__ import annotations

import functools
import gzip
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from tenantry.doors.login import branding
from tenantry.times import clock, plainly, rfc3339
from tenantry.web import Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jinja2 import Environment

    from tenantry.doors.login.branding import Brand
    from tenantry.doors.login.words import Words

STYLE, SCRIPT, ICON = "/login/style.css", "/login/login.js", "/login/icon.svg"
COUNTDOWN = "/login/countdown.js"
_FOREVER = "public, max-age=31536000, immutable"  # the address changes with the content

# Addresses here hold what opens a sign-in: they are told to no other site, but to us, or a browser
# would send the Origin `null` with a form. No form-action: browsers hold it against the redirects
# that follow a form as well, and those lead to the application.
HEADERS = {
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}
_CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; img-src "
)


@dataclass(frozen=True, slots=True)
class _Asset:
    url: str
    media_type: str
    body: bytes
    packed: bytes


class Pages:
    """Renders the pages of one deployment.

    ``color`` is that of its buttons, ``support`` the address that people may write to.
    """

    def __init__(self, brand: Brand, *, color: str, support: str) -> None:
        self._brand = brand
        self._color = color
        self._support = support

    def render(
        self,
        template: str,
        words: Words,
        *,
        brand: Brand | None = None,
        status: int = 200,
        logos: Iterable[str] = (),
        **values: object,
    ) -> Response:
        """Return a page of the deployment, or of another brand.

        ``logos`` are those that it shows beside that of the brand.
        """
        brand = brand or self._brand
        page = (
            _environment()
            .get_template(template)
            .render(
                {
                    "problems": {},
                    "wait": 0,
                    **values,
                    "t": words,
                    "brand": brand,
                    "support": self._support,
                    "style_url": self._style.url,
                    "script_url": self._script.url,
                    "countdown_url": self._countdown.url,
                    "icon_url": self._icon.url,
                }
            )
        )
        origins = {branding.origin(logo) for logo in (brand.logo_url, *logos) if logo}
        response = Response.html(page, status)
        response.headers |= HEADERS
        response.headers["content-security-policy"] = _CSP + " ".join(["'self'", *sorted(origins)])
        return response

    async def style(self, request: Request) -> Response:
        """Answer with the style sheet."""
        return _served(self._style, request)

    async def script(self, request: Request) -> Response:
        """Answer with the script."""
        return _served(self._script, request)

    async def countdown(self, request: Request) -> Response:
        """Answer with the script of pages that have people wait; others may use it as well."""
        return _served(self._countdown, request)

    async def icon(self, request: Request) -> Response:
        """Answer with the picture that stands for a product without a logo."""
        return _served(self._icon, request)

    @functools.cached_property
    def _style(self) -> _Asset:
        sheet = branding.style(self._color) + _read("style.css")
        return _asset(STYLE, "text/css; charset=utf-8", sheet)

    @functools.cached_property
    def _script(self) -> _Asset:
        return _asset(SCRIPT, "text/javascript; charset=utf-8", _read("login.js"))

    @functools.cached_property
    def _countdown(self) -> _Asset:
        return _asset(COUNTDOWN, "text/javascript; charset=utf-8", _read("countdown.js"))

    @functools.cached_property
    def _icon(self) -> _Asset:
        return _asset(ICON, "image/svg+xml", branding.icon(self._brand.name, self._color))


def _read(name: str) -> str:
    return files("tenantry.doors.login").joinpath("static", name).read_text(encoding="utf-8")


def _asset(path: str, media_type: str, content: str) -> _Asset:
    body = content.encode()
    version = hashlib.sha256(body).hexdigest()[:16]
    return _Asset(f"{path}?v={version}", media_type, body, gzip.compress(body, mtime=0))


def _served(asset: _Asset, request: Request) -> Response:
    current = f"{request.path}?{request.query}" == asset.url
    headers = {
        "content-type": asset.media_type,
        "cache-control": _FOREVER if current else "no-cache",
        "vary": "accept-encoding",
    }
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(200, asset.packed, {**headers, "content-encoding": "gzip"})
    return Response(200, asset.body, headers)


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # start time

    environment = Environment(
        loader=PackageLoader("tenantry.doors.login"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["clock"] = clock
    environment.filters["iso"] = rfc3339
    environment.filters["plainly"] = plainly
    environment.filters["initial"] = branding.initial
    environment.filters["shown_logo"] = branding.shown_logo
    return environment
