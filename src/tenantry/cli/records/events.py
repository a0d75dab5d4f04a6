"""`tenantry events`: changes, with their time and their actor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenantry.cli import running
from tenantry.cli.output import printing
from tenantry.cli.records import events_export
from tenantry.cli.running import AsJson  # noqa: TC001 - typer reads it
from tenantry.cli.tenants import organizations
from tenantry.cli.tenants.organizations import OfOrganization  # noqa: TC001 - typer reads it

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.events.event_log.verification import Problem, Verified

app = typer.Typer(no_args_is_help=True, help="The event log.")

_POLL_SECONDS = 0.5


@app.command()
def tail(
    *,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, help="Number of events to print first.")
    ] = 20,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Print new events until interrupted.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per line.")
    ] = False,
) -> None:
    """Print the newest events, the oldest first."""
    show = _json if as_json else _line

    async def work(call: Call) -> None:
        from tenantry.db.event_rows import log
        from tenantry.events.event_log import following

        position = await following.head(call.db)
        newest = await log.last(call.db, limit=lines)
        for event in newest:
            running.say(show(event))
        if follow:
            await _follow(call.db, position, {event["id"] for event in newest}, show)

    try:
        running.with_call(work)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


async def _follow(
    db: Session, position: int, printed: set[str], show: Callable[[dict[str, Any]], str]
) -> None:
    """Print events that get a place in the log behind this one, each once."""
    import asyncio

    from tenantry.db.event_rows import log
    from tenantry.events.event_log import following

    while True:
        part = await following.part(db, following.Narrow(), position)
        position = part.position
        for row in part.rows:
            if row["id"] not in printed:
                running.say(show(log.parsed(row)))
        if part.is_last:
            await asyncio.sleep(_POLL_SECONDS)


@app.command()
def verify(
    *,
    organization: OfOrganization = "",
    as_json: AsJson = False,
) -> None:
    """Check that no event was changed, removed or inserted; exit code 1 otherwise."""
    from dataclasses import asdict

    from tenantry.db.engine import Database
    from tenantry.events.event_log import verification

    problems: list[dict[str, Any]] = []

    def tell(problem: Problem) -> None:
        if as_json:
            problems.append(asdict(problem))
        else:
            running.say(_problem(problem))

    async def work(call: Call) -> Verified:
        assert isinstance(call.db, Database)
        return await verification.verify(call.db, where or None, found=tell)

    where = organizations.id_of_past(organization)
    counts = running.with_call(work)
    if as_json:
        running.print_json({**asdict(counts), "problems": problems})
    else:
        running.say(f"{counts.events} events in {counts.chains} chains, {counts.problems} problems")
    if counts.problems:
        raise typer.Exit(1)


app.command("export")(events_export.export)


def _problem(problem: Problem) -> str:
    place = f"position {problem.position}  " if problem.position is not None else ""
    event = f"{problem.event_id}  " if problem.event_id is not None else ""
    of = problem.chain or "environment"
    return f"{problem.kind}: {place}{event}{of}  {problem.text}"


def _json(event: dict[str, Any]) -> str:
    return printing.as_json({**event, "occurred_at": running.moment(event["occurred_at"])})


def _line(event: dict[str, Any]) -> str:
    actor = event["actor"]
    changed = event["after"] or event["before"] or {}
    parts = (
        running.moment(event["occurred_at"]),
        event["type"],
        changed.get("id") or changed.get("client_id") or event["organization_id"] or "-",
        f"by {actor.get('type', '?')} {actor.get('id', '?')}",
        event["request_id"],
    )
    return "  ".join(str(part) for part in parts)
