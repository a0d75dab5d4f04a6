"""Small pictures for tests, made byte by byte."""

from __future__ import annotations

import base64
import struct
import zlib

# One pixel, baseline.
JPEG = (
    base64.b64decode(
        "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////"
        "////////////////////////////wgALCAABAAEBAREA/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAgBAQABPxA="
    )
    + b"\xff\xd9"
)


def chunk(kind: bytes, body: bytes) -> bytes:
    """A part of a PNG, with its checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    width: int, height: int, *, lines: bytes | None = None, more: bytes = b"", after: bytes = b""
) -> bytes:
    """A grey picture; ``lines`` in the place of its own, ``more`` parts before them."""
    own = (b"\0" + bytes(width)) * height if lines is None else lines
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
            more,
            chunk(b"IDAT", zlib.compress(own)),
            chunk(b"IEND", b""),
            after,
        )
    )
