"""A request is for one host, whichever way it is named."""

from __future__ import annotations

import json
import socket

import pytest
from http2 import Connection

ONE = "a request is for one host: send one Host header"


def asked(port, *lines: str):
    """The status and message of an answer over HTTP/1.1."""
    with socket.create_connection(("127.0.0.1", port), 60) as plain:
        head = ("GET /trial/of/anyone HTTP/1.1", *lines, "connection: close", "", "")
        plain.sendall("\r\n".join(head).encode())
        answer = b""
        while piece := plain.recv(65536):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body).get("message", "")


@pytest.mark.parametrize(
    "lines",
    [
        ("host: a", "host: b"),
        ("host: a", "host: a"),
        ("host: a", "x-a: b", "Host: a"),
        ("host: a,b",),
        ("host:",),
    ],
)
def test_two_host_headers_are_refused(trial_server, lines):
    assert asked(trial_server.port, *lines) == (400, ONE)


def test_one_host_header_is_taken(trial_server):
    for lines in (("host: a",), ("host: localhost:8443",), ("host: [::1]:8443",)):
        assert asked(trial_server.port, *lines)[0] != 400


@pytest.mark.parametrize(
    ("named", "refused"),
    [
        ([(":authority", "a"), ("host", "b")], True),
        ([(":authority", "a"), ("host", "a")], False),
        ([(":authority", "a")], False),
        ([("host", "a")], False),
    ],
)
def test_an_authority_beside_another_host_is_refused(trial_server, named, refused):
    asking = [(":method", "GET"), (":scheme", "http"), (":path", "/trial/of/anyone")]
    with Connection(trial_server.port) as connection:
        stream = connection.send([*asking, *named])
        connection.wait(stream)
    assert (stream.headers[":status"] == "400") == refused
    assert (ONE in stream.data.decode()) == refused
