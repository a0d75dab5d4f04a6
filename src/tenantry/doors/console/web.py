"""The HTTP routes of the console, and the pages that there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.doors.console import organizations, overview
from tenantry.doors.console.entering import Entering
from tenantry.doors.console.visit import ROOT, Door
from tenantry.web import Route

if TYPE_CHECKING:
    from tenantry.doors.console.visit import Page
    from tenantry.doors.parts import Parts

_SUBJECTS = (overview, organizations)


def routes(parts: Parts) -> list[Route]:
    """Return what this door serves: nothing where the console is switched off."""
    if not parts.settings.console:
        return []
    door = Door(parts)
    entering = Entering(door)
    return [
        Route("GET", f"{ROOT}/enter/{{token}}", door.page(entering.ask)),
        Route("POST", f"{ROOT}/enter/{{token}}", door.form(entering.enter)),
        *(
            Route(page.verb, f"{ROOT}{page.path}", door.visited(page), body_limit=page.body_limit)
            for page in pages(door)
        ),
    ]


def pages(door: Door) -> list[Page]:
    """Return all pages of all subjects."""
    return [page for subject in _SUBJECTS for page in subject.pages(door)]
