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
    from tenantry.telemetry.request_context import Observed

_log = logging.getLogger(values.REQUEST_LOG)

# Balancers ask for these every few seconds.
_HEALTH = {"/livez", "/readyz", "/healthz"}
# UNKNOWN, INTERNAL, UNAVAILABLE, DATA_LOSS: the server's doing, as 500 and 503 are.
_OURS = {2, 13, 14, 15}
# Segments of a path that are words: no Tenantry ID or secret is one, since they have digits and
# capitals.
_WORD = re.compile(r"[A-Za-z.]?[a-z._-]{0,31}\d?")
_MOST_SEGMENTS = 8


def write(observed: Observed) -> None:
    """Add the line of a request: a warning where the fault is the server's."""
    failed = (observed.status >= 500 and observed.status != 501) or observed.grpc_status in _OURS
    level = logging.WARNING if failed else logging.INFO
    if _log.isEnabledFor(level) and observed.route not in _HEALTH:
        line = _line(observed, failed=failed)
        log.lines.add(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


def _line(observed: Observed, *, failed: bool) -> dict[str, Any]:
    line: dict[str, Any] = {
        "time": log.stamp(),
        "level": "warning" if failed else "info",
        "message": "request",
        "method": observed.method,
        "route": observed.route,
        "wire": observed.wire,
        "status": observed.status,
        "ms": round(observed.seconds * 1000, 3),
        "received": observed.received,
        "sent": observed.sent,
        "request_id": observed.request_id,
    }
    caller = observed.caller
    if caller is not None:
        line["caller"], line["caller_id"] = caller.kind.name.lower(), caller.id
        if caller.organization_id is not None:
            line["organization_id"] = caller.organization_id
        if caller.impersonator:
            line["impersonator"] = caller.impersonator
    if observed.span is not None:
        line["trace_id"] = f"{observed.span.get_span_context().trace_id:032x}"
    if not observed.route:
        line["path"] = words(observed.path)
    if observed.grpc_status is not None:
        line["grpc_status"] = observed.grpc_status
    if observed.error:
        line["error_code"] = observed.error
    if observed.error_id:
        line["error_id"] = observed.error_id
    if not observed.whole:
        line["whole"] = False
    return line


def words(path: str) -> str:
    """Return a path with `*` for each segment that is no word, and for all after eight."""
    segments = path[: 40 * _MOST_SEGMENTS].split("/", _MOST_SEGMENTS + 1)[1:]
    shown = [each if _WORD.fullmatch(each) else "*" for each in segments[:_MOST_SEGMENTS]]
    return "/" + "/".join(shown + ["*"] * (len(segments) > _MOST_SEGMENTS))
