"""The protocols over which tests call the API, and the answers and errors that they return."""

from __future__ import annotations

import base64
import json
import re
import struct
from abc import ABC, abstractmethod
from collections import UserDict
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import grpc
import httpx
from app_servers import AppServer

from tenantry.core.errors import Code
from tenantry.gen.google.api import annotations_pb
from tenantry.gen.google.rpc.status_pb import Status
from tenantry.gen.scalekit.v1.errdetails.errdetails_pb import ErrorInfo

if TYPE_CHECKING:
    from collections.abc import Iterable

    from protobuf import DescMethod, Message
    from servers import LiveServer

Headers = tuple[tuple[str, str], ...]


class Answer(UserDict[str, Any]):
    """A response message, with the headers (over gRPC: and trailers) that came with it."""

    def __init__(self, content: dict[str, Any], headers: dict[str, str]) -> None:
        super().__init__(content)
        self.headers = headers

    @property
    def etag(self) -> str:
        return self.headers["etag"]


class ApiError(Exception):
    """An answer that is not the one asked for; `http_status` is None over anything but REST."""

    def __init__(
        self,
        code: Code,
        message: str,
        info: ErrorInfo,
        headers: dict[str, str],
        http_status: int | None = None,
    ) -> None:
        super().__init__(f"{code.name}: {message}")
        self.code = code.name
        self.message = message
        self.error_code = info.error_code
        self.headers = headers
        self.http_status = http_status
        self.request_id = info.request_info.request_id if info.request_info else ""
        broken = info.validation_error_info
        self.violations = {v.field: v for v in broken.field_violations} if broken else {}
        about = info.resource_info
        self.resource = about.resource_name if about else ""
        self.body = ""  # the member of the request that was the whole body

    def spelled(self, field: str) -> str:
        """A field of the request as the body spells it."""
        if not self.body:
            return field
        if field == self.body and "body" in self.violations:
            return "body"
        if field.startswith(f"{self.body}["):
            return f"body{field.removeprefix(self.body)}"
        return field.removeprefix(f"{self.body}.")

    @property
    def fields(self) -> list[str]:
        """The fields that broke a rule."""
        return list(self.violations)


class Wire(ABC):
    """How a call travels."""

    @abstractmethod
    async def call(self, method: DescMethod, request: dict[str, Any], headers: Headers) -> Answer:
        """Make a call whose request is spelled as protobuf's JSON in snake_case."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close all connections."""


class Rest(Wire):
    """The routes of google.api.http, JSON in and out."""

    def __init__(self, server: LiveServer) -> None:
        self.http = over_https(server)

    async def call(self, method: DescMethod, request: dict[str, Any], headers: Headers) -> Answer:
        rule = _route(method, request)
        rest = dict(request)
        path = re.sub(
            r"\{(\w+)\}", lambda m: quote(str(rest.pop(m[1])), safe=""), str(rule.pattern.value)
        )
        if rule.body == "*":
            body, rest = rest, {}
        else:
            body = rest.pop(rule.body, None) if rule.body else None
        answer = await self.http.request(
            rule.pattern.field.upper(),
            path,
            params=list(_query(rest)),
            content=None if body is None else written(body),
            headers=[*headers, ("content-type", "application/json")],
        )
        named = dict(answer.headers)
        if not answer.is_success:
            error = rest_error(answer)
            error.body = "" if rule.body == "*" else rule.body
            raise error
        fields = {field.name for field in method.output.fields}
        content = {name: value for name, value in answer.json().items() if name in fields}
        named["status"] = str(answer.status_code)
        return Answer(content, named)

    async def aclose(self) -> None:
        await self.http.aclose()


def _route(method: DescMethod, request: dict[str, Any]) -> Any:
    """The first route whose path this request fills, as that by external id."""
    first = method.proto.options[annotations_pb.ext_http]
    for rule in (first, *first.additional_bindings):
        if request.keys() >= set(re.findall(r"\{(\w+)\}", str(rule.pattern.value))):
            return rule
    return first


def _query(members: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    for name, value in members.items():
        if isinstance(value, dict):
            yield from _query(value, f"{prefix}{name}.")
        else:
            for one in value if isinstance(value, list) else [value]:
                yield prefix + name, one if isinstance(one, str) else json.dumps(one)


def rest_error(answer: httpx.Response) -> ApiError:
    """The error that a REST answer holds."""
    body = answer.json()
    (detail,) = body["details"]
    assert detail.pop("@type").endswith("/scalekit.v1.errdetails.ErrorInfo")
    return ApiError(
        Code(body["code"]),
        body["message"],
        ErrorInfo.from_json(json.dumps(detail)),
        dict(answer.headers),
        answer.status_code,
    )


class Connect(Wire):
    """The Connect protocol, unary, in JSON."""

    def __init__(self, server: LiveServer) -> None:
        self.http = over_https(server)

    async def call(self, method: DescMethod, request: dict[str, Any], headers: Headers) -> Answer:
        answer = await self.http.post(
            path_of(method),
            content=written(request),
            headers=[*headers, ("content-type", "application/json")],
        )
        named = {name.removeprefix("trailer-"): value for name, value in answer.headers.items()}
        if answer.status_code != 200:
            body = answer.json()
            code, message = Code[body["code"].upper()], body.get("message", "")
            (detail,) = body["details"]
            assert detail["type"] == "scalekit.v1.errdetails.ErrorInfo"
            info = ErrorInfo.from_binary(base64.b64decode(detail["value"] + "=="))
            raise ApiError(code, message, info, named)
        return Answer(plain(method.output.type.from_json(answer.content)), named)

    async def aclose(self) -> None:
        await self.http.aclose()


class Grpc(Wire):
    """gRPC by grpcio, as the official Python SDK speaks it."""

    def __init__(self, server: LiveServer) -> None:
        trust = grpc.ssl_channel_credentials(server.ca.read_bytes())
        self.channel = grpc.aio.secure_channel(f"localhost:{server.port}", trust)

    async def call(self, method: DescMethod, request: dict[str, Any], headers: Headers) -> Answer:
        return await self.send(method, spelled(method, request).to_binary(), headers)

    async def send(self, method: DescMethod, message: bytes, headers: Headers) -> Answer:
        """Make a call whose request is these bytes."""
        call = self.channel.unary_unary(path_of(method))(message, metadata=headers, timeout=60)
        try:
            answer = await call
        except grpc.aio.AioRpcError as problem:
            named = _metadata(problem.initial_metadata(), problem.trailing_metadata())
            packed = Status.from_binary(named.pop("grpc-status-details-bin"))
            code, message = Code(problem.code().value[0]), problem.details()
            raise _rpc_error(code, message, packed, named) from None
        named = _metadata(await call.initial_metadata(), await call.trailing_metadata())
        return Answer(plain(method.output.type.from_binary(answer)), named)

    async def aclose(self) -> None:
        await self.channel.close()


def _metadata(*parts: Any) -> dict[str, Any]:
    return {name: value for part in parts for name, value in part or ()}


class GrpcFrames(Wire):
    """gRPC to an application of this process: frames without HTTP/2 below them."""

    def __init__(self, server: AppServer) -> None:
        self.http = over_https(server)

    async def call(self, method: DescMethod, request: dict[str, Any], headers: Headers) -> Answer:
        return await self.send(method, spelled(method, request).to_binary(), headers)

    async def send(self, method: DescMethod, message: bytes, headers: Headers) -> Answer:
        """Make a call whose request is these bytes."""
        answer = await self.http.post(
            path_of(method),
            content=struct.pack(">BI", 0, len(message)) + message,
            headers=[*headers, ("content-type", "application/grpc"), ("te", "trailers")],
        )
        assert answer.status_code == 200
        named = dict(answer.headers) | answer.extensions["trailers"]
        if named["grpc-status"] != "0":
            code, text = Code(int(named["grpc-status"])), unquote(named["grpc-message"])
            packed = Status.from_binary(base64.b64decode(named["grpc-status-details-bin"] + "=="))
            raise _rpc_error(code, text, packed, named)
        return Answer(plain(method.output.type.from_binary(answer.content[5:])), named)

    async def aclose(self) -> None:
        await self.http.aclose()


class GrpcWeb(Wire):
    """gRPC-Web, as a browser speaks it: frames in a body, the trailers as the last one."""

    def __init__(self, server: LiveServer) -> None:
        self.http = over_https(server)

    async def call(self, method: DescMethod, request: dict[str, Any], headers: Headers) -> Answer:
        message = spelled(method, request).to_binary()
        answer = await self.http.post(
            path_of(method),
            content=struct.pack(">BI", 0, len(message)) + message,
            headers=[*headers, ("content-type", "application/grpc-web+proto"), ("x-grpc-web", "1")],
        )
        assert answer.status_code == 200
        named, messages = dict(answer.headers), []
        body = answer.content
        while body:
            kind, length = struct.unpack(">BI", body[:5])
            frame, body = body[5 : 5 + length], body[5 + length :]
            if kind & 0x80:
                lines = frame.decode("latin-1").splitlines()
                pairs = (line.partition(":") for line in lines)
                named |= {name.strip().lower(): value.strip() for name, _, value in pairs}
            else:
                messages.append(frame)
        if named["grpc-status"] != "0":
            code, message = Code(int(named["grpc-status"])), unquote(named["grpc-message"])
            packed = Status.from_binary(base64.b64decode(named["grpc-status-details-bin"] + "=="))
            raise _rpc_error(code, message, packed, named)
        (one,) = messages
        return Answer(plain(method.output.type.from_binary(one)), named)

    async def aclose(self) -> None:
        await self.http.aclose()


def _rpc_error(code: Code, message: str, packed: Status, headers: dict[str, str]) -> ApiError:
    # The Python SDK drops details that say anything else than the call itself.
    assert (packed.code, packed.message) == (code, message)
    (detail,) = packed.details
    assert detail.type_url.endswith("/scalekit.v1.errdetails.ErrorInfo")
    info = ErrorInfo.from_binary(detail.value)
    return ApiError(code, message, info, headers)


WIRES: dict[str, type[Wire]] = {
    "rest": Rest,
    "connect": Connect,
    "grpc": Grpc,
    "grpc-web": GrpcWeb,
}


def wires_to(server: LiveServer | AppServer) -> dict[str, type[Wire]]:
    """The wires of a server, by name."""
    return WIRES | {"grpc": GrpcFrames} if isinstance(server, AppServer) else WIRES


def over_https(server: LiveServer | AppServer, *, http2: bool = False) -> httpx.AsyncClient:
    """An HTTP client of a server, without a connection if that is in this process.

    It trusts the server's root, and keeps no cookies.
    """
    jar = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    if isinstance(server, AppServer):
        return httpx.AsyncClient(transport=server.transport, base_url=server.url, cookies=jar)
    return httpx.AsyncClient(
        base_url=server.url, verify=server.trust, timeout=60, cookies=jar, http2=http2
    )


class Text(str):
    """JSON as it stands, in a request that goes out as JSON; it need not be right."""

    __slots__ = ()


def written(value: Any) -> str:
    """A request in JSON."""
    if isinstance(value, Text):
        return str(value)
    if isinstance(value, dict):
        return f"{{{','.join(f'{json.dumps(k)}:{written(v)}' for k, v in value.items())}}}"
    return json.dumps(value)


def path_of(method: DescMethod) -> str:
    """Where an rpc is on gRPC, gRPC-Web and Connect."""
    return f"/{method.parent.type_name}/{method.name}"


def spelled(method: DescMethod, request: dict[str, Any]) -> Message[Any]:
    """The request message that this JSON spells."""
    return method.input.type.from_json(json.dumps(request))


def plain(message: Message[Any]) -> dict[str, Any]:
    """A message as REST shows it."""
    shown: dict[str, Any] = json.loads(
        message.to_json(use_proto_field_name=True, always_emit_implicit=True)
    )
    return shown
