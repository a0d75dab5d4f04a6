"""The log of requests of a provider: why some were refused, and parts that were skipped."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tenantry.core import errors, structs
from tenantry.endpoints.organization.directories.subject import Subject
from tenantry.endpoints.organization.visit import Page
from tenantry.gen.tenantry.v1.directory_requests_pb import (
    GetDirectoryRequestRequest,
    ListDirectoryRequestsRequest,
)
from tenantry.web.frames.areas import DOMAINS, SCIM

if TYPE_CHECKING:
    from tenantry.endpoints.organization.visit import OrganizationSite, Visit
    from tenantry.gen.tenantry.v1.directory_requests_pb import DirectoryRequest
    from tenantry.net.http import Response

_SHOWN = 25  # requests on a page
_REFUSED = 400  # the least status of a refusal
# What helps, by the status and a part of the error; the first that fits.
_HINTS = (
    (400, r"is not a verified domain", "domain"),
    (400, r"cannot be changed; delete the user", "address"),
    (400, r"an email address is required", "no_address"),
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


def pages(site: OrganizationSite) -> list[Page]:
    part = _Requests(site)
    return [
        Page("GET", "/{id}/requests", part.show, SCIM),
        Page("GET", "/{id}/requests/{request}", part.show_one, SCIM),
    ]


class _Requests(Subject):
    async def show(self, visit: Visit) -> Response:
        """Show a page of requests: all, those that were refused, or those about one person."""
        directory = await self.directory(visit)
        failed, about = visit.query("refused") == "1", visit.query("about")
        organization_id, id_ = self.names(visit)
        request = ListDirectoryRequestsRequest(
            organization_id=organization_id,
            directory_id=id_,
            failed=failed,
            resource_id=about,
            page_size=_SHOWN,
            page_token=visit.query("page_token"),
        )
        try:
            page = await visit.api.directory_requests.list_directory_requests(request)
        except errors.InvalidArgument as problem:
            return self.refused(visit, self.path(visit, "requests"), problem)
        query = ({"refused": "1"} if failed else {}) | ({"about": about} if about else {})
        return self.render(
            visit,
            "requests.html",
            directory,
            "requests",
            requests=page.requests,
            failed=failed,
            about=about,
            query=query,
            next=page.next_page_token,
            previous=page.prev_page_token,
        )

    async def show_one(self, visit: Visit) -> Response:
        """Show one request whole, with its answer, and with a hint against a refusal."""
        directory = await self.directory(visit)
        organization_id, id_ = self.names(visit)
        request = GetDirectoryRequestRequest(
            organization_id=organization_id,
            directory_id=id_,
            id=visit.request.params["request"],
        )
        answer = await visit.api.directory_requests.get_directory_request(request)
        found = answer.request
        assert found is not None
        payload = structs.members(found.payload) if found.payload else None
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


def hint(request: DirectoryRequest) -> str:
    """Return the key of what helps against a refusal; "" where nothing was refused."""
    error, status = request.error, request.status
    if not error or status < _REFUSED:
        return ""
    return next(
        f"directory_hint.{key}"
        for of, pattern, key in _HINTS
        if of in {0, status} and re.search(pattern, error)
    )
