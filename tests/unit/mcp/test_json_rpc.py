"""Messages of the Model Context Protocol: versions, headers, and errors."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.endpoints.mcp import json_rpc
from tenantry.endpoints.mcp.json_rpc import HANDSHAKE, STATELESS, VERSIONS, RpcError
from tenantry.net.http import Request

PREFIX = "io.modelcontextprotocol/"
META = {f"{PREFIX}protocolVersion": STATELESS, f"{PREFIX}clientCapabilities": {}}
HEADERS = {"mcp-protocol-version": STATELESS, "mcp-method": "tools/list"}


def parse(body, **headers: str):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    spelled = body if isinstance(body, bytes) else json.dumps(body).encode()
    return json_rpc.parse(Request("POST", "/mcp", "", named, spelled, "req_1"))


def message(method="tools/list", params=None, **members: Any):
    return {"jsonrpc": "2.0", "id": 7, "method": method, "params": params or {}, **members}


def refusal(body, **headers: str):
    with pytest.raises(RpcError) as caught:
        parse(body, **headers)
    return caught.value


def stateless(method="tools/list", **params: Any):
    return message(method, {**params, "_meta": META})


HEADER = {name.replace("-", "_"): value for name, value in HEADERS.items()}


def test_a_stateless_request():
    asked = parse(stateless(), **HEADER)
    assert (asked.id, asked.method, asked.version) == (7, "tools/list", STATELESS)
    assert asked.is_stateless


@pytest.mark.parametrize("version", HANDSHAKE)
def test_a_request_after_a_handshake(version):
    asked = parse(message("ping"), mcp_protocol_version=version)
    assert (asked.version, asked.is_stateless) == (version, False)


def test_initialize_has_no_version_header():
    asked = parse(message("initialize", {"protocolVersion": "2025-06-18"}))
    assert not asked.is_stateless


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", json_rpc.PARSE_ERROR),
        (b"[" * 100, json_rpc.PARSE_ERROR),
        (b'"text"', json_rpc.INVALID_REQUEST),
        ([message()], json_rpc.INVALID_REQUEST),
        ({"id": 1, "method": "ping"}, json_rpc.INVALID_REQUEST),
        (message(method=3), json_rpc.INVALID_REQUEST),
        (message(id=None), json_rpc.INVALID_REQUEST),
        (message(id=True), json_rpc.INVALID_REQUEST),
        (message(id="x" * 257), json_rpc.INVALID_REQUEST),
        ({**message(), "params": []}, json_rpc.INVALID_REQUEST),
    ],
)
def test_a_malformed_message_is_rejected(body, code):
    problem = refusal(body)
    assert (problem.code, problem.status) == (code, 400)


def test_a_notification_and_a_response_have_no_id():
    assert parse({"jsonrpc": "2.0", "method": "notifications/initialized"}).id is None
    assert parse({"jsonrpc": "2.0", "id": 1, "result": {}}) is None


@pytest.mark.parametrize("missing", META)
def test_meta_states_version_and_capabilities(missing):
    meta = {name: value for name, value in META.items() if name != missing}
    problem = refusal(message(params={"_meta": meta}), **HEADER)
    assert (problem.code, problem.status, problem.id) == (json_rpc.INVALID_PARAMS, 400, 7)
    assert missing in problem.message


def test_an_unsupported_version_gets_the_supported_ones():
    meta = {**META, f"{PREFIX}protocolVersion": "2031-01-01"}
    problem = refusal(message(params={"_meta": meta}), mcp_protocol_version="2031-01-01")
    assert (problem.code, problem.status) == (json_rpc.UNSUPPORTED_VERSION, 400)
    assert problem.data == {"supported": list(VERSIONS), "requested": "2031-01-01"}


@pytest.mark.parametrize(
    "headers",
    [
        {**HEADER, "mcp_protocol_version": "2025-11-25"},
        {"mcp_method": "tools/list"},
        {**HEADER, "mcp_method": "tools/call"},
        {"mcp_protocol_version": STATELESS},
    ],
)
def test_headers_repeat_the_body(headers):
    problem = refusal(stateless(), **headers)
    assert (problem.code, problem.status) == (json_rpc.HEADER_MISMATCH, 400)


@pytest.mark.parametrize("name", ["get_user", "=?base64?Z2V0X3VzZXI=?="])
def test_mcp_name_may_be_encoded(name):
    body = stateless("tools/call", name="get_user")
    assert parse(body, **{**HEADER, "mcp_method": "tools/call", "mcp_name": name})


@pytest.mark.parametrize("name", ["", "delete_user", "=?base64?&&?=", "=?base64?/w==?="])
def test_another_mcp_name_is_a_mismatch(name):
    body = stateless("tools/call", name="get_user")
    problem = refusal(body, **{**HEADER, "mcp_method": "tools/call", "mcp_name": name})
    assert problem.code == json_rpc.HEADER_MISMATCH


@given(st.binary(max_size=200), st.sampled_from((*VERSIONS, "", "x")))
def test_no_body_causes_another_error(body, version):
    try:
        parse(body, mcp_protocol_version=version)
    except RpcError as problem:
        json.dumps(problem.body())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(
    st.fixed_dictionaries(
        {"jsonrpc": st.just("2.0")},
        optional={
            "id": JSON,
            "method": JSON | st.just("tools/call"),
            "params": JSON | st.fixed_dictionaries({"_meta": JSON, "name": JSON}),
        },
    ),
    st.sampled_from(VERSIONS),
)
def test_no_message_causes_another_error(members, version):
    try:
        parse(members, mcp_protocol_version=version, mcp_method="tools/call", mcp_name="x")
    except RpcError as problem:
        json.dumps(problem.body())
