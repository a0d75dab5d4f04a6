"""`tenantry key`: the keys that sign access tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tenantry.cli import running
from tenantry.cli.running import AsJson  # noqa: TC001 - typer reads it

if TYPE_CHECKING:
    from tenantry.access.keys.model import SigningKey
    from tenantry.call import Call

app = typer.Typer(no_args_is_help=True, help="The keys that sign access tokens.")


@app.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List the published keys: current, next and retired ones."""

    async def work(call: Call) -> list[SigningKey]:
        from tenantry.access.keys import service

        return await service.load(call.db)

    found = running.with_call(work)
    if as_json:
        running.print_json(
            [
                {
                    "kid": key.id,
                    "algorithm": key.algorithm,
                    "state": key.state.value,
                    "create_time": running.moment(key.create_time),
                    "retire_time": running.moment(key.retire_time),
                    "public_key": key.public_pem,
                }
                for key in found
            ]
        )
        return
    running.print_table(
        ["Key", "Algorithm", "State", "Published since", "Signed until"],
        [
            (
                key.id,
                key.algorithm,
                key.state.value,
                running.moment(key.create_time) or "",
                running.moment(key.retire_time) or "",
            )
            for key in found
        ],
    )


@app.command()
def rotate(
    *,
    at_once: Annotated[
        bool,
        typer.Option("--now", help="Reject all tokens issued so far, because a key was disclosed."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Rotate the signing keys: use the next keys, and publish new next ones."""

    async def work(call: Call) -> dict[str, str]:
        from tenantry.access.keys import service

        return await (service.revoke(call) if at_once else service.rotate(call))

    try:
        current = running.with_call(work)
    except RuntimeError as problem:  # another rotation
        running.fail(str(problem))
    if as_json:
        running.print_json({"kid": current["RS256"], "kids": current})
    else:
        running.say(f"signing with {', '.join(current.values())}")
