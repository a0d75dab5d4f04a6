"""What all commands share: settings, the open database, how they print and how they fail."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import typer

from tenantry import settings as settings_module

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from tenantry.caller import Call
    from tenantry.settings import Settings

T = TypeVar("T")


def settings() -> Settings:
    """Return the settings; a wrong one ends the command with a line that names it."""
    try:
        return settings_module.load()
    except settings_module.SettingError as problem:
        fail(str(problem), code=2)


def with_call(work: Callable[[Call], Awaitable[T]]) -> T:
    """Open the database, run the work as a call of the system itself, and return its result."""
    import asyncio

    from tenantry import errors, master_key
    from tenantry.caller import SYSTEM, Call
    from tenantry.db.opening import OpenError, open_database

    async def run() -> T:
        known = settings()
        key = master_key.load(known)
        async with open_database(known.database, key, pool_size=1) as db:
            return await work(Call(SYSTEM, db, request_id="cli"))

    try:
        return asyncio.run(run())
    except settings_module.SettingError as problem:
        fail(str(problem), code=2)
    except (OpenError, errors.Error) as problem:
        fail(str(problem))


def say(line: str) -> None:
    """Print what was asked for."""
    print(line, flush=True)  # noqa: T201 - this is the command line


def remark(line: str) -> None:
    """Print a remark beside it."""
    print(line, file=sys.stderr)  # noqa: T201


def fail(line: str, *, code: int = 1) -> NoReturn:
    """End the command with one line on what is wrong."""
    remark(f"tenantry: {line}")
    raise typer.Exit(code)


def print_json(value: Any) -> None:
    """Print JSON for programs: indented, in UTF-8."""
    import json

    say(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table for people; cells are never cut."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for head in heads:
        table.add_column(head, overflow="fold")
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
