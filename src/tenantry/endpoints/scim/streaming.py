"""Answers whose groups have too many members for one piece: read and sent a page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from tenantry.endpoints.scim.answers import MEDIA_TYPE
from tenantry.endpoints.scim.endpoints import GROUPS
from tenantry.net.http import StreamingResponse

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from tenantry.endpoints.scim.exchanges import Exchange
    from tenantry.tenants.directories.model import DirectoryGroup
    from tenantry.tenants.directories.scim.selections import Selection


def one(
    x: Exchange,
    group: DirectoryGroup,
    selection: Selection,
    *,
    status: int,
    headers: Mapping[str, str],
) -> StreamingResponse:
    """Return the answer that shows this group."""
    return _response(_group(x, group, selection), status, headers)


def many(
    x: Exchange,
    groups: Sequence[DirectoryGroup],
    selection: Selection,
    envelope: Mapping[str, Any],
) -> StreamingResponse:
    """Return the answer that lists these groups; the envelope is the rest of it."""

    async def pieces() -> AsyncGenerator[bytes]:
        yield orjson.dumps(envelope)[:-1] + b',"Resources":['
        for number, group in enumerate(groups):
            if number:
                yield b","
            async for piece in _group(x, group, selection):
                yield piece
        yield b"]}"

    return _response(pieces(), 200, {})


async def _group(x: Exchange, group: DirectoryGroup, selection: Selection) -> AsyncGenerator[bytes]:
    start = orjson.dumps(GROUPS.represented(x, group, (), selection))[:-1] + b',"members":['
    async for page in GROUPS.pages_of_members(x, group, selection):
        if page:
            yield start + orjson.dumps(page)[1:-1]
            start = b","
    # Those that were there may have gone meanwhile.
    yield (b"" if start == b"," else start) + b"]}"


def _response(
    pieces: AsyncGenerator[bytes], status: int, headers: Mapping[str, str]
) -> StreamingResponse:
    return StreamingResponse(pieces, {"content-type": MEDIA_TYPE, **headers}, status)
