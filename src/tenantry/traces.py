"""Traces: spans of requests, statements and outgoing calls, to a collector by OTLP over HTTP.

https://opentelemetry.io/docs/specs/otlp/#otlphttp, in protobuf, with the environment variables of
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/. Imported only
where a collector is named. By hand: a span costs a fifth of what it costs by OpenTelemetry's SDK
(docs/decisions/0037-traces.md).
"""

from __future__ import annotations

import http.client
import logging
import os
import random
import re
import ssl
import threading
import time
from collections import deque
from contextlib import suppress
from importlib.metadata import version
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from tenantry import spans
from tenantry.spans import SERVER, Span, WrongVariable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tenantry.observed import Observed
    from tenantry.settings import Settings

_log = logging.getLogger(__name__)

# Version, trace id, span id and flags; of a later version more may follow.
_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_MOST_PARENT = 256  # characters
_MOST_WAITING = 10_000  # spans; the oldest are dropped
_BATCH = 512
_GATHER_SECONDS = 1.0
_SEND_SECONDS = 5.0
_PAUSES = (1.0, 5.0, 15.0, 60.0)  # after so many sendings that failed
_WARN_SECONDS = 300.0
_CERTIFICATE = "OTEL_EXPORTER_OTLP_CERTIFICATE"
_SAMPLERS = ("always_on", "always_off", "traceidratio")
_OURS = {2, 13, 14, 15}
_HEALTH = {"/livez", "/readyz", "/healthz"}


class Exporter:
    """Begins spans as the sampler says, and sends those that are over, in a thread of its own."""

    def __init__(self, url: str, environ: Mapping[str, str]) -> None:
        """Take the collector's whole URL.

        Raises:
            WrongVariable: a variable of OpenTelemetry cannot be used.

        """
        parts = urlsplit(url)
        self._host, self._port = parts.hostname, parts.port
        self._path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        self._context = _context(url, environ)
        self._headers = {
            **_headers(environ),
            "content-type": "application/x-protobuf",
            "user-agent": f"tenantry/{version('tenantry')}",
        }
        self._follows_parent, self._ratio = _sampler(environ)
        self._resource = _resource(environ)
        self._waiting: deque[Span] = deque(maxlen=_MOST_WAITING)
        self._wake, self._stop = threading.Event(), threading.Event()
        self._dropped = 0
        self._warned = float("-inf")
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self._thread.start()

    def begin(self, traceparent: str | None) -> Span:
        """Return a span that goes on from a caller's, where the header names one rightly."""
        parent = _parent(traceparent)
        if parent is None:
            trace_id = random.getrandbits(128).to_bytes(16)
            return Span("", SERVER, trace_id, sampled=self._takes(trace_id))
        trace_id, span_id, sampled = parent
        if not self._follows_parent:
            sampled = self._takes(trace_id)
        return Span("", SERVER, trace_id, span_id, sampled)

    def _takes(self, trace_id: bytes) -> bool:
        return int.from_bytes(trace_id[8:]) < self._ratio * (1 << 64)

    def add(self, span: Span) -> None:
        """Take a span that is over."""
        waiting = self._waiting
        if len(waiting) == _MOST_WAITING:
            self._dropped += 1
        waiting.append(span)
        if not self._wake.is_set():
            self._wake.set()

    def observe(self, observed: Observed) -> None:
        """End the span of a request that is over."""
        span = observed.span
        if span is None or not span.sampled or observed.route in _HEALTH:
            return
        span.end = time.time_ns()
        attributes: dict[str, str | int] = {
            "http.request.method": observed.method,
            "http.response.status_code": observed.status,
            "tenantry.request_id": observed.request_id,
        }
        span.name = f"{observed.method} {observed.route}".strip()
        if observed.wire in {"grpc", "grpc-web", "connect"} and observed.route:
            service, _, method = observed.route[1:].rpartition("/")
            attributes["rpc.system"] = "connect_rpc" if observed.wire == "connect" else "grpc"
            attributes["rpc.service"], attributes["rpc.method"] = service, method
            span.name = observed.route[1:]
            if observed.grpc_status is not None:
                attributes["rpc.grpc.status_code"] = observed.grpc_status
        elif observed.route:
            attributes["http.route"] = observed.route
        span.failed = observed.status >= 500 or observed.grpc_status in _OURS
        if observed.error or span.failed:
            attributes["error.type"] = observed.error or str(observed.status)
        if observed.caller is not None and observed.caller.organization_id is not None:
            attributes["tenantry.organization_id"] = observed.caller.organization_id
        span.attributes = attributes
        self.add(span)

    def close(self) -> None:
        """Send the spans that wait, as far as that takes a moment."""
        self._stop.set()
        self._wake.set()
        self._thread.join(2.0)

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            self._wake.wait()
            pause = _PAUSES[min(failures, len(_PAUSES)) - 1] if failures else _GATHER_SECONDS
            self._stop.wait(pause)
            self._wake.clear()
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
                problem = self._sent(batch)
                failures = failures + 1 if problem else 0
                if problem:
                    self._dropped += len(batch)
                    self._wake.set()
                    break
            self._warn(problem if failures else "")

    def _sent(self, batch: Iterable[Span]) -> str:
        """Post some spans; return why that failed, "" where it did not."""
        host, port = self._host or "", self._port
        connection = (
            http.client.HTTPSConnection(host, port, timeout=_SEND_SECONDS, context=self._context)
            if self._context is not None
            else http.client.HTTPConnection(host, port, timeout=_SEND_SECONDS)
        )
        try:
            connection.request("POST", self._path, encoded(self._resource, batch), self._headers)
            answer = connection.getresponse()
            answer.read(1 << 16)
        except (OSError, http.client.HTTPException, ValueError) as problem:
            return str(problem)[:200] or type(problem).__name__
        finally:
            connection.close()
        return "" if answer.status // 100 == 2 else f"it answered {answer.status}"

    def _warn(self, problem: str) -> None:
        now = time.monotonic()
        if self._dropped and now - self._warned >= _WARN_SECONDS:
            fields = {"problem": problem or "they came too fast", "dropped": self._dropped}
            _log.warning("spans were not taken by the collector", extra={"fields": fields})
            self._warned, self._dropped = now, 0


def _parent(traceparent: str | None) -> tuple[bytes, bytes, bool] | None:
    """Return a caller's trace, span, and whether it is sampled; None for no or a bad header."""
    if traceparent is None or len(traceparent) > _MOST_PARENT:
        return None
    given = _PARENT.fullmatch(traceparent)
    if given is None or given[1] == "ff" or (given[1] == "00" and given[5] is not None):
        return None
    if not int(given[2], 16) or not int(given[3], 16):
        return None
    return bytes.fromhex(given[2]), bytes.fromhex(given[3]), bool(int(given[4], 16) & 1)


def endpoint(settings: Settings, environ: Mapping[str, str] = os.environ) -> str:
    """Return the whole URL of the collector, "" for none.

    Raises:
        WrongVariable: a variable of OpenTelemetry is no URL.

    """
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return ""
    if settings.traces_endpoint:
        return _with_path(settings.traces_endpoint)
    if environ.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        return ""
    if whole := environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        return _url("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", whole)
    base = environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    return base and _url("OTEL_EXPORTER_OTLP_ENDPOINT", base.rstrip("/") + "/v1/traces")


def _with_path(url: str) -> str:
    return url if urlsplit(url).path.strip("/") else url.rstrip("/") + "/v1/traces"


def _url(name: str, text: str) -> str:
    with suppress(ValueError):
        parts = urlsplit(text)
        is_url = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        if is_url and text.isascii() and text.isprintable() and " " not in text:
            return text
    raise WrongVariable(name, "must be http://host:4318 or https://...")


def _context(url: str, environ: Mapping[str, str]) -> ssl.SSLContext | None:
    """Return what TLS to the collector needs; None without TLS."""
    if urlsplit(url).scheme != "https":
        return None
    context = ssl.create_default_context()
    if file := environ.get(_CERTIFICATE):
        try:
            context.load_verify_locations(file)
        except OSError as problem:
            raise WrongVariable(_CERTIFICATE, f"{file} cannot be read") from problem
    return context


def _headers(environ: Mapping[str, str]) -> dict[str, str]:
    name = "OTEL_EXPORTER_OTLP_TRACES_HEADERS"
    if name not in environ:
        name = "OTEL_EXPORTER_OTLP_HEADERS"
    headers = {}
    for member in filter(None, (each.strip() for each in environ.get(name, "").split(","))):
        key, equals, value = (each.strip() for each in member.partition("="))
        value = unquote(value)
        is_value = value.isascii() and value.isprintable()
        if not equals or not re.fullmatch(r"[\w-]+", key, re.ASCII) or not is_value:
            raise WrongVariable(name, "must be name=value, percent-encoded ASCII, by commas")
        headers[key.lower()] = value
    return headers


def _sampler(environ: Mapping[str, str]) -> tuple[bool, float]:
    """Return whether a caller's choice is followed, and the share of other traces that is taken."""
    name = environ.get("OTEL_TRACES_SAMPLER") or "parentbased_always_on"
    kind = name.removeprefix("parentbased_")
    if kind not in _SAMPLERS:
        raise WrongVariable("OTEL_TRACES_SAMPLER", f"{name[:60]!r} is no sampler that is known")
    ratio = {"always_on": 1.0, "always_off": 0.0}.get(kind)
    if ratio is None:
        text = environ.get("OTEL_TRACES_SAMPLER_ARG") or "1"
        try:
            ratio = float(text)
        except ValueError:
            ratio = -1.0
        if not 0 <= ratio <= 1:
            raise WrongVariable("OTEL_TRACES_SAMPLER_ARG", f"{text[:60]!r} is not 0 to 1")
    return kind != name, ratio


def _resource(environ: Mapping[str, str]) -> dict[str, str | int]:
    given: dict[str, str | int] = {}
    for member in environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
        key, equals, value = member.partition("=")
        if equals and key.strip():
            given[key.strip()] = unquote(value.strip())
    given.setdefault("service.name", "tenantry")
    if named := environ.get("OTEL_SERVICE_NAME"):
        given["service.name"] = named
    return {**given, "service.version": version("tenantry"), "process.pid": os.getpid()}


# Protobuf's wire format, of opentelemetry/proto/trace/v1/trace.proto.


def encoded(resource: Mapping[str, str | int], batch: Iterable[Span]) -> bytes:
    """Return an ExportTraceServiceRequest."""
    scope = _text(1, "tenantry") + _text(2, version("tenantry"))
    told = _bytes(1, scope) + b"".join(_bytes(2, _span(span)) for span in batch)
    return _bytes(1, _bytes(1, _attributes(1, resource)) + _bytes(2, told))


def _span(span: Span) -> bytes:
    parts = [_bytes(1, span.trace_id), _bytes(2, span.span_id)]
    if span.parent_id:
        parts.append(_bytes(4, span.parent_id))
    parts += [_text(5, span.name), _number(6, span.kind)]
    parts += [b"\x39" + span.start.to_bytes(8, "little"), b"\x41" + span.end.to_bytes(8, "little")]
    parts.append(_attributes(9, span.attributes))
    if span.failed:
        parts.append(_bytes(15, _number(3, 2)))
    return b"".join(parts)


def _attributes(number: int, given: Mapping[str, str | int]) -> bytes:
    return b"".join(
        _bytes(
            number,
            _text(1, key)
            + _bytes(2, _number(3, value) if isinstance(value, int) else _text(1, value)),
        )
        for key, value in given.items()
    )


def _text(number: int, text: str) -> bytes:
    return _bytes(number, text.encode(errors="replace"))


def _bytes(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def check(settings: Settings) -> None:
    """Read the variables of OpenTelemetry that `start` uses.

    Raises:
        WrongVariable: one of them cannot be used.

    """
    if url := endpoint(settings):
        _context(url, os.environ)
        _headers(os.environ)
        _sampler(os.environ)


def start(settings: Settings) -> Exporter | None:
    """Trace from now on, where a collector is named; once in a process.

    Raises:
        WrongVariable: a variable of OpenTelemetry cannot be used.

    """
    if spans.tracer is None and (url := endpoint(settings)):
        spans.tracer = Exporter(url, os.environ)
    return spans.tracer if isinstance(spans.tracer, Exporter) else None
