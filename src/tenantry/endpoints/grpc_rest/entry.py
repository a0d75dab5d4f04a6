"""Receives every request: reads it within limits, calls its endpoint, and sends one response."""

from __future__ import annotations

import contextlib
import json
import logging
import random
import re
import time
from typing import TYPE_CHECKING, Any

from tenantry.api import error_details
from tenantry.core import errors
from tenantry.db.writes.retries import retried
from tenantry.endpoints.grpc_rest import bodies, grpc, rpc
from tenantry.endpoints.grpc_rest.address import Addresses
from tenantry.endpoints.grpc_rest.router import Router, allow
from tenantry.net.http import (
    MAX_ANONYMOUS,
    ClientGone,
    Request,
    Response,
    StreamingResponse,
    strict_transport,
)
from tenantry.telemetry import spans
from tenantry.telemetry.metrics import table as metrics
from tenantry.telemetry.request_context import CURRENT, RequestContext

if TYPE_CHECKING:
    from collections.abc import (
        Awaitable,
        Callable,
        Iterable,
        Mapping,
        MutableMapping,
    )

    from tenantry.net.http import Route
    from tenantry.rate_limits.rates import Rates
    from tenantry.telemetry.request_context import Observer

    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_log = logging.getLogger(__name__)

_CORS_HEADERS = (
    "authorization, content-type, if-match, idempotency-key, x-force, x-sdk-version, "
    "x-api-version, connect-protocol-version, connect-timeout-ms, grpc-timeout, x-grpc-web, "
    "x-user-agent"
)
_CORS_EXPOSED = (
    "etag, x-request-id, grpc-status, grpc-message, grpc-status-details-bin, "
    "retry-after, ratelimit, ratelimit-policy"
)
# A balancer that asks whether the server is well is no client.
_UNLIMITED = {"/livez", "/readyz", "/healthz"}


class Entry:
    """The ASGI application of one process, for plain HTTP requests.

    ``cors_origins`` are the origins whose pages may call the API, ``trusted_proxies`` the networks
    of proxies that say who the client is; ``refusal`` makes an error into a page for browsers.
    ``before`` is awaited before each request but those that ask how the server is. ``observers``
    are told of each request that is over.
    """

    def __init__(
        self,
        router: Router,
        rpcs: rpc.RpcServer,
        rates: Rates,
        *,
        cors_origins: tuple[str, ...] = (),
        trusted_proxies: tuple[str, ...] = (),
        refusal: Callable[[errors.Error, Request], Response] | None = None,
        public_url: str = "",
        before: Callable[[], Awaitable[None]] | None = None,
        observers: tuple[Observer, ...] = (),
    ) -> None:
        self._router = router
        self._rpcs = rpcs
        self._rates = rates
        self._cors_origins = cors_origins
        self._addresses = Addresses(trusted_proxies)
        self._refusal = refusal
        self._strict_transport = strict_transport(public_url)
        self._public: set[re.Pattern[str]] = set()
        self._before = before
        self._observers = observers
        self.in_flight = 0  # requests that came and are not over

    def add_routes(self, routes: Iterable[Route]) -> None:
        """Register the routes of an endpoint package."""
        for route in routes:
            self._router.add(route.verb, route.template, route)
            if route.public:
                path = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(route.template))
                self._public.add(re.compile(path))

    def measure(self) -> None:
        metrics.HTTP_IN_FLIGHT.add(by=self.in_flight)

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request; nothing it holds makes this raise.

        Only a stream that fails half way does: the server around us cuts it off then.
        """
        began = time.perf_counter()
        request = self._request(scope)
        CURRENT.set(request.context)
        if spans.tracer is not None:
            request.context.span = spans.tracer.begin(request.headers.get("traceparent"))
        self.in_flight += 1
        try:
            response = await self._answer(scope, request, receive, send)
            if response is not None:
                await self._send(request, response, send)
        except ClientGone:
            return
        finally:
            self.in_flight -= 1
            if self._observers:
                self._tell(request, time.perf_counter() - began)

    def _tell(self, request: Request, seconds: float) -> None:
        request_context = request.context
        request_context.seconds = seconds
        if not request_context.route:  # it was refused before that was looked for, or there is none
            self._find_route(request)
        for observer in self._observers:
            try:
                observer(request_context)
            except Exception:  # noqa: BLE001 - the response is sent on any error
                _log.exception("failed to record a request")

    def _find_route(self, request: Request) -> None:
        if request.verb == "POST" and self._rpcs.has(request.path):
            request.context.route = request.path
            request.context.wire = rpc.wire_of(request)
        elif rpc.is_grpc(request):
            request.context.wire = rpc.wire_of(request)
        else:
            with contextlib.suppress(errors.Error):
                target, _ = self._router.match(request.verb, request.path)
                request.context.route, request.context.wire = target.template, target.wire

    async def _answer(
        self, scope: Mapping[str, Any], request: Request, receive: Receive, send: Send
    ) -> Response | StreamingResponse | None:
        """Return the answer; None where the rpc endpoint has sent it itself."""
        response: Response | StreamingResponse
        pieces = None
        try:
            _check_version_and_host(request, scope.get("http_version"))
            if self._rates.of_addresses and request.path not in _UNLIMITED:
                request.tell(await self._rates.take_address(request.address))
            if self._before is not None and request.path not in _UNLIMITED:
                await self._before()
            if request.verb == "POST" and self._rpcs.has(request.path):
                request.context.route = request.path
                request.context.wire = rpc.wire_of(request)
                request.body = await bodies.read(request, receive, self._rpcs.limit(request.path))
                await self._rpcs(scope, request, self._finish(request, send))
                return None
            target = self._target(request)
            if isinstance(target, errors.Error):
                request.body = await bodies.read(request, receive, MAX_ANONYMOUS)
                response = self._nowhere(request, target)
            elif target.streams:
                request.pieces = pieces = bodies.Pieces(request, receive)
                response = await target(request)
            else:
                request.body = await bodies.read(request, receive, target.body_limit)
                # The pipeline retries an rpc itself.
                work = retried(target, request) if target.wire == "http" else target(request)
                response = await work
        except ClientGone:
            raise
        except Exception as problem:  # noqa: BLE001 - any error is answered
            error = error_details.translate(problem, request.request_id)
            request.context.error = error.name
            if rpc.is_grpc(request):
                await grpc.send_error(self._finish(request, send), request, error)
                return None
            response = self._refused(error, request)
        if pieces is not None:
            await pieces.drain()
        return response

    def _target(self, request: Request) -> Any:
        """Return what a request is for, or the error that it has none, once its body is read."""
        if "content-type" in request.headers and rpc.is_grpc(request):
            return errors.Unimplemented()
        try:
            target, request.params = self._router.match(request.verb, request.path)
        except errors.Error as problem:
            return problem
        request.context.route, request.context.wire = target.template, target.wire
        return target

    def _nowhere(self, request: Request, problem: errors.Error) -> Response:
        """Answer a request that no endpoint serves."""
        if rpc.is_grpc(request):
            raise problem
        if request.verb == "OPTIONS":
            return self._options(request)
        if self._rpcs.has(request.path):
            raise errors.MethodNotAllowed("POST, OPTIONS")
        if isinstance(problem, errors.RouteNotFound):
            raise errors.RouteNotFound(request.path, self._router.hint(request.path))
        raise problem

    def _refused(self, error: errors.Error, request: Request) -> Response:
        """Return an error as its caller reads it: Connect, the endpoint's own format, a browser,
        REST.
        """
        if request.verb == "POST" and self._rpcs.has(request.path):
            return rpc.connect_response(error, request)
        own = self._own_refusal(request)
        if own is not None:
            return own(error, request)
        # A path for programs answers as such, be it in a browser.
        missing = isinstance(error, errors.RouteNotFound)
        for_people = request.is_navigation and (missing or not request.path.startswith("/api/"))
        if self._refusal is not None and for_people:
            return self._refusal(error, request)
        return error_response(error, request)

    def _own_refusal(self, request: Request) -> Callable[[errors.Error, Request], Response] | None:
        """Return how the route of this path shows its errors, be the verb what it may."""
        with contextlib.suppress(errors.Error):
            target, _ = self._router.match("GET", request.path)
            return getattr(target, "refused", None)
        return None

    def _request(self, scope: Mapping[str, Any]) -> Request:
        request = _request(scope)
        peer = scope.get("client") or ("",)
        request.address = self._addresses.client(peer[0], request.headers.get("x-forwarded-for"))
        return request

    def _options(self, request: Request) -> Response:
        verbs = ["POST"] if self._rpcs.has(request.path) else self._router.verbs(request.path)
        if not verbs:
            raise errors.RouteNotFound
        headers = {"allow": allow(verbs)}
        if "access-control-request-method" in request.headers and self._allows(request):
            headers["access-control-allow-methods"] = allow(verbs)
            headers["access-control-allow-headers"] = _CORS_HEADERS
            headers["access-control-max-age"] = "600"
        return Response(204, b"", headers)

    def _allows(self, request: Request) -> bool:
        origin = request.headers.get("origin")
        if origin is None or origin in self._cors_origins:
            return origin is not None
        return any(template.fullmatch(request.path) for template in self._public)

    def _cors(self, request: Request) -> dict[str, str]:
        if "origin" not in request.headers:
            return {"vary": "origin"} if self._cors_origins else {}
        if not self._allows(request):
            return {"vary": "origin"}
        return {
            "access-control-allow-origin": request.headers["origin"],
            "access-control-expose-headers": _CORS_EXPOSED,
            "vary": "origin",
        }

    def _finish(self, request: Request, send: Send) -> Send:
        """Add the headers that every response has to those of the rpc endpoint."""

        async def sent(event: MutableMapping[str, Any]) -> None:
            if event["type"] == "http.response.start":
                extra = {
                    "x-request-id": request.request_id,
                    **self._strict_transport,
                    **request.limits,
                    **self._cors(request),
                }
                headers = [(name.encode(), value.encode()) for name, value in extra.items()]
                event["headers"] = [*event["headers"], *headers]
            await _deliver(request, event, send)

        return sent

    async def _send(
        self, request: Request, response: Response | StreamingResponse, send: Send
    ) -> None:
        headers = dict(response.headers)
        headers["x-request-id"] = request.request_id
        if self._strict_transport:
            headers |= self._strict_transport
        if isinstance(response, Response) and response.status not in {204, 304}:
            headers["content-length"] = str(len(response.body))
        if request.limits or self._cors_origins or "origin" in request.headers:
            for name, value in (*request.limits.items(), *self._cors(request).items()):
                headers[name] = f"{headers[name]}, {value}" if name in headers else value
        fields = [(_names[name], value.encode("latin-1")) for name, value in headers.items()]
        fields.append(_NO_SNIFFING)
        if "cache-control" not in headers:
            fields.append(_NO_STORE)
        start = {"type": "http.response.start", "status": response.status, "headers": fields}
        if isinstance(response, StreamingResponse):
            await _deliver(request, start, send)
            await _stream(request, response, send)
            return
        if response.cookies:
            fields += [(b"set-cookie", cookie.encode("latin-1")) for cookie in response.cookies]
        if response.error:
            request.context.error = response.error
        body = b"" if request.verb == "HEAD" else response.body
        context = request.context
        try:
            await send(start)
            context.status = response.status
            await send({"type": "http.response.body", "body": body})
        except OSError as problem:
            raise _gone(problem) from None
        context.sent += len(body)
        context.whole = True


class _HeaderNames(dict[str, bytes]):
    """Names of response headers as bytes. Only this program sets them, so there are few."""

    def __missing__(self, name: str) -> bytes:
        found = self[name] = name.encode()
        return found


class _DecodedNames(dict[bytes, str]):
    """Names of request headers as text. A client may send any, so only the first are cached."""

    def __missing__(self, raw: bytes) -> str:
        name = raw.decode("latin-1")
        if len(self) < _MOST_NAMES and len(raw) <= _LONGEST_NAME:
            self[raw] = name
        return name


_MOST_NAMES, _LONGEST_NAME = 256, 64
_names, _decoded = _HeaderNames(), _DecodedNames()
_NO_SNIFFING = (b"x-content-type-options", b"nosniff")
_NO_STORE = (b"cache-control", b"no-store")


def error_response(error: errors.Error, request: Request) -> Response:
    """Return an error as REST answers it."""
    headers = {"content-type": "application/json", **error.headers}
    if error.code is errors.Code.UNAUTHENTICATED and error.status == 401:
        # RFC 6750 section 3: no error code where no token came.
        came = "authorization" in request.headers
        headers["www-authenticate"] = 'Bearer error="invalid_token"' if came else "Bearer"
    body = json.dumps(error_details.envelope(error, request.request_id), ensure_ascii=False)
    return Response(error.status, body.encode(errors="replace"), headers)


async def _stream(request: Request, response: StreamingResponse, send: Send) -> None:
    async with contextlib.aclosing(response.pieces) as pieces:
        if request.verb != "HEAD":
            # The server around us sends the headers with the first piece: that may take a while.
            first = {"type": "http.response.body", "body": b"", "more_body": True}
            await _deliver(request, first, send)
            try:
                async for piece in pieces:
                    event = {"type": "http.response.body", "body": piece, "more_body": True}
                    await _deliver(request, event, send)
            except ClientGone:
                raise
            except Exception as problem:  # noqa: BLE001 - on any error the rest cannot follow
                request.context.error = error_details.translate(problem, request.request_id).name
                raise _CutOff from None
    await _deliver(request, {"type": "http.response.body", "body": b""}, send)


class _CutOff(Exception):
    """Half of an answer is sent, and the rest cannot be: the server around us has to break off."""


def _gone(problem: OSError) -> ClientGone:
    """Return the error of a client that went away while a response was sent."""
    # pyvoy raises one object each time: its traceback would never be released.
    problem.__traceback__ = None
    return ClientGone()


async def _deliver(request: Request, event: MutableMapping[str, Any], send: Send) -> None:
    try:
        await send(event)
    except OSError as problem:
        raise _gone(problem) from None
    request_context = request.context
    kind = event["type"]
    if kind == "http.response.start":
        request_context.status = event["status"]
        return
    request_context.sent += len(event.get("body", b""))
    # An answer to gRPC ends with its trailers.
    ends = request_context.wire != "grpc" or kind == "http.response.trailers"
    request_context.whole = ends and not event.get("more_body", False)


def _request(scope: Mapping[str, Any]) -> Request:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = _decoded[raw_name], raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    raw_path = scope.get("raw_path") or scope["path"].encode()
    path = raw_path.partition(b"?")[0].decode("latin-1")
    if path.startswith("//"):
        # A base URL with a trailing slash: the SDKs then ask for //oauth/token.
        path = "/" + path.lstrip("/")
    verb: str = scope["method"]
    # Unique is enough, nobody must guess it: the system's random numbers cost 4 % of a call.
    request_id = f"req_{random.getrandbits(96):024x}"
    return Request(
        verb=verb,
        path=path,
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        body=b"",
        request_id=request_id,
        scheme=scope.get("scheme", "https"),
        context=RequestContext(verb, path, request_id),
    )


def _check_version_and_host(request: Request, version: str | None) -> None:
    """Reject HTTP/1.0, which only health checks of load balancers use, and requests for two hosts.

    A proxy may have checked the other host. Envoy joins them: two Host headers (RFC 9112 section
    3.2), or Host beside :authority, which may say the same twice (RFC 9113 section 8.3.1).
    """
    if version == "1.0" and request.path not in _UNLIMITED:
        raise errors.UpgradeRequired
    host = request.headers.get("host")
    if host is None or (host and "," not in host):
        return
    hosts = host.split(",")
    if not host or version == "1.1" or len(set(hosts)) > 1:
        raise errors.InvalidArgument("a request is for one host: send one Host header")
