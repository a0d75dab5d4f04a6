"""`tenantry user`: for the operator alone, about people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tenantry.cli import running

if TYPE_CHECKING:
    from tenantry.call import Call

app = typer.Typer(no_args_is_help=True, help="People.")


@app.callback()
def _group() -> None:
    """Keep `user erase` two words, though it is the only command."""


@app.command()
def erase(
    key: Annotated[
        str,
        typer.Argument(metavar="USER", help="A user's id, e-mail address or external id."),
    ],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Forget a person: delete the user, and blank their data in events, mail and deliveries.

    Also of a person that was deleted before. The events stay in the log with their time, and
    proven.
    """

    async def work(call: Call) -> tuple[list[str], int]:
        from tenantry.identity.auth_log import erasure as sign_ins
        from tenantry.identity.proofs.passwordless import service as passwordless
        from tenantry.identity.sessions import erasure as sessions
        from tenantry.tenants.directories import erasure as directories
        from tenantry.tenants.users import erasure

        found = await erasure.find(call, key)
        named = sorted(found.person.ids)
        if not yes:
            who = ", ".join(named) or "an address without a user"
            state = "deletes and erases" if found.is_there else "erases"
            running.remark(f"This {state} {who} for good.")
            typer.confirm("Go on?", abort=True, err=True)
        for user_id in named:
            await sessions.forget(call, user_id)
        for address in sorted(found.person.addresses):
            await passwordless.forget(call.db, address)
        await sign_ins.forget(call.db, found.person.ids, found.person.addresses)
        people, wider = await directories.find(call.db, found)
        events = await erasure.erase(call, wider)
        await directories.forget(call.db, people)
        return named, events

    users, events = running.with_call(work)
    if as_json:
        running.print_json({"users": users, "events": events})
    else:
        running.say(f"erased {', '.join(users) or key}, with {events} events")
