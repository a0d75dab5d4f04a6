"""`tenantry directories`: how they are, their requests, and those that are polled."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenantry.cli import organizations, running
from tenantry.cli.organizations import Which  # noqa: TC001 - typer reads it
from tenantry.cli.running import AsJson, Limit, PageToken  # noqa: TC001 - typer reads them
from tenantry.settings import load

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.db.pages import Page
    from tenantry.tenants.directories.listing import Whole
    from tenantry.tenants.directories.model import Directory
    from tenantry.tenants.directories.request_log import DirectoryRequest

app = typer.Typer(no_args_is_help=True, help="Directories, which people and groups come from.")

DirectoryId = Annotated[str, typer.Argument(help="Id of the directory, dir_...")]


@app.command("list")
def list_(organization: Which, *, as_json: AsJson = False) -> None:
    """List the directories of an organization, with their state."""

    async def work(call: Call) -> list[Whole]:
        from tenantry.tenants.directories import listing

        return await listing.of_organization(call, await organizations.id_of(call, organization))

    found = running.with_call(work, named=organization)
    if as_json:
        running.print_json([_members(one) for one in found])
        return
    running.print_table(
        ["Directory", "Type", "State", "People", "Groups", "Last sync"],
        [
            (
                one.directory.id,
                f"{one.directory.directory_type}\n{one.directory.directory_provider}",
                "\n".join(filter(None, (_state(one.directory), one.directory.error))),
                str(one.total_users),
                str(one.total_groups),
                running.moment(one.directory.last_sync_time) or "never",
            )
            for one in found
        ],
    )


@app.command()
def requests(
    organization: Which,
    directory_id: DirectoryId,
    *,
    failed: Annotated[bool, typer.Option("--failed", help="Those that failed alone.")] = False,
    resource: Annotated[str, typer.Option(help="Those about this person or group alone.")] = "",
    limit: Limit = 20,
    page_token: PageToken = "",
    as_json: AsJson = False,
) -> None:
    """List the latest requests and polls of a directory, with skipped items and the reason."""

    async def work(call: Call) -> tuple[list[DirectoryRequest], str, int]:
        from tenantry.tenants.directories import registry, request_log

        where = await organizations.id_of(call, organization)
        directory = await registry.get(call, where, directory_id)

        async def page(size: int, token: str) -> Page[DirectoryRequest]:
            return await request_log.listing(
                call.db,
                directory,
                failed=failed,
                resource_id=resource,
                page_size=size,
                page_token=token,
            )

        return await running.collected(page, limit=limit, page_token=page_token)

    named = {"organization": organization, "directory": directory_id}
    found, token, total = running.with_call(work, named=named)
    if as_json:
        running.print_json([_of_request(one) for one in found])
    elif found:
        _print_requests(found)
    else:
        running.say("no request")
    running.remark_more(len(found), token, total)


def _print_requests(found: list[DirectoryRequest]) -> None:
    for one in found:
        query = f"?{one.query}" if one.query else ""
        running.say(
            f"{running.moment(one.create_time)}  {one.status}  {one.method} {one.path}{query}  "
            f"{one.milliseconds} ms"
        )
        if one.error:
            running.say(f"  {one.error}")
        for skipped in one.skipped or ():
            running.say(f"  skipped: {', '.join(map(str, skipped.values()))}")


@app.command()
def sync(organization: Which, directory_id: DirectoryId, *, as_json: AsJson = False) -> None:
    """Poll a directory now. This also applies removals that the last poll held back."""

    async def work(call: Call) -> None:
        from tenantry.tenants.directories.polling import service

        await service.sync_now(call, await organizations.id_of(call, organization), directory_id)

    running.with_call(work, named={"organization": organization, "directory": directory_id})
    if as_json:
        running.print_json({"polled": directory_id})
    else:
        running.say("a worker polls it soon; `tenantry directories list` shows what came of it")


@app.command()
def credentials(
    organization: Which,
    directory_id: DirectoryId,
    *,
    key: Annotated[
        str | None,
        typer.Option(help="The key file of a service account, or - for standard input."),
    ] = None,
    email: Annotated[
        str, typer.Option(help="The administrator in whose name people and groups are read.")
    ] = "",
    forget: Annotated[bool, typer.Option("--forget", help="Forget it: poll no more.")] = False,
    as_json: AsJson = False,
) -> None:
    """Set the service account that polls a directory; without a key, show it."""
    if forget and key is not None:
        running.fail("--forget goes without --key")
    text = None if key is None else sys.stdin.read() if key == "-" else Path(key).read_text("utf-8")

    async def work(call: Call) -> dict[str, Any] | None:
        where = await organizations.id_of(call, organization)
        return await _credentials(call, where, directory_id, text, email, forget=forget)

    shown = running.with_call(work, named={"organization": organization, "directory": directory_id})
    if as_json:
        running.print_json({"forgotten": directory_id} if shown is None else shown)
    elif shown is None:
        running.say("it is forgotten")
    else:
        for name, value in shown.items():
            running.say(f"{name:15} {value}".rstrip())


async def _credentials(
    call: Call,
    organization_id: str,
    directory_id: str,
    text: str | None,
    email: str,
    *,
    forget: bool,
) -> dict[str, Any] | None:
    from tenantry.core import errors
    from tenantry.net.outgoing import Outgoing
    from tenantry.tenants.directories.polling import service, service_accounts
    from tenantry.tenants.directories.polling.workspace import Workspace

    where = organization_id, directory_id
    if forget:
        await service.remove(call, *where)
        return None
    found = await service.get(call, *where)
    if text is not None:
        settings = load()
        given = service_accounts.read(text, subject=email)
        outgoing = Outgoing(settings.outgoing_allow)
        try:
            error = await service.ask(Workspace(outgoing, settings.google_workspace_url), given)
        finally:
            await outgoing.close()
        found = await service.put(call, *where, given, error=error)
    account = service.account_of(call, found)
    if account is None:
        raise errors.NotFound("credentials")
    return {
        "email": account.subject,
        "client_email": account.client_email,
        "client_id": account.client_id,
        "private_key_id": account.private_key_id,
        "scopes": ",".join(service_accounts.SCOPES),
        "error": found.error,
    }


def _state(directory: Directory) -> str:
    return f"{'enabled' if directory.enabled else 'disabled'}, {directory.status}"


def _members(one: Whole) -> dict[str, Any]:
    directory = one.directory
    return {
        "id": directory.id,
        "name": directory.name,
        "directory_type": directory.directory_type,
        "directory_provider": directory.directory_provider,
        "enabled": directory.enabled,
        "status": directory.status,
        "total_users": one.total_users,
        "total_groups": one.total_groups,
        "last_sync_time": running.moment(directory.last_sync_time),
        "next_sync_time": running.moment(directory.poll_time) if directory.credentials else None,
        "error": directory.error,
    }


def _of_request(one: DirectoryRequest) -> dict[str, Any]:
    return {
        "id": one.id,
        "time": running.moment(one.create_time),
        "method": one.method,
        "path": one.path,
        "query": one.query,
        "status": one.status,
        "milliseconds": one.milliseconds,
        "error": one.error,
        "resource_id": one.resource_id,
        "payload": one.payload,
        "skipped": list(one.skipped or ()),
    }
