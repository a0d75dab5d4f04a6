"""The HTTP routes of this door: `/dev/mail` lists the newest mail, `/dev/mail/{id}` shows one."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tenantry import errors
from tenantry.mail import service as mail
from tenantry.web import Request, Response, Route

if TYPE_CHECKING:
    from jinja2 import Environment

    from tenantry.db.engine import Database

_SHOWN = 100
# A mail's style is inline, and its frame inherits this policy; scripts run in neither.
_CSP = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _CSP,
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def routes(db: Database, public_url: str) -> list[Route]:
    """Return what this door serves."""
    door = Development(db, public_url)
    return [
        Route("GET", "/dev/mail", door.listing),
        Route("GET", "/dev/mail/dev.css", door.style),
        Route("GET", "/dev/mail/{id}", door.one),
    ]


class Development:
    """Handlers of the routes."""

    def __init__(self, db: Database, public_url: str) -> None:
        self._db = db
        self._hosts = {*_LOOPBACK, urlsplit(public_url).hostname}

    async def listing(self, request: Request) -> Response:
        """List the newest mail."""
        self._check(request)
        return _page("list.html", found=await mail.newest(self._db, limit=_SHOWN), shown=_SHOWN)

    async def one(self, request: Request) -> Response:
        """Show one mail: what is known of it, its text, and its HTML in a frame of its own."""
        self._check(request)
        found = await mail.find(self._db, request.params["id"])
        if found is None:
            raise errors.NotFound("mail")
        return _page("mail.html", mail=found[0], content=found[1])

    async def style(self, request: Request) -> Response:
        """Return the style sheet."""
        self._check(request)
        source = _environment().get_template("dev.css").render()
        return Response(200, source.encode(), {"content-type": "text/css; charset=utf-8"})

    def _check(self, request: Request) -> None:
        """Refuse a name that is not ours: a page elsewhere can give its own our address."""
        try:
            host = urlsplit(f"//{request.headers.get('host', '')}").hostname
        except ValueError:
            host = None
        if host not in self._hosts:
            raise errors.RouteNotFound


def _page(template: str, **values: object) -> Response:
    response = Response.html(_environment().get_template(template).render(values))
    response.headers.update(_HEADERS)
    return response


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader  # start time: most processes never need it

    environment = Environment(
        loader=PackageLoader("tenantry.dev"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["moment"] = _moment
    return environment


def _moment(microseconds: int) -> str:
    return f"{datetime.fromtimestamp(microseconds // 1_000_000, UTC):%Y-%m-%d %H:%M:%S} UTC"
