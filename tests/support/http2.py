"""HTTP/2 frame by frame, for what client libraries hide or refuse to send."""

from __future__ import annotations

import contextlib
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import h2.config
import h2.connection
import h2.events
import h2.settings

if TYPE_CHECKING:
    import ssl


@dataclass
class Stream:
    """The frames of one stream: blocks of headers in order, data, and how it ended."""

    blocks: list[dict[str, str]] = field(default_factory=list)
    data: bytes = b""
    frames: list[str] = field(default_factory=list)
    ended: bool = False
    reset: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        return self.blocks[0]

    @property
    def trailers(self) -> dict[str, str]:
        """The trailers of gRPC: the last block, in any form."""
        return self.blocks[-1]

    @property
    def messages(self) -> list[bytes]:
        """The messages of gRPC in the data, all uncompressed."""
        rest, found = self.data, []
        while rest:
            flag, length = struct.unpack(">BI", rest[:5])
            assert not flag & 0x01
            found.append(rest[5 : 5 + length])
            rest = rest[5 + length :]
        return found


class Connection:
    """One connection, by TLS or by prior knowledge; ``window`` is that of each response."""

    def __init__(
        self, port: int, trust: ssl.SSLContext | None = None, *, window: int | None = None
    ) -> None:
        plain = socket.create_connection(("127.0.0.1", port), 60)
        if trust is not None:
            trust.set_alpn_protocols(["h2"])
            plain = trust.wrap_socket(plain, server_hostname="localhost")
        self._socket = plain
        self._h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=True, validate_outbound_headers=False)
        )
        self._h2.initiate_connection()
        if window is not None:
            self._h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.streams: dict[int, Stream] = {}
        self.gone = False
        self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(
        self, headers: list[tuple[str, str]], body: bytes | None = None, *, end: bool = True
    ) -> Stream:
        """Open a stream; without ``end`` it stays open."""
        number = self._h2.get_next_available_stream_id()
        self._h2.send_headers(number, headers, end_stream=end and body is None)
        stream = self.streams.setdefault(number, Stream())
        rest = body
        while rest is not None and not stream.ended and stream.reset is None:
            room = min(self._h2.local_flow_control_window(number), self._h2.max_outbound_frame_size)
            if not room and rest:
                self.read()
                continue
            piece, rest = rest[:room], rest[room:] or None
            self._h2.send_data(number, piece, end_stream=end and rest is None)
            self._flush()
        self._flush()
        return stream

    @property
    def most_streams(self) -> int:
        """How many streams the server allows at the same time."""
        return self._h2.remote_settings.max_concurrent_streams

    def reset(self, stream: Stream) -> None:
        """Give a stream up, as a client does that waits no longer."""
        number = next(n for n, one in self.streams.items() if one is stream)
        self._h2.reset_stream(number, 8)  # CANCEL
        self._flush()

    def wait(self, *streams: Stream) -> None:
        """Read until these streams, or all, have ended."""
        wanted = streams or tuple(self.streams.values())
        while not self.gone and not all(s.ended or s.reset is not None for s in wanted):
            self.read()

    def read(self) -> None:
        received = self._socket.recv(65536)
        if not received:
            self.gone = True
            return
        for event in self._h2.receive_data(received):
            self._take(event)
        self._flush()

    def _take(self, event: h2.events.Event) -> None:
        stream = self.streams.get(getattr(event, "stream_id", None) or 0)
        match event:
            case h2.events.ResponseReceived() | h2.events.TrailersReceived():
                block = {n.decode(): v.decode() for n, v in event.headers}
                stream.blocks.append(block)
                stream.frames.append("HEADERS" + (" END" if event.stream_ended else ""))
            case h2.events.DataReceived():
                stream.data += event.data
                stream.frames.append("DATA" + (" END" if event.stream_ended else ""))
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.StreamEnded():
                stream.ended = True
            case h2.events.StreamReset():
                stream.reset = event.error_code
            case h2.events.ConnectionTerminated():
                self.gone = True

    def _flush(self) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(self._h2.data_to_send())


def framed(message: bytes, *, flag: int = 0) -> bytes:
    """A message of gRPC."""
    return struct.pack(">BI", flag, len(message)) + message
