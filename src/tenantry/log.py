"""Logs: one JSON object a line, on standard error.

By the standard library: structlog imports rich with it, 190 ms and 5 MB in every process. Fields
logged beside the sentence is given as ``extra={"fields": {...}}``; locals are never logged, since
they hold access tokens.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from datetime import UTC, datetime
from typing import Any


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure(level: str) -> None:
    """Log from this level on: debug, info, warning or error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # It reports each of its own steps; the applied ones, we say ourselves.
    logging.getLogger("alembic").setLevel(logging.WARNING)


_SELDOM_SECONDS = 1.0
_lock = threading.Lock()
_last: dict[tuple[str, str], float] = {}
_untold: dict[tuple[str, str], int] = {}


def seldom(logger: logging.Logger, message: str, kind: str, fields: dict[str, Any]) -> None:
    """Warn of something once a second at most, and of how often it was since (``times``).

    Two of one ``kind`` are the same, one of a few words; ``fields`` are of the last.
    """
    key, now = (message, kind), time.monotonic()
    with _lock:
        times = _untold.get(key, 0) + 1
        if now - _last.get(key, float("-inf")) < _SELDOM_SECONDS:
            _untold[key] = times
            return
        _last[key], _untold[key] = now, 0
    logger.warning(message, extra={"fields": {**fields, "times": times}})
