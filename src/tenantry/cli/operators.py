"""`tenantry operators`: the users of the console."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tenantry.cli import running
from tenantry.cli.running import AsJson  # noqa: TC001 - typer reads it
from tenantry.settings import load

if TYPE_CHECKING:
    from tenantry.api.in_process import InProcessClient
    from tenantry.call import Call
    from tenantry.gen.tenantry.v1.operators_pb import Operator

app = typer.Typer(no_args_is_help=True, help="Operators: users of the console.")


@app.command()
def link(
    *,
    email: Annotated[
        str, typer.Option(help="Email address; signs an existing operator with it in.")
    ] = "",
    name: Annotated[str, typer.Option(help="Name; prompts for it if omitted.")] = "",
    role: Annotated[
        str, typer.Option(help="Role of a new operator: OWNER, OPERATOR or READER.")
    ] = "OWNER",
    as_json: AsJson = False,
) -> None:
    """Print a link that creates an operator, or signs in one without a passkey.

    Anyone who opens the link can use it, once within 30 minutes: send it only to that person.
    """
    settings = load()
    if not settings.console:
        running.fail("the console is disabled: TENANTRY_CONSOLE is false")

    async def work(call: Call) -> str:
        from tenantry.identity.operators import service

        return await service.link_for(call, email=email, name=name, role=role.upper())

    token = running.with_call(work)
    from tenantry.identity.operators.service import link_address

    address = link_address(settings.public_url, token)
    if as_json:
        running.print_json({"link": address})
        return
    running.say(address)
    running.remark("The link works once, within 30 minutes.")


@app.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List all operators, their roles, and when they last signed in."""

    async def work(api: InProcessClient) -> list[Operator]:
        from tenantry.gen.tenantry.v1 import operators_pb as pb

        return (await api.operators.list_operators(pb.ListOperatorsRequest())).operators

    found = running.with_api(work)
    if as_json:
        running.print_json(
            [
                {
                    "id": one.id,
                    "name": one.name,
                    "email": one.email,
                    "role": one.role,
                    "last_sign_in_time": running.moment(one.last_sign_in_time),
                }
                for one in found
            ]
        )
        return
    running.print_table(
        ["Operator", "Name", "Email", "Role", "Last sign-in"],
        [
            (one.id, one.name, one.email, one.role, running.moment(one.last_sign_in_time) or "")
            for one in found
        ],
    )
