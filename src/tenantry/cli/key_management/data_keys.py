"""`tenantry data-key`: the keys that encrypt secrets in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenantry.cli import running
from tenantry.cli.running import AsJson, Yes  # noqa: TC001 - typer reads them

if TYPE_CHECKING:
    from tenantry.access.data_keys.model import DataKey
    from tenantry.call import Call
    from tenantry.db.encryption.reencryption import Progress

app = typer.Typer(no_args_is_help=True, help="The keys that encrypt secrets in the database.")

Version = Annotated[int, typer.Argument(min=1, help="Version of the key, as `list` shows it.")]

_ROUND_SECONDS = 5.0


@app.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List all data keys, with the active one and its start."""

    async def work(call: Call) -> list[DataKey]:
        from tenantry.access.data_keys import service

        return await service.list_all(call.db)

    found = running.with_call(work)
    if as_json:
        running.print_json([_members(one) for one in found])
        return
    running.print_table(
        ["Version", "State", "Created", "Active since", "Replaced", "Destroyed"],
        [
            (
                str(one.version),
                one.state,
                *(
                    running.moment(at) or ""
                    for at in (
                        one.create_time,
                        one.activate_time,
                        one.deprecate_time,
                        one.destroy_time,
                    )
                ),
            )
            for one in found
        ],
    )


@app.command()
def rotate(*, as_json: AsJson = False) -> None:
    """Rotate the data key; the worker then re-encrypts existing values."""

    async def work(call: Call) -> DataKey:
        from tenantry.access.data_keys import service

        return await service.rotate(call)

    made = running.with_call(work)
    if as_json:
        running.print_json(_members(made))
        return
    running.say(f"data key {made.version} is used from {running.moment(made.activate_time)}")


@app.command("re-encrypt")
def re_encrypt(*, as_json: AsJson = False) -> None:
    """Re-encrypt all values of former data keys now, instead of gradually by the worker."""

    async def work(call: Call) -> tuple[int, dict[str, int]]:
        import tenantry.app  # noqa: F401 - declares all tables
        from tenantry.access.data_keys import service

        total, finished = 0, False
        while not finished:
            count, unreadable, finished = await service.reencrypt(call, seconds=_ROUND_SECONDS)
            total += count
            if not finished:
                running.remark(f"{total} values re-encrypted")
        return total, unreadable

    count, unreadable = running.with_call(work)
    if as_json:
        running.print_json({"resealed": count, "unreadable": unreadable})
        return
    running.say(f"{count} values re-encrypted")
    _remark_unreadable(unreadable)


@app.command()
def status(*, as_json: AsJson = False) -> None:
    """Show the progress of re-encryption."""

    async def work(call: Call) -> Progress:
        import tenantry.app  # noqa: F401 - declares all tables
        from tenantry.access.data_keys import service

        return await service.progress(call.db)

    found = running.with_call(work)
    if as_json:
        running.print_json(
            {
                "version": found.version,
                "resealed": found.resealed,
                "tables_done": found.done,
                "tables": found.of,
                "done": found.is_done,
                "unreadable": dict(found.unreadable),
                "binds_values": found.binds,
                "refuses_unbound": found.refuses_since is not None,
            }
        )
        return
    if not found.version:
        running.say("no data key is in use: create one with `tenantry data-key rotate`")
        _remark_unbound(found)
        return
    done = "all" if found.is_done else f"{found.done} of {found.of}"
    running.say(
        f"data key {found.version}: {found.resealed} values re-encrypted, {done} tables done"
    )
    _remark_unreadable(found.unreadable)
    _remark_unbound(found)


@app.command()
def destroy(
    version: Version,
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Destroy a former data key that no value needs any more."""
    running.confirm(f"Destroy data key {version}? This cannot be undone.", yes=yes)

    async def work(call: Call) -> DataKey:
        import tenantry.app  # noqa: F401 - declares all tables
        from tenantry.access.data_keys import service

        return await service.destroy(call, version)

    destroyed = running.with_call(work, named=str(version))
    if as_json:
        running.print_json(_members(destroyed))
    else:
        running.say(f"destroyed data key {version}")


def _remark_unbound(found: Progress) -> None:
    """Print the remaining steps until every value is refused outside of its row."""
    if found.refuses_since is None:
        running.remark(
            "values that are not bound to their rows are still accepted: "
            + (
                "the worker re-encrypts them"
                if found.binds
                else "run `tenantry migrate --contract`"
            )
        )


def _remark_unreadable(unreadable: Any) -> None:
    for table, count in unreadable.items():
        running.remark(f"{count} values in {table} cannot be decrypted with any key")


def _members(key: DataKey) -> dict[str, Any]:
    return {
        **key.to_event(),
        **{
            name: running.moment(getattr(key, name))
            for name in ("create_time", "activate_time", "deprecate_time", "destroy_time")
        },
    }
