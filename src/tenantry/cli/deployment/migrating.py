"""`tenantry migrate`, and how far an upgrade is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from tenantry.cli import running
from tenantry.cli.running import AsJson  # noqa: TC001 - typer reads it
from tenantry.settings import load

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.db.upgrade_status import Status, Step

app = typer.Typer(invoke_without_command=True)

_UNSUPPORTED = (
    "--distribute is experimental and not supported: on Citus it fails halfway, and the database "
    "then rejects writes. Nothing was changed. To try it on a copy of the database, add "
    "--experimental (docs/scaling.md)"
)


@app.callback()
def migrate(
    context: typer.Context,
    *,
    beside_older: Annotated[
        bool,
        typer.Option(
            "--beside-older",
            help="Upgrade even if a previous version runs; it can no longer write.",
        ),
    ] = False,
    contract: Annotated[
        bool,
        typer.Option(
            "--contract",
            help="Then remove what only previous versions need; stop them first.",
        ),
    ] = False,
    distribute: Annotated[
        bool,
        typer.Option(
            "--distribute",
            help="Then distribute the tables over Citus; requires --experimental.",
        ),
    ] = False,
    experimental: Annotated[
        bool,
        typer.Option(
            "--experimental",
            help="Allow --distribute, which fails on Citus itself: on a copy only.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Migrate the database to the schema of this version."""
    if context.invoked_subcommand is not None:
        return
    from tenantry.db.connecting import OpenError
    from tenantry.db.postgresql.distribution import DistributeError, distributing
    from tenantry.db.revisions import HEAD
    from tenantry.db.schema_versions import bring_up_to_date
    from tenantry.settings import data_folder

    if distribute and not experimental:
        running.fail(_UNSUPPORTED, error="EXPERIMENTAL")
    settings = load()
    data_folder.make(settings)

    async def work() -> tuple[list[str], list[str]]:
        upgraded = bring_up_to_date(settings.database, beside_older=beside_older)
        if not distribute:
            return (await upgraded)[1], []
        import tenantry.app  # noqa: F401 - each package of it declares its tables

        return await distributing(settings.database, upgraded)

    try:
        applied, distributed = asyncio.run(work())
        taken_away = _take_away(settings.database) if contract else []
    except (OpenError, DistributeError) as problem:
        running.fail(str(problem))
    if as_json:
        told: dict[str, object] = {"applied": applied, "revision": HEAD}
        told |= {"distributed": distributed} if distribute else {}
        running.print_json(told | ({"taken_away": taken_away} if contract else {}))
        return
    running.say(f"applied {', '.join(applied)}" if applied else f"already at {HEAD}")
    if distribute:
        running.say("\n".join(distributed) or "already distributed")
    if contract:
        gone = ", ".join(taken_away)
        running.say(f"removed the obsolete schema of {gone}" if gone else "no obsolete schema")


def _take_away(url: str) -> list[str]:
    """Close former versions out, look through all rows a last time, and take away the rest."""
    from tenantry.db.schema_versions import take_away
    from tenantry.db.upgrades.back_fills import BackFilling

    async def fill(call: Call) -> None:
        filling = BackFilling()
        seconds: float | None = 0.0
        while seconds is not None:
            await asyncio.sleep(seconds)
            seconds = await filling.run(call.db)

    gone = asyncio.run(take_away(url))
    running.with_call(fill)
    return gone + asyncio.run(take_away(url))


@app.command()
def status(*, as_json: AsJson = False) -> None:
    """Show the progress of an upgrade: steps, processes, and the next action."""
    from tenantry.db import upgrade_status
    from tenantry.db.connecting import OpenError

    settings = load()
    running.look(settings)
    try:
        found = asyncio.run(upgrade_status.look(settings.database))
    except OpenError as problem:
        running.fail(str(problem))
    if as_json:
        running.print_json(found.to_json())
    else:
        _show(found)


def _show(found: Status) -> None:
    by = f", created by version {found.database_version}" if found.database_version else ""
    running.say(f"database  schema {found.database_schema or 'nothing'}{by}")
    running.say(f"program   version {found.version}, schema {found.schema}")
    running.say(f"allowed   versions with schema {found.floor or '-'} or later")
    for one in found.migrations:
        beside = "with" if one.older_may_run else "without"
        running.say(f"pending   {one.revision} {one.title} ({beside} previous versions running)")
    if found.steps:
        heads = ["Step", "Migration", "State", "Done", "Rate", "Left"]
        running.print_table(heads, [_row(step) for step in found.steps])
    for process in found.processes:
        known = f"version {process.version}, schema {process.schema}, " if process.schema else ""
        heard = f"{process.host}, {process.connections} connections" if process.host else ""
        running.say(f"running   {process.name}: {known}{heard}".rstrip(": "))
    for line in found.next:
        running.say(f"next      {line}")


def _row(step: Step) -> list[str]:
    total = "" if step.total is None else f" of {step.total:,}"
    return [
        step.kind if step.kind == step.name else f"{step.kind} {step.name}",
        step.revision,
        f"{step.state}, {step.phase}" if step.phase else step.state,
        f"{step.done:,}{total}" if step.done or step.total else "",
        "" if step.rate is None else f"{step.rate:,.0f}/s",
        "" if step.seconds_left is None else f"{step.seconds_left} s",
    ]
