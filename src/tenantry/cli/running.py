"""Shared by all commands: the open database, how they print and how they fail."""

from __future__ import annotations

import gc
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, Protocol, TypeVar

import typer

from tenantry.cli import Failed
from tenantry.cli.output import printing, tables
from tenantry.crypto.master_key import is_set
from tenantry.settings import load

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from protobuf import Message, Oneof
    from protobuf.wkt import Timestamp

    from tenantry.api.in_process import InProcessClient
    from tenantry.call import Call
    from tenantry.db.engine import Database
    from tenantry.settings import Settings

    class ListResponse(Protocol):
        """A response with a page of a list."""

        @property
        def next_page_token(self) -> str:
            """The token to go on with, "" at the end."""


T = TypeVar("T")
say, remark = printing.say, printing.remark

_PAGE = 100
_REQUEST_ID = "cli"
_SHORTEST = 3  # characters that are searched for
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
Limit = Annotated[
    int, typer.Option("--limit", "-n", min=1, max=10_000, help="Maximum number to list.")
]
PageToken = Annotated[str, typer.Option(help="Token from the previous page.")]


def with_api(
    work: Callable[[InProcessClient], Awaitable[T]], *, named: str | Mapping[str, str] = ""
) -> T:
    """Run the work with the API, as the system itself, and return its result.

    ``named`` is the id that was asked for, or each by what it is of: an error says it where nothing
    is found by it.
    """
    return with_api_and_call(lambda api, _: work(api), named=named)


def with_api_and_call(
    work: Callable[[InProcessClient, Call], Awaitable[T]],
    *,
    named: str | Mapping[str, str] = "",
) -> T:
    """Run the work as `with_api` does, with a call for what the API does not offer."""
    gc.disable()  # to the end: the work imports what it calls
    from contextlib import AsyncExitStack

    from tenantry import services
    from tenantry.api.in_process import InProcessClient
    from tenantry.api.pipeline import Runner
    from tenantry.app_context import AppContext
    from tenantry.call import Call
    from tenantry.core.caller import NOWHERE, SYSTEM

    async def run(db: Database) -> T:
        async with AsyncExitStack() as closing:
            context = AppContext(load(), db, closing)
            context.rpcs.serve_on_demand(lambda name: services.rpcs_of(name, context), Runner(db))
            await context.effective.read(db)
            api = InProcessClient(context.rpcs, SYSTEM, _REQUEST_ID, NOWHERE)
            return await work(api, Call(SYSTEM, db, request_id=_REQUEST_ID))

    return _with_database(run, named=named, connections=2)


def with_call(
    work: Callable[[Call], Awaitable[T]],
    *,
    named: str | Mapping[str, str] = "",
    connections: int = 1,
) -> T:
    """Run the work as a call of the system itself, and return its result.

    For what the API does not offer; ``named``: see `with_api`.
    """
    gc.disable()
    from tenantry.call import Call
    from tenantry.core.caller import SYSTEM

    async def run(db: Database) -> T:
        gc.freeze()
        gc.enable()
        return await work(Call(SYSTEM, db, request_id=_REQUEST_ID))

    return _with_database(run, named=named, connections=connections)


def _with_database(
    work: Callable[[Database], Awaitable[T]], *, named: str | Mapping[str, str], connections: int
) -> T:
    import asyncio

    from tenantry.core import errors
    from tenantry.db.connecting import OpenError
    from tenantry.db.engine import Failure
    from tenantry.db.opening import database_of

    settings = load()
    look(settings)

    async def run() -> T:
        async with database_of(settings, pool_size=connections) as db:
            return await work(db)

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
    fetch: Callable[[int, str], Awaitable[tuple[Sequence[T], ListResponse]]],
    *,
    limit: int,
    page_token: str = "",
) -> tuple[list[T], str, int]:
    """Read pages, each from where the last one ended, until a number of items are there.

    ``fetch`` is given a page's size and token, and returns its items and the response that has
    them. Returns the items, the token to go on with, "" at the end, and the total, 0 where the
    responses have none.
    """
    found: list[T] = []
    while True:
        items, page = await fetch(min(limit - len(found), _PAGE), page_token)
        found += items
        page_token = page.next_page_token
        if not page_token or len(found) >= limit:
            return found, page_token, getattr(page, "total_size", 0)


def members_of(message: Message[Any]) -> dict[str, Any]:
    """Return the JSON of a message as the REST API returns it."""
    from protobuf import message_to_json_value

    members = message_to_json_value(message, use_proto_field_name=True, always_emit_implicit=True)
    assert isinstance(members, dict)
    return members


def by_id(id_: str) -> Oneof[Literal["id"], str]:
    """Return the identity of a request."""
    from protobuf import Oneof

    return Oneof("id", id_)


def by_external_id(id_: str) -> Oneof[Literal["external_id"], str]:
    """Return the identity of a request for what your application calls so."""
    from protobuf import Oneof

    return Oneof("external_id", id_)


def check_search(text: str) -> None:
    """End the command where a text is too short to be searched for."""
    if text and len(text) < _SHORTEST:
        fail(f"--search: must have at least {_SHORTEST} characters")


def remark_more(shown: int, page_token: str, total: int) -> None:
    """Say that a list goes on, and how to see the rest of it."""
    if page_token:
        many = f"{shown:,} of {total:,}" if total else f"{shown:,}"
        remark(
            f"showing {many}; use --limit for more, or --page-token {page_token} for the next page"
        )


def look(settings: Settings) -> None:
    """End the command where no server has been: it would make what it looks for."""
    scheme, _, place = settings.database.partition(":///")
    missing = None
    if scheme == "sqlite" and not Path(place).is_file():
        missing = f"no database at {Path(place).absolute()}"
    elif scheme != "sqlite" and not is_set(settings) and not settings.data_dir.is_dir():
        missing = f"no data folder at {settings.data_dir.absolute()}"
    if missing is not None:
        fail(f"{missing}: run this where the server was started, or set TENANTRY_DATA_DIR")


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
        fail(f"{question} Confirm with --yes: standard input is not a terminal")
    if not typer.confirm(printing.plain(question), err=True):
        fail("canceled")


def moment(at: int | Timestamp | None) -> str | None:
    """Return a time, of the database or of a message, in RFC 3339, UTC."""
    from datetime import UTC, datetime

    if at is None:
        return None
    seconds = at // 1_000_000 if isinstance(at, int) else at.seconds
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def precise_moment(at: Timestamp | None) -> str | None:
    """Return a time of a message in RFC 3339, UTC, to the microsecond."""
    whole = moment(at)
    return None if at is None or whole is None else f"{whole[:-1]}.{at.nanos // 1000:06}Z"
