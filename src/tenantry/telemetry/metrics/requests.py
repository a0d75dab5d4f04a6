"""Requests in figures: what each says of itself once it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.telemetry.metrics import table

if TYPE_CHECKING:
    from tenantry.telemetry.request_context import RequestContext

UNMATCHED = "unmatched"  # the route of a request for which there is none


def count(request_context: RequestContext) -> None:
    """Count a request that is over: an observer of `tenantry.endpoints.grpc_rest.entry`."""
    grpc_status = request_context.grpc_status
    table.HTTP_REQUEST_SECONDS.observe(
        request_context.seconds,
        request_context.wire,
        request_context.method,
        request_context.route or UNMATCHED,
        request_context.status,
        "" if grpc_status is None else grpc_status,
    )
    if request_context.received:
        table.HTTP_RECEIVED.add(by=request_context.received)
    if request_context.sent:
        table.HTTP_SENT.add(by=request_context.sent)
    if request_context.error:
        table.HTTP_ERRORS.add(request_context.error)
    if not request_context.whole:
        table.HTTP_UNFINISHED.add()
