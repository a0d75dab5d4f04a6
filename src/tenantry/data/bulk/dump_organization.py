"""Exporting one organization: all that is its own, its people, and the names that it refers to.

Each statement names the organization. The first line maps the ids of the environment's roles and
permissions that later lines have to their names, by which the other environment knows its own.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, case, exists, select, union

from tenantry import errors
from tenantry.access.api_tokens.model import api_tokens
from tenantry.access.clients.model import clients
from tenantry.access.scopes.model import scopes
from tenantry.data.bulk import archive
from tenantry.data.bulk.dump import (
    ROLE_IDS,
    as_line,
    by_key,
    of_directory,
    organization_lines,
    page_of,
    pages,
    written,
)
from tenantry.db.schema import from_json, json_values, to_json
from tenantry.db.statements import Statement
from tenantry.identity.connections.model import connections
from tenantry.identity.federation.model import federated_identities
from tenantry.tenants.directories.model import directory_role_assignments
from tenantry.tenants.organizations import directory
from tenantry.tenants.organizations.model import organizations
from tenantry.tenants.roles.model import (
    default_member_roles,
    permissions,
    role_holders,
    role_permissions,
    roles,
)
from tenantry.tenants.users.model import memberships, users

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy import Column, ColumnElement, Select

    from tenantry.data.bulk.archive import Kind
    from tenantry.db.engine import Session
    from tenantry.identity.connections.changes.moving import Box

_ID = bindparam("organization_id", type_=Text)
_m, _f = memberships.c, federated_identities.c

_FIND = Statement(select(organizations).where(organizations.c.id == _ID))
_FIND_EXTERNAL = Statement(select(organizations).where(directory.has("external_id", _ID)))


def _member(user_id: Column[str]) -> ColumnElement[bool]:
    return exists().where(_m.organization_id == _ID, _m.user_id == user_id)


# Roles of the environment that rows of the organization name, in each of the tables that may.
_own = roles.alias("own")
_named_roles = union(
    select(_own.c.base_id).where(_own.c.organization_id == _ID),
    *(
        select(table.c.role_id).where(table.c.organization_id == _ID)
        for table in (default_member_roles, role_holders, directory_role_assignments)
    ),
).subquery()
_ROLES = Statement(
    select(roles.c.id, roles.c.name).where(
        roles.c.organization_id.is_(None), roles.c.id.in_(select(_named_roles))
    )
)
_PERMISSIONS = Statement(
    select(permissions.c.id, permissions.c.name).where(
        permissions.c.id.in_(
            select(role_permissions.c.permission_id)
            .join(roles, roles.c.id == role_permissions.c.role_id)
            .where(roles.c.organization_id == _ID)
        )
    )
)
_SCOPES_OF_CLIENTS = Statement(select(clients.c.scopes).where(clients.c.organization_id == _ID))
_SCOPES = Statement(
    select(scopes.c.name).where(scopes.c.name.in_(json_values(bindparam("names", type_=Text))))
)

_MEMBERS = page_of(
    select(users, _m.user_id)
    .join(memberships, _m.user_id == users.c.id)
    .where(_m.organization_id == _ID),
    _m.user_id,
)
_MEMBERSHIPS = page_of(select(memberships, ROLE_IDS).where(_m.organization_id == _ID), _m.user_id)
# A former member is not in the file, nor are the identities that a provider gave one.
_IDENTITIES = page_of(
    select(federated_identities)
    .join(connections, connections.c.id == _f.connection_id)
    .where(connections.c.organization_id == _ID, _member(_f.user_id)),
    _f.connection_id,
    _f.subject,
)
_API_TOKENS = page_of(
    select(api_tokens).where(api_tokens.c.organization_id == _ID), api_tokens.c.id
)


def _of_it(kind: Kind) -> Select[tuple[object, ...]]:
    """Return the rows of a kind of directories, without the accounts of former members."""
    table = kind.table
    rows = select(table) if kind is archive.DIRECTORY else of_directory(table)
    rows = rows.where(table.c.organization_id == _ID)
    if kind is not archive.DIRECTORY_USER:
        return rows
    account = case((_member(table.c.user_id), table.c.user_id)).label("user_id")
    others = (column for column in table.c if column.name != "user_id")
    return rows.with_only_columns(*others, account)


_OF_DIRECTORIES = tuple(
    by_key(kind, _of_it(kind))
    for kind in (
        *(archive.DIRECTORY, archive.DIRECTORY_SECRET, archive.DIRECTORY_USER),
        *(archive.DIRECTORY_GROUP, archive.DIRECTORY_MEMBER, archive.DIRECTORY_ROLE_ASSIGNMENT),
    )
)


async def dump(
    db: Session, named: str, *, with_password_hashes: bool, box: Box | None = None
) -> AsyncIterator[list[bytes]]:
    """Yield the lines of an organization, of this id or external id; the session is a snapshot.

    Secrets of connections are among them only where there is a ``box`` to seal them by.

    Raises:
        errors.NotFound: there is no such organization.

    """
    count = 0
    async for lines in _lines(db, named, box, with_password_hashes=with_password_hashes):
        count += len(lines)
        yield lines
    yield [as_line({"type": archive.END, "lines": count})]


async def _lines(
    db: Session, named: str, box: Box | None, *, with_password_hashes: bool
) -> AsyncIterator[list[bytes]]:
    row = await db.fetch_one(_FIND, organization_id=named)
    row = row or await db.fetch_one(_FIND_EXTERNAL, organization_id=named)
    if row is None:
        raise errors.NotFound("organization")
    id_ = row["id"]
    yield [await _start(db, id_)]
    yield await organization_lines(db, [row], box)
    without = () if with_password_hashes else ("password_hash",)
    async for page in pages(db, _MEMBERS, "user_id", organization_id=id_):
        yield [written(archive.USER, row, without) for row in page]
    for kind, statement, key in (
        (archive.MEMBERSHIP, _MEMBERSHIPS, ["user_id"]),
        (archive.FEDERATED_IDENTITY, _IDENTITIES, ["connection_id", "subject"]),
        (archive.API_TOKEN, _API_TOKENS, ["id"]),
        *_OF_DIRECTORIES,
    ):
        async for page in pages(db, statement, *key, organization_id=id_):
            yield [written(kind, row) for row in page]


async def _start(db: Session, id_: str) -> bytes:
    """Return the first line: which organization it is, and the names that it needs."""
    found = [
        {row["id"]: row["name"] for row in await db.fetch_all(statement, organization_id=id_)}
        for statement in (_ROLES, _PERMISSIONS)
    ]
    given = await db.fetch_all(_SCOPES_OF_CLIENTS, organization_id=id_)
    names = {name for row in given for name in from_json(row["scopes"])}
    # A client may still have the name of a scope that is gone: nobody needs that one.
    there = await db.fetch_all(_SCOPES, names=to_json(sorted(names)))
    return as_line(
        {
            "type": archive.START_OF_ORGANIZATION,
            "format": archive.FORMAT,
            "environment_id": db.environment_id,
            "id": id_,
            "roles": found[0],
            "permissions": found[1],
            "scopes": sorted(map(itemgetter("name"), there)),
        }
    )
