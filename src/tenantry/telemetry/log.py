"""Logs: one JSON object a line, on standard error.

By the standard library: structlog imports rich with it, 190 ms and 5 MB in every process. Fields
logged beside the sentence are given as ``extra={"fields": {...}}``; locals are never logged, since
they hold access tokens. Everything but ASCII is escaped: a value from a request can neither break a
line nor control a terminal.
"""

from __future__ import annotations

import json
import logging
import os
import select
import stat
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from tenantry.telemetry.request_context import CURRENT

_MOST_WAITING = 4 << 20  # bytes of lines that nobody has taken yet; further ones are dropped
_GATHER_SECONDS = 0.1  # that a line of a request waits for others, to be written with them
_PIPE_BYTES = select.PIPE_BUF  # more at once, and lines of several processes could mix in a pipe
_FILE_BYTES = 64 << 10


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        request_context = CURRENT.get()
        if (
            request_context is not None and not request_context.seconds
        ):  # not over: its context may live on
            line.setdefault("request_id", request_context.request_id)
            if request_context.span is not None:
                line["trace_id"] = f"{request_context.span.get_span_context().trace_id:032x}"
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, separators=(",", ":"))


class Lines:
    """Lines on their way to a file descriptor, which may be a pipe that nobody reads.

    In the background to add a line never waits for that pipe: lines gather, within bounds, and
    those beyond are dropped, counted, and told of by the next line that gets through. One that
    cannot be written at all, since the descriptor is closed or its disk is full, is dropped too.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waiting: deque[bytes] = deque()
        self._bytes = self._dropped = 0
        self._lock = threading.Lock()  # of these
        self._writing = threading.Lock()  # one writes at a time, so that lines keep their order
        self._wake, self._now = threading.Event(), threading.Event()
        self._written = threading.Event()
        self._thread: threading.Thread | None = None
        self._at_once = _FILE_BYTES
        with suppress(OSError):
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                self._at_once = _PIPE_BYTES

    def start(self) -> None:
        """Write in the background from now on."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._write_on, name="log", daemon=True)
            self._thread.start()

    def add(self, line: bytes) -> None:
        """Write a line within a tenth of a second, with others that come meanwhile."""
        if self._append(line):
            self._wake.set()
        if self._thread is None:
            self._write(wait=True)

    def add_now(self, line: bytes) -> None:
        """Write a line at once, with those before it, where that has not to wait."""
        self._append(line)
        self._write(wait=self._thread is None)
        if self._waiting:
            self._now.set()
            self._wake.set()

    def flush(self, seconds: float = 1.0) -> None:
        """Wait until all lines are written, so long at most."""
        if self._thread is not None:
            self._written.clear()
            self._now.set()
            self._wake.set()
            self._written.wait(seconds)

    def _append(self, line: bytes) -> bool:
        """Keep a line, or count it as dropped; return whether it is the first to wait."""
        with self._lock:
            if self._bytes + len(line) > _MOST_WAITING:
                self._dropped += 1
                return False
            self._bytes += len(line)
            self._waiting.append(line)
            return len(self._waiting) == 1

    def _write_on(self) -> None:
        while True:
            self._wake.wait()
            self._now.wait(_GATHER_SECONDS)
            self._wake.clear()
            self._now.clear()
            self._write(wait=True)
            self._written.set()

    def _write(self, *, wait: bool) -> None:
        if not self._writing.acquire(blocking=wait):
            return
        try:
            while (wait or self._takes_more()) and (lines := self._next()):
                try:
                    self._put(lines)
                except OSError:
                    with self._lock:
                        self._dropped += len(lines)
                    if not wait:
                        return
        finally:
            self._writing.release()

    def _next(self) -> list[bytes]:
        """Take as many lines as are written at once."""
        lines: list[bytes] = []
        size = 0
        with self._lock:
            if self._dropped and not self._waiting:
                return lines
            if self._dropped:
                lines.append(_dropped(self._dropped))
                size, self._dropped = len(lines[0]), 0
            while self._waiting and (not lines or size + len(self._waiting[0]) <= self._at_once):
                line = self._waiting.popleft()
                size += len(line)
                self._bytes -= len(line)
                lines.append(line)
        return lines

    def _put(self, lines: list[bytes]) -> None:
        rest = b"".join(lines)
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # a parent made its end of it so
                select.select([], [self._descriptor], [])

    def _takes_more(self) -> bool:
        """Whether a write of some lines would not wait, as far as one can know."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        return bool(poll.poll(0))


def _dropped(times: int) -> bytes:
    said = "log lines dropped: standard error was not read fast enough"
    line = {"time": stamp(), "level": "warning", "message": said, "times": times}
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


_second = (0, "")


def stamp() -> str:
    """Return the time as lines of the log have it."""
    global _second  # noqa: PLW0603 - one tuple, taken and replaced whole
    micros = time.time_ns() // 1000
    second, known = micros // 1_000_000, _second
    if known[0] != second:
        text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        _second = known = (second, text)
    return f"{known[1]}.{micros // 1000 % 1000:03}+00:00"


lines = Lines(2)


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            lines.add_now(self.format(record).encode() + b"\n")
        except Exception:  # noqa: BLE001 - as the standard library's handlers have it
            self.handleError(record)


def configure(levels: str, *, in_background: bool = False) -> None:
    """Log from this level on: debug, info, warning or error; `info,tenantry.worker=debug`.

    ``in_background``: to log never waits for a reader of the log.
    """
    sys.stderr.flush()
    handler = _Handler()
    handler.setFormatter(_Json())
    level, *modules = levels.split(",")
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # It logs each of its steps; Tenantry logs the applied ones itself.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    for module in modules:
        name, _, own = module.partition("=")
        logging.getLogger(name).setLevel(own.upper())
    if in_background:
        lines.start()


_SELDOM_SECONDS = 1.0
_lock = threading.Lock()
_last: dict[tuple[str, str], float] = {}
_untold: dict[tuple[str, str], int] = {}


def warn_rate_limited(
    logger: logging.Logger,
    message: str,
    kind: str,
    fields: dict[str, Any],
    *,
    seconds: float = _SELDOM_SECONDS,
) -> None:
    """Warn of something once a second at most, and of how often it was since (``times``).

    Two of one ``kind`` are the same, one of a few words; ``fields`` are of the last.
    """
    key, now = (message, kind), time.monotonic()
    with _lock:
        times = _untold.get(key, 0) + 1
        if now - _last.get(key, float("-inf")) < seconds:
            _untold[key] = times
            return
        _last[key], _untold[key] = now, 0
    logger.warning(message, extra={"fields": {**fields, "times": times}})
