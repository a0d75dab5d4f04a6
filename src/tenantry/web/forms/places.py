"""Finds the page above an address of a site: that of a form, or of a page that failed.

A page that answers a form stands at the address of that form, where a browser asks for it once more
by GET: when it is reloaded from its address bar, or by Back. So each of them redirects to the page
above.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenantry.net.http import Route


class Places:
    """The addresses of a site, by the templates of its routes.

    ``depth`` is the number of segments that the page of a form has at most, None for any.
    """

    def __init__(self, depth: int | None = None) -> None:
        self._depth = depth
        self._pages: frozenset[str] = frozenset()
        self._forms: frozenset[str] = frozenset()

    def take(self, routes: Iterable[Route]) -> frozenset[str]:
        """Learn the routes of the site; return the templates of forms where no page stands."""
        known = {(route.verb, route.template) for route in routes}
        self._pages = frozenset(template for verb, template in known if verb == "GET")
        posted = frozenset(template for verb, template in known if verb == "POST")
        self._forms = posted - self._pages
        return self._forms

    def of_form(self, path: str) -> str:
        """Return the page of a form by the path of its address, "" where there is none."""
        end = None if self._depth is None else self._depth + 1
        return self._nearest(path.split("/")[:end])

    def above(self, path: str) -> str:
        """Return the page above another one, "" where there is none."""
        return self._nearest(path.split("/")[:-1])

    def _nearest(self, segments: list[str]) -> str:
        while len(segments) > 1:
            if self._is_page(segments):
                return "/".join(segments)
            segments = segments[:-1]
        return ""

    def _is_page(self, segments: list[str]) -> bool:
        """Whether a page answers there, and not a form by a name that fits better."""
        fitting = (
            parts
            for template in self._pages | self._forms
            if _fits(parts := template.split("/"), segments)
        )
        best = min(fitting, key=lambda parts: [_is_variable(each) for each in parts], default=[])
        return "/".join(best) in self._pages


def _fits(template: list[str], segments: list[str]) -> bool:
    return len(template) == len(segments) and all(
        _is_variable(part) or part == segment
        for part, segment in zip(template, segments, strict=True)
    )


def _is_variable(part: str) -> bool:
    return part.startswith("{")
