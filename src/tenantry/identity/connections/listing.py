"""Listing connections: of an organization, of a domain, of the environment, with their domains."""

from __future__ import annotations

import functools
import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, and_, bindparam, func, literal_column, or_, select

from tenantry.core import ids
from tenantry.db import crud
from tenantry.db.lists import key_ranges, pages
from tenantry.db.sql.schema import from_json, json_rows
from tenantry.db.sql.statements import Statement
from tenantry.identity.connections.model import (
    COMPLETED,
    DRAFT,
    IN_PROGRESS,
    OIDC,
    PROVIDERS,
    SAML,
    Connection,
    connections,
)
from tenantry.net import domain_names
from tenantry.tenants.domains.model import ORGANIZATION_DOMAIN, PROVEN, Domain, domains
from tenantry.tenants.organizations import service as organization_service
from tenantry.tenants.organizations.model import organizations
from tenantry.tenants.organizations.service import OrganizationIdentifier

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, FromClause, Select

    from tenantry.call import Call
    from tenantry.db.engine import Row, Session

_MOST_NAMED = 100  # domains of one connection, in a list
_MOST_LISTED = 30  # of the contract

_c, _d, _o = connections.c, domains.c, organizations.c
_DOMAIN = bindparam("p_domain", type_=Text)
_serves = _c.enabled & (_c.status == literal_column(f"'{COMPLETED}'"))


def _leads(table: FromClause) -> ColumnElement[bool]:
    """Whether a domain leads to a connection: it is assigned to it, or to none."""
    d = table.c
    return and_(
        d.organization_id == _c.organization_id,
        # Literals, not parameters: the planner matches the partial index by its text.
        d.domain_type == literal_column(f"'{ORGANIZATION_DOMAIN}'"),
        d.verification_status.in_([literal_column(f"'{status}'") for status in PROVEN]),
        or_(d.connection_id.is_(None), d.connection_id == _c.id),
    )


_n = domains.alias("named")
_named = (
    select(_n.c.domain.label("domain"))
    .where(_leads(_n))
    .order_by(_n.c.id)
    .limit(literal_column(str(_MOST_NAMED)))
    .correlate(connections)
    .subquery()
)
_DOMAINS_OF = Statement(
    select(domains)
    .join_from(domains, connections, _leads(domains))
    .where(_c.organization_id == bindparam("p_organization_id"), _c.id == bindparam("p_id"))
    .order_by(_d.id)
    .limit(literal_column(str(_MOST_NAMED)))
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A connection as lists show it, with the name of its organization and of its domains."""

    connection: Connection
    organization_name: str
    domains: tuple[str, ...]

    @classmethod
    def from_row(cls, row: Row) -> Listed:
        names = from_json(row["domain_names"] or "[]")
        return cls(Connection.from_row(row), row["organization_name"] or "", tuple(names))


async def listed(
    call: Call, *, organization_id: str | None, domain: str | None, serving: bool
) -> list[Listed]:
    """Return what a list shows: of an organization, of a domain, of both; of neither, the others.

    The others are the environment's own. The oldest is first. A caller that is bound to an
    organization sees those of this one only.
    """
    own = call.caller.organization_id
    if organization_id is not None:
        await organization_service.get(call, OrganizationIdentifier(organization_id))
    elif own is not None:
        organization_id = own
    name = ""
    if domain is not None:
        try:
            name = domain_names.to_ascii(domain)
        except ValueError:
            return []
    rows = await call.db.fetch_all(
        _listed(organization_id is not None, domain is not None, serving),
        p_organization_id=organization_id,
        p_domain=name,
    )
    return [Listed.from_row(row) for row in rows]


async def page(
    call: Call,
    *,
    query: str = "",
    provider: str = "",
    status: str = "",
    type_: str = "",
    enabled: bool | None = None,
    page_size: int,
    page_token: str,
) -> pages.Page[Listed]:
    """Return one page of the connections of all organizations, the newest first.

    ``query`` is an id of a connection or of an organization; "" and None leave a filter out.
    ``provider`` is one of the contract's, or else a provider_key, as it is or in capitals. The
    total is counted up to 10,000.
    """
    given = {
        "p_query": query.strip(),
        "p_provider": provider.strip().upper(),
        "p_status": status,
        "p_type": type_,
        "p_enabled": enabled,
    }
    narrow = tuple(name for name, value in given.items() if value not in {"", None})
    position = pages.position(
        call.db,
        "connections" + json.dumps(list(given.values())),
        page_size=page_size,
        page_token=page_token,
        most=_MOST_LISTED,
    )
    params = {name: given[name] for name in narrow} | position.params
    if narrow and "p_query" not in narrow:
        by, names = _provider(provider.strip())
        kinds = [(name, *kind) for name in names for kind in _kinds(status, type_, enabled)]
        if not kinds:
            return position.page([]).of(Listed.from_row)
        for number, kind in enumerate(kinds):
            params |= {f"{part}_{number}": value for part, value in zip(_KIND, kind, strict=True)}
        params |= position.bounds(*key_ranges.between(ids.CONNECTION, None, None))
        page = _page_of_kinds(len(kinds), by, position.backward)
        count = _count_of_kinds(len(kinds), by)
    else:
        page, count = _page(narrow, position.direction), _count(narrow)
    rows = await call.db.fetch_all(page, **params)
    total = await call.db.fetch_one(count, **params)
    assert total is not None
    return position.page(rows, total["total"]).of(Listed.from_row)


async def total(db: Session) -> int:
    """Return how many connections organizations have, counted up to 10,000."""
    row = await db.fetch_one(_count(()))
    assert row is not None
    found: int = row["total"]
    return found


async def domains_of(db: Session, connection: Connection) -> list[Domain]:
    """Return the domains that lead to a connection, the oldest first, 100 at most."""
    if connection.organization_id is None:
        return []
    rows = await db.fetch_all(
        _DOMAINS_OF, p_organization_id=connection.organization_id, p_id=connection.id
    )
    return [Domain.from_row(row) for row in rows]


def with_names() -> Select[Any]:
    """Return a statement for rows of `Listed`, of all connections."""
    return (
        select(
            connections,
            _o.display_name.label("organization_name"),
            select(json_rows(_named.c.domain)).scalar_subquery().label("domain_names"),
        )
        .select_from(connections)
        .outerjoin(organizations, _o.id == _c.organization_id)
    )


@functools.cache
def _listed(by_organization: bool, by_domain: bool, serving: bool) -> Statement:
    statement = with_names()
    if by_organization:
        statement = statement.where(_c.organization_id == bindparam("p_organization_id"))
    if by_domain:
        statement = statement.join(domains, and_(_d.domain == _DOMAIN, _leads(domains)))
    if not by_organization and not by_domain:
        statement = statement.where(_c.organization_id.is_(None))
    if serving:
        statement = statement.where(_serves)
    return Statement(statement.order_by(_c.id))


_FILTERS = {
    "p_query": or_(
        _c.id == bindparam("p_query", type_=Text),
        _c.organization_id == bindparam("p_query", type_=Text),
    ),
    "p_provider": or_(
        _c.provider == bindparam("p_provider", type_=Text),
        func.upper(_c.provider_key) == bindparam("p_provider", type_=Text),
    ),
    "p_status": _c.status == bindparam("p_status", type_=Text),
    "p_type": _c.type == bindparam("p_type", type_=Text),
    "p_enabled": _c.enabled == bindparam("p_enabled"),
}


@functools.cache
def _page(narrow: tuple[str, ...], direction: str) -> Statement:
    statement = with_names().where(
        _c.organization_id.is_not(None), *(_FILTERS[name] for name in narrow)
    )
    return crud.list_page(statement, _c.id, direction)


@functools.cache
def _count(narrow: tuple[str, ...]) -> Statement:
    found = select(_c.id).where(
        _c.organization_id.is_not(None), *(_FILTERS[name] for name in narrow)
    )
    return Statement(select(pages.counted(found)))


# Those of one kind are read by an index: of a provider or all, of a type and a status, on or off.
_KIND = ("provider", "type", "status", "enabled")


def _provider(asked: str) -> tuple[str, tuple[str, ...]]:
    """Return the column that says whether a provider is the one asked for, and its spellings."""
    if not asked:
        return "", ("",)
    if asked.upper() in PROVIDERS:
        return "provider", (asked.upper(),)
    return "provider_key", tuple(dict.fromkeys((asked, asked.upper())))


def _kinds(status: str, type_: str, enabled: bool | None) -> list[tuple[str, str, bool]]:
    switches = (True, False) if enabled is None else (enabled,)
    every = itertools.product((OIDC, SAML), (DRAFT, IN_PROGRESS, COMPLETED), switches)
    return [one for one in every if type_ in {"", one[0]} and status in {"", one[1]}]


@functools.cache
def _page_of_kinds(kinds: int, by: str, backward: bool) -> Statement:
    lists = _of_kinds(kinds, by, ("low", "high"), pages.MAX_SIZE, backward=backward)
    some = key_ranges.merged(lists, take="take").subquery("some")
    nearest = select(some.c.id).order_by(pages.order(some.c.id, backward=backward))
    page = nearest.limit(bindparam("take")).subquery("page")
    statement = with_names().join(page, page.c.id == _c.id)
    return Statement(statement.order_by(pages.order(_c.id, backward=backward)))


@functools.cache
def _count_of_kinds(kinds: int, by: str) -> Statement:
    lists = _of_kinds(kinds, by, ("all_low", "all_high"), pages.MOST_COUNTED)
    return Statement(select(pages.counted(key_ranges.merged(lists))))


def _of_kinds(
    kinds: int, by: str, between: tuple[str, str], most: int, *, backward: bool = False
) -> list[Select[Any]]:
    """Return a list of the ids of each kind; ``by`` is the column of the provider, or ""."""
    low, high = between
    columns = {part: _c[part] for part in _KIND[1:]}
    if by:
        columns = {"provider": _c[by], **columns}
    return [
        key_ranges.nearest(
            select(_c.id).where(_c.organization_id.is_not(None)),
            *(
                (column, bindparam(f"{part}_{number}", type_=column.type))
                for part, column in columns.items()
            ),
            (_c.id, None),
            low=low,
            high=high,
            most=most,
            backward=backward,
        )
        for number in range(kinds)
    ]
