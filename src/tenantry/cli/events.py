"""`tenantry events`: what was changed, when, by whom."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenantry.cli import running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

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

        for event in await log.last(call.db, limit=lines):
            running.say(show(event))
        if follow:
            await _follow(call.db, show)

    try:
        running.with_call(work)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


async def _follow(db: Session, show: Callable[[dict[str, Any]], str]) -> None:
    """Print what comes from now on."""
    import asyncio

    from tenantry.db import log

    last = max((event["id"] for event in await log.last(db, limit=1)), default="")
    seen = {event["id"] async for event in _since(db, _before(last))}
    while True:
        await asyncio.sleep(_POLL_SECONDS)
        async for event in _since(db, _before(last)):
            if event["id"] not in seen:
                running.say(show(event))
            seen.add(event["id"])
            last = max(last, event["id"])
        seen = {event_id for event_id in seen if event_id > _before(last)}


async def _since(db: Session, event_id: str) -> AsyncIterator[dict[str, Any]]:
    from tenantry.db import log

    while events := await log.after(db, event_id):
        for event in events:
            yield event
        event_id = events[-1]["id"]


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
