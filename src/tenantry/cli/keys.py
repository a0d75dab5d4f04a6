"""`tenantry key`: the keys that sign access tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tenantry.cli import running

if TYPE_CHECKING:
    from tenantry.caller import Call

app = typer.Typer(no_args_is_help=True, help="The keys that sign access tokens.")


@app.callback()
def _group() -> None:
    """Keep `key rotate` two words, though it is the only command."""


@app.command()
def rotate(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Sign with the next key, which is published already, and publish a new next one."""

    async def work(call: Call) -> str:
        from tenantry.keys import service

        return await service.rotate(call)

    try:
        kid = running.with_call(work)
    except RuntimeError as problem:
        running.fail(str(problem))
    if as_json:
        running.print_json({"kid": kid})
    else:
        running.say(f"signing with {kid}")
