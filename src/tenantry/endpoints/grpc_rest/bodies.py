"""Reads the bodies of requests: whole within limits of size and time, or piece by piece."""

from __future__ import annotations

import asyncio
import contextlib
import time
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from tenantry.core import errors
from tenantry.net.http import MAX_STREAM, ClientGone

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping

    from tenantry.net.http import Request

    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

# For a whole body. A body that a route takes piece by piece has the server's own limit, an hour.
SECONDS = 30.0
# Without credentials: a stranger holds a request, and its memory, no longer than this.
ANONYMOUS_SECONDS = 10.0
DRAIN_SECONDS = 10.0


async def read(request: Request, receive: Receive, limit: int) -> bytes:
    """Return the whole body.

    Raises:
        ClientGone: the client closed the connection or reset the stream.

    """
    pieces: list[bytes] = []
    size, more = 0, True
    until = time.monotonic() + (
        SECONDS if "authorization" in request.headers else ANONYMOUS_SECONDS
    )
    try:
        _check_length(request, limit)
        while more:
            piece, more = _piece(await _received(receive, until))
            request.context.received += len(piece)
            _check_size(size + len(piece), limit)
            if not (more or pieces):
                return piece
            pieces.append(piece)
            size += len(piece)
    except errors.PayloadTooLarge:
        if more:
            await _drain(receive)
        raise
    return b"".join(pieces)


async def _drain(receive: Receive) -> None:
    """Throw away the rest of a body, for some seconds.

    There are clients that only listen then; over HTTP/2 they wait for room to send it.
    """
    until, more = time.monotonic() + DRAIN_SECONDS, True
    with contextlib.suppress(errors.RequestTimeout):
        while more:
            _, more = _piece(await _received(receive, until))


class Pieces:
    """A body as it comes: asked for, or it stays with the client."""

    def __init__(self, request: Request, receive: Receive) -> None:
        self._request = request
        self._receive = receive
        self._size = 0
        self._more = True
        self._limit = MAX_STREAM
        self._until: float | None = None

    def limit(self, size: int, seconds: float) -> None:
        self._limit = size
        self._until = time.monotonic() + seconds

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._more:
            raise StopAsyncIteration
        if self._size == 0:
            _check_length(self._request, self._limit)
        until = self._until
        coming = self._receive() if until is None else _received(self._receive, until)
        piece, self._more = _piece(await coming)
        self._size += len(piece)
        self._request.context.received = self._size
        _check_size(self._size, self._limit)
        return piece

    async def drain(self) -> None:
        """Throw away the rest."""
        if self._more:
            await _drain(self._receive)
            self._more = False


def _check_length(request: Request, limit: int) -> None:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal():
        _check_size(int(declared) if len(declared) <= 18 else limit + 1, limit)


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise errors.PayloadTooLarge.over(limit)


def _piece(event: Mapping[str, Any]) -> tuple[bytes, bool]:
    if event["type"] == "http.disconnect":
        raise ClientGone
    piece: bytes = event.get("body", b"")
    return piece, bool(event.get("more_body", False))


def _received(receive: Receive, until: float) -> Awaitable[Mapping[str, Any]]:
    """Return an awaitable for the next piece."""
    coming = receive()
    if type(coming) is CoroutineType or isinstance(coming, asyncio.Future):
        return _in_time(asyncio.ensure_future(coming), until)
    return coming  # the server has it: most requests have no body


async def _in_time(coming: asyncio.Future[Mapping[str, Any]], until: float) -> Mapping[str, Any]:
    await _wait(coming, max(until - time.monotonic(), 0))
    if not coming.done():
        raise errors.RequestTimeout
    return coming.result()


async def _wait(coming: asyncio.Future[Any], seconds: float) -> None:
    """Wait until this is done, for so long at most.

    `coming` is not cancelled afterwards: the server would fail when it delivers what it still
    holds. `asyncio.wait` does the same in twice the time.
    """
    if coming.done():
        return
    loop = asyncio.get_running_loop()
    over = loop.create_future()

    def end(_: object = None) -> None:
        if not over.done():
            over.set_result(None)

    coming.add_done_callback(end)
    timer = loop.call_later(seconds, end)
    try:
        await over
    finally:
        timer.cancel()
