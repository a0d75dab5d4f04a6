"""The log of requests: one line for each that is over, among the other lines of the log.

It names routes by their templates, and no query, header or body: ids of sign-ins and of portal
links are as good as passwords. Of a path that no route has, it shows words alone.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

import orjson

from tenantry.settings import values
from tenantry.telemetry import log

if TYPE_CHECKING:
    from tenantry.core.caller import Caller
    from tenantry.telemetry.request_context import RequestContext

_log = logging.getLogger(values.REQUEST_LOG)

# Balancers ask for these every few seconds.
_HEALTH = {"/livez", "/readyz", "/healthz"}
# UNKNOWN, INTERNAL, UNAVAILABLE, DATA_LOSS: the server's doing, as 500 and 503 are.
_OURS = {2, 13, 14, 15}
# Segments of a path that are words: no Tenantry ID or secret is one, since they have digits and
# capitals.
_WORD = re.compile(r"[A-Za-z.]?[a-z._-]{0,31}\d?")
_MOST_SEGMENTS = 8


def write(request_context: RequestContext) -> None:
    """Add the line of a request: a warning where the fault is the server's."""
    failed = (
        request_context.status >= 500 and request_context.status != 501
    ) or request_context.grpc_status in _OURS
    level = logging.WARNING if failed else logging.INFO
    if _log.isEnabledFor(level) and request_context.route not in _HEALTH:
        line = _line(request_context, failed=failed)
        log.lines.add(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


def _line(request_context: RequestContext, *, failed: bool) -> dict[str, Any]:
    line: dict[str, Any] = {
        "time": log.stamp(),
        "level": "warning" if failed else "info",
        "message": "request",
        "method": request_context.method,
        "route": request_context.route,
        "wire": request_context.wire,
        "status": request_context.status,
        "ms": int(request_context.seconds * 1_000_000) / 1000,
        "received": request_context.received,
        "sent": request_context.sent,
        "request_id": request_context.request_id,
    }
    if request_context.caller is not None:
        line |= _who(request_context.caller)
    if request_context.span is not None:
        line["trace_id"] = f"{request_context.span.get_span_context().trace_id:032x}"
    if not request_context.route:
        line["path"] = words(request_context.path)
    if request_context.grpc_status is not None:
        line["grpc_status"] = request_context.grpc_status
    if request_context.error:
        line["error_code"] = request_context.error
    if request_context.error_id:
        line["error_id"] = request_context.error_id
    if not request_context.whole:
        line["whole"] = False
    return line


def _who(caller: Caller) -> dict[str, Any]:
    """Return the members of a line that tell the caller."""
    found = {"caller": caller.kind.label, "caller_id": caller.id}
    if caller.organization_id is not None:
        found["organization_id"] = caller.organization_id
    if caller.impersonator:
        found["impersonator"] = caller.impersonator
    if caller.client_name:
        found["client"] = caller.client_name
    return found


def words(path: str) -> str:
    """Return a path with `*` for each segment that is no word, and for all after eight."""
    segments = path[: 40 * _MOST_SEGMENTS].split("/", _MOST_SEGMENTS + 1)[1:]
    shown = [each if _WORD.fullmatch(each) else "*" for each in segments[:_MOST_SEGMENTS]]
    return "/" + "/".join(shown + ["*"] * (len(segments) > _MOST_SEGMENTS))
