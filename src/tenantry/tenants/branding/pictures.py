"""Pictures that somebody sends: PNG and JPEG, looked at byte by byte and written anew.

A picture is served from the origin of the pages where passwords are typed. So only those parts are
kept that show it: the rest of a file (texts, profiles, places, another file behind its end) is left
out, and a file of another kind is refused. Nothing is decoded but the compressed lines of a PNG,
piece by piece and only to count them.

PNG: https://www.w3.org/TR/png-3/; JPEG: ITU-T T.81.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 1 << 20
MAX_SIDE = 4096  # pixels
MAX_PIXELS = 4_000_000
PNG, JPEG = "image/png", "image/jpeg"

_PNG_BEGINS = b"\x89PNG\r\n\x1a\n"
_JPEG_BEGINS = b"\xff\xd8\xff"
# Bits of a sample, by the color type (section 11.2.1), and samples of a pixel.
_DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Beside IHDR, IDAT and IEND: parts that change how it looks, and how long each may be.
_KEPT_CHUNKS = {b"PLTE": 768, b"tRNS": 256, b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9}
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
_LAST_PASS = (0, 1, 1, 2)
_PIECE = 64 << 10
_MOST_CHUNKS = 5_000
# Segments of a JPEG: tables, frames of Huffman coding (baseline, extended, progressive), scans.
_FRAMES = {0xC0, 0xC1, 0xC2}
_KEPT_SEGMENTS = {0xC4, 0xDB, 0xDD, *_FRAMES}
_APP0, _APP14, _LAST_APP, _COMMENT, _SOS, _EOI = 0xE0, 0xEE, 0xEF, 0xFE, 0xDA, 0xD9
_MOST_SCANS = 20


class NotAPicture(ValueError):
    """The bytes are no picture that is taken; the text says why."""


def cleaned(content: bytes, media_type: str) -> bytes:
    """Return the picture alone, without anything else that the bytes carry.

    ``media_type`` is what they are said to be: `PNG` or `JPEG`.

    Raises:
        NotAPicture: they are something else, are broken, or the picture is too large.

    """
    if len(content) > MAX_BYTES:
        raise NotAPicture(f"has more than {MAX_BYTES} bytes")
    found = PNG if content.startswith(_PNG_BEGINS) else None
    found = JPEG if content.startswith(_JPEG_BEGINS) else found
    if found is None:
        raise NotAPicture("is neither a PNG nor a JPEG")
    if found != media_type:
        raise NotAPicture(f"is {found}, and not {media_type} as it is said to be")
    return _png(content) if found == PNG else _jpeg(content)


def _png(content: bytes) -> bytes:
    chunks = _chunks(content)
    kind, header = next(chunks)
    if kind != b"IHDR" or len(header) != 13:
        raise NotAPicture("begins with no header")
    lines = _Lines(_expected(header))
    kept = [_PNG_BEGINS, _chunk(b"IHDR", header)]
    for kind, body in chunks:
        if kind == b"IEND":
            break
        if kind == b"IDAT":
            lines.add(body)
        else:
            lines.over = lines.begun
            _check_chunk(kind, body)
        if kind == b"IDAT" or kind in _KEPT_CHUNKS:
            kept.append(_chunk(kind, body))
    if not lines.complete:
        raise NotAPicture("is incomplete")
    return b"".join((*kept, _chunk(b"IEND", b"")))


def _check_chunk(kind: bytes, body: bytes) -> None:
    if kind in _KEPT_CHUNKS:
        if len(body) > _KEPT_CHUNKS[kind]:
            raise NotAPicture("has a part that is too long")
    elif not kind[0] & 0x20:  # a critical chunk (section 5.4)
        raise NotAPicture("has an unknown part")


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = len(_PNG_BEGINS)
    for _ in range(_MOST_CHUNKS):
        if place + 12 > len(content):
            raise NotAPicture("is incomplete")
        (length,) = struct.unpack_from(">I", content, place)
        kind, end = content[place + 4 : place + 8], place + 8 + length
        if length > MAX_BYTES or end + 4 > len(content) or not kind.isalpha():
            raise NotAPicture("is incomplete")
        body = content[place + 8 : end]
        if zlib.crc32(kind + body) != struct.unpack_from(">I", content, end)[0]:
            raise NotAPicture("is broken: a checksum is wrong")
        yield kind, body
        place = end + 4
    raise NotAPicture("has too many parts")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _expected(header: bytes) -> int:
    """Return how many bytes the lines of a PNG have, decompressed (section 7.2)."""
    width, height, depth, color, compression, filter_, interlace = struct.unpack(">IIBBBBB", header)
    _check_size(width, height)
    if depth not in _DEPTHS.get(color, ()) or compression or filter_ or interlace > 1:
        raise NotAPicture("has a header that no PNG has")
    bits = depth * _SAMPLES[color]

    def lines(columns: int, rows: int) -> int:
        return rows * (1 + (columns * bits + 7) // 8) if columns and rows else 0

    if not interlace:
        return lines(width, height)
    return sum(
        lines(
            -(-(width - x) // dx) if width > x else 0, -(-(height - y) // dy) if height > y else 0
        )
        for x, y, dx, dy in (*_PASSES, _LAST_PASS)
    )


class _Lines:
    """The compressed lines of a PNG, decompressed only to count them."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.begun = self.over = False
        self._count = 0
        self._stream = zlib.decompressobj()

    def add(self, body: bytes) -> None:
        """Take a further part.

        Raises:
            NotAPicture: it is broken, or there are more bytes than the picture has.

        """
        if self.over:
            raise NotAPicture("has its lines in several places")
        self.begun = True
        while body:
            try:
                piece = self._stream.decompress(body, _PIECE)
            except zlib.error:
                raise NotAPicture("is broken: its lines cannot be read") from None
            self._count += len(piece)
            if self._count > self.expected or self._stream.unused_data:
                raise NotAPicture("has more in it than the picture")
            body = self._stream.unconsumed_tail
            if not piece and self._stream.eof and body:
                raise NotAPicture("has more in it than the picture")

    @property
    def complete(self) -> bool:
        """Whether all bytes of the picture have come, and the end of their stream."""
        while not self._stream.eof:
            piece = self._stream.decompress(b"", _PIECE)
            if not piece:
                return False
            self._count += len(piece)
            if self._count > self.expected:
                return False
        return self._count == self.expected


def _jpeg(content: bytes) -> bytes:
    kept = [content[:2]]
    place, frames, scans = 2, 0, 0
    while True:
        marker, place = _marker(content, place)
        if marker == _EOI:
            break
        body, place = _segment(content, place)
        if marker == _SOS:
            scans += 1
            end = _end_of_scan(content, place)
            kept += (b"\xff\xda", body, content[place:end])
            place = end
        elif _is_kept(marker, body):
            frames += marker in _FRAMES
            kept += (bytes((0xFF, marker)), body)
        if frames > 1 or scans > _MOST_SCANS or scans > frames * _MOST_SCANS:
            raise NotAPicture("has frames or scans that no picture needs")
    if not scans:
        raise NotAPicture("has no scan")
    return b"".join((*kept, b"\xff\xd9"))


def _segment(content: bytes, place: int) -> tuple[bytes, int]:
    """Return a segment with its length, and the place behind it."""
    if place + 2 > len(content):
        raise NotAPicture("is incomplete")
    (length,) = struct.unpack_from(">H", content, place)
    if length < 2 or place + length > len(content):
        raise NotAPicture("is incomplete")
    return content[place : place + length], place + length


def _is_kept(marker: int, body: bytes) -> bool:
    """Whether a segment stays.

    Raises:
        NotAPicture: no picture for a browser has it, or it says a size that is too large.

    """
    if marker in _FRAMES:
        if len(body) < 8:
            raise NotAPicture("is incomplete")
        height, width = struct.unpack_from(">HH", body, 3)
        _check_size(width, height)
    if marker in _KEPT_SEGMENTS or _is_needed(marker, body):
        return True
    if not (_APP0 <= marker <= _LAST_APP or marker == _COMMENT):
        raise NotAPicture("has a part that no browser shows")
    return False


def _marker(content: bytes, place: int) -> tuple[int, int]:
    """Return the marker at a place, and the place behind it (T.81 section B.1.1.2)."""
    if content[place : place + 1] != b"\xff":
        raise NotAPicture("is broken: a marker is missing")
    while content[place : place + 1] == b"\xff":
        place += 1
    if place >= len(content):
        raise NotAPicture("is incomplete")
    return content[place], place + 1


def _is_needed(marker: int, body: bytes) -> bool:
    """Whether a segment of an application says how to read the colors: JFIF's, and Adobe's."""
    if marker == _APP0:
        # With no small picture within.
        return body[2:7] == b"JFIF\0" and len(body) == 16 and body[14:16] == b"\0\0"
    return marker == _APP14 and body[2:7] == b"Adobe" and len(body) == 14


def _end_of_scan(content: bytes, place: int) -> int:
    """Return where the coded data ends: at the first marker that does not belong to it."""
    while True:
        place = content.find(b"\xff", place)
        if place < 0 or place + 1 >= len(content):
            raise NotAPicture("is incomplete")
        following = content[place + 1]
        if following == 0 or 0xD0 <= following <= 0xD7:
            place += 2
        elif following == 0xFF:
            place += 1
        else:
            return place


def _check_size(width: int, height: int) -> None:
    if not 0 < width <= MAX_SIDE or not 0 < height <= MAX_SIDE or width * height > MAX_PIXELS:
        raise NotAPicture(
            f"has {width} by {height} pixels: up to {MAX_SIDE} a side and {MAX_PIXELS} are taken"
        )
