"""The rpc endpoint: gRPC by `grpc`, gRPC-Web and Connect by connectrpc.

Every error leaves with its details.
"""

from __future__ import annotations

import asyncio
import base64
import json
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

from connectrpc.code import Code
from connectrpc.codec import Codec, proto_binary_codec, proto_json_codec
from connectrpc.errors import ConnectError, ErrorDetail
from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType
from connectrpc.server import ConnectASGIApplication, Endpoint
from protobuf import Message

from tenantry.api import error_details, messages
from tenantry.core import errors
from tenantry.core.answer import message_of
from tenantry.endpoints.grpc_rest import grpc
from tenantry.net.http import MAX_BODY, Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping

    from connectrpc._server_shared import EndpointUnary
    from connectrpc.request import RequestContext

    from tenantry.api.methods import Method
    from tenantry.api.pipeline import Admission, Pipeline
    from tenantry.endpoints.grpc_rest.absent import Absent
    from tenantry.net.http import Request

    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

M = TypeVar("M", bound=Message[Any])


@dataclass(frozen=True, slots=True)
class _Current:
    """The call that connectrpc is at."""

    method: Method
    request: Request
    admission: Admission


_current: ContextVar[_Current] = ContextVar("current")
_ACCEPT_ENCODING = {b"grpc-accept-encoding", b"accept-encoding"}
# gRPC status codes are ordinals of connectrpc's names.
_CODES = {code: Code[code.name] for code in errors.Code}
_CONTENT_TYPES = {
    "application/grpc+json",
    *("application/grpc-web", "application/grpc-web+proto", "application/grpc-web+json"),
}
_CONNECT_MEDIA_TYPES = {"application/json", "application/proto"}


class RpcServer:
    """Serves rpcs on their gRPC paths."""

    def __init__(
        self, methods: Iterable[Method], pipeline: Pipeline, absent: Iterable[Absent] = ()
    ) -> None:
        self._methods = {method.path: method for method in methods}
        self._absent = {call.path: call for call in absent if call.path}
        self._pipeline = pipeline
        self._application = _Application(
            service=self,
            endpoints=lambda rpcs: rpcs.endpoints(),
            codecs=[_Binary(), _Json()],
            read_max_bytes=MAX_BODY,
        )

    def has(self, path: str) -> bool:
        """Whether an rpc of the contract is at this path, be it served or not."""
        return path in self._methods or path in self._absent

    def limit(self, path: str) -> int:
        """Return how many bytes a request to the rpc at this path may have."""
        found = self._methods.get(path) or self._absent[path]
        return found.body_limit

    def endpoints(self) -> dict[str, EndpointUnary[Any, Any]]:
        """Return all rpcs as connectrpc takes them."""
        return {path: self._endpoint(method) for path, method in self._methods.items()}

    def _endpoint(self, method: Method) -> EndpointUnary[Any, Any]:
        async def run(message: Message[Any], ctx: RequestContext[Any, Any]) -> Message[Any]:
            current = _current.get()
            request = current.request
            try:
                # Zero bytes are common in the binary form: only one that has any is searched.
                response, headers = await self._pipeline.run(
                    method,
                    current.admission,
                    message,
                    spelled=None if _is_compressed(request) else request.body,
                )
            except Exception as problem:  # noqa: BLE001 - any error is answered
                error = error_details.translate(problem, request.request_id)
                # A client that waits as told (Retry-After) finds it where HTTP has it.
                to = ctx.response_trailers if is_grpc(request) else ctx.response_headers
                for name, value in error.headers.items():
                    to.add(name, value)
                raise _connect_error(error, request) from None
            for name, value in headers.items():
                ctx.response_trailers.add(name, value)
            return message_of(response)

        info = MethodInfo(
            name=method.name,
            service_name=method.service,
            input=method.input,
            output=method.output,
            idempotency_level=IdempotencyLevel.UNKNOWN,
            stream_type=StreamType.UNARY,
        )
        return Endpoint.unary(method=info, function=run)

    async def __call__(self, scope: Mapping[str, Any], request: Request, send: Send) -> None:
        """Answer a request whose body was read whole."""
        if (absent := self._absent.get(request.path)) is not None:
            raise absent.refusal()
        method = self._methods[request.path]
        if request.headers.get("content-type") in grpc.CONTENT_TYPES:
            await grpc.serve(method, self._pipeline, request, send)
            return
        enveloped = is_grpc(request)
        if (
            request.headers["content-type"] not in _CONTENT_TYPES
            if enveloped
            else request.media_type not in _CONNECT_MEDIA_TYPES
        ):
            raise errors.UnsupportedMediaType(
                "content-type must be application/json, application/proto, application/grpc or "
                "application/grpc-web, the last two with +proto or +json"
            )
        # connectrpc decodes before it calls: a caller that may not call is refused before that.
        _current.set(_Current(method, request, await self._pipeline.admit(method, request)))
        body = request.body
        done: asyncio.Future[Any] | None = None

        async def receive() -> dict[str, Any]:
            # connectrpc goes on to wait for a disconnect, and cancels that; the server's own
            # receive does not bear it, so it waits on a Tenantry future.
            nonlocal body, done
            if done is None:
                done = asyncio.get_running_loop().create_future()
                return {"type": "http.request", "body": body, "more_body": False}
            return await done  # type: ignore[no-any-return]

        # An answer is never so large that compressing it would pay.
        headers = [pair for pair in scope["headers"] if pair[0] not in _ACCEPT_ENCODING]
        await self._application(
            {**scope, "path": request.path, "headers": headers},  # type: ignore[arg-type]
            receive,  # type: ignore[arg-type]
            (_with_details if enveloped else _with_connect_details)(send, request),  # type: ignore[arg-type]
        )


def is_grpc(request: Request) -> bool:
    """Whether it is gRPC or gRPC-Web, whose errors are not HTTP statuses."""
    return request.headers.get("content-type", "").startswith("application/grpc")


def wire_of(request: Request) -> str:
    """Return how a request to an rpc's path speaks: grpc, grpc-web or connect."""
    if not is_grpc(request):
        return "connect"
    web = request.headers["content-type"].startswith("application/grpc-web")
    return "grpc-web" if web else "grpc"


def connect_response(error: errors.Error, request: Request) -> Response:
    """Return an error found before any rpc as Connect answers it."""
    body = _connect_body(error, request.request_id)
    headers = {"content-type": "application/json", **error.headers}
    return Response(error.status, json.dumps(body).encode(), headers)


def _connect_error(error: errors.Error, request: Request) -> ConnectError:
    request.context.error = error.name
    info = ErrorDetail(error_details.error_info(error, request.request_id))
    return ConnectError(_CODES[error.code], error.message, details=[info])


def _with_details(send: Send, request: Request) -> Send:
    """Add details to those errors that connectrpc raises itself."""

    async def sent(event: MutableMapping[str, Any]) -> None:
        if event["type"] in {"http.response.start", "http.response.trailers"}:
            event["headers"] = [
                *event["headers"],
                *_missing_details(dict(event["headers"]), request),
            ]
        elif event.get("body", b"").startswith(_WEB_TRAILERS):
            lines = event["body"][5:]
            named = dict(line.split(b": ", 1) for line in lines.splitlines())
            for name, value in _missing_details(named, request):
                lines += name + b": " + value + b"\r\n"
            event["body"] = _WEB_TRAILERS + len(lines).to_bytes(4, "big") + lines
        await send(event)

    return sent


_WEB_TRAILERS = b"\x80"  # the flag of gRPC-Web's frame of trailers, which comes alone


def _missing_details(
    trailers: Mapping[bytes, bytes], request: Request
) -> Iterator[tuple[bytes, bytes]]:
    if b"grpc-status" not in trailers:
        return
    code = request.context.grpc_status = int(trailers[b"grpc-status"])
    if code and b"grpc-status-details-bin" not in trailers:
        error = errors.Error(unquote(trailers.get(b"grpc-message", b"").decode()))
        error.code = errors.Code(code)
        request.context.error = error.name
        yield b"grpc-status-details-bin", grpc.status_details(error, request.request_id)


def _with_connect_details(send: Send, request: Request) -> Send:
    """Add details to those errors that connectrpc raises itself, over Connect."""
    failed: MutableMapping[str, Any] | None = None

    async def sent(event: MutableMapping[str, Any]) -> None:
        nonlocal failed
        if event["type"] == "http.response.start" and event["status"] != 200:
            failed = event
            return
        if failed is not None:
            body = json.loads(event["body"])
            if "details" not in body:
                error = errors.Error(body["message"])
                error.code = errors.Code[Code(body["code"]).name]
                request.context.error = error.name
                event["body"] = json.dumps(_connect_body(error, request.request_id)).encode()
            await send(failed)
            failed = None
        await send(event)

    return sent


def _connect_body(error: errors.Error, request_id: str) -> dict[str, Any]:
    packed = error_details.packed(error, request_id)
    detail = {
        "type": packed.type_url.rpartition("/")[2],
        "value": base64.b64encode(packed.value).rstrip(b"=").decode(),
    }
    return {"code": _CODES[error.code].value, "message": error.message, "details": [detail]}


class _Application(ConnectASGIApplication[RpcServer]):
    """All services in one application: a path says which rpc it is."""

    @property
    def path(self) -> str:
        return "/"


class _Binary(Codec[Message[Any], Any]):
    """Protobuf's binary form; bytes that cannot be read are our error."""

    def __init__(self) -> None:
        self._codec = proto_binary_codec()

    def name(self) -> str:
        return self._codec.name()

    def encode(self, message: Message[Any]) -> bytes:
        try:
            return self._codec.encode(message)
        except Exception as problem:  # noqa: BLE001 - connectrpc would tell the client its text
            request = _current.get().request
            error = error_details.translate(problem, request.request_id)
            raise _connect_error(error, request) from None

    def decode(self, data: bytes | bytearray, message_class: type[M]) -> M:
        return _decoded(messages.from_binary, data, message_class)


class _Json(_Binary):
    """Protobuf's JSON form, as over REST: unknown fields are refused with their name."""

    def __init__(self) -> None:
        self._codec = proto_json_codec()

    def decode(self, data: bytes | bytearray, message_class: type[M]) -> M:
        return _decoded(messages.from_json, bytes(data), message_class)


def _decoded(
    decode: Callable[[type[M], Any], M], data: bytes | bytearray, message_class: type[M]
) -> M:
    current = _current.get()
    limit = current.method.body_limit
    try:
        if len(data) > limit:  # once decompressed
            raise errors.PayloadTooLarge.over(limit)
        return decode(message_class, data)
    except errors.Error as error:
        raise _connect_error(error, current.request) from None


def _is_compressed(request: Request) -> bool:
    return any(
        request.headers.get(name, "identity") != "identity"
        for name in ("content-encoding", "grpc-encoding")
    )
