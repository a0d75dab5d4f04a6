"""The log of requests of a provider: why some were refused, and parts that were skipped."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tenantry import errors
from tenantry.doors.organization.directories.subject import ONE, Subject
from tenantry.doors.organization.visit import Page
from tenantry.pages.areas import DOMAINS, SCIM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.doors.organization.visit import Door, Visit
    from tenantry.web import Response

_SHOWN = 25  # requests on a page
_REFUSED = 400  # the least status of a refusal
# What helps, by the status and a part of the error; the first that fits.
_HINTS = (
    (400, r"is no domain that", "domain"),
    (400, r"cannot be changed: remove the person", "address"),
    (400, r"an e-mail address is needed", "no_address"),
    (403, r"directory is disabled", "off"),
    (403, r"", "seats"),
    (404, r"", "unknown"),
    (409, r"", "taken"),
    (412, r"", "outdated"),
    (413, r"", "large"),
    (429, r"", "often"),
    (503, r"", "busy"),
    (0, r"", "other"),
)


def pages(door: Door) -> list[Page]:
    """Return the pages of this part."""
    part = _Requests(door)
    return [
        Page("GET", "/{id}/requests", part.show, SCIM),
        Page("GET", "/{id}/requests/{request}", part.show_one, SCIM),
    ]


class _Requests(Subject):
    """Handlers of the pages."""

    async def show(self, visit: Visit) -> Response:
        """Show a page of requests: all, those that were refused, or those about one person."""
        directory = await self.directory(visit)
        failed, about = visit.query("refused") == "1", visit.query("about")
        try:
            page = await visit.api.get(
                f"{ONE}/requests",
                *self.names(visit),
                failed=failed or None,
                resource_id=about or None,
                page_size=_SHOWN,
                page_token=visit.query("page_token") or None,
            )
        except errors.InvalidArgument as problem:
            return self.refused(visit, self.path(visit, "requests"), problem)
        query = ({"refused": "1"} if failed else {}) | ({"about": about} if about else {})
        return self.render(
            visit,
            "requests.html",
            directory,
            "requests",
            requests=page.get("requests", ()),
            failed=failed,
            about=about,
            query=query,
            next=page.get("next_page_token", ""),
            previous=page.get("prev_page_token", ""),
        )

    async def show_one(self, visit: Visit) -> Response:
        """Show one request whole, with its answer, and with a hint against a refusal."""
        directory = await self.directory(visit)
        id_ = visit.request.params["request"]
        found = (await visit.api.get(f"{ONE}/requests/{{}}", *self.names(visit), id_))["request"]
        payload = found.get("payload")
        return self.render(
            visit,
            "request.html",
            directory,
            "requests",
            asked=found,
            payload=json.dumps(payload, ensure_ascii=False, indent=2) if payload else "",
            hint=hint(found),
            domains=visit.path(DOMAINS) if visit.sees(DOMAINS) else "",
        )


def hint(request: Mapping[str, Any]) -> str:
    """Return the key of what helps against a refusal; "" where nothing was refused."""
    error, status = request.get("error", ""), request.get("status", 0)
    if not error or status < _REFUSED:
        return ""
    return next(
        f"directory_hint.{key}"
        for of, pattern, key in _HINTS
        if of in {0, status} and re.search(pattern, error)
    )
