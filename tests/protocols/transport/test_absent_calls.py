"""Calls of the contract that are not served say so, on every wire, and are not "not found"."""

from __future__ import annotations

import base64
import re
from urllib.parse import unquote

import grpc
import httpx
import pytest
from served import SERVICES

from tenantry.endpoints.grpc_rest import absent
from tenantry.gen.google.rpc.status_pb import Status

CALLS = list(absent.calls())
CREATE = "/scalekit.v1.mcp.McpService/CreateMcpConfig"
SAID = "MCP servers are not in this version"


@pytest.fixture(scope="module")
def http(live_server):
    with httpx.Client(base_url=live_server.url, verify=live_server.trust) as client:
        yield client


def test_a_call_is_served_or_absent_and_never_both():
    served = {f"/{s.type_name}/{method.name}" for s in SERVICES for method in s.methods}
    assert not served & {call.path for call in CALLS}
    assert {call.feature for call in CALLS} >= {"MCP servers"}


def said(call):
    """The sentence of the answer."""
    reason = f": {call.reason}" if call.reason else ""
    return f"{call.feature} are not in this version{reason}"


def test_every_absent_route_answers_501_to_anybody(http):
    for call in CALLS:
        path = re.sub(r"\{\w+\*?\}", "some_1", call.template)
        for credentials in ({}, {"authorization": "Bearer of.another.time"}):
            answer = http.request(call.verb, path, headers=credentials)
            assert answer.status_code == 501, (call.verb, path)
            assert answer.json()["code"] == 12
            assert answer.json()["message"] == said(call)


def test_a_reason_says_what_there_is_in_its_place(http):
    assert http.get("/api/v1/logstreams").json()["message"] == (
        "log streams over the API are not in this version: set TENANTRY_LOG_STREAMS"
    )


def test_requests_through_connected_accounts_are_refused_at_any_path(http):
    for path in ("/proxy/v1/me", "/proxy/gmail/v1/users/me?alt=json", "/proxy/"):
        answer = http.patch(path, json={})
        assert answer.status_code == 501
        assert answer.json()["message"].startswith("requests through connected accounts are not")


def test_another_verb_at_an_absent_route_is_told_those_that_there_are(http):
    answer = http.put("/api/v1/mcp/configs")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, POST"


def test_connect_answers_unimplemented(http):
    for call in CALLS:
        if call.path:
            answer = http.post(call.path, json={})
            assert answer.status_code == 501
            assert answer.json()["code"] == "unimplemented"
            assert answer.json()["message"] == said(call)
    assert http.post(CREATE, json={}).json()["message"] == SAID


def test_grpc_answers_unimplemented(live_server):
    trust = grpc.ssl_channel_credentials(live_server.ca.read_bytes())
    address = f"localhost:{live_server.port}"
    with grpc.secure_channel(address, trust) as channel, pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary(CREATE)(b"", timeout=30)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert refused.value.details() == SAID
    packed = Status.from_binary(dict(refused.value.trailing_metadata())["grpc-status-details-bin"])
    assert (packed.code, packed.message) == (12, SAID)


def test_grpc_web_answers_unimplemented(http):
    headers = {"content-type": "application/grpc-web+proto", "x-grpc-web": "1"}
    answer = http.post(CREATE, content=b"\0\0\0\0\0", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["grpc-status"] == "12"
    assert unquote(answer.headers["grpc-message"]) == SAID
    packed = Status.from_binary(base64.b64decode(answer.headers["grpc-status-details-bin"] + "=="))
    assert packed.message == SAID
