"""The HTTP routes of this door: `/` says where everything is; an unknown path gets a page, too.

A program reads its errors as JSON. A browser that somebody uses gets them as a page with a way on.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from tenantry.pages.assets import Asset
from tenantry.pages.rendering import PLAIN_STYLE, page
from tenantry.web import Route

if TYPE_CHECKING:
    from tenantry import errors
    from tenantry.doors.parts import Parts
    from tenantry.settings import Settings
    from tenantry.web import Request, Response

_FOR_A_DAY = "max-age=86400"
_STYLE = Asset.of_files("/home.css", PLAIN_STYLE, "doors/home/static/home.css", cache=_FOR_A_DAY)
_ICONS = [
    Asset.of_files(f"/{name}", f"doors/home/static/{name}", cache=_FOR_A_DAY)
    for name in ("favicon.svg", "favicon.ico")
]
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
_OTHER = ("Something went wrong", "Try again; if it stays, tell the people who run this server.")


def routes(parts: Parts) -> list[Route]:
    """Return what this door serves."""
    home = Home(parts.settings)
    return [
        Route("GET", "/", home.page),
        *(asset.route for asset in (_STYLE, *_ICONS)),
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
            simulator=self._settings.has_simulator,
            console=self._settings.console,
            own_root=self._settings.development and self._settings.has_own_root,
            version=version("tenantry"),
        )
        response.headers["cache-control"] = "no-cache"
        return response


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
    values |= {"status": status, "style_url": _STYLE.url}
    return page(f"home/templates/{template}", values, status=status)
