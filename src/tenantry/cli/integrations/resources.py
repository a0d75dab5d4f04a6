"""`tenantry resource`: manages resources, such as MCP servers, and their clients."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenantry.cli import running
from tenantry.cli.running import AsJson, Limit, PageToken, Yes  # noqa: TC001 - typer reads them
from tenantry.core import structs

if TYPE_CHECKING:
    from tenantry.api.in_process import InProcessClient
    from tenantry.cli.running import ListResponse
    from tenantry.gen.scalekit.v1.clients.clients_pb import (
        M2MClient,
        Resource,
        ResourceUserConsent,
    )

app = typer.Typer(no_args_is_help=True, help="Resources: MCP servers and other APIs.")

ResourceId = Annotated[
    str, typer.Argument(metavar="RESOURCE_ID", help="ID of the resource, res_...")
]
ResourceClientId = Annotated[
    str, typer.Argument(metavar="CLIENT_ID", help="ID of the client, m2m_...")
]
_Scopes = Annotated[
    list[str], typer.Option("--scope", help="Name of a permission; can be repeated.")
]


class Type(StrEnum):
    """The types of resources."""

    WEB = "WEB"
    MOBILE = "MOBILE"
    DESKTOP = "DESKTOP"
    SERVER = "SERVER"
    MCP_SERVER = "MCP_SERVER"


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Name, shown on the consent page.")],
    *,
    url: Annotated[str, typer.Option(help="URL of the server, as users enter it.")] = "",
    scope: _Scopes = [],  # noqa: B006 - typer reads it
    type_: Annotated[Type, typer.Option("--type", help="Type.")] = Type.MCP_SERVER,
    description: Annotated[str, typer.Option(help="Its purpose.")] = "",
    registration: Annotated[
        bool, typer.Option(help="Allow clients to register dynamically (RFC 7591).")
    ] = True,
    cimd: Annotated[
        bool, typer.Option("--cimd", help="Accept clients with a metadata document.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Create a resource, and print its issuer and its metadata."""

    async def work(api: InProcessClient) -> Resource:
        from tenantry.gen.scalekit.v1.clients import clients_pb as pb

        answer = await api.clients.create_resource(
            pb.CreateResourceRequest(
                resource=pb.CreateResource(
                    resource_type=pb.ResourceType[type_.value],
                    name=name,
                    description=description,
                    resource_uri=url,
                    scopes=scope,
                    disable_dynamic_client_registration=not registration,
                    enable_cimd=cimd,
                )
            )
        )
        assert answer.resource is not None
        return answer.resource

    _print(running.with_api(work), as_json=as_json)


@app.command("list")
def list_(
    *,
    type_: Annotated[Type, typer.Option("--type", help="Type.")] = Type.MCP_SERVER,
    limit: Limit = 20,
    page_token: PageToken = "",
    as_json: AsJson = False,
) -> None:
    """List the resources of a type, the newest first."""

    async def work(api: InProcessClient) -> tuple[list[Resource], str, int]:
        from tenantry.gen.scalekit.v1.clients import clients_pb as pb

        async def page(size: int, token: str) -> tuple[list[Resource], ListResponse]:
            request = pb.ListResourcesRequest(
                resource_type=pb.ResourceType[type_.value],
                page_size=min(size, 30),
                page_token=token,
            )
            answer = await api.clients.list_resources(request)
            return list(answer.resources), answer

        return await running.collected(page, limit=limit, page_token=page_token)

    found, token, total = running.with_api(work)
    if as_json:
        running.print_json([_to_json(one) for one in found])
    else:
        running.print_table(
            ["Resource", "Name", "URL", "Scopes"],
            [(one.id, one.name, one.resource_uri, "\n".join(_scopes(one))) for one in found],
        )
    running.remark_more(len(found), token, total)


@app.command()
def show(resource_id: ResourceId, *, as_json: AsJson = False) -> None:
    """Print a resource: its issuer, its scopes and its metadata."""

    async def work(api: InProcessClient) -> Resource:
        from tenantry.gen.scalekit.v1.clients import clients_pb as pb

        answer = await api.clients.get_resource(pb.GetResourceRequest(resource_id=resource_id))
        assert answer.resource is not None
        return answer.resource

    _print(running.with_api(work, named=resource_id), as_json=as_json)


@app.command("set-scopes")
def set_scopes(
    resource_id: ResourceId,
    scope: Annotated[list[str], typer.Argument(help="Names of permissions.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Replace the scopes of a resource."""

    async def work(api: InProcessClient) -> Resource:
        from protobuf.wkt import FieldMask

        from tenantry.gen.scalekit.v1.clients import clients_pb as pb

        answer = await api.clients.update_resource(
            pb.UpdateResourceRequest(
                resource_id=resource_id,
                resource=pb.UpdateResource(scopes=scope),
                update_mask=FieldMask(paths=["scopes"]),
            )
        )
        assert answer.resource is not None
        return answer.resource

    _print(running.with_api(work, named=resource_id), as_json=as_json)


@app.command()
def delete(resource_id: ResourceId, *, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete a resource with its clients and consents; their tokens are refused."""
    running.confirm(f"Delete {resource_id} with its clients and consents?", yes=yes)

    async def work(api: InProcessClient) -> None:
        from tenantry.gen.scalekit.v1.clients import clients_pb as pb

        await api.clients.delete_resource(pb.DeleteResourceRequest(resource_id=resource_id))

    running.with_api(work, named=resource_id)
    running.tell({"resource_id": resource_id}, f"deleted {resource_id}", as_json=as_json)


@app.command()
def clients(resource_id: ResourceId, *, as_json: AsJson = False) -> None:
    """List the clients of a resource, the newest first."""

    async def work(api: InProcessClient) -> list[M2MClient]:
        from tenantry.gen.scalekit.v1.clients import clients_pb as pb

        request = pb.ListResourceClientsRequest(resource_id=resource_id)
        return list((await api.clients.list_resource_clients(request)).clients)

    found = running.with_api(work, named=resource_id)
    if as_json:
        running.print_json([_client_to_json(one) for one in found])
        return
    running.print_table(
        ["Client", "Name", "Registration", "Redirect URIs"],
        [
            (one.client_id, one.name, _registration(one), "\n".join(one.redirect_uris))
            for one in found
        ],
    )


@app.command("create-client")
def create_client(
    resource_id: ResourceId,
    name: Annotated[str, typer.Argument(help="Name, shown on the consent page.")],
    *,
    redirect_uri: Annotated[list[str], typer.Option(help="Redirect URI; can be repeated.")] = [],  # noqa: B006 - typer reads it
    scope: _Scopes = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Create a client of a resource, and print its secret, once.

    Without --redirect-uri it gets tokens for itself (client_credentials).
    """

    async def work(api: InProcessClient) -> dict[str, Any]:
        from tenantry.gen.scalekit.v1.clients import clients_pb as pb

        answer = await api.clients.create_resource_client(
            pb.CreateResourceClientRequest(
                resource_id=resource_id,
                client=pb.ResourceClient(name=name, redirect_uris=redirect_uri, scopes=scope),
            )
        )
        assert answer.client is not None
        return {"client_id": answer.client.client_id, "client_secret": answer.plain_secret}

    made = running.with_api(work, named=resource_id)
    if as_json:
        running.print_json(made)
    else:
        running.print_members((name.replace("_", " "), value) for name, value in made.items())


@app.command("delete-client")
def delete_client(
    resource_id: ResourceId,
    client_id: ResourceClientId,
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete a client of a resource with its consents; its tokens are refused."""
    running.confirm(f"Delete {client_id} with the consents of users?", yes=yes)

    async def work(api: InProcessClient) -> None:
        from tenantry.gen.scalekit.v1.clients import clients_pb as pb

        await api.clients.delete_resource_client(
            pb.DeleteResourceClientRequest(resource_id=resource_id, client_id=client_id)
        )

    running.with_api(work, named=client_id)
    running.tell({"client_id": client_id}, f"deleted {client_id}", as_json=as_json)


@app.command()
def consents(
    resource_id: ResourceId,
    *,
    user: Annotated[
        str, typer.Option(help="Only those of a user: ID, external ID or email address.")
    ] = "",
    limit: Limit = 20,
    page_token: PageToken = "",
    as_json: AsJson = False,
) -> None:
    """List the consents of users to the clients of a resource, the newest first."""

    async def work(api: InProcessClient) -> tuple[list[ResourceUserConsent], str, int]:
        from tenantry.gen.scalekit.v1.clients import clients_pb as pb

        async def page(size: int, token: str) -> tuple[list[ResourceUserConsent], ListResponse]:
            request = pb.ListResourceUserConsentsRequest(
                resource_id=resource_id, search=user, page_size=min(size, 30), page_token=token
            )
            answer = await api.clients.list_resource_user_consents(request)
            return list(answer.consents), answer

        return await running.collected(page, limit=limit, page_token=page_token)

    found, token, total = running.with_api(work, named=resource_id)
    if as_json:
        running.print_json(
            [
                {
                    "consent_id": one.id,
                    "external_user_id": one.external_user_id,
                    "client_id": one.client_id,
                    "client_name": one.client_name,
                    "scopes": list(one.scopes),
                }
                for one in found
            ]
        )
    else:
        running.print_table(
            ["Consent", "User", "Client", "Scopes"],
            [
                (
                    one.id,
                    one.external_user_id,
                    f"{one.client_name}\n{one.client_id}",
                    "\n".join(one.scopes),
                )
                for one in found
            ],
        )
    running.remark_more(len(found), token, total)


@app.command("revoke-consent")
def revoke_consent(
    client_id: ResourceClientId,
    consent_id: Annotated[str, typer.Argument(help="ID of the consent, usrcnst_...")],
    *,
    as_json: AsJson = False,
) -> None:
    """Revoke a consent, and the refresh tokens that the client has by it."""

    async def work(api: InProcessClient) -> None:
        from tenantry.gen.scalekit.v1.clients import clients_pb as pb

        await api.clients.revoke_user_consent(
            pb.RevokeUserConsentRequest(client_id=client_id, consent_id=consent_id)
        )

    running.with_api(work, named=consent_id)
    running.tell({"consent_id": consent_id}, f"revoked {consent_id}", as_json=as_json)


def _print(resource: Resource, *, as_json: bool) -> None:
    shown = _to_json(resource)
    if as_json:
        running.print_json(shown)
        return
    running.print_members(
        (name.replace("_", " "), ", ".join(value) if isinstance(value, list) else str(value))
        for name, value in shown.items()
        if value not in ("", [])
    )


def _to_json(resource: Resource) -> dict[str, Any]:
    document = resource.protected_metadata
    assert document is not None
    return {
        "resource_id": resource.id,
        "resource_type": resource.resource_type.name,
        "name": resource.name,
        "description": resource.description,
        "resource_uri": resource.resource_uri,
        "issuer": structs.members(document)["authorization_servers"][0],
        "metadata": resource.protected_metadata_uri,
        "scopes": _scopes(resource),
        "dynamic_registration": not resource.disable_dynamic_client_registration,
        "metadata_documents": resource.enable_cimd,
        "access_token_expiry": resource.access_token_expiry,
        "refresh_token_expiry": resource.refresh_token_expiry,
    }


def _client_to_json(client: M2MClient) -> dict[str, Any]:
    return {
        "client_id": client.client_id,
        "name": client.name,
        "registration": _registration(client),
        "redirect_uris": list(client.redirect_uris),
        "scopes": list(client.scopes),
    }


def _scopes(resource: Resource) -> list[str]:
    return [scope.name for scope in resource.scopes if scope.enabled]


def _registration(client: M2MClient) -> str:
    if client.is_cimd:
        return "metadata document"
    return "dynamic" if client.is_dcr else "API"
