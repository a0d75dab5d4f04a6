"""Reads request bodies once their directory is authenticated; large ones a few at a time.

A body with up to 1 MiB is kept as bytes and parsed at once. A larger one, of a change of a group,
is parsed while it arrives, in batches that let other requests run in between.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from tenantry.core import errors, incremental_json
from tenantry.endpoints.scim.exchanges import check_type, not_json, object_of
from tenantry.net.http import MAX_BODY
from tenantry.tenants.directories.scim.faults import Fault
from tenantry.tenants.directories.scim.schemas import MAX_GROUP_BODY, MOST_MEMBERS
from tenantry.tenants.directories.scim.values import MemberIds, member_ids

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from tenantry.endpoints.scim.exchanges import Exchange
    from tenantry.net.http import Pieces, Request

# Each with up to four sub-attributes: "value", "display", "$ref" and "type".
_MOST_VALUES = 6 * MOST_MEMBERS
SECONDS = 30.0  # for a body to arrive
LARGE_SECONDS = 60.0
WAIT_SECONDS = 30.0  # for other large bodies
AT_ONCE = 2  # large bodies of a process, and one of a directory
_CHANGES = frozenset({"POST", "PUT", "PATCH"})
_BATCH = 1000  # members
_BUSY = "other requests with large bodies are being processed, try again"


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
        content, has_nul = await incremental_json.parse(all_(), values=_MOST_VALUES)
    except ValueError as problem:
        raise not_json(problem) from None
    payload = object_of(content, has_nul=has_nul)
    number = 0
    for holder, name in _lists_of_members(payload):
        holder[name] = ids = await _ids(holder[name])
        number += len(ids)
        if number > MOST_MEMBERS:
            detail = f"A request may have {MOST_MEMBERS} members, and this has {number}."
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
