"""Spans: the parts of a request that a trace shows, where there is a collector of traces.

Nothing is made while `tracer` is None, and only `tenantry.traces` sets it. Parts hang directly on
the request that they are of. Work beside the requests leaves spans of its outgoing calls alone.
"""

from __future__ import annotations

import os
import random
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from tenantry.observed import CURRENT
from tenantry.settings import SettingError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tenantry.observed import Observed

SERVER, CLIENT = 2, 3  # as OpenTelemetry's protocol numbers the kinds
_MOST_PARTS = 500  # of one request; an import makes hundreds of thousands of statements


class WrongVariable(SettingError):
    """A variable of OpenTelemetry cannot be used; the text names it."""

    def __init__(self, name: str, problem: str) -> None:
        ValueError.__init__(self, f"{name}: {problem}")
        self.name, self.problem = name, problem


@dataclass(slots=True)
class Span:
    """One span; ids are bytes, times nanoseconds since 1970.

    One that is not ``sampled`` is never sent: it only has the ids for its request's log, and for
    others to whom the request is handed on.
    """

    name: str
    kind: int
    trace_id: bytes
    parent_id: bytes = b""
    sampled: bool = True
    span_id: bytes = b""
    start: int = 0
    end: int = 0
    attributes: dict[str, str | int] = field(default_factory=dict)
    failed: bool = False
    parts: int = 0

    def __post_init__(self) -> None:
        self.span_id = random.getrandbits(64).to_bytes(8)
        self.start = time.time_ns()

    @property
    def traceparent(self) -> str:
        """The header that hands it on (https://www.w3.org/TR/trace-context/)."""
        return f"00-{self.trace_id.hex()}-{self.span_id.hex()}-{self.sampled:02x}"


class Tracer(Protocol):
    """Begins spans of requests, and takes those that are over."""

    def begin(self, traceparent: str | None) -> Span:
        """Return the span of a request, or of work that none caused."""
        ...

    def add(self, span: Span) -> None:
        """Take a span that is over."""
        ...

    def observe(self, observed: Observed) -> None:
        """End the span of a request that is over."""
        ...


tracer: Tracer | None = None


def are_wanted(endpoint: str) -> bool:
    """Whether a collector is named, by this setting or by OpenTelemetry's own variables."""
    names = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return bool(endpoint) or any(os.environ.get(name) for name in names)


@contextmanager
def part(
    name: str, attributes: Mapping[str, str | int], *, root: bool = False
) -> Iterator[Span | None]:
    """Have a block be a part of the request: a call of another system. None: it is not traced.

    ``root``: where there is no request, it is a trace of its own.
    """
    span = _begun(name, root=root) if tracer is not None else None
    if span is None or tracer is None:
        yield None
        return
    span.attributes |= attributes
    try:
        yield span
    except BaseException as problem:
        span.failed = True
        span.attributes["error.type"] = type(problem).__qualname__
        raise
    finally:
        span.end = time.time_ns()
        if span.sampled:
            tracer.add(span)


def _begun(name: str, *, root: bool) -> Span | None:
    observed = CURRENT.get()
    parent: Any = None if observed is None or observed.seconds else observed.span
    if parent is None:
        if not root or tracer is None:
            return None
        span = tracer.begin(None)
        span.name, span.kind = name, CLIENT
        return span
    parent.parts += 1
    if parent.parts > _MOST_PARTS or not (parent.sampled or root):
        return None
    return Span(name, CLIENT, parent.trace_id, parent.span_id, parent.sampled)
