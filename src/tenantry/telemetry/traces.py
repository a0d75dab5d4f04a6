"""Traces: spans of requests, statements and outgoing calls, sent by OpenTelemetry's SDK.

The SDK reads its environment variables (https://opentelemetry.io/docs/specs/otel/configuration/
sdk-environment-variables/), which `settings/tracing.py` checks first. This module is imported only
where a collector is named: the SDK needs 0.1 s to import.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tenantry import __version__
from tenantry.settings import tracing
from tenantry.telemetry import log, spans
from tenantry.telemetry.request_context import CURRENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.trace import Span

    from tenantry.settings import Settings
    from tenantry.telemetry.request_context import RequestContext

_log = logging.getLogger(__name__)

_MOST_PARTS = 500  # of one request; an import makes hundreds of thousands of statements
_MOST_PARENT = 256  # characters; the SDK logs a warning of a longer header
_STOP_SECONDS = 2.0
_WARN_SECONDS = 300.0
_OURS = {2, 13, 14, 15}
_HEALTH = {"/livez", "/readyz", "/healthz"}
_propagator = TraceContextTextMapPropagator()


class Tracer:
    """Starts spans, and ends those of requests.

    The SDK's global provider and current span are not used, so that instrumented libraries add no
    spans and HTTP clients add no `traceparent` header.
    """

    def __init__(self, settings: Settings) -> None:
        exporter = OTLPSpanExporter(tracing.url(settings) or None)
        # Not at exit: that would wait up to 30 seconds for a collector that does not answer.
        self._provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("tenantry", __version__)

    def begin(self, traceparent: str | None) -> Span:
        """Start the span of a request, below a caller's span if the header names one."""
        known = traceparent is not None and len(traceparent) <= _MOST_PARENT
        parent = _propagator.extract({"traceparent": traceparent} if known else {})
        return self._tracer.start_span("", parent, SpanKind.SERVER)

    @contextmanager
    def part(
        self, name: str, attributes: Mapping[str, str | int], *, root: bool
    ) -> Iterator[Span | None]:
        """Record a block as a part of the current request: see `spans.part`."""
        request_context = CURRENT.get()
        parent = (
            None if request_context is None or request_context.seconds else request_context.span
        )
        if request_context is None or parent is None:
            is_traced, context = root, Context()
        else:
            request_context.parts += 1
            is_traced = request_context.parts <= _MOST_PARTS and (root or parent.is_recording())
            context = set_span_in_context(parent, Context())
        if not is_traced:
            yield None
            return
        span = self._tracer.start_span(name, context, SpanKind.CLIENT, attributes)
        try:
            yield span
        except BaseException as problem:
            # Its class alone: the text of an exception may hold a value.
            span.set_attribute("error.type", type(problem).__qualname__)
            span.set_status(StatusCode.ERROR)
            raise
        finally:
            span.end()

    def observe(self, request_context: RequestContext) -> None:
        """End the span of a request that is over."""
        span = request_context.span
        if span is None or not span.is_recording() or request_context.route in _HEALTH:
            return
        name = f"{request_context.method} {request_context.route}".strip()
        attributes: dict[str, str | int] = {
            "http.request.method": request_context.method,
            "http.response.status_code": request_context.status,
            "tenantry.request_id": request_context.request_id,
        }
        if request_context.wire in {"grpc", "grpc-web", "connect"} and request_context.route:
            service, _, method = request_context.route[1:].rpartition("/")
            attributes["rpc.system"] = (
                "connect_rpc" if request_context.wire == "connect" else "grpc"
            )
            attributes["rpc.service"], attributes["rpc.method"] = service, method
            name = request_context.route[1:]
            if request_context.grpc_status is not None:
                attributes["rpc.grpc.status_code"] = request_context.grpc_status
        elif request_context.route:
            attributes["http.route"] = request_context.route
        failed = request_context.status >= 500 or request_context.grpc_status in _OURS
        if failed:
            span.set_status(StatusCode.ERROR)
        if request_context.error or failed:
            attributes["error.type"] = request_context.error or str(request_context.status)
        if (
            request_context.caller is not None
            and request_context.caller.organization_id is not None
        ):
            attributes["tenantry.organization_id"] = request_context.caller.organization_id
        span.update_name(name)
        span.set_attributes(attributes)
        span.end()

    def close(self) -> None:
        """Send the spans that wait, for two seconds at most."""
        # The SDK's own shutdown has no parameter for its limit of 30 seconds.
        stopping = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        stopping.start()
        stopping.join(_STOP_SECONDS)


def headers(span: Span) -> dict[str, str]:
    """Return the headers that hand a trace on (https://www.w3.org/TR/trace-context/)."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, set_span_in_context(span, Context()))
    return carrier


def _resource() -> Resource:
    own: dict[str, str | int] = {"service.version": __version__, "process.pid": os.getpid()}
    if "service.name" not in OTELResourceDetector().detect().attributes:
        own["service.name"] = "tenantry"
    return Resource.create(own)


class _Problems(logging.Handler):
    """Logs what the SDK reports, once in five minutes for each kind.

    The SDK itself logs each batch that it cannot send, and each span that it drops.
    """

    def emit(self, record: logging.LogRecord) -> None:
        problem = re.sub(r"\?\S*", "?...", record.getMessage())  # a URL's query may hold a key
        log.warn_rate_limited(
            _log,
            "failed to export traces",
            f"{record.name} {record.levelname}",
            {"problem": problem[:300]},
            seconds=_WARN_SECONDS,
        )


def start(settings: Settings) -> Tracer:
    """Trace from now on; once in a process.

    `settings.tracing.check` comes first: the import of the SDK fails where a limit is no number.
    """
    if spans.tracer is None:
        reported = logging.getLogger("opentelemetry")
        reported.addHandler(_Problems(logging.WARNING))
        reported.propagate = False
        logging.getLogger("urllib3").setLevel(logging.WARNING)  # its debug lines have the URL
        spans.tracer = Tracer(settings)
    assert isinstance(spans.tracer, Tracer)
    return spans.tracer
