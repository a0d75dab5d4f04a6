"""The HTTP routes of this package: events as they come, and all of them as a file.

Server-Sent Events are those of https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

from __future__ import annotations

import time
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from tenantry.core import errors, urlencoded
from tenantry.core.caller import Kind
from tenantry.events.event_log import exporting, following
from tenantry.events.event_log.envelopes import envelope
from tenantry.events.event_log.exporting import Format, Order, parsed_time
from tenantry.events.event_log.following import Narrow
from tenantry.events.event_log.listing import known_types
from tenantry.net.http import Request, Route, StreamingResponse

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

    from tenantry.app_context import AppContext
    from tenantry.core.caller import Caller
    from tenantry.db.engine import Database, Row
    from tenantry.events.event_log.following import Follower
    from tenantry.rate_limits.rates import Rates

    Authenticate = Callable[[Mapping[str, str], str], Awaitable[Caller]]

STREAM, EXPORT = "/api/v1/events:stream", "/api/v1/events:export"
DEFAULT_WAIT, MAX_WAIT = 30, 300  # seconds
LATEST = "latest"
# Proxies, and our own server, drop connections that are silent for a minute.
ALIVE_SECONDS = 15.0
_RETRY_MILLISECONDS = 500  # after which a client of Server-Sent Events comes back
_PERMISSION = "events:read"
_MOST_QUERY = 8000  # characters
_MOST_MEMBERS = 100
_SSE = "text/event-stream"
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def routes(context: AppContext) -> list[Route]:
    feed = Feed(context.db, context.follower, context.authenticate, context.rates)
    return [Route("GET", STREAM, feed.stream), Route("GET", EXPORT, feed.export)]


class Feed:
    def __init__(
        self, db: Database, follower: Follower, authenticate: Authenticate, rates: Rates
    ) -> None:
        self._db = db
        self._follower = follower
        self._authenticate = authenticate
        self._rates = rates

    async def stream(self, request: Request) -> StreamingResponse:
        """Answer with the events behind `after`, and those that come while the client waits."""
        await self._admit(request)
        query = _Query(request.query, "after", "wait", "organization_id", "event_types")
        narrow = Narrow(known_types(query.all("event_types"), "event_types"), query.organization_id)
        seconds = _wait(query.one("wait"))
        after = request.headers.get("last-event-id") or query.one("after")
        headers = dict(_HEADERS)
        position = 0
        if after == LATEST:
            position = await following.head(self._db)
            after = await following.event_at(self._db, position) or ""
            # A client to whom nothing is told comes back with this, and misses nothing.
            headers |= {"x-after": after} if after else {}
        elif after:
            position = await self._follower.place(after)
        sse = _SSE in request.headers.get("accept", "")
        headers["content-type"] = _SSE if sse else Format.NDJSON.value
        write = self._sse(after) if sse else self._ndjson()
        return StreamingResponse(
            self._pieces(request, narrow, position, seconds=seconds, write=write), headers
        )

    async def export(self, request: Request) -> StreamingResponse:
        """Answer with the log as a file."""
        await self._admit(request)
        query = _Query(
            request.query, "format", "start_time", "end_time", "organization_id", "event_types"
        )
        kinds = {kind.suffix: kind for kind in Format}
        kind = kinds.get(query.one("format") or Format.NDJSON.suffix)
        if kind is None:
            raise errors.InvalidArgument.field("format", "in", f"must be {' or '.join(kinds)}")
        order = Order(
            kind,
            types=query.all("event_types"),
            organization_id=query.organization_id,
            start_time=query.time("start_time"),
            end_time=query.time("end_time"),
        )
        charset = "; charset=utf-8" if kind is Format.CSV else ""
        headers = {
            "content-type": kind.value + charset,
            "content-disposition": f'attachment; filename="events.{kind.suffix}"',
            **_HEADERS,
        }
        return StreamingResponse(exporting.pieces(self._db, order), headers)

    async def _admit(self, request: Request) -> None:
        caller = await self._authenticate(request.headers, request.address)
        request.context.caller = caller
        if caller.is_client:
            request.tell(await self._rates.take_client(caller.id))
        if caller.kind is Kind.ANONYMOUS:
            raise errors.Unauthenticated
        if not _may_read(caller):
            if caller.kind is not Kind.MANAGEMENT_CLIENT:
                raise errors.PermissionDenied
            raise errors.PermissionDenied(
                f"this call needs the management scope {_PERMISSION}, which the access token lacks"
            )

    async def _pieces(
        self,
        request: Request,
        narrow: Narrow,
        position: int,
        *,
        seconds: float,
        write: _Writer,
    ) -> AsyncGenerator[bytes]:
        if write.start:
            yield write.start
        told = looked = time.monotonic()
        async with aclosing(self._follower.follow(narrow, position, seconds=seconds)) as parts:
            async for rows in parts:
                now = time.monotonic()
                if now - looked >= following.TICK_SECONDS:
                    # A client that was revoked meanwhile gets no more.
                    if not await self._still_may(request):
                        return
                    looked = now
                if rows:
                    yield write.rows(rows)
                    told = now
                elif now - told >= ALIVE_SECONDS:
                    yield write.alive
                    told = now

    async def _still_may(self, request: Request) -> bool:
        try:
            return _may_read(await self._authenticate(request.headers, request.address))
        except errors.Error:
            return False

    def _ndjson(self) -> _Writer:
        def rows(given: Sequence[Row]) -> bytes:
            return b"".join(self._event(row) + b"\n" for row in given)

        # Readers of NDJSON skip an empty line.
        return _Writer(b"", rows, b"\n")

    def _sse(self, after: str) -> _Writer:
        def rows(given: Sequence[Row]) -> bytes:
            return b"".join(
                b"id: %b\ndata: %b\n\n" % (row["id"].encode(), self._event(row)) for row in given
            )

        start = f"retry: {_RETRY_MILLISECONDS}\n" + (f"id: {after}\n" if after else "") + "\n"
        return _Writer(start.encode(), rows, b":\n\n")

    def _event(self, row: Row) -> bytes:
        return orjson.dumps(envelope(row, self._db.environment_id))


@dataclass(frozen=True, slots=True)
class _Writer:
    """How a stream is written."""

    start: bytes
    rows: Callable[[Sequence[Row]], bytes]
    alive: bytes  # a sign that it goes on


class _Query:
    """The members of a query; but for ``event_types``, each comes once."""

    def __init__(self, query: str, *names: str) -> None:
        """Read it."""
        self._members: dict[str, list[str]] = {}
        if len(query) > _MOST_QUERY:
            raise errors.InvalidArgument(f"the query is over {_MOST_QUERY} characters")
        try:
            pairs = urlencoded.members(query, most=_MOST_MEMBERS)
        except ValueError as problem:
            raise errors.InvalidArgument(f"the query is malformed: {problem}") from None
        for name, value in pairs:
            if name not in names:
                raise errors.InvalidArgument.field(
                    name[:60], "unknown_field", "is not a parameter of this call"
                )
            if "\x00" in value:
                raise errors.InvalidArgument.field(
                    name, "string.nul", "must not contain a NUL character"
                )
            self._members.setdefault(name, []).append(value)

    def all(self, name: str) -> tuple[str, ...]:
        """Return all values of a member."""
        return tuple(self._members.get(name, ()))

    def one(self, name: str) -> str:
        """Return the value of a member, "" without it."""
        values = self._members.get(name, [""])
        if len(values) > 1:
            raise errors.InvalidArgument.field(name, "once", "is given more than once")
        return values[0]

    def time(self, name: str) -> int | None:
        """Return a time in microseconds since 1970, if one is given."""
        text = self.one(name)
        return parsed_time(text, name) if text else None

    @property
    def organization_id(self) -> str | None:
        """The organization that is asked for."""
        return self.one("organization_id") or None


def _may_read(caller: Caller) -> bool:
    """Whether a caller is a client that may list all events."""
    return caller.kind is Kind.MANAGEMENT_CLIENT and (
        caller.permissions is None or _PERMISSION in caller.permissions
    )


def _wait(text: str) -> int:
    if not text:
        return DEFAULT_WAIT
    if not (text.isdecimal() and text.isascii() and len(text) < 5 and int(text) <= MAX_WAIT):
        raise errors.InvalidArgument.field("wait", "range", f"must be 0 to {MAX_WAIT} seconds")
    return int(text)
