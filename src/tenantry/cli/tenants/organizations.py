"""`tenantry org`: manages organizations through the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenantry.cli import running
from tenantry.cli.running import AsJson, Limit, PageToken, Yes  # noqa: TC001 - typer reads them

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.api.in_process import InProcessClient
    from tenantry.cli.running import ListResponse
    from tenantry.gen.scalekit.v1.organizations.organizations_pb import (
        CreateOrganizationResponse,
        GetOrganizationResponse,
        Organization,
        UpdateOrganizationResponse,
    )

app = typer.Typer(no_args_is_help=True, help="Organizations: the tenants.")

Which = Annotated[
    str,
    typer.Argument(metavar="ORGANIZATION", help="Its ID, org_..., or external ID."),
]
ExternalId = Annotated[str | None, typer.Option(help="Its ID in your application.")]
Slug = Annotated[str | None, typer.Option(help="Short, unique name for use in URLs.")]
OfOrganization = Annotated[
    str,
    typer.Option("--organization", "-o", help="Limit to this organization: its ID or external ID."),
]
LogoUrl = Annotated[str | None, typer.Option(help="URL of the logo, https://...")]


def _pairs(given: list[str]) -> list[str]:
    for pair in given:
        if "=" not in pair:
            raise typer.BadParameter(f"{pair!r} is not KEY=VALUE")
    return given


Metadata = Annotated[
    list[str],
    typer.Option(
        "--metadata",
        metavar="KEY=VALUE",
        callback=_pairs,
        help="Metadata key and value; can be repeated.",
    ),
]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Display name.")],
    *,
    external_id: ExternalId = None,
    slug: Slug = None,
    logo_url: LogoUrl = None,
    metadata: Metadata = [],  # noqa: B006 - typer reads it
    as_json: AsJson = False,
) -> None:
    """Create an organization and print it."""
    given = _given(external_id, slug, logo_url)

    async def work(api: InProcessClient) -> Organization:
        from tenantry.gen.scalekit.v1.organizations import organizations_pb as pb

        new = pb.CreateOrganization(display_name=name, metadata=_split(metadata), **given)
        answer = await api.organizations.create_organization(
            pb.CreateOrganizationRequest(organization=new)
        )
        return _of(answer)

    _print(running.with_api(work), as_json=as_json)


@app.command("list")
def list_(
    *,
    search: Annotated[
        str, typer.Option(help="Part of the name or an ID, at least 3 characters.")
    ] = "",
    metadata: Metadata = [],  # noqa: B006
    limit: Limit = 20,
    page_token: PageToken = "",
    as_json: AsJson = False,
) -> None:
    """List organizations, the newest first."""
    running.check_search(search)

    async def work(api: InProcessClient) -> tuple[list[Organization], str, int]:
        from tenantry.gen.scalekit.v1.organizations import organizations_pb as pb

        pairs = _split(metadata)

        async def page(size: int, token: str) -> tuple[list[Organization], ListResponse]:
            at: Any = {"page_size": size, "page_token": token}
            if not search:
                listed = await api.organizations.list_organization(
                    pb.ListOrganizationsRequest(**at),
                    extra={f"metadata.{key}": [value] for key, value in pairs.items()},
                )
                return listed.organizations, listed
            found = await api.organizations.search_organization(
                pb.SearchOrganizationsRequest(query=search, **at)
            )
            # The API searches or looks for metadata.
            if pairs:
                found.total_size = 0
            return [
                one for one in found.organizations if pairs.items() <= one.metadata.items()
            ], found

        return await running.collected(page, limit=limit, page_token=page_token)

    found, token, total = running.with_api(work)
    if as_json:
        running.print_json([running.members_of(organization) for organization in found])
    else:
        running.print_table(
            ["Organization", "Name", "External id", "Created"],
            [
                (
                    one.id,
                    one.display_name,
                    one.external_id,
                    running.moment(one.create_time) or "",
                )
                for one in found
            ],
        )
    running.remark_more(len(found), token, total)


@app.command()
def show(organization: Which, *, as_json: AsJson = False) -> None:
    """Print an organization, with the number of its members."""

    async def work(api: InProcessClient) -> tuple[Organization, dict[str, int]]:
        from tenantry.gen.scalekit.v1.organizations import organizations_pb as pb

        found = await get(api, organization)
        answer = await api.organizations.get_organization_user_management_setting(
            pb.GetOrganizationUserManagementSettingsRequest(organization_id=found.id)
        )
        assert answer.settings is not None
        seats = answer.settings.max_allowed_users
        further = {"members": await _members(api, found)}
        return found, further if seats is None else further | {"max_allowed_users": seats.value}

    found, further = running.with_api(work, named=organization)
    _print(found, as_json=as_json, further=further)


@app.command()
def update(
    organization: Which,
    *,
    name: Annotated[str | None, typer.Option(help="New display name.")] = None,
    external_id: ExternalId = None,
    slug: Slug = None,
    logo_url: LogoUrl = None,
    metadata: Metadata = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Change the given fields of an organization; an empty value clears a field.

    Pairs of metadata are added to those that are there, and KEY= takes one away.
    """
    changes: dict[str, Any] = _given(external_id, slug, logo_url)
    if name is not None:
        changes["display_name"] = name
    if not changes and not metadata:
        running.fail("nothing to change: see `tenantry org update --help`")

    async def work(api: InProcessClient) -> Organization:
        from protobuf.wkt import FieldMask

        from tenantry.gen.scalekit.v1.organizations import organizations_pb as pb

        before = await get(api, organization)
        if metadata:
            pairs = before.metadata | _split(metadata)
            changes["metadata"] = {key: value for key, value in pairs.items() if value}
            # Another change since then would be lost with the pairs.
            api = api.if_unchanged()
        answer = await api.organizations.update_organization(
            pb.UpdateOrganizationRequest(
                identities=running.by_id(before.id),
                organization=pb.UpdateOrganization(**changes),
                update_mask=FieldMask(paths=list(changes)),
            )
        )
        return _of(answer)

    _print(running.with_api(work, named=organization), as_json=as_json)


@app.command()
def delete(organization: Which, *, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete an organization with its data, and users without another membership."""

    async def look(api: InProcessClient) -> tuple[Organization, int]:
        found = await get(api, organization)
        return found, 0 if yes else await _members(api, found)

    found, members = running.with_api(look, named=organization)
    running.confirm(
        f"Delete {found.id} ({found.display_name}) with its {members:,} members?", yes=yes
    )

    async def work(api: InProcessClient) -> None:
        from tenantry.gen.scalekit.v1.organizations import organizations_pb as pb

        await api.organizations.delete_organization(
            pb.DeleteOrganizationRequest(identities=running.by_id(found.id))
        )

    running.with_api(work, named=found.id)
    running.tell({"deleted": found.id}, f"deleted {found.id}", as_json=as_json)


async def get(api: InProcessClient, key: str) -> Organization:
    """Return an organization by its id or its external id."""
    from tenantry.core import ids
    from tenantry.gen.scalekit.v1.organizations import organizations_pb as pb

    is_id = ids.well_formed(ids.ORGANIZATION, key)
    identity = running.by_id(key) if is_id else running.by_external_id(key)
    return _of(
        await api.organizations.get_organization(pb.GetOrganizationRequest(identities=identity))
    )


async def id_in(api: InProcessClient, key: str) -> str:
    """Return the id of an organization that is named so; "" for ""."""
    return (await get(api, key)).id if key else ""


def id_of_past(key: str) -> str:
    """Return the id of an organization, or of one that was deleted, by that id; "" for ""."""
    from tenantry.core import ids

    if not key or ids.well_formed(ids.ORGANIZATION, key):
        return key
    return running.with_api(lambda api: id_in(api, key), named=key)


def _given(external_id: str | None, slug: str | None, logo_url: str | None) -> dict[str, Any]:
    given = {"external_id": external_id, "slug": slug, "logo_url": logo_url}
    return {name: value for name, value in given.items() if value is not None}


def _split(pairs: Sequence[str]) -> dict[str, str]:
    return {key: value for key, _, value in (pair.partition("=") for pair in pairs)}


async def _members(api: InProcessClient, organization: Organization) -> int:
    from tenantry.gen.scalekit.v1.users import users_pb

    answer = await api.users.list_organization_users(
        users_pb.ListOrganizationUsersRequest(organization_id=organization.id, page_size=1)
    )
    return answer.total_size


def _of(
    answer: CreateOrganizationResponse | GetOrganizationResponse | UpdateOrganizationResponse,
) -> Organization:
    assert answer.organization is not None
    return answer.organization


def _print(
    organization: Organization, *, as_json: bool, further: dict[str, int] | None = None
) -> None:
    further = further or {}
    if as_json:
        running.print_json(running.members_of(organization) | further)
        return
    settings = organization.settings
    features = [one.name for one in settings.features if one.enabled] if settings else []
    running.print_members(
        [
            ("organization", organization.id),
            ("name", organization.display_name),
            ("external id", organization.external_id),
            ("slug", organization.slug),
            ("logo", organization.logo_url),
            ("metadata", "\n".join(f"{k}={v}" for k, v in organization.metadata.items())),
            ("features", ", ".join(sorted(features))),
            ("members", f"{further['members']:,}" if "members" in further else None),
            ("seats", str(further.get("max_allowed_users", ""))),
            ("region", organization.region_code.name),
            ("created", running.moment(organization.create_time)),
            ("updated", running.moment(organization.update_time)),
        ]
    )
