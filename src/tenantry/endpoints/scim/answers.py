"""Answers of SCIM, and its errors (RFC 7644 sections 3.1, 3.12 and 3.14)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from tenantry.core import errors
from tenantry.net.http import Response
from tenantry.tenants.directories.scim.faults import ERROR, Fault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.net.http import Request

MEDIA_TYPE = "application/scim+json"
LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
REALM = 'Bearer realm="SCIM"'
_CONTENT = {"content-type": MEDIA_TYPE}


def answer(
    body: Mapping[str, Any] | None, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an answer; without a body there is nothing but its headers."""
    if body is None:
        return Response(status, b"", dict(headers or {}))
    return Response(status, orjson.dumps(body), {**_CONTENT, **(headers or {})})


def list_of(resources: Sequence[Any], total: int, **beside: Any) -> dict[str, Any]:
    """Return an answer that lists resources (section 3.4.2), ``total`` of them on all pages."""
    return {**envelope(total, len(resources), **beside), "Resources": list(resources)}


def envelope(total: int, shown: int, **beside: Any) -> dict[str, Any]:
    """Return a response that lists a number of resources, without their content."""
    page = beside or {"startIndex": 1}
    return {"schemas": [LIST], "totalResults": total, "itemsPerPage": shown, **page}


def error_body(problem: errors.Error | Fault) -> dict[str, Any]:
    """Return an error as SCIM spells it."""
    if isinstance(problem, Fault):
        return problem.body()
    body = {"schemas": [ERROR], "status": str(problem.status), "detail": problem.message}
    scim_type = _scim_type(problem)
    return body | {"scimType": scim_type} if scim_type else body


def refused(problem: errors.Error | Fault, request: Request) -> Response:
    """Return the response to a request that was rejected here or earlier."""
    headers = {} if isinstance(problem, Fault) else dict(problem.headers)
    if problem.status == 401:
        came = "authorization" in request.headers
        # RFC 6750 section 3: no error code where no token came.
        headers["www-authenticate"] = f'{REALM}, error="invalid_token"' if came else REALM
    if problem.status == 412 and "etag" in headers:
        headers["etag"] = f"W/{headers['etag']}"
    response = answer(error_body(problem), problem.status, headers)
    response.error = problem.scim_type if isinstance(problem, Fault) else problem.name
    return response


def _scim_type(problem: errors.Error) -> str:
    """Return the word of RFC 7644, table 9, "" without one: 409 and 400 alone have them."""
    if isinstance(problem, errors.Duplicate):
        return "uniqueness"
    return "invalidValue" if problem.status == 400 else ""
