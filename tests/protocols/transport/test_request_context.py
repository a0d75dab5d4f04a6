"""The record of each request that is over, told to observers, on every wire and at every end."""

from __future__ import annotations

import asyncio
import contextlib
import gzip

import pytest
import trial
from in_process import AsgiClient

from tenantry.core.caller import Kind
from tenantry.endpoints.grpc_rest.entry import _CutOff
from tenantry.net.http import Route, StreamingResponse
from tenantry.telemetry.request_context import GONE, RequestContext

SHOW, MISBEHAVE = f"/{trial.SERVICE}/Show", f"/{trial.SERVICE}/Misbehave"
GRPC, WEB = "application/grpc", "application/grpc-web+proto"


@pytest.fixture
def told():
    return []


@pytest.fixture
def watched(pb, trial_database, service, told):
    return trial.wire(pb, trial_database, service=service, observers=(told.append,))


@pytest.fixture
def ask(watched):
    return AsgiClient(watched, authorization="Bearer writer")


def frame(message):
    data = message.to_binary()
    return b"\0" + len(data).to_bytes(4, "big") + data


def brief(request_context: RequestContext):
    return (
        request_context.wire,
        request_context.route,
        request_context.status,
        request_context.grpc_status,
        request_context.error,
    )


async def test_a_call_over_each_wire(pb, watched, told):
    ask = AsgiClient(watched, authorization="Bearer client")
    shape = pb.Shape(id="shp_1")
    answers = [
        await ask("GET", "/trial/shapes/shp_1?verbose=secret"),
        await ask("POST", SHOW, {"id": "shp_1"}),
        await ask("POST", SHOW, frame(shape), content_type=GRPC),
        await ask("POST", SHOW, frame(shape), content_type=WEB),
        await ask("GET", "/trial/hello"),
    ]
    assert [brief(each) for each in told] == [
        ("rest", "/trial/shapes/{id}", 200, None, ""),
        ("connect", SHOW, 200, None, ""),
        ("grpc", SHOW, 200, 0, ""),
        ("grpc-web", SHOW, 200, 0, ""),
        ("http", "/trial/hello", 200, None, ""),
    ]
    for answer, each in zip(answers, told, strict=True):
        assert each.request_id == answer.headers["x-request-id"]
        assert each.sent == len(answer.body)
        assert each.seconds > 0
        assert each.whole
    assert [each.received for each in told[1:4]] == [15, len(frame(shape)), len(frame(shape))]
    assert {each.caller.id for each in told[:4]} == {"skc_1"}
    assert told[4].caller is None
    assert told[0].path == "/trial/shapes/shp_1"


async def test_the_caller_with_its_organization(ask, told):
    assert (await ask("GET", "/trial/shapes/shp_1")).status == 403
    (one,) = told
    assert brief(one) == ("rest", "/trial/shapes/{id}", 403, None, "PERMISSION_DENIED")
    assert (one.caller.kind, one.caller.organization_id) == (Kind.PORTAL_SESSION, "org_1")


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        (GRPC, ("grpc", MISBEHAVE, 200, 13, "INTERNAL")),
        (WEB, ("grpc-web", MISBEHAVE, 200, 13, "INTERNAL")),
        ("application/json", ("connect", MISBEHAVE, 500, None, "INTERNAL")),
    ],
)
async def test_a_call_that_crashes(pb, watched, told, content_type, expected):
    ask = AsgiClient(watched, authorization="Bearer client")
    shape = pb.Shape(text="crash now")
    enveloped = content_type != "application/json"
    body = frame(shape) if enveloped else shape.to_json().encode()
    await ask("POST", MISBEHAVE, body, content_type=content_type)
    assert [brief(each) for each in told] == [expected]


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({"content_type": GRPC}, b"junk", ("grpc", SHOW, 200, 3, "INVALID_ARGUMENT")),
        (
            {"content_type": WEB, "grpc_encoding": "snappy"},
            b"\1\0\0\0\1a",
            ("grpc-web", SHOW, 200, 12, "UNIMPLEMENTED"),
        ),
        (
            {"content_type": "application/json", "content_encoding": "gzip"},
            gzip.compress(b"{", mtime=0),
            ("connect", SHOW, 400, None, "INVALID_ARGUMENT"),
        ),
        (
            {"content_type": "application/json", "content_encoding": "snappy"},
            b"a",
            ("connect", SHOW, 501, None, "UNIMPLEMENTED"),
        ),
        (
            {"content_type": "text/plain"},
            b"a",
            ("connect", SHOW, 415, None, "UNSUPPORTED_MEDIA_TYPE"),
        ),
        (
            {"content_type": GRPC, "authorization": "Bearer nobody"},
            b"a",
            ("grpc", SHOW, 200, 16, "UNAUTHENTICATED"),
        ),
    ],
)
async def test_what_is_refused_before_the_call(watched, told, headers, body, expected):
    await AsgiClient(watched)("POST", SHOW, body, **{"authorization": "Bearer client", **headers})
    assert [brief(each) for each in told] == [expected]


async def test_nothing_that_a_caller_made_up_is_a_route_or_a_method(ask, told):
    await ask("BREW", "/coffee/%0a{id}")
    await ask("POST", f"/{trial.SERVICE}/Nothing", b"", content_type=GRPC)
    await ask("DELETE", "/trial/hello")
    await ask("GET", "/trial/shapes/%ff")
    assert [brief(each) for each in told] == [
        ("http", "", 404, None, "NOT_FOUND"),
        ("grpc", "", 200, 12, "UNIMPLEMENTED"),
        ("http", "", 405, None, "METHOD_NOT_ALLOWED"),
        ("http", "", 400, None, "INVALID_ARGUMENT"),
    ]
    assert [each.method for each in told] == ["_OTHER", "POST", "DELETE", "GET"]


async def test_a_request_that_is_refused_before_its_route_is_looked_for_has_one(ask, told):
    await ask("GET", "/trial/shapes/shp_1", host=["a.test", "b.test"])
    await ask("POST", SHOW, b"", content_type=GRPC, host=["a.test", "b.test"])
    assert [brief(each) for each in told] == [
        ("rest", "/trial/shapes/{id}", 400, None, "INVALID_ARGUMENT"),
        ("grpc", SHOW, 200, 3, "INVALID_ARGUMENT"),
    ]


async def test_a_client_that_goes_away_before_its_body_is_there(ask, told):
    await ask("POST", "/trial/shapes", chunks=[b"{"], gone=True)
    (one,) = told
    assert brief(one) == ("rest", "/trial/shapes", GONE, None, "")
    assert (one.received, one.sent, one.whole) == (1, 0, False)


@pytest.mark.parametrize("last", ["http.response.body", "http.response.trailers"])
async def test_a_client_that_goes_away_before_its_answer_ends(pb, watched, told, last):
    async def leaving(scope, receive, send):
        async def sending(event):
            if event["type"] == last:
                raise ConnectionResetError
            await send(event)

        await watched(scope, receive, sending)

    ask = AsgiClient(leaving, authorization="Bearer client")
    await ask("POST", SHOW, frame(pb.Shape(id="shp_1")), content_type=GRPC)
    (one,) = told
    assert (one.status, one.whole) == (200, False)


async def test_a_stream_is_told_at_its_end(watched, told):
    begun, going_on = asyncio.Event(), asyncio.Event()

    async def pieces():
        yield b"one"
        begun.set()
        await going_on.wait()
        yield b"three"

    async def stream(_request):
        return StreamingResponse(pieces(), {})

    watched.add_routes([Route("GET", "/trial/stream", stream)])
    asked = asyncio.create_task(AsgiClient(watched)("GET", "/trial/stream"))
    await asyncio.wait_for(begun.wait(), 60)
    assert (watched.in_flight, told) == (1, [])
    going_on.set()
    await asked
    (one,) = told
    assert (one.route, one.sent, one.whole, watched.in_flight) == ("/trial/stream", 8, True, 0)


async def test_a_stream_that_is_cut_off_is_not_whole(watched, told, caplog):
    async def pieces():
        yield b"one"
        raise KeyError("boom")

    async def stream(_request):
        return StreamingResponse(pieces(), {})

    watched.add_routes([Route("GET", "/trial/stream", stream)])
    with contextlib.suppress(_CutOff):
        await AsgiClient(watched)("GET", "/trial/stream")
    (one,) = told
    assert (one.status, one.error, one.sent, one.whole) == (200, "INTERNAL", 3, False)
    assert [record.message for record in caplog.records] == ["unexpected error"]


async def test_an_observer_that_fails_harms_neither_the_answer_nor_the_next_one(
    pb, trial_database, told, caplog
):
    def failing(_observed):
        raise KeyError("boom")

    entry = trial.wire(pb, trial_database, observers=(failing, told.append))
    assert (await AsgiClient(entry)("GET", "/trial/hello")).status == 200
    assert len(told) == 1
    assert [record.message for record in caplog.records] == ["failed to record a request"]
