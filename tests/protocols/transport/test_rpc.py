"""gRPC, gRPC-Web and Connect against the server that users run: answers, errors, frames."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import json
import socket
import time
from urllib.parse import unquote

import grpc
import httpx
import pytest
import trial
from grpc_status import rpc_status
from http2 import Connection, framed
from in_process import AsgiClient

from tenantry.core.errors import HTTP_STATUS, Code
from tenantry.gen.google.rpc.status_pb import Status
from tenantry.gen.scalekit.v1.errdetails.errdetails_pb import ErrorInfo
from tenantry.net.http import MAX_BODY

PATH = f"/{trial.SERVICE}"
GRPC, WEB, JSON = "application/grpc", "application/grpc-web+proto", "application/json"


def headers(path, content_type=GRPC, *, authorization="Bearer client", **more: str):
    named = {
        ":method": "POST",
        ":scheme": "https",
        ":path": path,
        ":authority": "localhost",
        "content-type": content_type,
        "te": "trailers",
        "authorization": authorization,
    }
    named |= {name.replace("_", "-"): value for name, value in more.items()}
    return [(name, value) for name, value in named.items() if value is not None]


@pytest.fixture(params=["tls", "cleartext"])
def connection(request, trial_server):
    with Connection(
        trial_server.port, trial_server.trust if request.param == "tls" else None
    ) as opened:
        yield opened


@pytest.fixture
def cleartext(trial_server):
    with Connection(trial_server.port) as opened:
        yield opened


def detail_of(code, message, packed):
    """The one detail of an error, which must say what the call itself says."""
    status = Status.from_binary(packed)
    assert (status.code, status.message) == (code, message)
    (detail,) = status.details
    assert detail.type_url == "type.googleapis.com/scalekit.v1.errdetails.ErrorInfo"
    info = ErrorInfo.from_binary(detail.value)
    assert info.error_code
    assert info.request_info.request_id.startswith("req_")
    return info


def error_of(trailers):
    """Code, message and detail of what gRPC calls trailers."""
    code, message = int(trailers["grpc-status"]), unquote(trailers["grpc-message"])
    assert "=" not in trailers["grpc-status-details-bin"]
    packed = base64.b64decode(trailers["grpc-status-details-bin"] + "==")
    return Code(code).name, message, detail_of(code, message, packed)


# Errors, one of each kind: the request, its headers, and the answer.


def message(pb, **members: object):
    return pb.Shape(**members).to_binary()


def nested(depth):
    """A Shape in a Shape in a Shape."""
    parts, size = [], 0
    for _ in range(depth):
        number, length = size, b""
        while number > 0x7F:
            length += bytes([number & 0x7F | 0x80])
            number >>= 7
        parts.append(b"\xe2\x03" + length + bytes([number]))
        size += len(parts[-1])
    return b"".join(reversed(parts))


# gRPC leaves it to the server what a body is called that is not one message.
MALFORMED = ("INVALID_ARGUMENT", "UNIMPLEMENTED", "INTERNAL")
ERRORS = {
    "no token": ({"authorization": None}, None, "UNAUTHENTICATED", "Token empty"),
    "a bad token": ({"authorization": "Bearer x"}, None, "UNAUTHENTICATED", "Token invalid"),
    "no right": (
        {"path": f"{PATH}/OfBlocked"},
        None,
        "PERMISSION_DENIED",
        "does not have permission",
    ),
    "no such method": ({"path": f"{PATH}/Nothing"}, None, "UNIMPLEMENTED", "unknown method"),
    "no such service": ({"path": "/no.Such/Thing"}, None, "UNIMPLEMENTED", "unknown method"),
    "a path of REST": ({"path": "/trial/hello"}, None, "UNIMPLEMENTED", "unknown method"),
    "another codec": (
        {"content_type": "application/grpc+thrift"},
        None,
        "INVALID_ARGUMENT",
        "content-type must be",
    ),
    "no protobuf": ({}, framed(b"\xff\xff"), "INVALID_ARGUMENT", "the message cannot be read"),
    "text that is no UTF-8": ({}, framed(b"\x0a\x01\xff"), "INVALID_ARGUMENT", "cannot be read"),
    "nests too deep": ({}, framed(nested(200)), "INVALID_ARGUMENT", "cannot be read"),
    "nests deep": ({}, framed(nested(1500)), "INVALID_ARGUMENT", "cannot be read"),
    "nests as deep as it can": ({}, framed(nested(200_000)), "INVALID_ARGUMENT", "more than 4000"),
    "half a frame": ({}, framed(b"\x0a\x01a")[:-1], "INVALID_ARGUMENT", ""),
    "an unknown flag": ({}, framed(b"", flag=0x80), MALFORMED, ""),
    "no message": ({}, b"", MALFORMED, "message"),
    "two messages": ({}, framed(b"") * 2, MALFORMED, "message"),
    "compressed garbage": (
        {"grpc_encoding": "gzip"},
        framed(b"garbage", flag=1),
        "INVALID_ARGUMENT",
        "",
    ),
    "compressed cut short": (
        {"grpc_encoding": "gzip"},
        framed(gzip.compress(b"\x0a\x01a")[:-9], flag=1),
        "INVALID_ARGUMENT",
        "",
    ),
    "compressed and more": (
        {"grpc_encoding": "gzip"},
        framed(gzip.compress(b"\x0a\x01a") + b"more", flag=1),
        "INVALID_ARGUMENT",
        "",
    ),
    "a bomb": (
        {"grpc_encoding": "gzip"},
        framed(gzip.compress(bytes(100_000_000), 9), flag=1),
        "RESOURCE_EXHAUSTED",
        "",
    ),
    "an unknown compression": (
        {"grpc_encoding": "snappy"},
        framed(b"x", flag=1),
        "UNIMPLEMENTED",
        "snappy",
    ),
    "compressed in no known way": ({}, framed(b"x", flag=1), MALFORMED, "compress"),
    "a deadline that is none": ({"grpc_timeout": "soon"}, None, "INVALID_ARGUMENT", "timeout"),
    "a deadline too long": ({"grpc_timeout": "999999999S"}, None, "INVALID_ARGUMENT", "timeout"),
    "a deadline in other digits": ({"grpc_timeout": "+1S"}, None, "INVALID_ARGUMENT", "timeout"),
    "too large": ({}, bytes(MAX_BODY + 1), "RESOURCE_EXHAUSTED", "the body is larger than 1 MiB"),
}


@pytest.mark.parametrize("content_type", [GRPC, WEB])
@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_carries_its_details(cleartext, pb, kind, content_type):
    said, body, code, text = ERRORS[kind]
    said = {"path": f"{PATH}/Show", "content_type": content_type, **said}
    if content_type == WEB:
        said["content_type"] = said["content_type"].replace("grpc+thrift", "grpc-web+thrift")
    stream = cleartext.send(headers(**said), framed(message(pb, id="a")) if body is None else body)
    cleartext.wait(stream)
    assert stream.headers[":status"] == "200"
    assert stream.headers["content-type"].startswith(content_type.partition("+")[0])
    found, told, info = error_of(web_trailers(stream) or stream.trailers)
    assert found in ((code,) if isinstance(code, str) else code)
    assert text in told
    assert info.request_info.request_id == stream.headers["x-request-id"]
    assert not stream.messages or content_type == WEB
    # An empty DATA frame that ends the stream makes grpc-core report UNKNOWN.
    if content_type == GRPC:
        assert stream.frames in (["HEADERS END"], ["HEADERS", "HEADERS END"])


def web_trailers(stream):
    """The trailers that gRPC-Web has as the last frame of the body."""
    if not stream.data:
        return None
    assert stream.data[0] == 0x80
    assert int.from_bytes(stream.data[1:5]) == len(stream.data) - 5
    lines = stream.data[5:].decode().splitlines()
    return {n: v for n, _, v in (line.partition(": ") for line in lines)}


def test_an_answer_is_headers_then_data_then_trailers(connection, pb):
    stream = connection.send(headers(f"{PATH}/Show"), framed(message(pb, id="é")))
    connection.wait(stream)
    assert stream.frames == ["HEADERS", "DATA", "HEADERS END"]
    assert stream.headers["content-type"] == GRPC
    assert stream.trailers == {"grpc-status": "0", "etag": '"7"'}
    (answer,) = map(pb.Answer.from_binary, stream.messages)
    assert answer.shape.id == "é"


def test_grpc_speaks_json_too(cleartext):
    stream = cleartext.send(headers(f"{PATH}/Show", "application/grpc+json"), framed(b'{"id":"a"}'))
    cleartext.wait(stream)
    (answer,) = map(json.loads, stream.messages)
    assert answer["shape"] == {"id": "a"}
    long = json.dumps({"x" * 100_000: 1}).encode()
    stream = cleartext.send(headers(f"{PATH}/Show", "application/grpc+json"), framed(long))
    cleartext.wait(stream)
    assert error_of(stream.trailers)[0] == "INVALID_ARGUMENT"
    assert sum(map(len, stream.trailers.values())) < 8192


@pytest.mark.parametrize("content_type", [GRPC, WEB])
def test_a_header_says_what_the_call_takes_beyond_its_message(cleartext, pb, content_type):
    sent = headers(f"{PATH}/Remove", content_type, x_verbose="true", x_color="RED")
    stream = cleartext.send(sent, framed(message(pb, id="a")))
    cleartext.wait(stream)
    answer = pb.Answer.from_binary(stream.messages[0])
    assert {name: one.values for name, one in answer.extra.items()} == {"verbose": ["true"]}
    stream = cleartext.send(headers(f"{PATH}/Remove", content_type), framed(message(pb, id="a")))
    cleartext.wait(stream)
    assert not pb.Answer.from_binary(stream.messages[0]).extra


def test_a_compressed_request_is_read(cleartext, pb):
    body = framed(gzip.compress(message(pb, id="a", text="x" * 100)), flag=1)
    stream = cleartext.send(
        headers(f"{PATH}/Show", grpc_encoding="gzip", grpc_accept_encoding="gzip"), body
    )
    cleartext.wait(stream)
    (answer,) = map(pb.Answer.from_binary, stream.messages)
    assert answer.shape.text == "x" * 100


def test_a_nul_in_a_compressed_request_is_refused(cleartext, pb):
    body = framed(gzip.compress(message(pb, id="a\0")), flag=1)
    stream = cleartext.send(headers(f"{PATH}/Show", grpc_encoding="gzip"), body)
    cleartext.wait(stream)
    assert error_of(stream.trailers)[1] == "id: must not contain a NUL character"


def test_a_crash_tells_its_request_id_and_nothing_else(cleartext, pb, trial_server):
    for text in ("crash hunter2", "nothing"):
        stream = cleartext.send(headers(f"{PATH}/Misbehave"), framed(message(pb, text=text)))
        cleartext.wait(stream)
        code, told, info = error_of(stream.trailers)
        request_id = stream.headers["x-request-id"]
        assert (code, told) == ("INTERNAL", f"internal error, request id {request_id}")
        assert info == ErrorInfo(error_code="INTERNAL", request_info=info.request_info)
        (line,) = (n for n in trial_server.log.read_text().splitlines() if request_id in n)
        logged = json.loads(line)
        assert logged["level"] == "error"
        assert ("hunter2" in logged["exception"]) == (text != "nothing")


def test_a_deadline_ends_the_call(cleartext, pb, trial_server):
    def cancelled():
        return httpx.get(f"http://localhost:{trial_server.port}/trial/count").json()["cancelled"]

    before = cancelled()
    body = framed(message(pb, text="sleep 600"))
    for content_type in (GRPC, WEB):
        for deadline in ("1000m", "1n", "0S"):
            stream = cleartext.send(
                headers(f"{PATH}/Misbehave", content_type, grpc_timeout=deadline), body
            )
            cleartext.wait(stream)
            assert error_of(web_trailers(stream) or stream.trailers)[0] == "DEADLINE_EXCEEDED"
    assert before < cancelled() <= before + 6  # those that had begun


@pytest.mark.parametrize("content_type", [GRPC, WEB])
@pytest.mark.parametrize("more", [{}, {"grpc_timeout": "20S"}])
def test_a_time_limit_within_the_call_is_not_the_clients(cleartext, pb, content_type, more):
    stream = cleartext.send(
        headers(f"{PATH}/Misbehave", content_type, **more), framed(message(pb, text="timeout"))
    )
    cleartext.wait(stream)
    assert error_of(web_trailers(stream) or stream.trailers)[0] == "INTERNAL"


def test_a_deadline_in_time_changes_nothing(cleartext, pb):
    for deadline in ("20S", "1H", "99999999n", "20000m"):
        stream = cleartext.send(
            headers(f"{PATH}/Show", grpc_timeout=deadline), framed(message(pb, id="a"))
        )
        cleartext.wait(stream)
        assert stream.trailers["grpc-status"] == "0"


def test_very_many_broken_rules_fit_into_trailers(cleartext, pb):
    """A client of gRPC takes 8 KiB there, and reports another error for more."""
    for letter in ("x", "é", "🐘"):
        labels = {f"{letter * 26}{n}": "" for n in range(500)}
        stream = cleartext.send(headers(f"{PATH}/Show"), framed(message(pb, labels=labels)))
        cleartext.wait(stream)
        code, told, info = error_of(stream.trailers)
        assert code == "INVALID_ARGUMENT"
        shown = len(info.validation_error_info.field_violations)
        assert shown >= 1
        assert told.endswith(f"; and {500 - shown} more")
        assert sum(len(n) + len(v) + 32 for n, v in stream.trailers.items()) < 8192


def test_200_calls_on_one_connection_as_many_at_once_as_the_server_allows(connection, pb):
    connection.wait(connection.send(headers(f"{PATH}/Show"), framed(message(pb, id="a"))))
    assert connection.most_streams == 100  # the server's settings have been read
    streams = []
    for number in range(200):
        waiting = [one for one in streams if not one.ended]
        if len(waiting) == connection.most_streams:
            connection.wait(waiting[0])
        sent = connection.send(headers(f"{PATH}/Show"), framed(message(pb, id=str(number))))
        streams.append(sent)
    connection.wait()
    for number, stream in enumerate(streams):
        assert stream.trailers["grpc-status"] == "0"
        assert pb.Answer.from_binary(stream.messages[0]).shape.id == str(number)


def test_a_client_that_goes_away_harms_nobody(trial_server, pb):
    logged = trial_server.log.read_text()
    slow, other = framed(message(pb, text="sleep 0.5")), framed(message(pb, id="a"))
    with Connection(trial_server.port) as connection:
        given_up = connection.send(headers(f"{PATH}/Misbehave"), slow)
        kept = connection.send(headers(f"{PATH}/Misbehave"), slow)
        half = connection.send(headers(f"{PATH}/Show"), other[:3], end=False)
        time.sleep(0.1)
        connection.reset(given_up)
        connection.reset(half)
        connection.wait(kept)
        assert kept.trailers["grpc-status"] == "0"
    with Connection(trial_server.port) as connection:
        connection.send(headers(f"{PATH}/Misbehave"), slow)
        time.sleep(0.1)
    head = b"POST /trial/misbehave HTTP/1.1\r\nhost: x\r\nauthorization: Bearer client\r\n"
    for body in (b'{"text":"sleep 0.5"}', b'{"text'):
        with socket.create_connection(("127.0.0.1", trial_server.port)) as plain:
            plain.sendall(head + b"content-length: 20\r\n\r\n" + body)
            time.sleep(0.1)
    time.sleep(0.6)
    with Connection(trial_server.port) as connection:
        stream = connection.send(headers(f"{PATH}/Show"), other)
        connection.wait(stream)
        assert stream.trailers["grpc-status"] == "0"
    assert trial_server.log.read_text() == logged, "somebody else's going away is no error of ours"


def test_a_refused_body_leaves_the_connection_to_others(trial_server, pb):
    with Connection(trial_server.port) as connection:
        large = connection.send(headers(f"{PATH}/Show"), bytes(MAX_BODY + 1))
        other = connection.send(headers(f"{PATH}/Show"), framed(message(pb, id="a")))
        connection.wait(large, other)
        assert error_of(large.trailers)[0] == "RESOURCE_EXHAUSTED"
        assert other.trailers["grpc-status"] == "0"


# As the client of gRPC sees it


@pytest.fixture(params=["tls", "cleartext"])
def channel(request, trial_server):
    target = f"localhost:{trial_server.port}"
    if request.param == "tls":
        trust = grpc.ssl_channel_credentials(trial_server.ca.read_bytes())
        opened = grpc.secure_channel(target, trust)
    else:
        opened = grpc.insecure_channel(target)
    yield opened
    opened.close()


CLIENT = (("authorization", "Bearer client"),)


def test_grpcio_is_answered(channel, pb):
    for compression in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
        call = channel.unary_unary(f"{PATH}/Show")
        answer, done = call.with_call(
            message(pb, id="a", text="x" * 100),
            metadata=CLIENT,
            compression=compression,
            timeout=60,
        )
        assert pb.Answer.from_binary(answer).shape.id == "a"
        assert dict(done.trailing_metadata())["etag"] == '"7"'
        assert dict(done.initial_metadata())["x-request-id"].startswith("req_")


def failing(channel, path, body, metadata=CLIENT, timeout=60):
    with pytest.raises(grpc.RpcError) as raised:
        channel.unary_unary(path)(body, metadata=metadata, timeout=timeout)
    return raised.value


@pytest.mark.parametrize(
    ("path", "text", "metadata", "code"),
    [
        (f"{PATH}/Show", "", (), grpc.StatusCode.UNAUTHENTICATED),
        (f"{PATH}/Show", "x" * 101, CLIENT, grpc.StatusCode.INVALID_ARGUMENT),
        (f"{PATH}/Nothing", "", CLIENT, grpc.StatusCode.UNIMPLEMENTED),
        ("/no.Such/Thing", "", CLIENT, grpc.StatusCode.UNIMPLEMENTED),
        ("/trial/shapes", "", CLIENT, grpc.StatusCode.UNIMPLEMENTED),  # of REST, and a POST there
        (f"{PATH}/OfNobody", "", CLIENT, grpc.StatusCode.PERMISSION_DENIED),
        (f"{PATH}/Misbehave", "crash", CLIENT, grpc.StatusCode.INTERNAL),
        (f"{PATH}/Misbehave", "unavailable", CLIENT, grpc.StatusCode.UNAVAILABLE),
        (f"{PATH}/Misbehave", "duplicate é%\n🐘", CLIENT, grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
def test_grpcio_finds_the_details_of_an_error(*, channel, pb, path, text, metadata, code):
    problem = failing(channel, path, message(pb, text=text), metadata)
    assert problem.code() is code
    # None where code or message differ from the call's own.
    status = rpc_status.from_call(problem)
    assert status is not None
    detail_of(problem.code().value[0], problem.details(), status.SerializeToString())


def test_grpcio_gets_its_refusal_of_a_large_message(channel, pb):
    problem = failing(channel, f"{PATH}/Show", message(pb, some_bytes=bytes(3 * MAX_BODY)))
    assert problem.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert problem.details() == "the body is larger than 1 MiB"
    assert rpc_status.from_call(problem) is not None


def test_one_good_token_of_two_is_enough(channel, pb):
    """The Python SDK sends a stale one beside the fresh one, for good."""
    for order in (("Bearer stale", "Bearer client"), ("Bearer client", "Bearer stale")):
        metadata = [("authorization", value) for value in order]
        answer = channel.unary_unary(f"{PATH}/Show")(message(pb, id="a"), metadata=metadata)
        assert pb.Answer.from_binary(answer).caller == "skc_1"
    bad = [("authorization", "Bearer stale")] * 2
    problem = failing(channel, f"{PATH}/Show", message(pb, id="a"), bad)
    assert problem.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_many_calls_of_one_channel_do_not_wait_for_each_other(trial_server, pb):
    async with grpc.aio.insecure_channel(f"localhost:{trial_server.port}") as channel:
        call = channel.unary_unary(f"{PATH}/Misbehave")
        slow = message(pb, text="sleep 2")
        # 100 seconds, one after the other.
        await asyncio.gather(*(call(slow, metadata=CLIENT, timeout=60) for _ in range(50)))


def test_grpc_over_http_1_ends_in_trailers(trial_server, pb):
    """The Go SDK uses HTTP/1.1 for a http:// URL."""
    body = framed(message(pb, id="a"))
    asked = (
        f"POST {PATH}/Show HTTP/1.1\r\nhost: x\r\nte: trailers\r\ncontent-type: {GRPC}\r\n"
        f"authorization: Bearer client\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", trial_server.port), 60) as plain:
        plain.sendall(asked.encode() + body)
        received = b""
        with contextlib.suppress(TimeoutError):
            while piece := plain.recv(65536):
                received += piece
    assert b"\r\n0\r\n" in received
    assert b"grpc-status: 0\r\n" in received.rpartition(b"\r\n0\r\n")[2]


# gRPC-Web


def test_grpc_web_has_its_trailers_in_a_frame(connection, pb):
    stream = connection.send(headers(f"{PATH}/Show", WEB), framed(message(pb, id="a")))
    connection.wait(stream)
    assert stream.headers["content-type"] == WEB
    assert stream.frames[-1] == "DATA END"
    length = int.from_bytes(stream.data[1:5])
    assert pb.Answer.from_binary(stream.data[5 : 5 + length]).shape.id == "a"
    assert stream.data[5 + length :] == framed(b'etag: "7"\r\ngrpc-status: 0\r\n', flag=0x80)


def test_a_page_of_a_listed_origin_reads_answers_and_errors(cleartext, pb):
    for path in (f"{PATH}/Show", f"{PATH}/OfBlocked", f"{PATH}/Nothing"):
        stream = cleartext.send(
            headers(path, WEB, origin="https://app.test"), framed(message(pb, id="a"))
        )
        cleartext.wait(stream)
        assert stream.headers["access-control-allow-origin"] == "https://app.test"
        assert "grpc-status" in stream.headers["access-control-expose-headers"]


# Connect


@pytest.fixture
def connect(trial_server):
    """Make a call over Connect, in JSON unless said otherwise."""
    with httpx.Client(base_url=trial_server.url, verify=trial_server.trust) as client:

        def call(rpc, content, *, kind=JSON, authorization="Bearer client", **more: str):
            named = {"content-type": kind, "authorization": authorization}
            named |= {name.replace("_", "-"): value for name, value in more.items()}
            content = json.dumps(content).encode() if isinstance(content, dict) else content
            return client.post(f"{PATH}/{rpc}", content=content, headers=named)

        yield call


def connect_error(answer):
    """Code, message and detail of an error of Connect."""
    body = answer.json()
    assert answer.headers["content-type"] == JSON
    (detail,) = body["details"]
    assert detail["type"] == "scalekit.v1.errdetails.ErrorInfo"
    assert "=" not in detail["value"]
    info = ErrorInfo.from_binary(base64.b64decode(detail["value"] + "=="))
    assert info.request_info.request_id == answer.headers["x-request-id"]
    return body["code"], body["message"], info


def test_connect_answers_in_json_and_in_protobuf(connect, pb):
    answer = connect("Show", {"id": "a", "an_int64": "5", "anInt32": 5})
    assert answer.json()["shape"] == {"id": "a", "anInt32": 5, "anInt64": "5"}
    assert answer.headers["trailer-etag"] == '"7"'
    answer = connect("Remove", {"id": "a"}, x_verbose="true")
    assert answer.json()["extra"] == {"verbose": {"values": ["true"]}}
    answer = connect("Show", message(pb, id="a"), kind="application/proto")
    assert pb.Answer.from_binary(answer.content).shape.id == "a"
    answer = connect("Show", gzip.compress(b'{"id":"a"}'), content_encoding="gzip")
    assert answer.json()["shape"] == {"id": "a"}


@pytest.mark.parametrize(
    ("rpc", "content", "more", "status", "code", "text"),
    [
        ("Show", {}, {"authorization": ""}, 401, "unauthenticated", "Token"),
        ("OfBlocked", {}, {}, 403, "permission_denied", "does not have permission"),
        ("Show", {"nonsense": 1}, {}, 400, "invalid_argument", "nonsense: is not a field"),
        ("Show", {"id": 1}, {}, 400, "invalid_argument", "id: must be a string, got 1"),
        ("Show", {"by_name": "a", "byNumber": 1}, {}, 400, "invalid_argument", "by_number: cannot"),
        ("Show", b"{", {}, 400, "invalid_argument", "the body is not JSON"),
        ("Show", b"", {}, 400, "invalid_argument", "the body is not JSON"),
        ("Show", b"\xff", {"kind": "application/proto"}, 400, "invalid_argument", "cannot be read"),
        ("Show", {"text": "x" * 101}, {}, 400, "invalid_argument", "text: must be at most"),
        (
            "Show",
            {"text": "\0"},
            {},
            400,
            "invalid_argument",
            "text: must not contain a NUL character",
        ),
        ("Show", b"x", {"kind": "text/plain"}, 415, "invalid_argument", "content-type must"),
        ("Show", b"x", {"kind": ""}, 415, "invalid_argument", "content-type must"),
        ("Show", {}, {"kind": "application/connect+json"}, 415, "invalid_argument", "content-type"),
        ("Show", bytes(MAX_BODY + 1), {}, 413, "resource_exhausted", "larger than 1 MiB"),
        ("Show", b"x", {"content_encoding": "gzip"}, 400, "invalid_argument", "decompress"),
        ("Show", b"x", {"content_encoding": "zstd"}, 501, "unimplemented", "unknown compression"),
        ("Show", {}, {"connect_timeout_ms": "soon"}, 400, "invalid_argument", "timeout"),
        ("Show", {}, {"connect_protocol_version": "2"}, 400, "invalid_argument", "version"),
        (
            "Misbehave",
            {"text": "sleep 30"},
            {"connect_timeout_ms": "100"},
            504,
            "deadline_exceeded",
            "timed out",
        ),
        ("Misbehave", {"text": "crash x"}, {}, 500, "internal", "internal error, request id req_"),
        ("Misbehave", {"text": "unencodable"}, {}, 500, "internal", "internal error, request id"),
        ("Misbehave", {"text": "unavailable"}, {}, 503, "unavailable", "busy"),
    ],
)
def test_an_error_of_connect_is_json_with_its_details(
    *, connect, rpc, content, more, status, code, text
):
    answer = connect(rpc, content, **more)
    assert answer.status_code == status
    found, told, info = connect_error(answer)
    assert found == code
    assert text in told
    assert info.error_code
    assert HTTP_STATUS[Code[code.upper()]] == status or status in {413, 415}


def test_an_unknown_method_of_connect_is_not_found(connect):
    answer = connect("Nothing", {})
    assert answer.status_code == 404
    assert answer.json()["message"].startswith("path not found")


async def test_a_broken_connection_is_not_answered_again(entry):
    """A server that says the client is gone is believed; nothing is raised by the application."""
    sent = []

    class Gone(OSError):
        pass

    for path, kind in [
        (f"{PATH}/Show", GRPC),
        (f"{PATH}/Show", JSON),
        (f"{PATH}/Nothing", GRPC),
        ("/trial/hello", JSON),
    ]:

        async def app(scope, receive, send):
            async def broken(event):
                sent.append(event["type"])
                raise Gone

            await entry(scope, receive, broken)

        body = framed(b"") if kind == GRPC else b"{}"
        verb = "GET" if path == "/trial/hello" else "POST"
        asgi_client = AsgiClient(app, authorization="Bearer client")
        answer = await asgi_client(verb, path, body, content_type=kind)
        assert answer.status == 0
    assert sent == ["http.response.start"] * 4
