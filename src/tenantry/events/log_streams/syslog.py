"""A stream to a syslog server: RFC 5424 messages over UDP, TCP or TLS.

On a connection a message is framed by its length (RFC 6587 section 3.4.1, RFC 5425 section 4.3).
Syslog has no answer: a batch counts as sent when the other side's system has acknowledged its
last byte, which is more than that ours has taken it.
"""

from __future__ import annotations

import fcntl
import select
import socket
import ssl
import struct
import sys
import termios
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from tenantry.core.times import rfc3339
from tenantry.events.log_streams.sinks import SEND_SECONDS, BlockingSink
from tenantry.events.log_streams.targets import SYSLOG_TLS, SYSLOG_UDP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.events.log_streams.lines import Line
    from tenantry.events.log_streams.targets import Target

_FACILITY = 13  # log audit
_INFORMATIONAL, _WARNING = 6, 4
_APP_NAME = "tenantry"
# Under the number that RFC 5612 sets aside for organizations without a number.
_SD_ID = "tenantry@32473"
_MSGID_CHARACTERS = 32
_HOSTNAME_CHARACTERS = 255
_DATAGRAM = 60_000  # bytes: less than IPv4 and IPv6 carry
_ACKNOWLEDGED_POLL = 0.002  # seconds


def message(line: Line, hostname: str, text: str) -> bytes:
    """Return the RFC 5424 message of one event; ``text`` is in ASCII, as its MSG."""
    severity = _WARNING if line.is_warning else _INFORMATIONAL
    params = {
        "id": line.id,
        "type": line.type,
        "organization": line.organization_id or "",
        "actor": f"{line.actor.get('type', '')}:{line.actor.get('id', '')}",
        "request": line.request_id,
        "position": str(line.position),
    }
    data = "".join(f' {name}="{_escaped(value)}"' for name, value in params.items() if value)
    head = (
        f"<{_FACILITY * 8 + severity}>1 {rfc3339(line.occurred_at)} {_word(hostname)} {_APP_NAME}"
        f" - {line.type[:_MSGID_CHARACTERS]} [{_SD_ID}{data}] "
    )
    return (head + text).encode()


def framed(message_: bytes) -> bytes:
    """Return a message with its length in front of it."""
    return b"%d %b" % (len(message_), message_)


class SyslogSink(BlockingSink):
    """Sends to one syslog server; ``hostname`` says who we are."""

    def __init__(self, target: Target, hostname: str) -> None:
        super().__init__("log-stream-syslog")
        self._target = target
        self._hostname = hostname
        self._socket: socket.socket | None = None

    def write(self, lines: Sequence[Line]) -> None:
        until = time.monotonic() + SEND_SECONDS
        if self._target.scheme == SYSLOG_UDP:
            self._write_datagrams(lines, until)
        else:
            self._write_stream(lines, until)

    def abort(self) -> None:
        open_ = self._socket
        if open_ is not None:
            with suppress(OSError):
                # Of the plain socket below TLS: a thread that waits for it wakes up.
                socket.socket.shutdown(open_, socket.SHUT_RDWR)

    def drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _write_datagrams(self, lines: Sequence[Line], until: float) -> None:
        if self._socket is None:
            where = (self._target.host, self._target.port)
            family, _, _, _, address = socket.getaddrinfo(*where, type=socket.SOCK_DGRAM)[0]
            self._socket = socket.socket(family, socket.SOCK_DGRAM)
            # Connected, so that we hear of it when nobody listens.
            self._socket.connect(address)
        for line in lines:
            datagram = message(line, self._hostname, line.text())
            if len(datagram) > _DATAGRAM:
                datagram = message(line, self._hostname, line.short_text())
            self._socket.settimeout(_left(until))
            self._socket.send(datagram)

    def _write_stream(self, lines: Sequence[Line], until: float) -> None:
        messages = (message(line, self._hostname, line.text()) for line in lines)
        data = memoryview(b"".join(framed(one) for one in messages))
        if self._socket is not None and _has_ended(self._socket):
            self.drop()
        connection = self._socket or self._connect(until)
        while data:
            connection.settimeout(_left(until))
            data = data[connection.send(data) :]
        while not _has_ended(connection):
            if not _unacknowledged(connection):
                return
            _left(until)
            time.sleep(_ACKNOWLEDGED_POLL)
        raise ConnectionResetError("the server has closed the connection")

    def _connect(self, until: float) -> socket.socket:
        target = self._target
        plain = socket.create_connection((target.host, target.port), timeout=_left(until))
        self._socket = plain
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if target.scheme == SYSLOG_TLS:
            plain.settimeout(_left(until))
            # The greeting comes when a caller that gives up can already hang up.
            wrapped = self._socket = target.tls.context().wrap_socket(
                plain, server_hostname=target.host, do_handshake_on_connect=False
            )
            wrapped.do_handshake()
        return self._socket


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("it took too long")
    return left


def _has_ended(connection: socket.socket) -> bool:
    """Whether the other side has hung up; what it says is thrown away."""
    try:
        while select.select([connection], [], [], 0)[0]:
            connection.settimeout(0)
            if not connection.recv(4096):
                return True
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
    return False


def _unacknowledged(connection: socket.socket) -> bool:
    """Whether some sent bytes have not arrived yet, where the system can say so."""
    if sys.platform != "linux":
        return False
    left = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
    return bool(struct.unpack("i", left)[0])


def _escaped(value: str) -> str:
    """Return a value of structured data (RFC 5424 section 6.3.3); control characters become ?."""
    shown = "".join(c if c.isprintable() else "?" for c in value)
    return shown.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def _word(text: str) -> str:
    """Return a hostname as a header field: printable ASCII, or the sign for none."""
    kept = "".join(c for c in text if "!" <= c <= "~")
    return kept[:_HOSTNAME_CHARACTERS] or "-"
