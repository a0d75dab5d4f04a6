"""Shared by all commands: the open database, how they print and how they fail."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

from tenantry.cli import Failed, printing, tables
from tenantry.crypto.master_key import is_set
from tenantry.settings import load

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from tenantry.call import Call
    from tenantry.db.pages import Page
    from tenantry.settings import Settings

T = TypeVar("T")
say, remark = printing.say, printing.remark

_PAGE = 100
_SHORTEST = 3  # characters that are searched for
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="The most to list.")]
PageToken = Annotated[str, typer.Option(help="Go on where a list ended, which printed this.")]


def with_call(
    work: Callable[[Call], Awaitable[T]],
    *,
    named: str | Mapping[str, str] = "",
    connections: int = 1,
) -> T:
    """Open the database, run the work as a call of the system itself, and return its result.

    ``named`` is the id that was asked for, or each by what it is of: an error says it where nothing
    is found by it.
    """
    import asyncio

    from tenantry.call import Call
    from tenantry.core import errors
    from tenantry.core.caller import SYSTEM
    from tenantry.db.engine import Failure
    from tenantry.db.opening import OpenError, database_of

    settings = load()
    look(settings)

    async def run() -> T:
        async with database_of(settings, pool_size=connections) as db:
            return await work(Call(SYSTEM, db, request_id="cli"))

    try:
        return asyncio.run(run())
    except errors.NotFound as problem:
        what = str(problem).removesuffix(" not found")
        id_ = named if isinstance(named, str) else named.get(what, "")
        fail(f"{problem}: {id_}" if id_ else str(problem), error=problem.name)
    except errors.Error as problem:
        fail(str(problem), error=problem.name)
    except OpenError as problem:
        fail(str(problem))
    except Failure as problem:
        error = problem.error()
        fail(f"{error.message} ({problem})", error=error.name)


async def collected(
    fetch: Callable[[int, str], Awaitable[Page[T]]], *, limit: int, page_token: str = ""
) -> tuple[list[T], str, int]:
    """Read pages, each from where the last one ended, until a number of items are there.

    ``fetch`` is given a page's size and token. Returns the items, the token to go on with, "" at
    the end, and the total.
    """
    found: list[T] = []
    while True:
        page = await fetch(min(limit - len(found), _PAGE), page_token)
        found += page.items
        page_token = page.next_page_token
        if not page_token or len(found) >= limit:
            return found, page_token, page.total_size


def check_search(text: str) -> None:
    """End the command where a text is too short to be searched for."""
    if text and len(text) < _SHORTEST:
        fail(f"--search: needs {_SHORTEST} characters or more")


def remark_more(shown: int, page_token: str, total: int) -> None:
    """Say that a list goes on, and how to see the rest of it."""
    if page_token:
        many = f"{shown:,} of {total:,}" if total else f"{shown:,}"
        remark(f"{many}; --limit shows more, --page-token {page_token} the next")


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


def fail(line: str, *, error: str = "FAILED") -> NoReturn:
    """End the command with one line about the problem, and a word for programs."""
    raise Failed(line, error=error)


def print_json(value: Any) -> None:
    """Print JSON for programs: indented, in UTF-8."""
    say(printing.as_json(value, indent=2))


def tell(done: Mapping[str, Any], line: str, *, as_json: bool) -> None:
    """Tell of a deed that has no answer: as JSON, or by a remark."""
    if as_json:
        print_json(done)
    else:
        remark(line)


def print_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table for people; a cell may have several lines.

    No word is ever broken, and no id is more than one: on a narrow terminal cells wrap between
    words, and a table that is too wide even so has long lines. Where nobody sees it, nothing wraps.
    """
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in tables.lines(heads, rows, columns):
        say(line)


def print_members(members: Iterable[tuple[str, str | None]]) -> None:
    """Print the members of one object, a line each; those that are not set are left out."""
    shown = [(name, value) for name, value in members if value]
    widest = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        first, *rest = value.splitlines() or [""]
        say(f"{name:{widest}}  {printing.plain(first)}")
        for line in rest:
            say(f"{'':{widest}}  {printing.plain(line)}")


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something is lost, unless it is told not to; end the command on a no."""
    if yes:
        return
    if not sys.stdin.isatty():
        fail(f"{question} Nobody can be asked here: add --yes")
    if not typer.confirm(printing.plain(question), err=True):
        fail("nothing was done")


def moment(microseconds: int | None) -> str | None:
    """Return a time of the database in RFC 3339, UTC."""
    from datetime import UTC, datetime

    if microseconds is None:
        return None
    at = datetime.fromtimestamp(microseconds // 1_000_000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
