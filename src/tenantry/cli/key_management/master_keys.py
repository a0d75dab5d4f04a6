"""`tenantry master-key`: manages the master key, which is stored outside the database."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenantry.cli import running
from tenantry.cli.running import AsJson, Yes  # noqa: TC001 - typer reads them

if TYPE_CHECKING:
    from tenantry.access.data_keys.model import MasterKey
    from tenantry.call import Call

app = typer.Typer(
    no_args_is_help=True, help="The master key, which is stored outside the database."
)


@app.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List the master keys of this database, and which one is current."""

    async def work(call: Call) -> list[MasterKey]:
        from tenantry.access.data_keys import masters

        return await masters.list_all(call.db)

    found = running.with_call(work)
    if as_json:
        running.print_json([_members(one) for one in found])
        return
    running.print_table(
        ["Version", "State", "Provider", "Key", "Since", "Followed", "Destroyed"],
        [
            (
                str(one.version),
                one.state,
                one.provider,
                one.reference,
                *(
                    running.moment(at) or ""
                    for at in (one.create_time, one.deprecate_time, one.destroy_time)
                ),
            )
            for one in found
        ],
    )


@app.command()
def rotate(
    *,
    to_file: Annotated[
        Path | None, typer.Option(help="File with the new key: 32 bytes in base64.")
    ] = None,
    to_command: Annotated[str, typer.Option(help="Command that prints the new key.")] = "",
    to: Annotated[
        str, typer.Option(help="URL of the new key, such as aws-kms://... or vault-transit://...")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Rotate the master key; the current one still opens the database.

    Running processes are not affected. Configure the new key for all of them, then destroy the
    former one with `tenantry master-key destroy`.
    """
    from tenantry.crypto import master_key

    if sum(map(bool, (to_file, to_command, to))) != 1:
        running.fail("specify the new key with --to-file, --to-command or --to")
    if to and "://" not in to:
        running.fail("--to requires a URL: other users can see a key on the command line")
    new = master_key.of_file(to_file) if to_file else master_key.of_text(to, to_command)

    async def work(call: Call) -> MasterKey:
        from tenantry.access.data_keys import masters

        return await masters.rotate(call, new)

    try:
        made = running.with_call(work)
    except master_key.MasterKeyError as problem:
        running.fail(str(problem))
    if as_json:
        running.print_json(_members(made))
        return
    running.say(f"master key {made.version} ({made.provider} {made.reference}) opens this database")
    running.remark(
        "The former one does, too. Configure the new one for all processes, then run "
        f"`tenantry master-key destroy {made.version - 1}`."
    )


@app.command()
def destroy(
    version: Annotated[int, typer.Argument(min=1, help="Version, as `list` shows it.")],
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Destroy a former master key: it no longer opens this database."""
    running.confirm(f"Destroy master key {version}? It will no longer open this database.", yes=yes)

    async def work(call: Call) -> MasterKey:
        from tenantry.access.data_keys import masters

        return await masters.destroy(call, version)

    destroyed = running.with_call(work, named=str(version))
    if as_json:
        running.print_json(_members(destroyed))
    else:
        running.say(f"destroyed master key {version}: it no longer opens this database")


def _members(key: MasterKey) -> dict[str, Any]:
    return {
        **key.to_event(),
        **{
            name: running.moment(getattr(key, name))
            for name in ("create_time", "deprecate_time", "destroy_time")
        },
    }
