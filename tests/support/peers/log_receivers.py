"""Where log streams go in tests: a syslog server that reads strictly, and an OTLP endpoint."""

from __future__ import annotations

import contextlib
import http.server
import json
import re
import select
import socket
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Self

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

if TYPE_CHECKING:
    import ssl

# RFC 5424 section 6, but for the structured data, whose values need a look at each character.
_HEADER = re.compile(
    rb"<(0|[1-9][0-9]{0,2})>1 "
    rb"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9:]{5})) "
    rb"([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) "
)
_NAME = re.compile(rb"[!#-<>-\\^-~]{1,32}")  # an SD-NAME: without = ] and "
_ESCAPE = ord("\\")


@dataclass(frozen=True)
class Message:
    """One RFC 5424 message."""

    facility: int
    severity: int
    time: datetime
    hostname: str
    app_name: str
    procid: str
    msgid: str
    data: dict[str, dict[str, str]]
    text: str


def read_message(raw: bytes) -> Message:
    """Read one message; a ValueError says where it does not keep to RFC 5424."""
    head = _HEADER.match(raw)
    if head is None or int(head[1]) > 191:
        raise ValueError(f"no header: {raw[:100]!r}")
    data, at = _structured_data(raw, head.end())
    text = b""
    if at < len(raw):
        if raw[at : at + 1] != b" ":
            raise ValueError(f"no space before MSG: {raw[at:][:50]!r}")
        text = raw[at + 1 :]
    return Message(
        int(head[1]) // 8,
        int(head[1]) % 8,
        datetime.fromisoformat(head[2].decode()),
        *(part.decode() for part in head.groups()[2:]),
        data,
        text.decode("ascii"),  # without a byte order mark nothing else is certain
    )


def _structured_data(raw: bytes, at: int) -> tuple[dict[str, dict[str, str]], int]:
    if raw[at : at + 1] == b"-":
        return {}, at + 1
    elements: dict[str, dict[str, str]] = {}
    while raw[at : at + 1] == b"[":
        name, at = _name(raw, at + 1)
        if name in elements:
            raise ValueError(f"{name} twice")
        params = elements[name] = {}
        while raw[at : at + 1] == b" ":
            key, at = _name(raw, at + 1)
            if raw[at : at + 2] != b'="':
                raise ValueError(f"no value of {key}")
            params[key], at = _value(raw, at + 2)
        if raw[at : at + 1] != b"]":
            raise ValueError(f"{name} does not end")
        at += 1
    if not elements:
        raise ValueError("no structured data")
    return elements, at


def _name(raw: bytes, at: int) -> tuple[str, int]:
    found = _NAME.match(raw, at)
    if found is None:
        raise ValueError(f"no name: {raw[at:][:50]!r}")
    return found[0].decode(), found.end()


def _value(raw: bytes, at: int) -> tuple[str, int]:
    value = bytearray()
    while True:
        char = raw[at]
        if char == ord('"'):
            return value.decode(), at + 1
        if char == ord("]"):
            raise ValueError("] is not escaped")
        if char == _ESCAPE:
            at += 1
            char = raw[at]
            if char not in b'"\\]':
                raise ValueError("a backslash that escapes nothing")
        value.append(char)
        at += 1


class SyslogServer:
    """A syslog server on loopback: ``kind`` is udp, tcp or tls.

    ``limit`` is how many messages it takes before it hangs up; None for any number. One that is
    ``deaf`` accepts connections and reads nothing.
    """

    def __init__(self, kind: str, *, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        self.kind = kind
        self.messages: list[Message] = []
        self.problems: list[str] = []
        self.connections = 0
        self.limit: int | None = None
        self.deaf = False
        self._tls = tls
        self._stop = threading.Event()
        type_ = socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM
        self._socket = socket.socket(socket.AF_INET, type_)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if kind == "udp":
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self._socket.bind(("127.0.0.1", port))
        self.port = self._socket.getsockname()[1]
        if kind != "udp":
            self._socket.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._open: list[socket.socket] = []

    @property
    def url(self) -> str:
        return f"syslog+{self.kind}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5)
        for one in (self._socket, *self._open):
            one.close()

    def _serve(self) -> None:
        while not self._stop.is_set():
            if not select.select([self._socket], [], [], 0.05)[0]:
                continue
            if self.kind == "udp":
                self._take(self._socket.recv(1 << 16))
                continue
            accepted, _ = self._socket.accept()
            self.connections += 1
            self._open.append(accepted)
            if self.deaf:
                continue
            try:
                connection = self._tls.wrap_socket(accepted, True) if self._tls else accepted
            except OSError as problem:
                self.problems.append(str(problem))
                continue
            self._open.append(connection)
            connection.settimeout(0.05)
            threading.Thread(target=self._read, args=[connection], daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        """Read messages in octet counting (RFC 6587 section 3.4.1)."""
        rest = b""
        while not self._stop.is_set():
            try:
                chunk = connection.recv(1 << 16)
            except TimeoutError:
                continue
            except OSError:
                return
            if not chunk:
                return
            rest += chunk
            while True:
                frame = re.match(rb"([1-9][0-9]*) ", rest)
                if frame is None:
                    if len(rest) > 10:
                        self.problems.append(f"no length: {rest[:50]!r}")
                        return
                    break
                end = frame.end() + int(frame[1])
                if len(rest) < end:
                    break
                if self.limit is not None and len(self.messages) >= self.limit:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    connection.close()
                    return
                self._take(rest[frame.end() : end])
                rest = rest[end:]

    def _take(self, raw: bytes) -> None:
        try:
            self.messages.append(read_message(raw))
        except ValueError as problem:
            self.problems.append(str(problem))

    @property
    def events(self) -> list[dict]:
        return [json.loads(message.text) for message in self.messages]


class OtlpServer:
    """An OTLP/HTTP endpoint on loopback that reads requests as the official messages say.

    ``answers`` are given one after the other, (status, body) or None for no answer at all; without
    them a request is taken.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[ExportLogsServiceRequest] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.sizes: list[int] = []
        self.problems: list[str] = []
        self.answers: list[tuple[int, bytes] | None] = []
        self._over = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer._take(self)

            def log_message(self, *_: object) -> None: ...

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._scheme = "http"
        if tls is not None:
            self._scheme = "https"
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"otlp+{self._scheme}://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def _take(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["content-length"]))
        self.sizes.append(len(body))
        self.headers.append({name.lower(): value for name, value in handler.headers.items()})
        self.paths.append(handler.path)
        answer = self.answers.pop(0) if self.answers else (200, b"{}")
        if answer is None:
            self._over.wait()
            handler.close_connection = True
            return
        status, content = answer
        if status == 200:
            try:
                read = json_format.Parse(body, ExportLogsServiceRequest())
                self.requests.append(read)
            except json_format.ParseError as problem:
                self.problems.append(str(problem))
                status = 400
        with contextlib.suppress(OSError):
            handler.send_response(status)
            if 300 <= status < 400:
                handler.send_header("location", self.url.removeprefix("otlp+") + "/elsewhere")
            handler.send_header("content-type", "application/json")
            handler.send_header("content-length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content)

    @property
    def records(self) -> list:
        return [
            record
            for request in self.requests
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    @property
    def events(self) -> list[dict]:
        return [json.loads(record.body.string_value) for record in self.records]
