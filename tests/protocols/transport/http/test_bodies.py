"""Bodies that come in pieces: read whole in time, or taken piece by piece by their route."""

from __future__ import annotations

import asyncio
import json

import pytest

from tenantry.core import errors
from tenantry.endpoints.grpc_rest import bodies
from tenantry.net import http as web
from tenantry.net.http import Response, Route


@pytest.fixture
def taken(entry):
    """The pieces that the route `/trial/stream` has taken."""
    pieces = []

    async def take(request):
        assert request.pieces is not None
        async for piece in request.pieces:
            pieces.append(piece)  # noqa: PERF401 - messages from before an error count
        return Response.json({"pieces": len(pieces)})

    entry.add_routes([Route("POST", "/trial/stream", take, streams=True)])
    return pieces


async def test_a_route_may_take_its_body_piece_by_piece(ask, taken):
    sent = [b"x" * 600_000, b"y" * 600_000, b""]
    answer = await ask("POST", "/trial/stream", chunks=sent)
    assert answer.json == {"pieces": 3}
    assert taken == sent


async def test_such_a_body_has_a_limit_too(ask, taken, monkeypatch):
    monkeypatch.setattr(bodies, "MAX_STREAM", 5 << 20)
    pieces = [b"x" * (1 << 20)] * 7
    answer = await ask("POST", "/trial/stream", chunks=pieces)
    assert answer.error["status"] == 413
    assert answer.error["message"] == "the body is larger than 5 MiB"
    assert len(taken) == 5
    answer = await ask("POST", "/trial/stream", b"", content_length=str(6 << 20))
    assert answer.error["status"] == 413
    assert web.MAX_STREAM == 1 << 30


async def test_a_client_that_goes_away_is_not_answered(ask, taken):
    answer = await ask("POST", "/trial/stream", chunks=[b"x"], gone=True)
    assert (answer.status, taken) == (0, [b"x"])


async def test_what_the_route_leaves_is_thrown_away_before_the_answer(entry):
    """Clients such as httpx send all of it before they listen."""

    async def refuse(_request):
        raise errors.Unauthenticated

    entry.add_routes([Route("POST", "/trial/refused", refuse, streams=True)])
    left = 3

    async def receive():
        nonlocal left
        left -= 1
        return {"type": "http.request", "body": b"x", "more_body": left > 0}

    status, _ = await asked(entry, receive, "/trial/refused")
    assert (status, left) == (401, 0)


async def asked(entry, receive, path="/trial/form"):
    """Ask with a body that comes as it comes."""
    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"content-type", b"application/x-www-form-urlencoded")],
    }
    sent = []

    async def send(event):
        sent.append(event)

    await entry(scope, receive, send)
    return sent[0]["status"], sent[1]["body"]


async def test_a_body_that_drips_is_given_up(entry, monkeypatch):
    monkeypatch.setattr(bodies, "ANONYMOUS_SECONDS", 0.3)

    async def receive():
        await asyncio.sleep(0.05)
        return {"type": "http.request", "body": b"a", "more_body": True}

    start = asyncio.get_running_loop().time()
    status, body = await asked(entry, receive)
    assert status == 408
    assert json.loads(body)["message"] == "the request did not arrive in time"
    assert asyncio.get_running_loop().time() - start > 0.2


async def test_a_body_that_stops_is_given_up(entry, monkeypatch):
    monkeypatch.setattr(bodies, "ANONYMOUS_SECONDS", 0.1)
    pieces = [{"type": "http.request", "body": b"a", "more_body": True}]
    cancelled = False

    async def receive():
        nonlocal cancelled
        if pieces:
            return pieces.pop()
        try:
            await asyncio.sleep(0.3)
        except asyncio.CancelledError:
            cancelled = True
            raise
        return {"type": "http.disconnect"}

    status, _ = await asked(entry, receive)
    assert status == 408
    assert not cancelled  # the server would log that it cannot hand over late bytes
    await asyncio.sleep(0.3)
