"""Spans: the parts of a request that a trace shows, where there is a collector of traces.

The rest of the program starts spans through this module, which imports nothing of OpenTelemetry.
`tenantry.telemetry.traces` imports the SDK and sets `tracer`; without it no span is started.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from opentelemetry.trace import Span

    from tenantry.telemetry.request_context import RequestContext


class Tracer(Protocol):
    """Starts and ends spans: `tenantry.telemetry.traces.Tracer`."""

    def begin(self, traceparent: str | None) -> Span:
        """Start the span of a request, below a caller's span if the header names one."""

    def part(
        self, name: str, attributes: Mapping[str, str | int], *, root: bool
    ) -> AbstractContextManager[Span | None]:
        """Return a context manager that records its block; see `part` of this module."""

    def observe(self, request_context: RequestContext) -> None:
        """End the span of a request that is over."""


tracer: Tracer | None = None


def part(
    name: str, attributes: Mapping[str, str | int], *, root: bool = False
) -> AbstractContextManager[Span | None]:
    """Return a context manager that records its block as a part of the current request.

    The value is None where the block is not traced. ``root``: without a request, the block is its
    own trace.
    """
    return nullcontext() if tracer is None else tracer.part(name, attributes, root=root)
