"""`tenantry log`: searches saved logs, without settings or a database."""

from __future__ import annotations

import gzip
import io
import re
import sys
import zlib
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tenantry.cli import running
from tenantry.cli.output import printing

if TYPE_CHECKING:
    from collections.abc import Iterator

app = typer.Typer(help="Search saved logs.", no_args_is_help=True)

_ID = re.compile(r"[\w.@-]{3,200}", re.ASCII)
_OF_ID = re.compile(rb"[\w-]")
_STDIN = Path("-")
_PACKED = b"\x1f\x8b"  # RFC 1952, section 2.3.1
_BLOCK = 1 << 20  # bytes
_LONGEST = 16 << 20  # bytes of a line, roughly: a longer one is looked at in parts


@app.command()
def find(
    id_: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="Request ID (req_...), error ID (err_...) or any other ID in a log line.",
        ),
    ],
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]...",
            help="Log files, also of journald or Docker, also gzipped; - or none for standard "
            "input.",
        ),
    ] = None,
) -> None:
    """Print the log lines with an ID. Exits with 1 if no line matches."""
    if not _ID.fullmatch(id_):
        raise typer.BadParameter("is not an ID such as req_... or err_...", param_hint="ID")
    found = False
    shown = printing.output()
    for line in _lines_with(id_.encode(), files or [_STDIN]):
        found = True
        shown.write(line + b"\n")
        shown.flush()
    if not found:
        running.fail(f"no log line contains {id_}", error="NOT_FOUND")


def _lines_with(id_: bytes, files: list[Path]) -> Iterator[bytes]:
    for file in files:
        try:
            with _opened(file) as opened:
                yield from _in_blocks(id_, opened)
        except (EOFError, zlib.error, gzip.BadGzipFile) as problem:
            running.fail(f"{file}: damaged, or still being compressed: {problem}")


@contextmanager
def _opened(file: Path) -> Iterator[io.BufferedIOBase]:
    """Open a log, whichever name a rotation has given it."""
    with nullcontext(sys.stdin.buffer) if file == _STDIN else file.open("rb") as plain:
        assert isinstance(plain, io.BufferedReader)
        if plain.peek(2).startswith(_PACKED):
            with gzip.open(plain) as unpacked:
                yield unpacked
        else:
            yield plain


def _in_blocks(id_: bytes, file: io.BufferedIOBase) -> Iterator[bytes]:
    """Look through blocks of whole lines, as fast as they come."""
    begun: list[bytes] = []  # a line that goes on in the next block
    size = 0
    while block := file.read1(_BLOCK):
        end = block.rfind(b"\n") + 1
        if end or size > _LONGEST:
            end = end or len(block)
            yield from _in_block(id_, b"".join([*begun, block[:end]]))
            begun, size, block = [], 0, block[end:]
        begun.append(block)
        size += len(block)
    yield from _in_block(id_, b"".join(begun))


def _in_block(id_: bytes, block: bytes) -> Iterator[bytes]:
    at = block.find(id_)
    while at != -1:
        end = at + len(id_)
        # Whole: one id may be the start of another.
        if not (_OF_ID.match(block, at - 1) if at else None) and not _OF_ID.match(block, end):
            start = block.rfind(b"\n", 0, at) + 1
            end = block.find(b"\n", end)
            yield block[start:] if end == -1 else block[start:end]
            if end == -1:
                return
        at = block.find(id_, end)
