"""`tenantry log`: looks into a log that was kept. It asks neither the settings nor the database."""

from __future__ import annotations

import gzip
import re
import sys
from pathlib import Path  # noqa: TC003 - typer asks for it
from typing import TYPE_CHECKING, Annotated

import typer

from tenantry.cli import running

if TYPE_CHECKING:
    from collections.abc import Iterator

app = typer.Typer(help="Look into the log.", no_args_is_help=True)

_ID = re.compile(r"[\w.@-]{3,200}", re.ASCII)


@app.command()
def find(
    id_: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="A request id, req_..., an error id, err_..., or another id of a line.",
        ),
    ],
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]...",
            help="Logs as they were written, also by journald or Docker, and as .gz; standard "
            "input without any.",
        ),
    ] = None,
) -> None:
    """Print the lines of a log that have this id; exit code 1 where there are none."""
    if not _ID.fullmatch(id_):
        raise typer.BadParameter("is no id: req_... or err_...", param_hint="ID")
    # Whole: one id may be the start of another.
    whole = re.compile(rb"(?<![\w-])" + re.escape(id_.encode()) + rb"(?![\w-])")
    found = False
    for line in _lines(files or []):
        if whole.search(line):
            found = True
            sys.stdout.buffer.write(line.removesuffix(b"\n") + b"\n")
            sys.stdout.buffer.flush()
    if not found:
        running.fail(f"no line has {id_}")


def _lines(files: list[Path]) -> Iterator[bytes]:
    if not files:
        yield from sys.stdin.buffer
    for file in files:
        if file.suffix == ".gz":
            with gzip.open(file) as packed:
                yield from packed
        else:
            with file.open("rb") as plain:
                yield from plain
