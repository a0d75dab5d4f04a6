"""Limits on the requests, memory and time of anonymous clients, and their effect on others."""

from __future__ import annotations

import socket
import time
from collections import Counter
from contextlib import ExitStack, suppress

import psutil
import pytest
from http2 import Connection
from servers import LiveServer, serving

from tenantry.server import admission, envoy

PER_NETWORK = 100
STRANGER, OTHER = "203.0.113.7", "198.51.100.9"
ENDPOINTS = [
    "/oauth/token",
    "/login/x/email",
    "/sso/x",
    "/scim/v2/x/Users",
    "/api/v1/organizations",
    "/nowhere",
]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A server behind a proxy on this machine."""
    guarded = LiveServer(
        tmp_path_factory.mktemp("load"),
        requests_per_network=str(PER_NETWORK),
        trusted_proxies="127.0.0.0/8",
        background="false",
        request_log="false",
    )
    yield guarded.start()
    guarded.stop()


def head(path="/oauth/token", client=STRANGER, verb="POST"):
    return [
        (":method", verb),
        (":path", path),
        (":scheme", "http"),
        (":authority", "localhost"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("x-forwarded-for", client),
    ]


def holding(guarded, streams, client=STRANGER, connections=10, path="/oauth/token"):
    """Open streams whose bodies do not come; return the connections and the refusals."""
    opened = [Connection(guarded.port) for _ in range(connections)]
    every = [
        opened[number % connections].send(head(path, client), end=False)
        for number in range(streams)
    ]
    # Answered after those before it on each connection.
    for connection in opened:
        connection.wait(connection.send(head("/livez", "192.0.2.250", "GET")))
    return opened, Counter(stream.headers[":status"] for stream in every if stream.blocks)


def get(guarded, client, path="/livez"):
    with socket.create_connection(("127.0.0.1", guarded.port), 30) as one:
        one.sendall(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {client}\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        answer = b""
        while piece := one.recv(65536):
            answer += piece
    return int(answer.split()[1])


def close(connections):
    for connection in connections:
        connection.__exit__()


def test_a_connection_has_a_hundred_streams(guarded):
    with Connection(guarded.port) as connection:
        connection.wait(connection.send(head("/livez", verb="GET")))
        assert connection.most_streams == envoy.STREAMS == 100


@pytest.mark.parametrize(
    ("client", "neighbor", "stranger"),
    [
        (STRANGER, None, OTHER),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1"),
        ("::ffff:203.0.113.8", "203.0.113.8", "203.0.113.9"),
        (f"{OTHER}, 203.0.113.10", "203.0.113.10", OTHER),  # the proxy's word is the last one
        (f"203.0.113.11:4711, 127.0.0.{9}", "203.0.113.11", OTHER),  # a chain of proxies
        ("[2001:db8:9::1]:443", "2001:db8:9::2", "2001:db8:a::2"),
    ],
)
def test_requests_of_a_network_are_limited(guarded, client, neighbor, stranger):
    opened, refused = holding(guarded, 4 * PER_NETWORK, client)
    try:
        # Those that nobody had counted yet, and one of each connection, get in beside the limit.
        spare = admission.UNCOUNTED + len(opened)
        assert refused.keys() == {"429"}
        assert 3 * PER_NETWORK - spare <= refused["429"] <= 3 * PER_NETWORK
        again, more = holding(guarded, 20, neighbor or client, connections=1)
        close(again)
        assert more["429"] >= 19
        again, more = holding(guarded, 20, stranger, connections=1)
        close(again)
        assert not more
        assert get(guarded, client) == 200  # one request of another connection still is served
    finally:
        close(opened)


def test_a_refusal_has_our_shape(guarded):
    opened, _ = holding(guarded, 2 * PER_NETWORK)
    try:
        with Connection(guarded.port) as connection:
            first = connection.send(head(), end=False)
            refused = connection.send(head(), end=False)
            connection.wait(refused)
            assert not first.blocks
            assert refused.headers[":status"] == "429"
            assert refused.headers["retry-after"] == "1"
            assert refused.headers["x-request-id"].startswith("req_")
            assert b'"code": 8' in refused.data
            call = [(n, "application/grpc" if n == "content-type" else v) for n, v in head()]
            refused = connection.send(call, end=False)
            connection.wait(refused)
            assert refused.headers["grpc-status"] == "14"
    finally:
        close(opened)


def test_places_are_free_again_however_requests_end(guarded):
    """Reset, closed, answered, refused by the application: none is counted for ever."""
    for _ in range(3):
        opened, refused = holding(guarded, 2 * PER_NETWORK)
        assert refused
        close(opened)
        until = time.monotonic() + 60
        while refused and time.monotonic() < until:
            opened, refused = holding(guarded, PER_NETWORK // 2)
            close(opened)
        assert not refused


def test_nobody_counts_by_a_header_of_their_own(guarded):
    with Connection(guarded.port) as connection:
        for value in ("1", "99999999999999999999", "x"):
            own = [*head("/livez", verb="GET"), (admission.HEADER, value)]
            stream = connection.send(own)
            connection.wait(stream)
            assert stream.headers[":status"] == "200"
    opened, refused = holding(guarded, 2 * PER_NETWORK)
    close(opened)
    assert refused["429"] >= PER_NETWORK - admission.UNCOUNTED - 10


def test_many_open_streams_take_little_memory(guarded):
    """As it was found: forty connections that open a thousand streams each took 551 MB."""
    (process,) = serving(guarded.process.pid)
    before = process.memory_info().rss
    with ExitStack() as stack:
        for _ in range(40):
            connection = stack.enter_context(Connection(guarded.port))
            with suppress(OSError):
                for _ in range(100):
                    connection.send(head(), end=False)
        assert get(guarded, OTHER) == 200
        most = process.memory_info().rss
    assert most - before < 120 << 20


@pytest.mark.thorough
def test_a_strangers_body_that_does_not_come_is_given_up(guarded):
    """All wait at the same time, each with the first byte of a body."""
    with ExitStack() as stack:
        waiting = []
        for path in ENDPOINTS:
            one = stack.enter_context(socket.create_connection(("127.0.0.1", guarded.port), 60))
            one.sendall(
                f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
                "Content-Type: application/json\r\n\r\n{".encode()
            )
            waiting.append(one)
        statuses = {int(one.recv(65536).split()[1]) for one in waiting}
    assert statuses == {408}


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz"])
def test_balancers_may_ask_in_http_1_0(guarded, path):
    assert over_http_1_0(guarded, f"GET {path} HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.0 200 ")


@pytest.mark.parametrize("path", ["/", "/oauth/token", "/api/v1/organizations"])
def test_nothing_else_is_answered_in_http_1_0(guarded, path):
    answer = over_http_1_0(guarded, f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")
    assert answer.startswith(b"HTTP/1.0 426 ")
    assert b"HTTP/1.1 or later is required" in answer


def over_http_1_0(guarded, request):
    with socket.create_connection(("127.0.0.1", guarded.port), 30) as one:
        one.sendall(request.encode())
        answer = b""
        while piece := one.recv(65536):
            answer += piece
    return answer


def test_all_memory_of_python_is_seen_by_the_overload_manager(guarded):
    (process,) = serving(guarded.process.pid)
    assert psutil.Process(process.pid).environ()["PYTHONMALLOC"] == "malloc"
