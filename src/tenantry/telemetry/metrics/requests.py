"""Requests in figures: what each says of itself once it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.telemetry.metrics import table

if TYPE_CHECKING:
    from tenantry.telemetry.request_context import Observed

UNMATCHED = "unmatched"  # the route of a request for which there is none


def count(observed: Observed) -> None:
    """Count a request that is over: an observer of `tenantry.endpoints.grpc_rest.entry`."""
    grpc_status = observed.grpc_status
    table.HTTP_REQUEST_SECONDS.observe(
        observed.seconds,
        observed.wire,
        observed.method,
        observed.route or UNMATCHED,
        observed.status,
        "" if grpc_status is None else grpc_status,
    )
    if observed.received:
        table.HTTP_RECEIVED.add(by=observed.received)
    if observed.sent:
        table.HTTP_SENT.add(by=observed.sent)
    if observed.error:
        table.HTTP_ERRORS.add(observed.error)
    if not observed.whole:
        table.HTTP_UNFINISHED.add()
