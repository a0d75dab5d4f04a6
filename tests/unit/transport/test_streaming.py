"""Answers that are sent piece by piece: at once, no faster than taken, cut off on errors."""

from __future__ import annotations

import asyncio

import pytest
from in_process import AsgiClient

from tenantry.api.pipeline import Pipeline
from tenantry.endpoints.grpc_rest.entry import Entry, _CutOff
from tenantry.endpoints.grpc_rest.router import Router
from tenantry.endpoints.grpc_rest.rpc import RpcServer
from tenantry.net.http import Request, Route, StreamingResponse
from tenantry.rate_limits.rates import Rates


class Source:
    """Pieces that a test gives, and whether anybody still wants them."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self.pieces = pieces
        self.asked = 0
        self.is_closed = False

    async def __call__(self, _request: Request) -> StreamingResponse:
        return StreamingResponse(self._given(), {"content-type": "text/plain", "x-own": "yes"}, 203)

    async def _given(self):
        try:
            for piece in self.pieces:
                self.asked += 1
                if isinstance(piece, Exception):
                    raise piece
                yield piece
                await asyncio.sleep(0)
        finally:
            self.is_closed = True


@pytest.fixture
def serve():
    """An application that answers GET /stream from a source."""

    def wire(source):
        rates = Rates({})
        pipeline = Pipeline(None, None, rates)
        entry = Entry(Router(), RpcServer([], pipeline), rates, cors_origins=("https://app.test",))
        entry.add_routes([Route("GET", "/stream", source)])
        return entry

    return wire


async def test_the_pieces_come_one_by_one_behind_headers_without_a_length(serve):
    source, sent = Source(b"one\n", b"two\n"), []

    entry = serve(source)

    async def watched(scope, receive, send):
        async def sending(event):
            sent.append((event.get("body"), event.get("more_body"), source.asked))
            await send(event)

        await entry(scope, receive, sending)

    answer = await AsgiClient(watched)("GET", "/stream", origin="https://app.test")
    assert answer.status == 203
    assert answer.body == b"one\ntwo\n"
    assert answer.headers["x-own"] == "yes"
    assert answer.headers["x-request-id"].startswith("req_")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["access-control-allow-origin"] == "https://app.test"
    assert answer.headers["cache-control"] == "no-store"
    assert "content-length" not in answer.headers
    # The headers go out before there is anything to say, and no piece is made ahead.
    assert sent == [
        (None, None, 0),
        (b"", True, 0),
        (b"one\n", True, 1),
        (b"two\n", True, 2),
        (b"", None, 2),
    ]
    assert source.is_closed


async def test_a_client_that_goes_away_closes_the_source(serve):
    source = Source(*[b"piece"] * 100)
    entry = serve(source)

    async def leaving(scope, receive, send):
        async def sending(event):
            if source.asked == 3:
                raise ConnectionResetError
            await send(event)

        await entry(scope, receive, sending)

    await AsgiClient(leaving)("GET", "/stream")
    assert source.asked == 3
    assert source.is_closed


async def test_an_error_half_way_is_no_end(serve, caplog):
    """The server around us cuts off what raises: nobody takes a part for the whole."""
    source, finished = Source(b"one", KeyError("boom"), b"two"), []
    entry = serve(source)

    async def watched(scope, receive, send):
        async def sending(event):
            if event["type"] == "http.response.body" and not event.get("more_body"):
                finished.append(event)
            await send(event)

        await entry(scope, receive, sending)

    with pytest.raises(_CutOff):
        await AsgiClient(watched)("GET", "/stream")
    assert not finished
    assert source.is_closed
    assert [record.message for record in caplog.records] == ["unexpected error"]


async def test_head_asks_for_no_piece(serve):
    source = Source(b"one")
    answer = await AsgiClient(serve(source))("HEAD", "/stream")
    assert (answer.status, answer.body, source.asked) == (203, b"", 0)
