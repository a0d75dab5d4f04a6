"""gRPC: one message in, one out, and the status in the trailers.

Follows https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md. Our own because every SDK
speaks it; what it shares with gRPC-Web and Connect is in `rpc`
(docs/decisions/0005-grpc.md).
"""

from __future__ import annotations

import asyncio
import base64
import re
import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tenantry.api import error_details, messages
from tenantry.core import errors
from tenantry.core.answer import message_of
from tenantry.gen.google.rpc.status_pb import Status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from tenantry.api.methods import Method
    from tenantry.api.pipeline import Pipeline
    from tenantry.net.http import Request

    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# Those whose messages are protobuf's binary form.
CONTENT_TYPES = {"application/grpc", "application/grpc+proto"}

_PREFIX = 5  # bytes: whether compressed, and the length
_TIMEOUT = re.compile(r"(\d{1,8})([HMSmun])", re.ASCII)
_SECONDS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_GZIP = 31  # wbits of zlib
# What grpc-message may hold as it is: printable ASCII but the percent sign.
_PLAIN = " !\"#$&'()*+,/:;<=>?@[]^`{|}"


async def serve(method: Method, pipeline: Pipeline, request: Request, send: Send) -> None:
    """Answer one call."""
    limit: asyncio.Timeout | None = None
    try:
        seconds = _timeout(request)
        if seconds is None:
            payload, headers = await _call(method, pipeline, request)
        else:
            async with asyncio.timeout(seconds) as limit:
                payload, headers = await _call(method, pipeline, request)
    except Exception as problem:  # noqa: BLE001 - any error is answered
        if isinstance(problem, TimeoutError) and limit is not None and limit.expired():
            problem = errors.DeadlineExceeded()
        await send_error(send, request, error_details.translate(problem, request.request_id))
        return
    request.context.grpc_status = 0
    trailers = [(b"grpc-status", b"0")]
    trailers += [(name.encode(), value.encode()) for name, value in headers.items()]
    content_type = request.headers["content-type"].encode()
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", content_type), (b"grpc-accept-encoding", b"gzip")],
            "trailers": True,
        }
    )
    body = b"\x00" + len(payload).to_bytes(4, "big") + payload
    await send({"type": "http.response.body", "body": body})
    await send({"type": "http.response.trailers", "headers": trailers})


async def send_error(send: Send, request: Request, error: errors.Error) -> None:
    """Answer gRPC or gRPC-Web with an error alone.

    In trailers, which every server sends as such; gRPC-Web has none, and takes them as headers.
    """
    request.context.error, request.context.grpc_status = error.name, int(error.code)
    web = request.headers["content-type"].startswith("application/grpc-web")
    kind = (b"content-type", b"application/grpc-web+proto" if web else b"application/grpc")
    trailers = [
        (b"grpc-status", str(int(error.code)).encode()),
        (b"grpc-message", quote(error.message, safe=_PLAIN).encode()),
        (b"grpc-status-details-bin", status_details(error, request.request_id)),
    ]
    trailers += [(name.encode(), value.encode()) for name, value in error.headers.items()]
    headers = [kind, *trailers] if web else [kind]
    start = {"type": "http.response.start", "status": 200, "headers": headers}
    await send({**start, "trailers": not web})
    await send({"type": "http.response.body", "body": b""})
    if not web:
        await send({"type": "http.response.trailers", "headers": trailers})


def status_details(error: errors.Error, request_id: str) -> bytes:
    """Return the value of grpc-status-details-bin."""
    status = Status(
        code=int(error.code),
        message=error.message,
        details=[error_details.packed(error, request_id)],
    )
    return base64.b64encode(status.to_binary()).rstrip(b"=")


async def _call(
    method: Method, pipeline: Pipeline, request: Request
) -> tuple[bytes, dict[str, str]]:
    admission = await pipeline.admit(method, request)
    spelled = _message(request, method.body_limit)
    message = messages.from_binary(method.input, spelled)
    response, headers = await pipeline.run(method, admission, message, spelled=spelled)
    return message_of(response).to_binary(), headers


def _message(request: Request, limit: int) -> bytes:
    """Return the bytes of the one message of the body, no more than the limit."""
    body = request.body
    message = body[_PREFIX:]
    if len(body) < _PREFIX or int.from_bytes(body[1:_PREFIX], "big") != len(message):
        raise errors.InvalidArgument("the body is not one message of gRPC")
    if not body[0]:
        return message
    encoding = request.headers.get("grpc-encoding", "identity")
    if encoding != "gzip":
        raise errors.Unimplemented(f"compression {encoding[:20]!r} is not supported, gzip is")
    inflate = zlib.decompressobj(_GZIP)
    try:
        message = inflate.decompress(message, limit + 1)
    except zlib.error:
        raise errors.InvalidArgument("the message is not gzip") from None
    if len(message) > limit:
        raise errors.PayloadTooLarge.over(limit)
    if not inflate.eof or inflate.unused_data:
        raise errors.InvalidArgument("the message is not gzip")
    return message


def _timeout(request: Request) -> float | None:
    """Return the seconds that the client waits; None for as long as it takes."""
    text = request.headers.get("grpc-timeout")
    if text is None:
        return None
    given = _TIMEOUT.fullmatch(text)
    if given is None:
        raise errors.InvalidArgument.field("grpc-timeout", "pattern", "is not digits and a unit")
    return int(given[1]) * _SECONDS[given[2]]
