"""Listing clients: by key, newest first, with an exact total."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select

from tenantry.access.clients import reading
from tenantry.access.clients.model import APPLICATIONS, ENV, clients
from tenantry.core import errors
from tenantry.db.lists import pages
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.organizations.service import OrganizationIdentifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Select

    from tenantry.access.clients.model import Client
    from tenantry.call import Call

ALL = "ALL"
_OF_ENVIRONMENT = (ENV, *APPLICATIONS)

_c = clients.c


async def of_environment(
    call: Call, types: Sequence[str], *, page_size: int, page_token: str
) -> pages.Page[Client]:
    """Return one page of the environment's clients of these types; of no type means ENV."""
    for index, type_ in enumerate(types):
        if type_ not in {*_OF_ENVIRONMENT, ALL}:
            raise errors.InvalidArgument.field(
                f"filter.client_type[{index}]",
                "in",
                f"must be {', '.join(_OF_ENVIRONMENT)} or {ALL}, got {type_[:60]!r}",
            )
    chosen = sorted(_OF_ENVIRONMENT if ALL in types else set(types) or {ENV})
    return await _page(
        call,
        "environment",
        f"clients {' '.join(chosen)}",
        page_size=page_size,
        page_token=page_token,
        types=to_json(chosen),
    )


async def of_organization(
    call: Call, organization_id: str, *, page_size: int, page_token: str
) -> pages.Page[Client]:
    """Return one page of an organization's clients."""
    page = await _page(
        call,
        "organization",
        f"clients of {organization_id}",
        page_size=page_size,
        page_token=page_token,
        organization_id=organization_id,
    )
    if not page.total_size:
        await organizations.get(call, OrganizationIdentifier(organization_id))
    return page


async def _page(
    call: Call, place: str, listing: str, *, page_size: int, page_token: str, **narrow: str
) -> pages.Page[Client]:
    position = pages.position(call.db, listing, page_size=page_size, page_token=page_token)
    rows = await call.db.fetch_all(
        _page_statement(place, position.direction), **position.params, **narrow
    )
    if rows:
        total = rows[0]["total"]
    else:
        row = await call.db.fetch_one(_total_statement(place), **narrow)
        total = row["total"] if row else 0
    return position.page(rows, total).of(reading.from_row)


@functools.cache
def _page_statement(place: str, direction: str) -> Statement:
    # Found once, by the index of the place; then counted, and one page of it is read.
    found = _narrowed(select(_c.id), place).cte("found")
    total = select(func.count()).select_from(found).scalar_subquery().label("total")
    page = pages.part(select(found.c.id), found.c.id, direction)
    one_page = page.limit(bindparam("take")).subquery("page")
    return Statement(
        reading.with_secrets()
        .add_columns(total)
        .join(one_page, one_page.c.id == _c.id)
        .order_by(pages.order(_c.id, backward=direction == "backward"))
    )


@functools.cache
def _total_statement(place: str) -> Statement:
    return Statement(_narrowed(select(func.count().label("total")).select_from(clients), place))


def _narrowed(statement: Select[Any], place: str) -> Select[Any]:
    if place == "organization":
        return statement.where(_c.organization_id == bindparam("organization_id"))
    return statement.where(
        _c.organization_id.is_(None), _c.client_type.in_(json_values(bindparam("types")))
    )
