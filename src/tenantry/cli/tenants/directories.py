"""`tenantry directories`: lists directories and their requests, and configures polling."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenantry.cli import running
from tenantry.cli.running import AsJson, Limit, PageToken  # noqa: TC001 - typer reads them
from tenantry.cli.tenants import organizations
from tenantry.cli.tenants.organizations import Which  # noqa: TC001 - typer reads it

if TYPE_CHECKING:
    from tenantry.api.in_process import InProcessClient
    from tenantry.call import Call
    from tenantry.cli.running import ListResponse
    from tenantry.gen.tenantry.v1.directory_requests_pb import DirectoryRequest
    from tenantry.tenants.directories.listing import DirectoryDetails
    from tenantry.tenants.directories.model import Directory

app = typer.Typer(no_args_is_help=True, help="Directories: sources of users and groups.")

DirectoryId = Annotated[str, typer.Argument(help="ID of the directory, dir_...")]


@app.command("list")
def list_(organization: Which, *, as_json: AsJson = False) -> None:
    """List the directories of an organization, with their state."""

    async def work(api: InProcessClient, call: Call) -> list[DirectoryDetails]:
        from tenantry.tenants.directories import listing

        return await listing.of_organization(call, await organizations.id_in(api, organization))

    found = running.with_api_and_call(work, named=organization)
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
    failed: Annotated[bool, typer.Option("--failed", help="Show only failed requests.")] = False,
    resource: Annotated[
        str, typer.Option(help="Show only requests about this user or group.")
    ] = "",
    limit: Limit = 20,
    page_token: PageToken = "",
    as_json: AsJson = False,
) -> None:
    """List the latest requests and polls of a directory, with skipped items and the reason."""

    async def work(api: InProcessClient) -> tuple[list[DirectoryRequest], str, int]:
        from tenantry.gen.tenantry.v1 import directory_requests_pb as pb

        where = await organizations.id_in(api, organization)

        async def page(size: int, token: str) -> tuple[list[DirectoryRequest], ListResponse]:
            found = await api.directory_requests.list_directory_requests(
                pb.ListDirectoryRequestsRequest(
                    organization_id=where,
                    directory_id=directory_id,
                    failed=failed,
                    resource_id=resource,
                    page_size=size,
                    page_token=token,
                )
            )
            return found.requests, found

        return await running.collected(page, limit=limit, page_token=page_token)

    named = {"organization": organization, "directory": directory_id}
    found, token, total = running.with_api(work, named=named)
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
        for skipped in one.skipped:
            running.say(f"  skipped: {', '.join(filter(None, (skipped.member, skipped.reason)))}")


@app.command()
def sync(organization: Which, directory_id: DirectoryId, *, as_json: AsJson = False) -> None:
    """Poll a directory now. This also applies removals that the last poll held back."""

    async def work(api: InProcessClient) -> None:
        from tenantry.gen.scalekit.v1.directories import directories_pb as pb

        where = await organizations.id_in(api, organization)
        await api.directories.trigger_directory_sync(
            pb.TriggerDirectorySyncRequest(organization_id=where, directory_id=directory_id)
        )

    running.with_api(work, named={"organization": organization, "directory": directory_id})
    if as_json:
        running.print_json({"polled": directory_id})
    else:
        running.say(
            "a worker polls the directory soon; `tenantry directories list` shows the result"
        )


@app.command()
def credentials(
    organization: Which,
    directory_id: DirectoryId,
    *,
    key: Annotated[
        str | None,
        typer.Option(help="Key file of the service account, or - for standard input."),
    ] = None,
    email: Annotated[
        str, typer.Option(help="Administrator to impersonate when reading users and groups.")
    ] = "",
    forget: Annotated[
        bool, typer.Option("--forget", help="Delete the account and stop polling.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Set the service account that polls a directory; without a key, show it."""
    if forget and key is not None:
        running.fail("--forget and --key cannot be given together")
    text = None if key is None else sys.stdin.read() if key == "-" else Path(key).read_text("utf-8")

    async def work(api: InProcessClient) -> dict[str, Any] | None:
        where = await organizations.id_in(api, organization)
        return await _credentials(api, where, directory_id, text, email, forget=forget)

    named = {"organization": organization, "directory": directory_id}
    shown = running.with_api(work, named=named)
    if as_json:
        running.print_json({"forgotten": directory_id} if shown is None else shown)
    elif shown is None:
        running.say(f"deleted the credentials of {directory_id}")
    else:
        for name, value in shown.items():
            running.say(f"{name:15} {value}".rstrip())


async def _credentials(
    api: InProcessClient,
    organization_id: str,
    directory_id: str,
    text: str | None,
    email: str,
    *,
    forget: bool,
) -> dict[str, Any] | None:
    from tenantry.core import errors
    from tenantry.gen.tenantry.v1 import directory_polling_pb as pb

    where: Any = {"organization_id": organization_id, "directory_id": directory_id}
    if forget:
        await api.directory_polling.delete_directory_credentials(
            pb.DeleteDirectoryCredentialsRequest(**where)
        )
        return None
    if text is not None:
        await api.directory_polling.set_directory_credentials(
            pb.SetDirectoryCredentialsRequest(**where, email=email, service_account_key=text)
        )
    found = await api.directory_polling.get_directory_poll(pb.GetDirectoryPollRequest(**where))
    if found.credentials is None:
        raise errors.NotFound("credentials")
    return running.members_of(found.credentials) | {
        "scopes": ",".join(found.credentials.scopes),
        "error": found.poll.error if found.poll else "",
    }


def _state(directory: Directory) -> str:
    return f"{'enabled' if directory.enabled else 'disabled'}, {directory.status}"


def _members(one: DirectoryDetails) -> dict[str, Any]:
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
    members = running.members_of(one)
    return {
        "id": one.id,
        "time": running.moment(one.create_time),
        "method": one.method,
        "path": one.path,
        "query": one.query,
        "status": one.status,
        "milliseconds": one.milliseconds,
        "error": one.error,
        "resource_id": one.resource_id or None,
        "payload": members.get("payload"),
        "skipped": members["skipped"],
    }
