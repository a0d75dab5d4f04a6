"""The output of commands: nothing in it steers a terminal, for others may have written it."""

from __future__ import annotations

import codecs
import sys
import unicodedata
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

_JOINERS = "\u200c\u200d"  # within words of some scripts, and within emoji


class Output(Protocol):
    """Takes the bytes of a file."""

    def write(self, piece: bytes, /) -> object:
        """Take a piece."""
        ...

    def writelines(self, pieces: Iterable[bytes], /) -> None:
        """Take several."""
        ...

    def flush(self) -> None:
        """Let it be there now."""
        ...


def say(text: str) -> None:
    """Print the answer, or a part of it."""
    print(plain(text, "\n\t"), flush=True)  # noqa: T201 - this is the command line


def remark(text: str) -> None:
    """Print a remark beside it."""
    print(plain(text, "\n\t"), file=sys.stderr)  # noqa: T201


def plain(text: str, further: str = "") -> str:
    """Return a text with a sign in the place of each character that a terminal would obey.

    Those that turn the direction of writing are among them. ``further`` ones are left.
    """
    if text.isprintable():
        return text
    return "".join(
        char if _is_harmless(char) or char in further else "\N{REPLACEMENT CHARACTER}"
        for char in text
    )


def as_json(value: Any, *, indent: int | None = None) -> str:
    """Return JSON in UTF-8, with what a terminal would obey escaped."""
    import json

    separators = (",", ":") if indent is None else None
    text = json.dumps(value, indent=indent, ensure_ascii=False, separators=separators)
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(char if char == "\n" or _is_harmless(char) else _escaped(char) for char in text)


def output() -> Output:
    """Return standard output for bytes: of a file as they are, and shown where it is a terminal."""
    return _Shown(sys.stdout.buffer) if sys.stdout.isatty() else sys.stdout.buffer


def _escaped(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[n : n + 4]}" for n in range(0, len(units), 4))


def _is_harmless(char: str) -> bool:
    # Of spaces, Python takes only the first for printable.
    return char.isprintable() or char in _JOINERS or unicodedata.category(char) == "Zs"


class _Shown:
    """A terminal: shows text, and a sign for bytes that are not UTF-8."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(self, piece: bytes) -> None:
        """Show a piece, which may end within a character."""
        text = plain(self._decoder.decode(piece).replace("\r\n", "\n"), "\n\t")
        self._file.write(text.encode(sys.stdout.encoding, "backslashreplace"))

    def writelines(self, pieces: Iterable[bytes]) -> None:
        """Show some of them."""
        for piece in pieces:
            self.write(piece)

    def flush(self) -> None:
        """Show all of them now."""
        self._file.flush()
