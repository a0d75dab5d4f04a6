"""`tenantry key`: the keys that sign access tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tenantry.cli import running

if TYPE_CHECKING:
    from tenantry.call import Call

app = typer.Typer(no_args_is_help=True, help="The keys that sign access tokens.")


@app.callback()
def _group() -> None:
    """Keep `key rotate` two words, though it is the only command."""


@app.command()
def rotate(
    *,
    at_once: Annotated[
        bool,
        typer.Option("--now", help="Refuse every token of before: a key is in wrong hands."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Sign with the next keys, which are published already, and publish new next ones."""

    async def work(call: Call) -> dict[str, str]:
        from tenantry.access.keys import service

        return await (service.revoke(call) if at_once else service.rotate(call))

    try:
        current = running.with_call(work)
    except typer.Exit:  # a RuntimeError too
        raise
    except RuntimeError as problem:
        running.fail(str(problem))
    if as_json:
        running.print_json({"kid": current["RS256"], "kids": current})
    else:
        running.say(f"signing with {', '.join(current.values())}")
