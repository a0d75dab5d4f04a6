"""Requests of a provider: the parts that all endpoints read, and their bodies.

A body is read once its directory is authenticated. One with up to 1 MiB is kept as bytes and parsed
at once. A larger one, of a change of a group, is parsed while it arrives, in batches that let other
requests run in between.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from tenantry.core import errors, incremental_json, strict_json, urlencoded
from tenantry.endpoints.scim.answers import MEDIA_TYPE
from tenantry.net.http import MAX_BODY
from tenantry.tenants.directories.scim.faults import Fault
from tenantry.tenants.directories.scim.schemas import MAX_GROUP_BODY, MOST_MEMBERS
from tenantry.tenants.directories.scim.values import MemberIds, member_ids

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from tenantry.call import Call
    from tenantry.net.http import Pieces, Request
    from tenantry.tenants.directories.model import Directory
    from tenantry.tenants.directories.scim.schemas import Schema

MEDIA_TYPES = frozenset({MEDIA_TYPE, "application/json", ""})
# Values of one body: as many as 1 MiB of members or of a bulk request has.
MOST_VALUES = 100_000
MOST_QUERY = 40_000  # characters
_MOST_PARAMETERS = 50
_TAG = re.compile(r'(?:W/)?"(\d{1,18})"')
# Of a large body: members with up to four sub-attributes, "value", "display", "$ref" and "type".
_MOST_OF_MEMBERS = 6 * MOST_MEMBERS
SECONDS = 30.0  # for a body to arrive
LARGE_SECONDS = 60.0
WAIT_SECONDS = 30.0  # for other large bodies
AT_ONCE = 2  # large bodies of a process, and one of a directory
_CHANGES = frozenset({"POST", "PUT", "PATCH"})
_BATCH = 1000  # members
_BUSY = "other requests with large bodies are being processed, try again"


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
        raise Fault(400, "invalidValue", f"The query exceeds {MOST_QUERY} characters.")
    if "+" in query and "%20" in query:
        query = query.replace("+", "%2B")
    try:
        pairs = urlencoded.members(query, most=_MOST_PARAMETERS)
    except ValueError:
        detail = f"The query is not valid UTF-8 or has more than {_MOST_PARAMETERS} parameters."
        raise Fault(400, "invalidValue", detail) from None
    found: dict[str, str] = {}
    for name, value in pairs:
        if name.lower() in found:
            raise Fault(400, "invalidValue", f"The parameter {name[:60]} is repeated.")
        if "\0" in value:
            raise Fault(400, "invalidValue", f"{name[:60]} contains a NUL character.")
        found[name.lower()] = value
    return found


def check_type(request: Request) -> None:
    """Raise UnsupportedMediaType unless the body is uncompressed JSON."""
    if request.media_type not in MEDIA_TYPES:
        raise errors.UnsupportedMediaType(f"content-type must be {MEDIA_TYPE}")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise errors.UnsupportedMediaType("the body must not be compressed")


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
    return Fault(400, "invalidSyntax", f"The body is not valid JSON: {problem}")


def object_of(content: Any, *, has_nul: bool) -> dict[str, Any]:
    """Return the content of a body, which must be an object without NUL characters."""
    if not isinstance(content, dict):
        raise Fault(400, "invalidSyntax", "The body must be a JSON object.")
    if has_nul:
        raise Fault(400, "invalidValue", "A string in the body contains a NUL character.")
    return content


def revisions(header: str | None) -> frozenset[int] | None:
    """Return the revisions that a header of entity tags names; None for any, or without it.

    Tags are ours, weak or not (RFC 7644 section 3.14); any other matches nothing.
    """
    if header is None or header.strip() == "*":
        return None
    tags = [_TAG.fullmatch(tag.strip()) for tag in header[:2000].split(",")]
    return frozenset(int(tag[1]) for tag in tags if tag)


class Bodies:
    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)
        # While a request has a lock or waits for it.
        self._of_directory: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def read(self, x: Exchange) -> AsyncIterator[None]:
        """Read the body of a request; the block is the work with it."""
        pieces = x.request.pieces
        if pieces is None or x.request.verb not in _CHANGES:
            yield
            return
        pieces.limit(MAX_GROUP_BODY if _changes_a_group(x.request) else MAX_BODY, SECONDS)
        begun: list[bytes] = []
        size = 0
        async for piece in pieces:
            begun.append(piece)
            size += len(piece)
            if max(size, _declared(x.request)) > MAX_BODY:
                break
        else:
            x.request.body = b"".join(begun)
            yield
            return
        check_type(x.request)
        async with self._turn(x.directory.id):
            pieces.limit(MAX_GROUP_BODY, LARGE_SECONDS)
            x.parsed = await _parsed(begun, pieces)
            yield

    @asynccontextmanager
    async def _turn(self, directory_id: str) -> AsyncIterator[None]:
        """Wait for a slot of the process, and for other large bodies of the directory."""
        lock = self._of_directory.setdefault(directory_id, asyncio.Lock())
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    await held.enter_async_context(lock)
                    await held.enter_async_context(self._slots)
            except TimeoutError:
                raise errors.Busy(_BUSY, seconds=10) from None
            yield


def _changes_a_group(request: Request) -> bool:
    parts = [part for part in request.params["path*"].split("/") if part]
    return 0 < len(parts) <= 2 and parts[0].lower() == "groups" and parts[-1] != ".search"


def _declared(request: Request) -> int:
    declared = request.headers.get("content-length", "")
    return int(declared) if declared.isdecimal() and len(declared) <= 18 else 0


async def _parsed(begun: list[bytes], pieces: Pieces) -> dict[str, Any]:
    async def all_() -> AsyncIterator[bytes]:
        while begun:
            yield begun.pop(0)
        async for piece in pieces:
            yield piece

    try:
        content, has_nul = await incremental_json.parse(all_(), values=_MOST_OF_MEMBERS)
    except ValueError as problem:
        raise not_json(problem) from None
    payload = object_of(content, has_nul=has_nul)
    number = 0
    for holder, name in _lists_of_members(payload):
        holder[name] = ids = await _ids(holder[name])
        number += len(ids)
        if number > MOST_MEMBERS:
            detail = f"A request can have at most {MOST_MEMBERS} members, but has {number}."
            raise Fault(413, "", detail)
    return payload


def _lists_of_members(payload: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield where a group or a patch of one has long lists of members: objects and their keys."""
    for key, value in payload.items():
        match key.casefold():
            case "members" if _is_long(value):
                yield payload, key
            case "operations" if isinstance(value, list):
                for one in value:
                    yield from _of_operation(one) if isinstance(one, dict) else ()


def _of_operation(operation: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    sent = {key.casefold(): key for key in operation}
    path, key = operation.get(sent.get("path", "")), sent.get("value", "")
    value = operation.get(key)
    if isinstance(path, str) and _names_members(path) and _is_long(value):
        yield operation, key
    elif isinstance(value, dict):
        yield from (
            (value, name) for name in value if _names_members(name) and _is_long(value[name])
        )


def _names_members(path: str) -> bool:
    return path.strip().casefold().rpartition(":")[2] == "members"


def _is_long(value: object) -> bool:
    return isinstance(value, list) and len(value) > _BATCH


async def _ids(members: Sequence[object]) -> MemberIds:
    ids: dict[str, None] = {}
    for start in range(0, len(members), _BATCH):
        ids |= dict.fromkeys(member_ids(members[start : start + _BATCH]))
        await asyncio.sleep(0)
    return MemberIds(ids)
