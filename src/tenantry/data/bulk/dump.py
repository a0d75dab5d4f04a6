"""Exporting the environment: one snapshot, read by key, a page at a time."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import Boolean, Text, bindparam, or_, select, tuple_

from tenantry.access.api_tokens.model import api_tokens
from tenantry.access.clients.model import APPLICATIONS, client_secrets, clients
from tenantry.access.scopes.model import scopes
from tenantry.data.bulk import archive
from tenantry.db.rows import prefixed
from tenantry.db.schema import Json, environment, from_json, json_rows, json_values, to_json
from tenantry.db.statements import Statement
from tenantry.identity.connections.applications import moving as app_moving
from tenantry.identity.connections.changes import moving
from tenantry.identity.connections.model import OAUTH, Connection, app_connections, connections
from tenantry.identity.federation.model import federated_identities
from tenantry.identity.token_templates.model import token_templates
from tenantry.tenants.domains.model import domains
from tenantry.tenants.organizations.model import organizations
from tenantry.tenants.roles.model import (
    default_member_roles,
    permissions,
    role_holders,
    role_permissions,
    roles,
)
from tenantry.tenants.user_attributes.model import user_attributes
from tenantry.tenants.users.model import memberships, users

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from sqlalchemy import Column, Select, Table

    from tenantry.data.bulk.archive import Kind
    from tenantry.db.engine import Row, Session
    from tenantry.identity.connections.changes.moving import Box

_PAGE = 1000
_ORGANIZATIONS = 200  # on a page, each with all that it owns but its members

_ENVIRONMENT = Statement(select(environment.c.id, environment.c.create_time))
_permission_ids = (
    select(json_rows(role_permissions.c.permission_id))
    .where(role_permissions.c.role_id == roles.c.id)
    .scalar_subquery()
    .label("permission_ids")
)
ROLE_IDS = (
    select(json_rows(role_holders.c.role_id))
    .where(
        role_holders.c.organization_id == memberships.c.organization_id,
        role_holders.c.user_id == memberships.c.user_id,
    )
    .scalar_subquery()
    .label("role_ids")
)
_roles = select(roles, _permission_ids)
_ROLES_OF_ENVIRONMENT = Statement(_roles.where(roles.c.organization_id.is_(None)))


def page_of(rows: Select[Any], *key: Column[Any]) -> Statement:
    """Return the rows that follow a key, in its order."""
    after = tuple_(*(bindparam(f"after_{column.name}", type_=Text) for column in key))
    return Statement(rows.where(tuple_(*key) > after).order_by(*key).limit(bindparam("take")))


def _of_organizations(rows: Select[Any], organization_id: Column[Any]) -> Statement:
    return Statement(rows.where(organization_id.in_(json_values(bindparam("ids", type_=Text)))))


_secrets = select(client_secrets, clients.c.organization_id).join(
    clients, clients.c.id == client_secrets.c.client_id
)
_PERMISSIONS = page_of(select(permissions), permissions.c.id)
_SCOPES = page_of(select(scopes), scopes.c.id)
_APPLICATIONS = page_of(
    select(clients).where(or_(*(clients.c.client_type == type_ for type_ in APPLICATIONS))),
    clients.c.id,
)
_SECRETS = Statement(
    select(client_secrets)
    .where(client_secrets.c.client_id.in_(json_values(bindparam("ids", type_=Text))))
    .order_by(client_secrets.c.id)
)
_USER_ATTRIBUTES = page_of(select(user_attributes), user_attributes.c.kind, user_attributes.c.key)
_TOKEN_TEMPLATES = page_of(select(token_templates), token_templates.c.version)
_SOCIAL = page_of(
    select(connections).where(connections.c.organization_id.is_(None), connections.c.type == OAUTH),
    connections.c.id,
)
_APP_CONNECTIONS = page_of(select(app_connections), app_connections.c.id)
_FEDERATED_IDENTITIES = page_of(
    select(federated_identities),
    federated_identities.c.connection_id,
    federated_identities.c.subject,
)
_ORGANIZATIONS_PAGE = page_of(select(organizations), organizations.c.id)
_USERS = page_of(select(users), users.c.id)
_MEMBERSHIPS = page_of(
    select(memberships, ROLE_IDS), memberships.c.organization_id, memberships.c.user_id
)
_API_TOKENS = page_of(select(api_tokens), api_tokens.c.id)


def of_directory(table: Table) -> Select[Any]:
    """Return the rows of a table whose directory is there: the worker deletes the others."""
    c, d = table.c, archive.DIRECTORY.table.c
    of_it = (d.organization_id == c.organization_id) & (d.id == c.directory_id)
    return select(table).where(select(d.id).where(of_it).exists())


def by_key(kind: Kind, rows: Select[Any]) -> tuple[Kind, Statement, list[str]]:
    """Return a kind, its rows for `pages`, and the columns of their key."""
    key = kind.table.primary_key
    return kind, page_of(rows, *key), key.columns.keys()


# Directories and all that they have, each table by its key.
_OF_DIRECTORIES = (
    by_key(archive.DIRECTORY, select(archive.DIRECTORY.table)),
    *(
        by_key(kind, of_directory(kind.table))
        for kind in (
            *(archive.DIRECTORY_SECRET, archive.DIRECTORY_USER, archive.DIRECTORY_GROUP),
            *(archive.DIRECTORY_MEMBER, archive.DIRECTORY_ROLE_ASSIGNMENT),
        )
    ),
)
_OWNED = (
    (archive.ROLE, _of_organizations(_roles, roles.c.organization_id)),
    (
        archive.DEFAULT_MEMBER_ROLE,
        _of_organizations(select(default_member_roles), default_member_roles.c.organization_id),
    ),
    (archive.DOMAIN, _of_organizations(select(domains), domains.c.organization_id)),
    (archive.CONNECTION, _of_organizations(select(connections), connections.c.organization_id)),
    (archive.CLIENT, _of_organizations(select(clients), clients.c.organization_id)),
    (archive.CLIENT_SECRET, _of_organizations(_secrets, clients.c.organization_id)),
)


async def dump(
    db: Session, *, with_password_hashes: bool, box: Box | None = None
) -> AsyncIterator[list[bytes]]:
    """Yield the lines of the environment; the session is a snapshot.

    Secrets of connections are among them only where there is a ``box`` to seal them by.
    """
    count = 0
    async for lines in _lines(db, box, with_password_hashes=with_password_hashes):
        count += len(lines)
        yield lines
    yield [as_line({"type": archive.END, "lines": count})]


async def _lines(
    db: Session, box: Box | None, *, with_password_hashes: bool
) -> AsyncIterator[list[bytes]]:
    start = await db.fetch_one(_ENVIRONMENT)
    assert start is not None
    yield [
        as_line(
            {
                "type": archive.START,
                "format": archive.FORMAT,
                "id": start["id"],
                "create_time": start["create_time"],
            }
        )
    ]
    async for lines in _of_environment(db, box):
        yield lines
    async for page in pages(db, _ORGANIZATIONS_PAGE, "id", take=_ORGANIZATIONS):
        yield await organization_lines(db, page, box)
    without = () if with_password_hashes else ("password_hash",)
    async for page in pages(db, _USERS, "id"):
        yield [written(archive.USER, row, without) for row in page]
    async for page in pages(db, _MEMBERSHIPS, "organization_id", "user_id"):
        yield [written(archive.MEMBERSHIP, row) for row in page]
    async for page in pages(db, _FEDERATED_IDENTITIES, "connection_id", "subject"):
        yield [written(archive.FEDERATED_IDENTITY, row) for row in page]
    async for page in pages(db, _API_TOKENS, "id"):
        yield [written(archive.API_TOKEN, row) for row in page]
    for kind, statement, key in _OF_DIRECTORIES:
        async for page in pages(db, statement, *key):
            yield [written(kind, row) for row in page]


async def _of_environment(db: Session, box: Box | None) -> AsyncIterator[list[bytes]]:
    async for page in pages(db, _PERMISSIONS, "id"):
        yield [written(archive.PERMISSION, row) for row in page]
    found = await db.fetch_all(_ROLES_OF_ENVIRONMENT)
    yield [written(archive.ROLE, row) for row in _bases_first(found)]
    async for page in pages(db, _SCOPES, "id"):
        yield [written(archive.SCOPE, row) for row in page]
    async for page in pages(db, _APPLICATIONS, "id"):
        yield [written(archive.CLIENT, row) for row in page]
        secrets = await db.fetch_all(_SECRETS, ids=to_json([row["id"] for row in page]))
        yield [written(archive.CLIENT_SECRET, row) for row in secrets]
    async for page in pages(db, _USER_ATTRIBUTES, "kind", "key"):
        yield [written(archive.USER_ATTRIBUTE, row) for row in page]
    async for page in pages(db, _TOKEN_TEMPLATES, "version"):
        yield [written(archive.TOKEN_TEMPLATE, row) for row in page]
    async for page in pages(db, _SOCIAL, "id"):
        yield [_connection(db, row, box) for row in page]
    async for page in pages(db, _APP_CONNECTIONS, "id"):
        yield [_app_connection(db, row, box) for row in page]


async def pages(
    db: Session, statement: Statement, *key: str, take: int = _PAGE, **given: str
) -> AsyncIterator[Sequence[Row]]:
    """Yield the rows of a statement of `page_of`, a page at a time."""
    after = dict.fromkeys(key, "")
    while True:
        page = await db.fetch_all(statement, take=take, **given, **prefixed(after, "after_"))
        if page:
            yield page
        if len(page) < take:
            return
        after = {name: page[-1][name] for name in key}


async def organization_lines(db: Session, page: Sequence[Row], box: Box | None) -> list[bytes]:
    """Return the lines of organizations, each followed by what it owns."""
    ids = to_json([row["id"] for row in page])
    owned: dict[str, list[bytes]] = {row["id"]: [] for row in page}
    for kind, statement in _OWNED:
        rows = sorted(await db.fetch_all(statement, ids=ids), key=itemgetter("organization_id"))
        for organization_id, some in groupby(rows, key=itemgetter("organization_id")):
            owned[organization_id] += [
                _connection(db, row, box) if kind is archive.CONNECTION else written(kind, row)
                for row in _in_order(kind, some)
            ]
    return [
        line for row in page for line in (written(archive.ORGANIZATION, row), *owned[row["id"]])
    ]


def _in_order(kind: Kind, rows: Iterable[Row]) -> list[Row]:
    if kind is archive.ROLE:
        return _bases_first(rows)
    return sorted(rows, key=itemgetter("id")) if "id" in kind.table.c else list(rows)


def _bases_first(rows: Iterable[Row]) -> list[Row]:
    """Return roles in an order in which each follows the one that it extends."""
    by_id = {row["id"]: row for row in rows}

    def depth(row: Row) -> int:
        base = by_id.get(row["base_id"])  # an organization's role may extend the environment's
        return 0 if base is None else 1 + depth(base)

    return sorted(by_id.values(), key=lambda row: (depth(row), row["id"]))


def written(kind: Kind, row: Row, without: Iterable[str] = ()) -> bytes:
    """Return the line of a row, without some columns."""
    return as_line(_members(kind, row, without))


def _connection(db: Session, row: Row, box: Box | None) -> bytes:
    """Return the line of a connection, whose secret is sealed for the file or left out."""
    connection, sealed = moving.packed(db, Connection.from_row(row), box)
    members = _members(archive.CONNECTION, connection.to_row(), ())
    return as_line(members if sealed is None else {**members, archive.SEALED: sealed})


def _app_connection(db: Session, row: Row, box: Box | None) -> bytes:
    """Return the same of a connection of an application."""
    kept, sealed = app_moving.packed(db, row, box)
    members = _members(archive.APP_CONNECTION, kept, ())
    return as_line(members if sealed is None else {**members, archive.SEALED: sealed})


def _members(kind: Kind, row: Row, without: Iterable[str]) -> dict[str, Any]:
    members: dict[str, Any] = {"type": kind.type}
    for column in kind.columns:
        value = row[column.name]
        if value is None or column.name in without:
            continue
        if isinstance(column.type, Json):
            value = from_json(value)
        elif isinstance(column.type, Boolean):
            value = bool(value)
        members[kind.spelled(column.name)] = value
    if kind.references:
        members[kind.references] = sorted(from_json(row[kind.references] or "[]"))
    return members


def as_line(members: Mapping[str, Any]) -> bytes:
    """Return a line of these members."""
    # The databases do not agree on the order of members within a column.
    return orjson.dumps(members, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)
