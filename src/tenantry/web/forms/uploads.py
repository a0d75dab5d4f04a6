"""Forms with files: multipart/form-data (RFC 7578), of a body that its route has bounded."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.net.http import MAX_ANONYMOUS

if TYPE_CHECKING:
    from tenantry.net.http import Request

_KIND = "multipart/form-data"
_MOST_PARTS = 60
_MOST_TEXT = 64 << 10  # bytes of one member that is no file
_MOST_HEADERS, _MOST_HEADER = 8, 4 << 10  # of a part; bytes of one
# Semicolons of a header: the time to take one apart grows with their number times its length.
_MOST_SEMICOLONS = 100
# Bytes that are parsed before others have their turn: under 5 ms for any content.
_PIECE = 8 << 10


@dataclass(frozen=True, slots=True)
class Upload:
    """A file: its name as the browser says it, without folders, and its bytes."""

    name: str
    content: bytes


@dataclass(slots=True)
class Form:
    """The members of a form, and its files by their members; a field without a file has none."""

    members: dict[str, str] = field(default_factory=dict)
    files: dict[str, Upload] = field(default_factory=dict)


async def read(request: Request) -> Form:
    """Return the form of a request, which may also be application/x-www-form-urlencoded."""
    if request.media_type != _KIND:
        if len(request.body) <= MAX_ANONYMOUS:
            return Form(request.form())
        # Beside the loop: a MiB in which each character is encoded takes longer than others wait.
        return Form(await asyncio.to_thread(request.form))
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import MultipartParser

    # It would log what anybody sends wrong.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    parts = _Parts()
    try:
        _, options = _taken_apart(request.headers["content-type"].encode("latin-1"))
        boundary = options.get(b"boundary", b"")
        if not boundary:
            raise errors.InvalidArgument("the content-type names no boundary")
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": parts.begin,
                "on_header_field": parts.header_name,
                "on_header_value": parts.header_value,
                "on_header_end": parts.end_header,
                "on_headers_finished": parts.end_headers,
                "on_part_data": parts.data,
                "on_part_end": parts.end,
                "on_end": parts.close,
            },
            max_header_count=_MOST_HEADERS,
            max_header_size=_MOST_HEADER,
        )
        for start in range(0, len(request.body), _PIECE):
            parser.write(request.body[start : start + _PIECE])
            await asyncio.sleep(0)
        parser.finalize()
    except (FormParserError, UnicodeError):
        raise errors.InvalidArgument("the body is not a form of multipart/form-data") from None
    if not parts.closed:
        raise errors.InvalidArgument("the form is cut off: its last boundary is missing")
    return parts.form


class _Parts:
    """Takes what the parser finds."""

    def __init__(self) -> None:
        self.form = Form()
        self.closed = False
        self._count = 0
        self._headers: dict[bytes, bytes] = {}
        self._header, self._value = b"", b""
        self._name, self._file_name = "", ""
        self._is_file = False
        self._content = bytearray()

    def begin(self) -> None:
        self._count += 1
        if self._count > _MOST_PARTS:
            raise errors.InvalidArgument(f"a form has at most {_MOST_PARTS} members")
        self._headers = {}
        self._content = bytearray()

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def end_header(self) -> None:
        self._headers[self._header.lower()] = self._value
        self._header, self._value = b"", b""

    def end_headers(self) -> None:
        kind, options = _taken_apart(self._headers.get(b"content-disposition", b""))
        if kind != b"form-data" or b"name" not in options:
            raise errors.InvalidArgument("a part of the form has no name")
        self._name = _text(options[b"name"], "name")
        if self._name in self.form.members or self._name in self.form.files:
            raise errors.InvalidArgument.field(self._name, "once", "is given more than once")
        self._is_file = b"filename" in options
        named = _text(options.get(b"filename", b""), self._name)
        self._file_name = named.replace("\\", "/").rpartition("/")[2][-255:]

    def data(self, data: bytes, start: int, end: int) -> None:
        self._content += data[start:end]
        if not self._is_file and len(self._content) > _MOST_TEXT:
            raise errors.InvalidArgument.field(self._name, "string.max_len", "is too long")

    def end(self) -> None:
        if not self._is_file:
            self.form.members[self._name] = _text(bytes(self._content), self._name)
        elif self._content or self._file_name:
            # A browser sends a field without a file as one without a name and content.
            self.form.files[self._name] = Upload(self._file_name, bytes(self._content))

    def close(self) -> None:
        self.closed = True


def _taken_apart(header: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    """Return the value of a header and its parameters (RFC 9110 section 5.6.6)."""
    from python_multipart.multipart import parse_options_header

    if len(header) > _MOST_HEADER or header.count(b";") > _MOST_SEMICOLONS:
        raise errors.InvalidArgument("a header of the form is too long")
    return parse_options_header(header)


def _text(value: bytes, name: str) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise errors.InvalidArgument("the body is not a form in UTF-8") from None
    if "\x00" in text:
        raise errors.InvalidArgument.field(name, "string.nul", "must not contain a NUL character")
    return text
