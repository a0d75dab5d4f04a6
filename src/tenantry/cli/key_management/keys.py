"""`tenantry key`: the keys that sign access tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tenantry.cli import running
from tenantry.cli.running import AsJson  # noqa: TC001 - typer reads it

if TYPE_CHECKING:
    from tenantry.api.in_process import InProcessClient
    from tenantry.gen.tenantry.v1.signing_keys_pb import SigningKey

app = typer.Typer(no_args_is_help=True, help="The keys that sign access tokens.")


@app.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List the published keys: current, next and retired ones."""

    async def work(api: InProcessClient) -> list[SigningKey]:
        from tenantry.gen.tenantry.v1 import signing_keys_pb as pb

        return (await api.signing_keys.list_signing_keys(pb.ListSigningKeysRequest())).keys

    found = running.with_api(work)
    if as_json:
        running.print_json(
            [
                {
                    "kid": key.id,
                    "algorithm": key.algorithm,
                    "state": key.state,
                    "create_time": running.moment(key.create_time),
                    "retire_time": running.moment(key.retire_time),
                    "public_key": key.public_key,
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
                key.state,
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
        typer.Option(
            "--now", help="Revoke all keys and reject all issued tokens, after a key was leaked."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Rotate the signing keys: use the next keys, and publish new next ones."""

    async def work(api: InProcessClient) -> dict[str, str]:
        from tenantry.gen.tenantry.v1 import signing_keys_pb as pb

        rotated = await api.signing_keys.rotate_signing_keys(
            pb.RotateSigningKeysRequest(now=at_once)
        )
        return {key.algorithm: key.id for key in rotated.keys if key.state == "current"}

    current = running.with_api(work)
    if as_json:
        running.print_json({"kid": current["RS256"], "kids": current})
    else:
        running.say(f"signing with {', '.join(current.values())}")
