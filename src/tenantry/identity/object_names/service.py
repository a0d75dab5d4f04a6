"""Looks up the display names of many objects by ID, with one query for each kind of object."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, func, literal, select

from tenantry.access.api_tokens.model import api_tokens
from tenantry.access.clients.model import clients
from tenantry.core import errors, ids
from tenantry.db.sql.schema import from_json, json_values
from tenantry.db.sql.statements import Statement
from tenantry.events.interceptors.model import interceptors
from tenantry.events.webhooks.model import webhook_deliveries, webhook_endpoints
from tenantry.identity.connections.model import connections
from tenantry.identity.operators.model import operators
from tenantry.identity.sessions.model import sessions
from tenantry.tenants.directories.model import directories
from tenantry.tenants.domains.model import domains
from tenantry.tenants.organizations.model import organizations
from tenantry.tenants.roles.model import roles
from tenantry.tenants.users.model import users

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement, Table

    from tenantry.call import Call
    from tenantry.db.engine import Row

MAX_IDS = 500  # of one call: a page of a list refers to fewer

_NONE: ColumnElement[str] = literal("", Text)


def _first(*columns: ColumnElement[str]) -> ColumnElement[str]:
    """Return the first of these columns that is not empty."""
    return func.coalesce(*(func.nullif(column, "") for column in columns), "")


def _names(
    table: Table,
    name: ColumnElement[str],
    detail: ColumnElement[str] = _NONE,
    *,
    owner: str = "",
) -> Statement:
    owner_id = table.c[owner] if owner else _NONE
    found = select(
        table.c.id,
        name.label("name"),
        detail.label("detail"),
        owner_id.label("owner_id"),
    )
    return Statement(found.where(table.c.id.in_(json_values(bindparam("ids", type_=Text)))))


_c, _o, _r = connections.c, operators.c, roles.c
_STATEMENTS = {
    ids.ORGANIZATION: _names(organizations, organizations.c.display_name, organizations.c.logo_url),
    ids.USER: _names(users, users.c.profile, users.c.email),
    ids.CONNECTION: _names(
        connections, _first(_c.provider_key, _c.provider, _c.type), owner="organization_id"
    ),
    ids.DIRECTORY: _names(
        directories,
        _first(directories.c.name, directories.c.directory_provider),
        owner="organization_id",
    ),
    ids.ENVIRONMENT_CLIENT: _names(clients, clients.c.name),
    ids.ORGANIZATION_CLIENT: _names(clients, clients.c.name, owner="organization_id"),
    ids.API_TOKEN: _names(
        api_tokens, api_tokens.c.description, api_tokens.c.suffix, owner="organization_id"
    ),
    ids.WEBHOOK_ENDPOINT: _names(webhook_endpoints, webhook_endpoints.c.url),
    ids.INTERCEPTOR: _names(interceptors, interceptors.c.display_name),
    ids.OPERATOR: _names(operators, _first(_o.name, _o.email), _o.email),
    ids.ROLE: _names(roles, _first(_r.display_name, _r.name), _r.name, owner="organization_id"),
    ids.SESSION: _names(sessions, sessions.c.device, owner="user_id"),
    ids.WEBHOOK_DELIVERY: _names(
        webhook_deliveries,
        webhook_deliveries.c.event_type,
        webhook_deliveries.c.event_id,
        owner="endpoint_id",
    ),
    ids.DOMAIN: _names(domains, domains.c.domain, owner="organization_id"),
}


@dataclass(frozen=True, slots=True)
class ObjectName:
    """The name of an object, and what else identifies it on a page."""

    name: str
    detail: str = ""  # the email address of a user, the address of a session, ...
    owner_id: str = ""  # the ID of the object that it belongs to, such as an organization
    logo_url: str = ""  # of an organization


def kind_of(id_: str) -> str:
    """Return the prefix of an ID whose object has a name, "" for any other ID."""
    kind, _, number = id_.partition("_")
    prefix = f"{kind}_"
    return prefix if prefix in _STATEMENTS and number.isascii() and number.isdecimal() else ""


async def load(call: Call, wanted: Iterable[str]) -> dict[str, ObjectName]:
    """Return the names of the objects with these IDs; objects that do not exist are left out.

    Raises:
        errors.PermissionDenied: the caller is neither an operator nor a management client.

    """
    if not call.caller.is_operators:
        raise errors.PermissionDenied
    by_kind: dict[str, set[str]] = defaultdict(set)
    for id_ in wanted:
        if kind := kind_of(id_):
            by_kind[kind].add(id_)
    if sum(map(len, by_kind.values())) > MAX_IDS:
        raise ValueError(f"names of more than {MAX_IDS} objects")
    found: dict[str, ObjectName] = {}
    for kind, of_kind in by_kind.items():
        rows = await call.db.fetch_all(_STATEMENTS[kind], ids=json.dumps(sorted(of_kind)))
        found |= {row["id"]: _named(kind, row) for row in rows}
    return found


def _named(kind: str, row: Row) -> ObjectName:
    name, detail, owner_id = row["name"], row["detail"] or "", row["owner_id"] or ""
    if kind == ids.ORGANIZATION:
        return ObjectName(name, logo_url=detail)
    if kind == ids.USER:
        profile = from_json(name)
        parts = (profile.get("given_name"), profile.get("family_name"))
        full = profile.get("name") or " ".join(part for part in parts if part)
        return ObjectName(full or detail, detail)
    if kind == ids.SESSION:
        device = from_json(name)
        browser = ", ".join(part for part in (device["browser"], device["os"]) if part)
        return ObjectName(browser or device["ip"], device["ip"], owner_id)
    if kind == ids.API_TOKEN:
        return ObjectName(name or f"…{detail}", owner_id=owner_id)
    return ObjectName(name, detail, owner_id)
