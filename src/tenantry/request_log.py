"""The log of requests: one line for each that is over, among the other lines of the log.

It names routes by their templates, and no query, header or body: ids of sign-ins and of portal
links are as good as passwords. Of a path that no route has, it shows words alone.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

import orjson

from tenantry import log

if TYPE_CHECKING:
    from tenantry.observed import Observed

_log = logging.getLogger(__name__)

# Balancers ask for these every few seconds.
_HEALTH = {"/livez", "/readyz", "/healthz"}
# UNKNOWN, INTERNAL, UNAVAILABLE, DATA_LOSS: the server's doing, as 500 and 503 are.
_OURS = {2, 13, 14, 15}
# Segments of a path that are words: no id or secret of ours is one, having digits and capitals.
_WORD = re.compile(r"[A-Za-z.]?[a-z._-]{0,31}\d?")
_MOST_SEGMENTS = 8


def write(observed: Observed) -> None:
    """Add the line of a request: a warning where the fault is the server's."""
    status, grpc_status, route = observed.status, observed.grpc_status, observed.route
    failed = (status >= 500 and status != 501) or grpc_status in _OURS
    if not _log.isEnabledFor(logging.WARNING if failed else logging.INFO) or route in _HEALTH:
        return
    line = {
        "time": log.stamp(),
        "level": "warning" if failed else "info",
        "message": "request",
        "method": observed.method,
        "route": route,
        "wire": observed.wire,
        "status": status,
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
    if not route:
        line["path"] = words(observed.path)
    if grpc_status is not None:
        line["grpc_status"] = grpc_status
    if observed.error:
        line["error_code"] = observed.error
    if observed.error_id:
        line["error_id"] = observed.error_id
    if not observed.whole:
        line["whole"] = False
    log.lines.add(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


def words(path: str) -> str:
    """Return a path with `*` for each segment that is no word, and for all after eight."""
    segments = path[: 40 * _MOST_SEGMENTS].split("/", _MOST_SEGMENTS + 1)[1:]
    shown = [each if _WORD.fullmatch(each) else "*" for each in segments[:_MOST_SEGMENTS]]
    return "/" + "/".join(shown + ["*"] * (len(segments) > _MOST_SEGMENTS))
