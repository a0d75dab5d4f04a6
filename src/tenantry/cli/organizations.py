"""`tenantry org`: the tenants, by the rules of the API."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenantry.cli import running
from tenantry.cli.running import AsJson, Limit, PageToken, Yes  # noqa: TC001 - typer reads them
from tenantry.settings import load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.call import Call
    from tenantry.db.engine import Row
    from tenantry.db.pages import Page
    from tenantry.tenants.organizations.model import Organization

app = typer.Typer(no_args_is_help=True, help="Organizations: the tenants.")

Which = Annotated[
    str,
    typer.Argument(metavar="ORGANIZATION", help="Its id, org_..., or the external id."),
]
ExternalId = Annotated[str | None, typer.Option(help="The id that your application has for it.")]
Slug = Annotated[str | None, typer.Option(help="A name for addresses, of it alone.")]
OfOrganization = Annotated[
    str,
    typer.Option("--organization", "-o", help="Of this one alone: its id or external id."),
]
LogoUrl = Annotated[str | None, typer.Option(help="Where its picture is, https://...")]


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
        help="A key and value of metadata; may be given several times.",
    ),
]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="The name that people read.")],
    *,
    external_id: ExternalId = None,
    slug: Slug = None,
    logo_url: LogoUrl = None,
    metadata: Metadata = [],  # noqa: B006 - typer reads it
    as_json: AsJson = False,
) -> None:
    """Create an organization and print it."""
    members = _given(external_id, slug, logo_url) | {"display_name": name}
    if metadata:
        members["metadata"] = _split(metadata)

    async def work(call: Call) -> Organization:
        from tenantry.endpoints.imports.contract import Contract
        from tenantry.tenants.organizations import service

        Contract().organization(members)
        return await service.create(call, region_code=load().region, **members)

    _print(running.with_call(work), as_json=as_json)


@app.command("list")
def list_(
    *,
    search: Annotated[
        str, typer.Option(help="A part of the name or of an id, 3 characters or more.")
    ] = "",
    metadata: Metadata = [],  # noqa: B006
    limit: Limit = 20,
    page_token: PageToken = "",
    as_json: AsJson = False,
) -> None:
    """List organizations, the newest first."""
    running.check_search(search)

    async def work(call: Call) -> tuple[list[Organization], str, int]:
        from tenantry.tenants.organizations import listing
        from tenantry.tenants.organizations.model import Organization

        narrow = listing.Filter(
            query=search or None, metadata=tuple(sorted(_split(metadata).items()))
        )

        async def page(size: int, token: str) -> Page[Row]:
            return await listing.page(call, narrow, page_size=size, page_token=token)

        rows, token, total = await running.collected(page, limit=limit, page_token=page_token)
        return [Organization.from_row(row) for row in rows], token, total

    found, token, total = running.with_call(work)
    if as_json:
        running.print_json([organization.shown() for organization in found])
    else:
        running.print_table(
            ["Organization", "Name", "External id", "Created"],
            [
                (
                    one.id,
                    one.display_name,
                    one.external_id or "",
                    running.moment(one.create_time) or "",
                )
                for one in found
            ],
        )
    running.remark_more(len(found), token, total)


@app.command()
def show(organization: Which, *, as_json: AsJson = False) -> None:
    """Print an organization, with the number of its members."""

    async def work(call: Call) -> tuple[Organization, int]:
        found = await find(call, organization)
        return found, await _members(call, found)

    found, members = running.with_call(work, named=organization)
    _print(found, as_json=as_json, members=members)


@app.command()
def update(
    organization: Which,
    *,
    name: Annotated[str | None, typer.Option(help="Another name that people read.")] = None,
    external_id: ExternalId = None,
    slug: Slug = None,
    logo_url: LogoUrl = None,
    metadata: Metadata = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Change the given fields of an organization; an empty value clears a field.

    Pairs of metadata are added to those that are there, and KEY= takes one away.
    """
    members = _given(external_id, slug, logo_url)
    if name is not None:
        members["display_name"] = name
    if not members and not metadata:
        running.fail("there is nothing to change: see `tenantry org update --help`")

    async def work(call: Call) -> Organization:
        from tenantry.endpoints.imports.contract import Contract
        from tenantry.tenants.organizations import service

        before = await find(call, organization)
        changes = dict(members)
        if metadata:
            pairs = before.metadata | _split(metadata)
            changes["metadata"] = {key: value for key, value in pairs.items() if value}
            # Another change since then would be lost with the pairs.
            call = replace(call, if_match=frozenset({before.revision}))
        Contract().organization({"display_name": before.display_name, **changes})
        return await service.update(call, service.Identity(before.id), changes)

    _print(running.with_call(work, named=organization), as_json=as_json)


@app.command()
def delete(organization: Which, *, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete an organization with its data, and users without another membership."""

    async def look(call: Call) -> tuple[Organization, int]:
        found = await find(call, organization)
        return found, 0 if yes else await _members(call, found)

    found, members = running.with_call(look, named=organization)
    running.confirm(
        f"Delete {found.id} ({found.display_name}) with its {members:,} members?", yes=yes
    )

    async def work(call: Call) -> None:
        from tenantry.tenants.memberships import leaving
        from tenantry.tenants.organizations import service

        await service.remove(call, service.Identity(found.id), leaving.dismiss_members)

    running.with_call(work, named=found.id)
    running.tell({"deleted": found.id}, f"deleted {found.id}", as_json=as_json)


async def find(call: Call, key: str) -> Organization:
    """Return an organization by its id or its external id.

    Raises:
        errors.NotFound: there is none.

    """
    from tenantry.core import ids
    from tenantry.tenants.organizations import service

    is_id = ids.well_formed(ids.ORGANIZATION, key)
    return await service.get(
        call, service.Identity(id=key) if is_id else service.Identity(external_id=key)
    )


async def id_of(call: Call, key: str, *, past: bool = False) -> str:
    """Return the id of an organization that is named so; "" for "".

    ``past``: it may be one that was deleted, by its id.

    Raises:
        errors.NotFound: there is none.

    """
    from tenantry.core import ids

    if past and ids.well_formed(ids.ORGANIZATION, key):
        return key
    return (await find(call, key)).id if key else ""


def _given(external_id: str | None, slug: str | None, logo_url: str | None) -> dict[str, Any]:
    given = {"external_id": external_id, "slug": slug, "logo_url": logo_url}
    return {name: value for name, value in given.items() if value is not None}


def _split(pairs: Sequence[str]) -> dict[str, str]:
    return {key: value for key, _, value in (pair.partition("=") for pair in pairs)}


async def _members(call: Call, organization: Organization) -> int:
    from tenantry.tenants.users import listing

    page = await listing.of_organization(call, organization.id, page_size=1, page_token="")
    return page.total_size


def _print(organization: Organization, *, as_json: bool, members: int | None = None) -> None:
    if as_json:
        more = {} if members is None else {"members": members}
        running.print_json(organization.shown() | more)
        return
    running.print_members(
        [
            ("organization", organization.id),
            ("name", organization.display_name),
            ("external id", organization.external_id),
            ("slug", organization.slug),
            ("logo", organization.logo_url),
            ("metadata", "\n".join(f"{k}={v}" for k, v in organization.metadata.items())),
            ("features", ", ".join(sorted(organization.features))),
            ("members", None if members is None else f"{members:,}"),
            ("seats", str(organization.max_allowed_users or "")),
            ("region", organization.region_code),
            ("created", running.moment(organization.create_time)),
            ("updated", running.moment(organization.update_time)),
        ]
    )
