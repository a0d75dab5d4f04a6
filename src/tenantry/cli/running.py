"""Shared by all commands: the open database, how they print and how they fail."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import typer

from tenantry.master_key import is_set
from tenantry.settings import load

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from tenantry.call import Call
    from tenantry.settings import Settings

T = TypeVar("T")


def with_call(work: Callable[[Call], Awaitable[T]], *, connections: int = 1) -> T:
    """Open the database, run the work as a call of the system itself, and return its result."""
    import asyncio

    from tenantry import errors
    from tenantry.call import Call
    from tenantry.caller import SYSTEM
    from tenantry.db.engine import Failure
    from tenantry.db.opening import OpenError, database_of

    settings = load()
    look(settings)

    async def run() -> T:
        async with database_of(settings, pool_size=connections) as db:
            return await work(Call(SYSTEM, db, request_id="cli"))

    try:
        return asyncio.run(run())
    except (OpenError, errors.Error) as problem:
        fail(str(problem))
    except Failure as problem:
        fail(f"{problem.error().message} ({problem})")


def look(settings: Settings) -> None:
    """End the command where no server has been: it would make what it looks for."""
    scheme, _, place = settings.database.partition(":///")
    missing = None
    if scheme == "sqlite" and not Path(place).is_file():
        missing = f"there is no database at {Path(place).absolute()}"
    elif scheme != "sqlite" and not is_set(settings) and not settings.data_dir.is_dir():
        missing = f"there is no data folder at {settings.data_dir.absolute()}"
    if missing is not None:
        fail(f"{missing}: run this where the server was started, or with its TENANTRY_DATA_DIR")


def say(line: str) -> None:
    """Print the answer."""
    print(line, flush=True)  # noqa: T201 - this is the command line


def remark(line: str) -> None:
    """Print a remark beside it."""
    print(line, file=sys.stderr)  # noqa: T201


def fail(line: str) -> NoReturn:
    """End the command with one line about the problem."""
    remark(f"tenantry: {line}")
    raise typer.Exit(1)


def print_json(value: Any) -> None:
    """Print JSON for programs: indented, in UTF-8."""
    import json

    say(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table for people; cells are never cut, and the first of a row never broken."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for place, head in enumerate(heads):
        table.add_column(head, overflow="fold", no_wrap=place == 0)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # Text: a name in brackets is no markup
    Console().print(table)


def moment(microseconds: int | None) -> str | None:
    """Return a time of the database in RFC 3339, UTC."""
    from datetime import UTC, datetime

    if microseconds is None:
        return None
    at = datetime.fromtimestamp(microseconds // 1_000_000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
