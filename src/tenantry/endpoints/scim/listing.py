"""Lists of users, of groups, or of both, from a query or a search (RFC 7644 sections 3.4.2, 3.4.3).

Pages go by index, or by cursor where one is asked for (RFC 9865). Groups with too many members for
one piece are read and sent a page at a time.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from tenantry.endpoints.scim.answers import MEDIA_TYPE, answer, envelope
from tenantry.endpoints.scim.endpoints import GROUPS, INLINE_MEMBERS, USERS
from tenantry.net.http import StreamingResponse
from tenantry.tenants.directories.resources.searching import Query
from tenantry.tenants.directories.scim import filters
from tenantry.tenants.directories.scim.faults import Fault, quotable
from tenantry.tenants.directories.scim.filters import And, Compare, Or, ValuePath
from tenantry.tenants.directories.scim.schemas import attribute_path, fold
from tenantry.tenants.directories.scim.selections import USUAL, Selection

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from tenantry.endpoints.scim.endpoints import Endpoint
    from tenantry.endpoints.scim.exchanges import Exchange
    from tenantry.net.http import Response
    from tenantry.tenants.directories.model import DirectoryGroup
    from tenantry.tenants.directories.resources.searching import Found
    from tenantry.tenants.directories.scim.filters import Filter
    from tenantry.tenants.directories.scim.schemas import AttributePath

DEFAULT_COUNT, MOST_COUNT = 100, 200
_LARGEST = 2**31
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_MOST_CURSOR = 2000  # characters


async def of_type(
    x: Exchange, endpoint: Endpoint, given: Mapping[str, Any]
) -> Response | StreamingResponse:
    """Return a page of resources of one type; names of the parameters are in lower case."""
    query, chosen = _asked(given)
    found: Found[Any] = await endpoint.search(x, query)
    _note(x, found.resources, found.total, query.filter)
    page: dict[str, Any] = {"startIndex": query.start_index}
    if query.cursor is not None:
        cursors = {"nextCursor": found.next_cursor, "previousCursor": found.previous_cursor}
        page = {name: cursor for name, cursor in cursors.items() if cursor} or {"nextCursor": None}
    rest = envelope(found.total, len(found.resources), **page)
    if endpoint.members(found.resources, chosen) > INLINE_MEMBERS:
        return _streamed_list(x, found.resources, chosen, rest)
    shown = await endpoint.representations(x, found.resources, chosen)
    return answer({**rest, "Resources": shown})


async def of_all(x: Exchange, given: Mapping[str, Any]) -> Response:
    """Return a page of all resources, users before groups; each of them sorted for itself."""
    query, chosen = _asked(given)
    if query.cursor is not None:
        raise Fault(
            400, "invalidCursor", "A cursor requires a search of /Users or /Groups, not both."
        )
    people = await USERS.search(x, query)
    start = max(1, query.start_index - people.total)
    left = max(0, query.count - len(people.resources))
    groups = await GROUPS.search(x, replace(query, start_index=start, count=left))
    if GROUPS.members(groups.resources, chosen) > INLINE_MEMBERS:
        raise Fault(
            400,
            "tooMany",
            "The groups have too many members. Exclude members or request fewer groups.",
        )
    shown = [
        *await USERS.representations(x, people.resources, chosen),
        *await GROUPS.representations(x, groups.resources, chosen),
    ]
    rest = envelope(people.total + groups.total, len(shown), startIndex=query.start_index)
    return answer({**rest, "Resources": shown})


def _note(x: Exchange, found: list[Any], total: int, filter_: Filter | None) -> None:
    """Note for the log which resource was looked for, or the name that none has."""
    if filter_ is None:
        return
    if total == 1 and found:
        x.resource_id = found[0].id
    elif total == 0 and (text := _first_text(filter_)):
        x.resource_id = fold(text)


def _first_text(filter_: Filter) -> str:
    """Return the first text that a filter compares with, "" without one."""
    if isinstance(filter_, Compare):
        return filter_.value if isinstance(filter_.value, str) else ""
    if isinstance(filter_, ValuePath):
        parts = filter_.filter.parts if isinstance(filter_.filter, And) else (filter_.filter,)
        return next(filter(None, map(_first_text, reversed(parts))), "")
    if isinstance(filter_, And | Or):
        return next(filter(None, map(_first_text, filter_.parts)), "")
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


def _asked(given: Mapping[str, Any]) -> tuple[Query, Selection]:
    """Return which resources are asked for, and which attributes of each."""
    cursor = _text(given, "cursor")
    sort_order = (_text(given, "sortOrder") or "ascending").casefold()
    if sort_order not in {"ascending", "descending"}:
        raise _invalid("sortOrder", "must be ascending or descending")
    if cursor is not None and len(cursor) > _MOST_CURSOR:
        raise Fault(400, "invalidCursor", "The cursor is invalid.")
    query = Query(
        filter=_filter(given),
        sort_by=_sort_by(given),
        descending=sort_order == "descending",
        start_index=max(1, _integer(given, "startIndex", 1)),
        count=min(max(0, _integer(given, "count", DEFAULT_COUNT)), MOST_COUNT),
        cursor=cursor,
    )
    return query, selection(given)


def selection(given: Mapping[str, Any]) -> Selection:
    if "attributes" not in given and "excludedattributes" not in given:
        return USUAL
    return Selection.of(_names(given, "attributes"), _names(given, "excludedAttributes"))


def _filter(given: Mapping[str, Any]) -> Filter | None:
    text = _text(given, "filter")
    return filters.parse(text) if text and text.strip() else None


def _sort_by(given: Mapping[str, Any]) -> AttributePath | None:
    text = _text(given, "sortBy")
    if not text:
        return None
    try:
        return attribute_path(text.strip())
    except ValueError:
        raise _invalid("sortBy", f"is {quotable(text)}, which is not an attribute") from None


def _names(given: Mapping[str, Any], name: str) -> list[str] | None:
    value = given.get(name.lower())
    if value is None or value == "":
        return None
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise _invalid(name, "must be a list of attribute names")
    return names


def _text(given: Mapping[str, Any], name: str) -> str | None:
    value = given.get(name.lower())
    if value is not None and not isinstance(value, str):
        raise _invalid(name, "must be a string")
    return value


def _integer(given: Mapping[str, Any], name: str, default: int) -> int:
    value = given.get(name.lower())
    if value is None or value == "":
        return default
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _invalid(name, "must be an integer")
    return max(-_LARGEST, min(value, _LARGEST))


def _invalid(name: str, trouble: str) -> Fault:
    return Fault(400, "invalidValue", f"{name} {trouble}.")
