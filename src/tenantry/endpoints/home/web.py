"""The HTTP routes of this package: `/` says where everything is; an unknown path gets a page, too.

A program reads its errors as JSON. A browser that somebody uses gets them as a page with a link to
continue.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from tenantry.net.http import Route
from tenantry.web import words
from tenantry.web.assets import Asset
from tenantry.web.rendering import PLAIN_STYLE, page

if TYPE_CHECKING:
    from tenantry.app_context import AppContext
    from tenantry.core import errors
    from tenantry.net.http import Request, Response
    from tenantry.settings import Settings

_DOOR = "home"  # its words
_FOR_A_DAY = "max-age=86400"
_STYLE = Asset.of_files(
    "/home.css", PLAIN_STYLE, "endpoints/home/static/home.css", cache=_FOR_A_DAY
)
_ICONS = [
    Asset.of_files(f"/{name}", f"endpoints/home/static/{name}", cache=_FOR_A_DAY)
    for name in ("favicon.svg", "favicon.ico")
]


def routes(context: AppContext) -> list[Route]:
    create = context.rpcs.named("OrganizationService.CreateOrganization")
    home = Home(context.settings, create.routes[0].template)
    return [
        Route("GET", "/", home.page),
        *(asset.route for asset in (_STYLE, *_ICONS)),
    ]


class Home:
    def __init__(self, settings: Settings, organizations: str) -> None:
        self._settings = settings
        self._organizations = organizations  # path that creates one

    async def page(self, _request: Request) -> Response:
        """Show where everything is."""
        response = _page(
            "home.html",
            200,
            url=self._settings.public_url,
            organizations=self._organizations,
            development=self._settings.development,
            simulator=self._settings.has_simulator,
            console=self._settings.console,
            own_root=self._settings.development and self._settings.has_own_root,
            version=version("tenantry"),
        )
        response.headers["cache-control"] = "no-cache"
        return response


def refusal(error: errors.Error, request: Request) -> Response:
    """Return an error as the page that a browser shows, in the language of its reader."""
    said = words.choose(_DOOR, request.headers.get("accept-language", ""))
    section = f"refusal_{error.status}"
    if not said.has(f"{section}.title"):
        section = "refusal_other"
    response = _page(
        "refusal.html",
        error.status,
        t=said,
        language=said.language,
        title=said.plain(f"{section}.title"),
        advice=said.plain(f"{section}.lead"),
        said=error.message,
        request_id=request.request_id,
    )
    response.headers |= error.headers
    return response


def _page(template: str, status: int, **values: object) -> Response:
    values |= {"status": status, "style_url": _STYLE.url}
    return page(f"home/templates/{template}", values, status=status)
