"""One request of a provider while it is answered, and the parts of it that all endpoints read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tenantry.core import errors, strict_json, urlencoded
from tenantry.endpoints.scim.answers import MEDIA_TYPE
from tenantry.tenants.directories.scim.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.call import Call
    from tenantry.net.http import Request
    from tenantry.tenants.directories.model import Directory
    from tenantry.tenants.directories.scim.schemas import Schema

MEDIA_TYPES = frozenset({MEDIA_TYPE, "application/json", ""})
# Values of one body: as many as 1 MiB of members or of a bulk request has.
MOST_VALUES = 100_000
MOST_QUERY = 40_000  # characters
_MOST_PARAMETERS = 50
_TAG = re.compile(r'(?:W/)?"(\d{1,18})"')


@dataclass(slots=True)
class Exchange:
    """A request, the directory that sends it, and notes for the log.

    ``base`` is the address of the directory's service; ``custom`` has the environment's own
    attributes. ``skipped`` are parts that were not taken, and why.
    """

    request: Request
    directory: Directory
    call: Call
    base: str
    custom: Schema | None
    parameters: Mapping[str, str]
    payload: dict[str, Any] | None = None
    # The content of a body that was parsed while it arrived.
    parsed: dict[str, Any] | None = None
    resource_id: str | None = None
    skipped: list[dict[str, str]] = field(default_factory=list)

    def read(self) -> dict[str, Any]:
        """Return the JSON object of the body, which the log keeps as far as it does."""
        payload = _body(self.request) if self.parsed is None else self.parsed
        self.payload = payload
        return payload

    def skip(self, kind: str, ids: Any) -> None:
        """Note members that were not taken, for they are no people of the directory."""
        self.skipped += [{kind: id_, "reason": "unknown"} for id_ in ids]


def parameters(query: str) -> dict[str, str]:
    """Return the parameters of a query by their names in lower case.

    In a query that spells its spaces as %20 a plus is a plus, as in an address: there are
    providers that send it so (RFC 3986); in one without, it is a space, as forms have it.
    """
    if not query:
        return {}
    if len(query) > MOST_QUERY:
        raise Fault(400, "invalidValue", f"The query has more than {MOST_QUERY} characters.")
    if "+" in query and "%20" in query:
        query = query.replace("+", "%2B")
    try:
        pairs = urlencoded.members(query, most=_MOST_PARAMETERS)
    except ValueError:
        detail = f"The query is not UTF-8, or has more than {_MOST_PARAMETERS} parameters."
        raise Fault(400, "invalidValue", detail) from None
    found: dict[str, str] = {}
    for name, value in pairs:
        if name.lower() in found:
            raise Fault(400, "invalidValue", f"The parameter {name[:60]} is given twice.")
        if "\0" in value:
            raise Fault(400, "invalidValue", f"{name[:60]} holds a NUL character.")
        found[name.lower()] = value
    return found


def check_type(request: Request) -> None:
    """Raise UnsupportedMediaType unless the body is uncompressed JSON."""
    if request.media_type not in MEDIA_TYPES:
        raise errors.UnsupportedMediaType(f"content-type must be {MEDIA_TYPE}")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise errors.UnsupportedMediaType("a body must come uncompressed: no content-encoding")


def _body(request: Request) -> dict[str, Any]:
    check_type(request)
    try:
        strict_json.check(request.body, values=MOST_VALUES)
        found = strict_json.loads(request.body, bounded=False)
    except ValueError as problem:
        raise not_json(problem) from None
    return object_of(found, has_nul=strict_json.has_nul(found, spelled=request.body))


def not_json(problem: ValueError) -> Fault:
    """Return the refusal of a body that is not JSON, or exceeds a limit of it."""
    return Fault(400, "invalidSyntax", f"The body is no JSON that is taken: {problem}")


def object_of(content: Any, *, has_nul: bool) -> dict[str, Any]:
    """Return the content of a body, which must be an object without NUL characters."""
    if not isinstance(content, dict):
        raise Fault(400, "invalidSyntax", "The body must be a JSON object.")
    if has_nul:
        raise Fault(400, "invalidValue", "A text of the body holds a NUL character.")
    return content


def revisions(header: str | None) -> frozenset[int] | None:
    """Return the revisions that a header of entity tags names; None for any, or without it.

    Tags are ours, weak or not (RFC 7644 section 3.14); any other matches nothing.
    """
    if header is None or header.strip() == "*":
        return None
    tags = [_TAG.fullmatch(tag.strip()) for tag in header[:2000].split(",")]
    return frozenset(int(tag[1]) for tag in tags if tag)
