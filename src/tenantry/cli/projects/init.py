"""`tenantry init`: registers an application and writes its project."""

from __future__ import annotations

import secrets
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from tenantry.cli import running
from tenantry.cli.deployment import environment
from tenantry.cli.projects import writing
from tenantry.cli.projects.frameworks import FRAMEWORKS
from tenantry.cli.running import AsJson  # noqa: TC001 - typer reads it
from tenantry.settings import load

if TYPE_CHECKING:
    from tenantry.api.in_process import InProcessClient
    from tenantry.call import Call
    from tenantry.gen.scalekit.v1.clients import clients_pb as pb

_PAGE = 30  # clients: the most that the API returns
_SCOPES = ["users:read"]  # that the projects need: they read the user and the memberships


def init(
    framework: Annotated[
        str, typer.Argument(help=f"One of {', '.join(FRAMEWORKS)}.", show_default=False)
    ] = "",
    folder: Annotated[
        str, typer.Argument(help="Folder to create; quickstart-FRAMEWORK if omitted.")
    ] = "",
    *,
    name: Annotated[
        str, typer.Option(help="Name of the application; that of the framework if omitted.")
    ] = "",
    url: Annotated[str, typer.Option(help="URL of the application.")] = "http://localhost:8000",
    list_: Annotated[bool, typer.Option("--list", help="List the frameworks.")] = False,
    as_json: AsJson = False,
) -> None:
    """Create a project with sign-in: register an application and write its code.

    The application is found again by its name and redirect URI; it then gets another secret. The
    secret is in the project's .env file. Existing files are never overwritten.
    """
    if list_:
        _list(as_json=as_json)
        return
    if framework not in FRAMEWORKS:
        problem = f"unknown framework {framework}: use" if framework else "name a framework:"
        running.fail(f"{problem} {', '.join(FRAMEWORKS)}")
    chosen = FRAMEWORKS[framework]
    url, port = _origin(url)
    target = Path(folder or chosen.example)
    writing.check(target)
    settings = load()

    async def work(api: InProcessClient, call: Call) -> tuple[str, str, bool]:
        async with api.transaction(call.db) as together:
            return await _register(together, name or f"{chosen.title} quickstart", url)

    client_id, secret, created = running.with_api_and_call(work)
    server = environment.of_server(settings)
    variables = {
        "SCALEKIT_ENVIRONMENT_URL": server["SCALEKIT_ENVIRONMENT_URL"],
        "SCALEKIT_CLIENT_ID": client_id,
        "SCALEKIT_CLIENT_SECRET": secret,
        "APP_URL": url,
        "PORT": str(port),
        "SESSION_SECRET": secrets.token_hex(32),
        **server,
    }
    commands = chosen.commands(port)
    writing.write(chosen, target, variables, commands)
    next_ = [f"cd {shlex.quote(str(target))}", *commands]
    if as_json:
        running.print_json(
            {
                "client_id": client_id,
                "created": created,
                "folder": str(target.absolute()),
                "url": url,
                "commands": next_,
            }
        )
        return
    running.remark(f"{'Registered' if created else 'Found'} the application {client_id}.")
    running.remark(f"Created the {chosen.title} project in {target}. Run next:\n")
    running.say("\n".join(f"  {command}" for command in next_))
    running.remark(f"\nThen open {url} and sign up.")
    if shutil.which(chosen.program) is None:
        running.remark(f"{chosen.program} was not found. Install {chosen.requires} or newer first.")


def _list(*, as_json: bool) -> None:
    rows = [(each.name, each.title, each.requires) for each in FRAMEWORKS.values()]
    if as_json:
        running.print_json([{"name": n, "title": t, "requires": r} for n, t, r in rows])
    else:
        running.print_table(["Name", "Framework", "Requires"], rows)


def _origin(url: str) -> tuple[str, int]:
    """Return the URL of an application without a final slash, and its port."""
    parts = urlsplit(url.removesuffix("/"))
    try:
        port = parts.port
    except ValueError:
        port = 0
    complete = parts.scheme in {"http", "https"} and parts.hostname and port != 0
    if not complete or parts.path or parts.query or parts.fragment or parts.username:
        running.fail(f"--url: must be like http://localhost:8000, got {url}")
    return parts.geturl(), port or 8000


async def _register(api: InProcessClient, name: str, url: str) -> tuple[str, str, bool]:
    """Return the application's id, a new secret, and whether it was created now."""
    from tenantry.core import errors
    from tenantry.gen.scalekit.v1.clients import clients_pb as pb
    from tenantry.gen.tenantry.v1 import client_settings_pb

    redirect_uri = f"{url}/callback"
    client = await _find(api, name, redirect_uri)
    created = client is None
    if client is None:
        new = pb.CreateClient(
            name=name,
            client_type="WEB_APP",
            post_login_uris=[redirect_uri],
            post_logout_redirect_uris=[f"{url}/"],
            initiate_login_uri=f"{url}/login",
        )
        client = (await api.clients.create_client(pb.CreateClientRequest(client=new))).client
        assert client is not None
        await api.client_settings.update_client_settings(
            client_settings_pb.UpdateClientSettingsRequest(
                client_id=client.id,
                settings=client_settings_pb.ClientSettings(management_scopes=_SCOPES),
            )
        )
    request = pb.CreateClientSecretRequest(client_id=client.id)
    try:
        secret = (await api.clients.create_client_secret(request)).plain_secret
    except errors.InvalidArgument as problem:
        running.fail(
            f"{client.id} ({name}): {problem}; run `tenantry client rotate {client.id} --now`, "
            "or pass another --name",
            error=problem.name,
        )
    return client.id, secret, created


async def _find(api: InProcessClient, name: str, redirect_uri: str) -> pb.Client | None:
    """Return the newest web application with this name and redirect URI."""
    from tenantry.gen.scalekit.v1.clients import clients_pb as pb

    token = ""
    while True:
        request = pb.ListClientsRequest(
            filter=pb.ListClientsRequest.Filter(client_type=["WEB_APP"]),
            page_token=token,
            page_size=_PAGE,
        )
        page = await api.clients.list_client(request)
        for client in page.clients:
            if client.name == name and redirect_uri in client.post_login_uris:
                return client
        token = page.next_page_token
        if not token:
            return None
