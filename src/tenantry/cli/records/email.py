"""`tenantry mail`: mails that went out, that wait, and that are kept here to be read."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenantry.cli import running
from tenantry.cli.running import AsJson, Limit  # noqa: TC001 - typer reads them

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.events.email.model import Email
    from tenantry.events.email.service import Content

app = typer.Typer(no_args_is_help=True, help="Sent and pending email.")


@app.command("list")
def list_(
    *,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """List email, the newest first."""

    async def work(call: Call) -> list[Email]:
        from tenantry.events.email import service

        return await service.newest(call.db, limit=limit)

    found = running.with_call(work)
    if as_json:
        running.print_json([_to_json(mail) for mail in found])
        return
    running.print_table(
        ["Email", "State", "Age", "Template", "To", "Problem"],
        [(m.id, m.state, _age(m.create_time), m.template, _to(m), m.problem or "") for m in found],
    )


@app.command()
def show(
    mail_id: Annotated[str, typer.Argument(metavar="MAIL_ID", help="ID of the email, mail_...")],
    *,
    html: Annotated[bool, typer.Option("--html", help="Print only the HTML part.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print one email. Its text is kept only while no mail server is configured."""

    async def work(call: Call) -> tuple[Email, Content | None]:
        from tenantry.core import errors
        from tenantry.events.email import service

        found = await service.find(call.db, mail_id)
        if found is None:
            raise errors.NotFound("mail")
        return found

    mail, content = running.with_call(work, named=mail_id)
    if as_json:
        running.print_json({**_to_json(mail), "content": asdict(content) if content else None})
    elif html:
        if content is None:
            running.fail(f"the content of {mail.id} is not stored: it is {mail.state}")
        running.say(content.html.rstrip("\n"))
    else:
        for name, value in _headers(mail, content):
            running.say(f"{name + ':':<12}{value}")
        if content is not None:
            running.say("\n" + content.text.rstrip("\n"))


def _to_json(mail: Email) -> dict[str, Any]:
    return {
        "id": mail.id,
        "state": mail.state,
        "recipient": mail.recipient,
        "template": mail.template,
        "organization_id": mail.organization_id,
        "variables": mail.variables,
        "attempts": mail.attempts,
        "problem": mail.problem,
        "create_time": running.moment(mail.create_time),
        "due_time": running.moment(mail.due_time) if mail.state == "QUEUED" else None,
        "sent_time": running.moment(mail.sent_time),
    }


def _headers(mail: Email, content: Content | None) -> list[tuple[str, str]]:
    lines = {
        "Mail": mail.id,
        "State": mail.state,
        "To": _to(mail),
        "Subject": content.subject if content else None,
        "Template": mail.template,
        "Created": running.moment(mail.create_time),
        "Due": running.moment(mail.due_time) if mail.state == "QUEUED" else None,
        "Sent": running.moment(mail.sent_time) if mail.state == "SENT" else None,
        "Attempts": str(mail.attempts),
        "Problem": mail.problem,
    }
    return [(name, value) for name, value in lines.items() if value]


def _to(mail: Email) -> str:
    from tenantry.events.email.rendering import one_line

    return one_line(mail.recipient)  # it need not be an address


def _age(microseconds: int) -> str:
    seconds = max(0, int(time.time() - microseconds / 1_000_000))
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
