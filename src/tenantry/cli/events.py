"""`tenantry events`: what was changed, when, by whom."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenantry.cli import running

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenantry.caller import Call
    from tenantry.db.engine import Session

app = typer.Typer(no_args_is_help=True, help="The record of every change.")

_POLL_SECONDS = 1.0
# An event can be committed this long after its id was made, behind one with a later id.
_LATE_MILLISECONDS = 2_000
_ID_SHIFT = 22  # of the milliseconds in an id


@app.callback()
def _group() -> None:
    """Keep `events tail` two words, though it is the only command."""


@app.command()
def tail(
    *,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, help="How many to begin with.")
    ] = 20,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with new ones until interrupted.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Print the newest events, the oldest first."""
    show = _as_json if as_json else _as_line

    async def work(call: Call) -> None:
        from tenantry.db import log

        newest = await log.last(call.db, limit=lines)
        for event in newest:
            running.say(show(event))
        if follow:
            await _follow(call.db, newest, show)

    try:
        running.with_call(work)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


async def _follow(
    db: Session, newest: list[dict[str, Any]], show: Callable[[dict[str, Any]], str]
) -> None:
    import asyncio

    from tenantry.db import log

    if not newest:
        newest = await log.last(db, limit=1)
    seen = {event["id"] for event in newest}
    last = max(seen, default="")
    while True:
        await asyncio.sleep(_POLL_SECONDS)
        since = _before(last)
        while fresh := await log.after(db, since):
            for event in fresh:
                if event["id"] not in seen:
                    running.say(show(event))
            seen |= {event["id"] for event in fresh}
            since = fresh[-1]["id"]
            last = max(last, since)
        seen = {event_id for event_id in seen if event_id > _before(last)}


def _before(event_id: str) -> str:
    """Return the id from which on a late event could still come in."""
    prefix, _, number = event_id.partition("_")
    if not number:
        return ""
    return f"{prefix}_{max(0, int(number) - (_LATE_MILLISECONDS << _ID_SHIFT))}"


def _as_json(event: dict[str, Any]) -> str:
    shown = {**event, "occurred_at": running.moment(event["occurred_at"])}
    return json.dumps(shown, ensure_ascii=False, separators=(",", ":"))


def _as_line(event: dict[str, Any]) -> str:
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
