"""`tenantry status`: the state of the deployment."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import typer

from tenantry.cli import running
from tenantry.cli.running import AsJson  # noqa: TC001 - typer reads it
from tenantry.settings import load

if TYPE_CHECKING:
    from tenantry.server.server_registry import ServerRecord
    from tenantry.settings import Settings
    from tenantry.transfer.deployment.status import Status


@dataclass
class _Found:
    """All that was found; ``problems`` are a sentence each, on what to do."""

    server: ServerRecord | None
    database: str
    schema: str | None = None
    older: list[str] = field(default_factory=list)
    status: Status | None = None
    problems: list[str] = field(default_factory=list)


def status(
    *,
    as_json: AsJson = False,
) -> None:
    """Show the state of the server, the database and the queues; exit code 1 on problems.

    Reads only the database, and is fast for millions of rows: queues are counted up to 10,000. With
    --json, also shows the largest tables. `tenantry doctor` checks settings, certificates and more.
    """
    import asyncio

    settings = load()
    running.look(settings)
    found = asyncio.run(_look(settings))
    if as_json:
        running.print_json(_to_json(found))
    else:
        _print(found)
    if found.problems:
        raise typer.Exit(1)


async def _look(settings: Settings) -> _Found:
    from tenantry.db.archiving import without_password
    from tenantry.db.connecting import OpenError, connected
    from tenantry.db.engine import Failure, Unavailable
    from tenantry.db.opening import named
    from tenantry.db.revisions import HEAD
    from tenantry.db.schema_versions import older_processes, schema_version
    from tenantry.server import server_registry

    url = settings.database
    is_sqlite = url.startswith("sqlite:")
    shown = url.removeprefix("sqlite:///") if is_sqlite else without_password(url)
    found = _Found(server_registry.find(settings), shown)
    try:
        found.schema = await schema_version(url)
        if found.schema is None:
            found.problems.append("the database is empty: run `tenantry serve`")
            return found
        if not is_sqlite:
            found.older = await older_processes(url)
        if found.schema < HEAD:
            found.problems.append(
                f"the schema is {found.schema}, this version needs {HEAD}: run `tenantry migrate`"
            )
            return found
        from tenantry.transfer.deployment import status as deployment_status

        async with connected(url) as db:
            found.status = await deployment_status.look(db, settings, await named(db) or "")
            try:
                await db.probe(growing=True)
            except Unavailable as problem:
                sentence = problem.answer.sentence.partition(",")[0]
                found.problems.append(f"{sentence} ({problem}); run `tenantry doctor`")
    except OpenError as problem:
        found.problems.append(str(problem))
        return found
    except Failure as problem:
        found.problems.append(f"{problem.error().message} ({problem})")
        return found
    if found.older:
        found.problems.append(f"a previous version is running: {'; '.join(found.older)}; stop it")
    found.problems += found.status.problems()
    return found


def _to_json(found: _Found) -> dict[str, Any]:
    from tenantry import __version__
    from tenantry.db.revisions import HEAD

    return {
        "version": __version__,
        "server": None if found.server is None else asdict(found.server),
        "database": found.database,
        "schema": found.schema,
        "schema_needed": HEAD,
        "older_processes": found.older,
        "status": None if found.status is None else found.status.to_json(),
        "problems": found.problems,
    }


def _print(found: _Found) -> None:
    running.print_table(["", "Status"], _rows(found))
    for problem in found.problems:
        running.say(f"problem: {problem}")
    if not found.problems:
        running.say("no problems")


def _rows(found: _Found) -> list[tuple[str, str]]:
    from tenantry import __version__

    server = found.server
    rows = [
        (
            "server",
            f"process {server.pid}, version {server.version or 'unknown'}, {server.public_url}"
            if server
            else "no server with this data folder is running on this machine",
        ),
        ("this command", f"version {__version__}"),
        ("database", found.database),
        ("schema", found.schema or "none"),
    ]
    if (status := found.status) is None:
        return rows
    sizes = status.sizes
    size = f"{_mib(sizes.database)} ({_kind(found.database)} {sizes.version})"
    if sizes.unused:
        size += f", {_mib(sizes.unused)} of it unused"
    if sizes.wal is not None:
        size += f"; write-ahead log {_mib(sizes.wal)}"
    rows += [
        ("size", size),
        ("disk", f"{_mib(sizes.disk_free)} of {_mib(sizes.disk_total)} free"),
    ]
    backlog = [(one.kind, one.line()) for one in status.waiting if one.count or one.failed]
    backlog += [
        (f"log stream {one.name}", f"{one.events:,} events behind")
        for one in status.streams
        if one.events
    ]
    if status.search:
        backlog.append(("search", f"{status.search:,} changes to index"))
    rows += backlog or [("queues", "empty")]
    if status.held:
        rows.append(("outgoing work", f"held: {status.held}"))
    return rows


def _kind(database: str) -> str:
    return "PostgreSQL" if database.startswith("postgres") else "SQLite"


def _mib(size: int) -> str:
    return f"{size / (1 << 20):,.0f} MiB"
