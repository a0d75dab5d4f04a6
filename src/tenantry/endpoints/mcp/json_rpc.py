"""Requests and errors of the Model Context Protocol over Streamable HTTP.

Two generations of clients share the endpoint. Revision 2026-07-28 is stateless: each request states
its version and capabilities in `_meta`, and headers repeat version, method and name. Earlier
revisions begin with `initialize` and repeat only the version, in a header. Neither has a session.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tenantry import __version__
from tenantry.core import strict_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.net.http import Request

STATELESS = "2026-07-28"
HANDSHAKE = ("2025-11-25", "2025-06-18")  # the newest first
VERSIONS = (STATELESS, *HANDSHAKE)
SERVER = {"name": "tenantry", "title": "Tenantry", "version": __version__}

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
HEADER_MISMATCH = -32020
UNSUPPORTED_VERSION = -32022

# As the request log has them.
_NAMES = {
    PARSE_ERROR: "PARSE_ERROR",
    INVALID_REQUEST: "INVALID_REQUEST",
    METHOD_NOT_FOUND: "METHOD_NOT_FOUND",
    INVALID_PARAMS: "INVALID_PARAMS",
    HEADER_MISMATCH: "HEADER_MISMATCH",
    UNSUPPORTED_VERSION: "UNSUPPORTED_PROTOCOL_VERSION",
}

_PREFIX = "io.modelcontextprotocol/"
_VERSION, _CAPABILITIES = f"{_PREFIX}protocolVersion", f"{_PREFIX}clientCapabilities"
_INFO = f"{_PREFIX}serverInfo"
# The parameter that the header Mcp-Name repeats, by method.
_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_LONGEST_ID = 256  # characters

RequestId = str | int | float


class RpcError(Exception):
    """A JSON-RPC error response (https://www.jsonrpc.org/specification section 5.1)."""

    def __init__(self, code: int, message: str, *, status: int = 400, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status  # of HTTP
        self.data = data
        self.id: RequestId | None = None

    @property
    def name(self) -> str:
        """The name of the code."""
        return _NAMES[self.code]

    def body(self) -> dict[str, Any]:
        """Return the response."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.data is not None:
            error["data"] = self.data
        return {"jsonrpc": "2.0", "id": self.id, "error": error}


@dataclass(frozen=True, slots=True)
class RpcRequest:
    """A request; ``id`` is None for a notification."""

    id: RequestId | None
    method: str
    params: Mapping[str, Any]
    version: str  # of the protocol
    capabilities: Mapping[str, Any] = field(default_factory=dict)  # of a stateless client

    @property
    def is_stateless(self) -> bool:
        return self.version == STATELESS

    def text(self, name: str) -> str:
        """Return a parameter that is a string; "" if it is absent."""
        value = self.params.get(name, "")
        if not isinstance(value, str):
            raise self.invalid(f"{name} must be a string")
        return value

    def members(self, name: str) -> dict[str, Any]:
        """Return a parameter that is an object; {} if it is absent."""
        value = self.params.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.invalid(f"{name} must be an object")
        return value

    def invalid(self, message: str) -> RpcError:
        """Return the error of wrong parameters."""
        return RpcError(INVALID_PARAMS, message, status=400 if self.is_stateless else 200)

    def unknown_method(self) -> RpcError:
        return RpcError(
            METHOD_NOT_FOUND,
            f"method not found: {self.method[:100]}",
            status=404 if self.is_stateless else 200,
        )

    def response(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """Return the response with a result."""
        if self.is_stateless:
            result = {"resultType": "complete", **result, "_meta": {_INFO: SERVER}}
        return {"jsonrpc": "2.0", "id": self.id, "result": result}


def parse(request: Request) -> RpcRequest | None:
    """Return the request in a body; None for a response, which this server does not ask for.

    Raises:
        RpcError: the body, a header or `_meta` is invalid.

    """
    try:
        members = strict_json.loads(request.body)
    except ValueError as problem:
        raise RpcError(PARSE_ERROR, f"the body is not JSON: {problem}") from None
    if not isinstance(members, dict) or members.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, "the body must be one JSON-RPC 2.0 message, not a batch")
    if "method" not in members and ("result" in members or "error" in members):
        return None
    id_ = members.get("id")
    if "id" in members and not _is_id(id_):
        raise RpcError(INVALID_REQUEST, "id must be a string or a number")
    try:
        return _parse(request.headers, members, id_)
    except RpcError as problem:
        problem.id = id_
        raise


def _is_id(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= _LONGEST_ID
    return strict_json.is_number(value)


def _parse(
    headers: Mapping[str, str], members: Mapping[str, Any], id_: RequestId | None
) -> RpcRequest:
    method, params = members.get("method"), members.get("params", {})
    if not isinstance(method, str):
        raise RpcError(INVALID_REQUEST, "method must be a string")
    if not isinstance(params, dict):
        raise RpcError(INVALID_REQUEST, "params must be an object")
    meta = params.get("_meta")
    meta = meta if isinstance(meta, dict) else {}
    header, stated = headers.get("mcp-protocol-version"), meta.get(_VERSION)
    if stated is None and header is None:
        return RpcRequest(id_, method, params, HANDSHAKE[0])
    if stated is not None and header != stated:
        raise _mismatch("MCP-Protocol-Version", _VERSION)
    if header not in VERSIONS:
        raise _unsupported(header)
    if header != STATELESS:
        return RpcRequest(id_, method, params, header)
    _check_headers(headers, method, params)
    capabilities = meta.get(_CAPABILITIES)
    if id_ is None:  # notifications need no _meta
        return RpcRequest(None, method, params, header)
    if stated is None or not isinstance(capabilities, dict):
        missing = _VERSION if stated is None else _CAPABILITIES
        raise RpcError(INVALID_PARAMS, f"params._meta must have {missing}")
    return RpcRequest(id_, method, params, header, capabilities)


def _unsupported(version: str | None) -> RpcError:
    data = {"supported": list(VERSIONS), "requested": version}
    return RpcError(UNSUPPORTED_VERSION, "unsupported protocol version", data=data)


def _check_headers(headers: Mapping[str, str], method: str, params: Mapping[str, Any]) -> None:
    """Check that headers repeat method and name: proxies route and authorize by them."""
    if headers.get("mcp-method") != method:
        raise _mismatch("Mcp-Method", "method")
    name = _NAMED.get(method)
    if name is not None and _decoded(headers.get("mcp-name", "")) != params.get(name):
        raise _mismatch("Mcp-Name", f"params.{name}")


def _decoded(value: str) -> str | None:
    """Return the text of a header, which may be encoded as `=?base64?…?=`."""
    if not (value.startswith("=?base64?") and value.endswith("?=")):
        return value
    try:
        return base64.b64decode(value[9:-2], validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def _mismatch(header: str, member: str) -> RpcError:
    return RpcError(HEADER_MISMATCH, f"the header {header} must be equal to {member} in the body")
