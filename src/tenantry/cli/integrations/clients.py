"""`tenantry client`: clients of every type; the management clients are made here."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenantry.cli import running
from tenantry.cli.running import AsJson, Limit, PageToken, Yes  # noqa: TC001 - typer reads them
from tenantry.cli.tenants import organizations
from tenantry.cli.tenants.organizations import OfOrganization  # noqa: TC001 - typer reads it
from tenantry.crypto import credentials
from tenantry.settings import load

if TYPE_CHECKING:
    from tenantry.access.clients.model import Client
    from tenantry.api.in_process import InProcessClient
    from tenantry.call import Call
    from tenantry.cli.running import ListResponse

app = typer.Typer(no_args_is_help=True, help="Clients, which call the API or get access tokens.")

ClientId = Annotated[
    str, typer.Argument(metavar="CLIENT_ID", help="The client, skc_... or m2morg_...")
]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Display name; prompts for it if omitted.")] = "",
    *,
    redirect_uri: Annotated[
        list[str],
        typer.Option(help="Redirect URI; creates an application that signs users in."),
    ] = [],  # noqa: B006 - typer reads it
    post_logout_redirect_uri: Annotated[
        list[str], typer.Option(help="Post-logout redirect URI.")
    ] = [],  # noqa: B006
    initiate_login_uri: Annotated[
        str, typer.Option(help="URL of the application that starts a sign-in.")
    ] = "",
    scope: Annotated[
        list[str],
        typer.Option(help="Management scope, such as users:read; no limit if omitted."),
    ] = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Create a client, and print its secret, once, and its permissions.

    Without options it is a management client; with --redirect-uri, which can be repeated, it is a
    server-side application that signs in users (WEB_APP). With --scope, which can be repeated, it
    can make only the API calls of these scopes, and cannot administer operators.
    """
    uris: dict[str, Any] = {
        "post_login_uris": redirect_uri,
        "post_logout_redirect_uris": post_logout_redirect_uri,
        "initiate_login_uri": initiate_login_uri or None,
    }
    if any(uris.values()) and not redirect_uri:
        running.fail("an application that signs in users needs a --redirect-uri")
    kind = "Application" if redirect_uri else "Management client"
    if not name:
        # Earlier scripts gave none.
        name = typer.prompt("Name", default=kind, err=True) if sys.stdin.isatty() else kind

    async def work(api: InProcessClient, call: Call) -> tuple[Client, str]:
        from tenantry.access.clients import service

        if redirect_uri:
            client_id, secret = await _create_application(api, name, uris, scope)
            return await service.get(call.db, client_id), secret
        limit = {"scopes": scope} if scope else {}
        return await service.create(call, name=name, **limit)

    client, secret = running.with_api_and_call(work)
    _print_secret(client.id, secret, as_json=as_json)
    for sentence in may(client):
        running.remark(sentence)


@app.command("list")
def list_(
    *,
    organization: OfOrganization = "",
    limit: Limit = 20,
    page_token: PageToken = "",
    as_json: AsJson = False,
) -> None:
    """List the clients of the environment or of an organization, with the end of each secret."""

    async def work(api: InProcessClient, call: Call) -> tuple[list[Client], str, int]:
        from tenantry.access.clients import listing, service

        where = await organizations.id_in(api, organization)

        async def page(size: int, token: str) -> tuple[list[Client], ListResponse]:
            at: Any = {"page_size": size, "page_token": token}
            if where:
                found = await listing.of_organization(call, where, **at)
            else:
                found = await listing.of_environment(call, [listing.ALL], **at)
            return found.items, found

        found, token, total = await running.collected(page, limit=limit, page_token=page_token)
        return [service.live(client) for client in found], token, total

    found, token, total = running.with_api_and_call(work, named=organization)
    if as_json:
        running.print_json([_to_json(client) for client in found])
    else:
        running.print_table(
            ["Client", "Name", "Created", "API access", "Secrets"],
            [
                (
                    f"{c.id}\n{c.client_type}",
                    c.name,
                    running.moment(c.create_time) or "",
                    _calls(c),
                    "\n".join(_secret_lines(c)),
                )
                for c in found
            ],
        )
    running.remark_more(len(found), token, total)


@app.command()
def show(client_id: ClientId, *, as_json: AsJson = False) -> None:
    """Print a client: its permissions, addresses, and the end of each secret."""

    async def work(call: Call) -> Client:
        from tenantry.access.clients import service

        return await service.get(call.db, client_id)

    print_client(running.with_call(work, named=client_id), as_json=as_json)


@app.command("set-scopes")
def set_scopes(
    client_id: ClientId,
    scopes: Annotated[
        list[str], typer.Argument(metavar="SCOPE...", help="Such as users:read; * for all.")
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Limit a client to management scopes, within a second; * removes the limit."""

    async def work(api: InProcessClient, call: Call) -> Client:
        from tenantry.access.clients import service

        await _set_scopes(api, client_id, scopes)
        return await service.get(call.db, client_id)

    print_client(running.with_api_and_call(work, named=client_id), as_json=as_json)


@app.command()
def rotate(
    client_id: ClientId,
    *,
    now: Annotated[
        bool, typer.Option("--now", help="Reject the old secrets now instead of after 24 hours.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Create a new secret for a client and print it, once."""

    async def work(call: Call) -> str:
        from tenantry.access.clients import service

        overlap = 0 if now else service.OVERLAP_SECONDS
        return await service.rotate(call, client_id, overlap_seconds=overlap)

    secret = running.with_call(work, named=client_id)
    data_dir = load().data_dir
    kept = credentials.read(data_dir)
    if kept is not None and kept.client_id == client_id:
        credentials.write(data_dir, credentials.Credentials(client_id, secret))
        running.remark("`tenantry env` now prints the new secret.")
    _print_secret(client_id, secret, as_json=as_json)


@app.command()
def delete(
    client_id: ClientId,
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete a client; its credentials are rejected from now on."""
    running.confirm(f"Delete {client_id}?", yes=yes)

    async def work(call: Call) -> None:
        from tenantry.access.clients import service

        await service.remove(call, client_id)

    running.with_call(work, named=client_id)
    data_dir = load().data_dir
    kept = credentials.read(data_dir)
    if kept is not None and kept.client_id == client_id:
        credentials.forget(data_dir)
    running.tell({"deleted": client_id}, f"deleted {client_id}", as_json=as_json)


async def _create_application(
    api: InProcessClient, name: str, uris: dict[str, Any], scopes: list[str]
) -> tuple[str, str]:
    """Create an application with a secret, and return its id and the secret."""
    from tenantry.gen.scalekit.v1.clients import clients_pb as pb

    new = pb.CreateClient(name=name, client_type="WEB_APP", **uris)
    made = await api.clients.create_client(pb.CreateClientRequest(client=new))
    assert made.client is not None
    client_id = made.client.id
    await _set_scopes(api, client_id, scopes)
    request = pb.CreateClientSecretRequest(client_id=client_id)
    return client_id, (await api.clients.create_client_secret(request)).plain_secret


async def _set_scopes(api: InProcessClient, client_id: str, scopes: list[str]) -> None:
    from tenantry.gen.tenantry.v1 import client_settings_pb as pb

    settings = pb.ClientSettings(management_scopes=scopes)
    await api.client_settings.update_client_settings(
        pb.UpdateClientSettingsRequest(client_id=client_id, settings=settings)
    )


def _print_secret(client_id: str, secret: str, *, as_json: bool) -> None:
    if as_json:
        running.print_json({"client_id": client_id, "client_secret": secret})
        return
    running.say(f"client ID      {client_id}\nclient secret  {secret}")
    running.remark("The secret is not shown again.")


def print_client(client: Client, *, as_json: bool) -> None:
    """Print a client, but for its secrets."""
    if as_json:
        running.print_json(client.to_event() | _to_json(client) | {"may": may(client)})
        return
    running.print_members(
        [
            ("client", client.id),
            ("name", client.name),
            ("type", client.client_type),
            ("organization", client.organization_id),
            ("description", client.description),
            ("redirect URIs", "\n".join(client.post_login_uris)),
            ("post-logout URIs", "\n".join(client.post_logout_redirect_uris)),
            ("back-channel logout", "\n".join(client.back_channel_logout_uris)),
            ("initiate login URI", client.initiate_login_uri),
            ("scopes", " ".join(client.scopes)),
            ("audience", " ".join(client.audience)),
            ("management scopes", " ".join(_management_scopes(client))),
            ("permissions", "\n".join(may(client))),
            ("secrets", "\n".join(_secret_lines(client)) or "none"),
            ("created", running.moment(client.create_time)),
            ("updated", running.moment(client.update_time)),
        ]
    )


def may(client: Client) -> list[str]:
    """Return what a client may do, in sentences."""
    can = []
    if client.client_type == "M2M":
        can.append(f"Gets access tokens for organization {client.organization_id}.")
    elif client.post_login_uris:
        can.append(f"Signs in users and redirects them to {', '.join(client.post_login_uris)}.")
    elif client.client_type != "ENV":
        can.append("Cannot sign in users without a redirect URI: run `tenantry app add-redirect`.")
    if client.client_type in {"ENV", "WEB_APP"}:
        can.append(
            "Its secret cannot call the API."
            if not client.may_call_api
            else "Its secret can make all API calls for every organization."
            if client.management_scopes is None
            else "Its secret can make the API calls of its management scopes for every "
            "organization."
        )
    return can


def _to_json(client: Client) -> dict[str, Any]:
    return {
        "client_id": client.id,
        "client_type": client.client_type,
        "organization_id": client.organization_id,
        "name": client.name,
        "create_time": running.moment(client.create_time),
        "api_access": client.may_call_api,
        "management_scopes": _management_scopes(client),
        "secrets": [
            {
                "id": secret.id,
                "suffix": secret.suffix,
                "create_time": running.moment(secret.create_time),
                "expire_time": running.moment(secret.expire_time),
            }
            for secret in client.secrets
        ],
    }


def _calls(client: Client) -> str:
    if not client.may_call_api:
        return "no"
    return "yes" if client.management_scopes is None else "within its scopes"


def _management_scopes(client: Client) -> list[str]:
    from tenantry.access.clients import management_scopes

    return management_scopes.of(client)


def _secret_lines(client: Client) -> list[str]:
    return [
        f"...{secret.suffix}"
        + (f" until {running.moment(secret.expire_time)}" if secret.expire_time else "")
        for secret in client.secrets
    ]
