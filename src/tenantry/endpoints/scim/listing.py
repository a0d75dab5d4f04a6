"""Lists of users, of groups, or of both (RFC 7644 sections 3.4.2 and 3.4.3).

Groups with too many members for one piece are read and sent a page at a time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from tenantry.endpoints.scim.answers import MEDIA_TYPE, answer, envelope
from tenantry.endpoints.scim.endpoints import GROUPS, INLINE_MEMBERS, USERS
from tenantry.net.http import StreamingResponse
from tenantry.tenants.directories.scim.faults import Fault
from tenantry.tenants.directories.scim.filters import And, Compare, Or, ValuePath
from tenantry.tenants.directories.scim.schemas import fold

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from tenantry.endpoints.scim.asking import Asked
    from tenantry.endpoints.scim.endpoints import Endpoint
    from tenantry.endpoints.scim.exchanges import Exchange
    from tenantry.net.http import Response
    from tenantry.tenants.directories.model import DirectoryGroup
    from tenantry.tenants.directories.resources.searching import Found
    from tenantry.tenants.directories.scim.filters import Filter
    from tenantry.tenants.directories.scim.selections import Selection


async def of_type(x: Exchange, endpoint: Endpoint, asked: Asked) -> Response | StreamingResponse:
    query = asked.query
    found: Found[Any] = await endpoint.search(x, query)
    _note(x, found.resources, found.total, query.filter)
    page: dict[str, Any] = {"startIndex": query.start_index}
    if query.cursor is not None:
        cursors = {"nextCursor": found.next_cursor, "previousCursor": found.previous_cursor}
        page = {name: cursor for name, cursor in cursors.items() if cursor} or {"nextCursor": None}
    rest = envelope(found.total, len(found.resources), **page)
    if endpoint.members(found.resources, asked.selection) > INLINE_MEMBERS:
        return _streamed_list(x, found.resources, asked.selection, rest)
    shown = await endpoint.shown(x, found.resources, asked.selection)
    return answer({**rest, "Resources": shown})


async def of_all(x: Exchange, asked: Asked) -> Response:
    """Return a page of all resources, users before groups; each of them sorted for itself."""
    query = asked.query
    if query.cursor is not None:
        raise Fault(400, "invalidCursor", "Search /Users or /Groups by cursor, not both at once.")
    people = await USERS.search(x, query)
    start = max(1, query.start_index - people.total)
    left = max(0, query.count - len(people.resources))
    groups = await GROUPS.search(x, replace(query, start_index=start, count=left))
    if GROUPS.members(groups.resources, asked.selection) > INLINE_MEMBERS:
        raise Fault(
            400,
            "tooMany",
            "The groups have too many members to show: exclude them, or ask for less.",
        )
    shown = [
        *await USERS.shown(x, people.resources, asked.selection),
        *await GROUPS.shown(x, groups.resources, asked.selection),
    ]
    rest = envelope(people.total + groups.total, len(shown), startIndex=query.start_index)
    return answer({**rest, "Resources": shown})


def _note(x: Exchange, found: list[Any], total: int, filter_: Filter | None) -> None:
    """Note for the log which resource was looked for, or the name that none has."""
    if filter_ is None:
        return
    if total == 1 and found:
        x.resource_id = found[0].id
    elif total == 0 and (text := _text(filter_)):
        x.resource_id = fold(text)


def _text(filter_: Filter) -> str:
    """Return the first text that a filter compares with, "" without one."""
    if isinstance(filter_, Compare):
        return filter_.value if isinstance(filter_.value, str) else ""
    if isinstance(filter_, ValuePath):
        parts = filter_.filter.parts if isinstance(filter_.filter, And) else (filter_.filter,)
        return next(filter(None, map(_text, reversed(parts))), "")
    if isinstance(filter_, And | Or):
        return next(filter(None, map(_text, filter_.parts)), "")
    return ""


def streamed(
    x: Exchange,
    group: DirectoryGroup,
    selection: Selection,
    *,
    status: int,
    headers: Mapping[str, str],
) -> StreamingResponse:
    """Return the answer that shows a group with too many members for one piece."""
    return _streaming(_pieces_of(x, group, selection), status, headers)


def _streamed_list(
    x: Exchange, groups: Sequence[DirectoryGroup], selection: Selection, rest: Mapping[str, Any]
) -> StreamingResponse:
    """Return the answer that lists these groups; ``rest`` is all else in it."""

    async def pieces() -> AsyncGenerator[bytes]:
        yield orjson.dumps(rest)[:-1] + b',"Resources":['
        for number, group in enumerate(groups):
            if number:
                yield b","
            async for piece in _pieces_of(x, group, selection):
                yield piece
        yield b"]}"

    return _streaming(pieces(), 200, {})


async def _pieces_of(
    x: Exchange, group: DirectoryGroup, selection: Selection
) -> AsyncGenerator[bytes]:
    start = orjson.dumps(GROUPS.represented(x, group, (), selection))[:-1] + b',"members":['
    async for page in GROUPS.pages_of_members(x, group, selection):
        if page:
            yield start + orjson.dumps(page)[1:-1]
            start = b","
    # Those that were there may have gone meanwhile.
    yield (b"" if start == b"," else start) + b"]}"


def _streaming(
    pieces: AsyncGenerator[bytes], status: int, headers: Mapping[str, str]
) -> StreamingResponse:
    return StreamingResponse(pieces, {"content-type": MEDIA_TYPE, **headers}, status)
