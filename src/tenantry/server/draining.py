"""Leaving unnoticed: clients are asked to disconnect, new connections are refused, then the rest
ends.

Envoy alone would lose some. A connection that the system has taken and Envoy has not is reset when
the listener closes, and one that has just been opened has no request in flight yet. So new
connections are held off before the listener closes, and open ones are waited for, not requests.
"""

from __future__ import annotations

import ctypes
import http.client
import os
import signal
import socket
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tenantry import server
from tenantry.net import http as web

if TYPE_CHECKING:
    from collections.abc import Iterator

_IDLE_SECONDS = 1.0  # for open connections without a request
_HANDSHAKE_SECONDS = 0.2  # for connections that are half open
_POLL_SECONDS = 0.05
_ADMIN_SECONDS = 8.0
# Of the application, and connections of which nothing is known yet, by the names in `envoy`.
_REQUESTS = "http.ingress_http.downstream_rq_active"
_FIGURES = r"^(http\.ingress_http\.|listener\.[^a]).*_active$"

_SO_ATTACH_FILTER = 26  # asm-generic/socket.h
_TCP_INFO_QUEUED = struct.Struct("=24xI")  # linux/tcp.h: of a listener, tcpi_unacked
# Classic BPF over a TCP header (linux/filter.h): drop packets with SYN and not ACK, take all else.
_NO_NEW_CONNECTIONS = (
    (0x30, 0, 0, 13),  # A = the byte of flags
    (0x54, 0, 0, 0x12),  # A &= SYN | ACK
    (0x15, 0, 1, 0x02),  # SYN alone?
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # take
)


def drain(admin: Path, port: int, seconds: float) -> None:
    """Go on for some seconds while every answer asks its client to leave, then finish the rest.

    The answers have `Connection: close`, or on HTTP/2 a GOAWAY before them. A further stop signal
    ends it at once.
    """
    with suppress(
        OSError, http.client.HTTPException, _SecondSignal
    ):  # Envoy is not up: nothing to finish
        _ask(admin, "POST", "/healthcheck/fail")
        _pause(seconds)
        web.STOPPING.set()
        _close(admin, port)
        _finish(admin)


def listens(port: int) -> bool:
    """Whether this process can be reached at the port, and not only another that shares it."""
    found = list(_listeners(port))
    for listener in found:
        listener.close()
    return bool(found) or sys.platform != "linux"


class _SecondSignal(Exception):
    """A further stop signal came."""


def _pause(seconds: float) -> None:
    if signal.sigtimedwait(server.STOP_SIGNALS, seconds) is not None:
        raise _SecondSignal


def _close(admin: Path, port: int) -> None:
    """Close the listeners once they have handed over whom they have taken."""
    until = time.monotonic() + _HANDSHAKE_SECONDS
    listeners = list(_listeners(port))
    try:
        for listener in listeners:
            _hold_off(listener)
        while listeners and (time.monotonic() < until or any(map(_queued, listeners))):
            _pause(_POLL_SECONDS)
            if time.monotonic() > until + _IDLE_SECONDS:
                break
        _ask(admin, "POST", "/drain_listeners")
    finally:
        for listener in listeners:
            listener.close()


def _finish(admin: Path) -> None:
    """Wait until nobody is there, or nobody has asked for a while, or it takes too long."""
    start = idle_since = time.monotonic()
    while (now := time.monotonic()) < start + server.FINISH_SECONDS:
        figures = _active(admin)
        if not any(figures.values()):
            return
        if figures.get(_REQUESTS):
            idle_since = now
        if now > idle_since + _IDLE_SECONDS:
            return
        _pause(_POLL_SECONDS)


def _listeners(port: int) -> Iterator[socket.socket]:
    """Give what Envoy, in this process, listens on."""
    if sys.platform != "linux":
        return
    for path in list(filter(_is_socket, Path("/proc/self/fd").iterdir())):
        try:
            one = socket.socket(fileno=os.dup(int(path.name)))
        except OSError:  # gone
            continue
        with suppress(OSError):
            listens = one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            if listens and one.family != socket.AF_UNIX and one.getsockname()[1] == port:
                yield one
                continue
        one.close()


def _is_socket(descriptor: Path) -> bool:
    """Tell sockets from files without a copy of the descriptor.

    To close the copy of one that is a file would end all locks of this process on that file
    (fcntl(2)): SQLite would let another process delete the log that we write to.
    """
    with suppress(OSError):  # gone
        return descriptor.readlink().name.startswith("socket:")
    return False


def _hold_off(listener: socket.socket) -> None:
    """Let clients that come now wait a second: by then they are refused, or somebody else is there.

    They try a connection again for which no answer comes, but not one that is reset.
    """
    program = b"".join(struct.pack("=HBBI", *step) for step in _NO_NEW_CONNECTIONS)
    kept = ctypes.create_string_buffer(program, len(program))
    given = struct.pack("@HP", len(_NO_NEW_CONNECTIONS), ctypes.addressof(kept))
    with suppress(OSError):  # not allowed here: some may be reset
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, given)


def _queued(listener: socket.socket) -> int:
    """Return how many connections the system has taken that Envoy has not."""
    info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_QUEUED.size)
    (count,) = _TCP_INFO_QUEUED.unpack(info)
    return int(count)


def _active(admin: Path) -> dict[str, int]:
    lines = _ask(admin, "GET", f"/stats?filter={_FIGURES}").splitlines()
    pairs = (line.rpartition(": ") for line in lines)
    return {name: int(value) for name, _, value in pairs}


def _ask(admin: Path, verb: str, path: str) -> str:
    connection = http.client.HTTPConnection("envoy")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(_ADMIN_SECONDS)
    try:
        connection.sock.connect(str(admin))
        connection.request(verb, path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()
