"""`tenantry app`: manages applications and their redirect URIs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenantry.cli import running
from tenantry.cli.integrations import clients
from tenantry.cli.running import AsJson, Limit, PageToken  # noqa: TC001 - typer reads them

if TYPE_CHECKING:
    from tenantry.access.clients.model import Client
    from tenantry.api.in_process import InProcessClient
    from tenantry.call import Call
    from tenantry.cli.running import ListResponse

app = typer.Typer(no_args_is_help=True, help="Applications that sign users in.")

AppId = Annotated[str, typer.Argument(metavar="CLIENT_ID", help="The application, skc_...")]
Uri = Annotated[str, typer.Argument(metavar="URI", help="Complete URI.")]
AfterSignOut = Annotated[
    bool,
    typer.Option("--post-logout", help="Use the post-logout redirect URIs."),
]


@app.command("list")
def list_(*, limit: Limit = 20, page_token: PageToken = "", as_json: AsJson = False) -> None:
    """List applications with their redirect URIs, the newest first."""

    async def work(call: Call) -> tuple[list[Client], str, int]:
        from tenantry.access.clients import listing
        from tenantry.access.clients.model import APPLICATIONS

        async def page(size: int, token: str) -> tuple[list[Client], ListResponse]:
            found = await listing.of_environment(
                call, APPLICATIONS, page_size=size, page_token=token
            )
            return found.items, found

        return await running.collected(page, limit=limit, page_token=page_token)

    found, token, total = running.with_call(work)
    if as_json:
        running.print_json([client.to_event() for client in found])
    else:
        running.print_table(
            ["Application", "Name", "Redirect URIs", "Post-logout URIs"],
            [
                (
                    f"{one.id}\n{one.client_type}",
                    one.name,
                    "\n".join(one.post_login_uris),
                    "\n".join(one.post_logout_redirect_uris),
                )
                for one in found
            ],
        )
    running.remark_more(len(found), token, total)


@app.command("add-redirect")
def add_redirect(
    client_id: AppId, uri: Uri, *, post_logout: AfterSignOut = False, as_json: AsJson = False
) -> None:
    """Add a redirect URI, or a post-logout redirect URI."""
    _change(client_id, uri, post_logout=post_logout, as_json=as_json)


@app.command("remove-redirect")
def remove_redirect(
    client_id: AppId, uri: Uri, *, post_logout: AfterSignOut = False, as_json: AsJson = False
) -> None:
    """Remove a redirect URI."""
    _change(client_id, uri, post_logout=post_logout, remove=True, as_json=as_json)


def _change(
    client_id: str, uri: str, *, post_logout: bool, remove: bool = False, as_json: bool
) -> None:
    member = "post_logout_redirect_uris" if post_logout else "post_login_uris"

    async def work(api: InProcessClient, call: Call) -> Client:
        from protobuf.wkt import FieldMask

        from tenantry.access.clients import applications
        from tenantry.core import errors
        from tenantry.gen.scalekit.v1.clients import clients_pb as pb

        answer = await api.clients.get_client(pb.GetClientRequest(client_id=client_id))
        uris = list(getattr(answer.client, member))
        if remove and uri not in uris:
            raise errors.NotFound(f"{member} of the client")
        kept = [one for one in uris if one != uri] if remove else dict.fromkeys([*uris, uri])
        changes: dict[str, Any] = {member: list(kept)}
        # Another change since then would be lost with the list.
        await api.if_unchanged().clients.update_client(
            pb.UpdateClientRequest(
                client_id=client_id,
                client=pb.UpdateClient(**changes),
                mask=FieldMask(paths=[member]),
            )
        )
        return await applications.get(call, client_id)

    named = {"client": client_id, f"{member} of the client": uri}
    clients.print_client(running.with_api_and_call(work, named=named), as_json=as_json)
