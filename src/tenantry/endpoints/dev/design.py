"""The page `/dev/design`: the parts that pages are made of, each with an example.

The examples are rendered by the templates that the pages use, and the tokens read from their
style sheets.
"""

from __future__ import annotations

import functools
import re
from importlib.resources import files
from typing import TYPE_CHECKING

from tenantry.api.http_calls import HttpCall
from tenantry.i18n.languages import DEFAULT
from tenantry.web import words
from tenantry.web.frames import workspace
from tenantry.web.themes import Kind

if TYPE_CHECKING:
    from tenantry.app_context import AppContext
    from tenantry.net.http import Request, Response
    from tenantry.web.development import Gate

PATH = "/dev/design"
_SHEETS = ("style.css", "workspace.css")
_TOKEN = re.compile(r"^ *(--[\w-]+): (light-dark\(.*\));", re.MULTILINE)


class Design:
    """Handler of the page."""

    def __init__(self, context: AppContext, gate: Gate) -> None:
        self._pages = workspace.pages("dev", context.themes, kind=Kind.PLAIN)
        self._public_url = context.settings.public_url
        self._gate = gate
        self._rpcs = context.rpcs

    async def show(self, request: Request) -> Response:
        """Show all parts."""
        route = self._rpcs.named("OrganizationService.CreateOrganization").routes[0]
        self._gate.check(request)
        return self._pages.render(
            "design.html",
            words.of("", DEFAULT),
            tokens=tokens(),
            asked=[HttpCall(route.verb, route.template, body={"display_name": "Acme"})],
            public_url=self._public_url,
        )


@functools.cache
def tokens() -> list[tuple[str, str]]:
    """Return the colors that the style sheets name, with their values."""
    folder = files("tenantry").joinpath("web", "static")
    sheets = [folder.joinpath(name).read_text(encoding="utf-8") for name in _SHEETS]
    return [(name, value) for sheet in sheets for name, value in _TOKEN.findall(sheet)]
