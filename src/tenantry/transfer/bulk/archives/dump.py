"""Exports an environment, or one organization, from one snapshot, in pages by key.

An environment is its own tables, each organization with what it owns, and the tables of their
members. The archive of one organization has the latter two, narrowed to it by each statement.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, select, tuple_, union

from tenantry.access.clients.model import client_secrets, clients
from tenantry.access.scopes.model import scopes
from tenantry.core import errors
from tenantry.db.sql.schema import environment, from_json, json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import prefixed
from tenantry.tenants.directories.model import directory_role_assignments
from tenantry.tenants.organizations import key_index
from tenantry.tenants.organizations.model import organizations
from tenantry.tenants.roles.model import (
    default_member_roles,
    permissions,
    role_holders,
    role_permissions,
    roles,
)
from tenantry.transfer.bulk.archives import file_format, tables
from tenantry.transfer.bulk.archives.tables import CLIENT, CLIENT_SECRET, ORGANIZATION, ROLE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from sqlalchemy import Column, Select

    from tenantry.db.engine import Row, Session
    from tenantry.identity.connections.changes.archiving import SecretCipher
    from tenantry.transfer.bulk.archives.file_format import ArchiveTable

_PAGE = 1000
_ORGANIZATIONS_PAGE = 200  # each with the rows that it owns
_ID = tables.ORGANIZATION_ID
_ids = json_values(bindparam("ids", type_=Text))


@dataclass(frozen=True, slots=True)
class _Query:
    """Reads rows in pages, in the order of a key."""

    statement: Statement
    key: list[str]

    @classmethod
    def of(cls, rows: Select[Any], key: Iterable[Column[Any]]) -> _Query:
        columns = list(key)
        after = tuple_(*(bindparam(f"after_{column.name}", type_=Text) for column in columns))
        rows = rows.where(tuple_(*columns) > after).order_by(*columns).limit(bindparam("take"))
        return cls(Statement(rows), [column.name for column in columns])

    async def pages(
        self, db: Session, *, take: int = _PAGE, **given: str
    ) -> AsyncIterator[Sequence[Row]]:
        after = dict.fromkeys(self.key, "")
        while True:
            page = await db.fetch_all(
                self.statement, take=take, **given, **prefixed(after, "after_")
            )
            if page:
                yield page
            if len(page) < take:
                return
            after = {name: page[-1][name] for name in self.key}


def _owned_rows(table: ArchiveTable) -> Statement:
    """Return the rows that some organizations own."""
    owner = table.all_rows.selected_columns.organization_id
    return Statement(table.all_rows.where(owner.in_(_ids)))


def _organization_rows(table: ArchiveTable) -> _Query:
    rows = table.organization_rows
    if rows is None:
        rows = table.all_rows.where(table.table.c.organization_id == _ID)
    key = [column for column in table.key_columns if column.name != "organization_id"]
    return _Query.of(rows, table.organization_key or key)


_OF_ENVIRONMENT = {
    table: _Query.of(table.all_rows.where(*table.environment_rows), table.key_columns)
    for table in tables.ENVIRONMENT_TABLES
    if table is not CLIENT_SECRET
}
_ROLES_OF_ENVIRONMENT = Statement(ROLE.all_rows.where(*ROLE.environment_rows))
_SECRETS_OF_CLIENTS = Statement(
    select(client_secrets).where(client_secrets.c.client_id.in_(_ids)).order_by(client_secrets.c.id)
)
_ORGANIZATIONS = _Query.of(ORGANIZATION.all_rows, ORGANIZATION.key_columns)
_OWNED = {
    table: _owned_rows(table) for table in tables.ORGANIZATION_TABLES if table is not ORGANIZATION
}
_OF_MEMBERS = {
    table: _Query.of(table.all_rows, table.key_columns) for table in tables.MEMBER_TABLES
}
_OF_MEMBERS_OF_ONE = {table: _organization_rows(table) for table in tables.MEMBER_TABLES}

_ENVIRONMENT = Statement(select(environment.c.id, environment.c.create_time))
_FIND = Statement(select(organizations).where(organizations.c.id == _ID))
_FIND_EXTERNAL = Statement(select(organizations).where(key_index.has("external_id", _ID)))

# Roles of the environment that rows of the organization refer to, in each table that may.
_own = roles.alias("own")
_referenced_roles = union(
    select(_own.c.base_id).where(_own.c.organization_id == _ID),
    *(
        select(table.c.role_id).where(table.c.organization_id == _ID)
        for table in (default_member_roles, role_holders, directory_role_assignments)
    ),
).subquery()
_REFERENCED_ROLES = Statement(
    select(roles.c.id, roles.c.name).where(
        roles.c.organization_id.is_(None), roles.c.id.in_(select(_referenced_roles))
    )
)
_REFERENCED_PERMISSIONS = Statement(
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


def dump_environment(
    db: Session, *, with_password_hashes: bool, cipher: SecretCipher | None = None
) -> AsyncIterator[list[bytes]]:
    """Return the lines of the environment, in pages; the session is a snapshot.

    Secrets of connections are exported only with a ``box``, which encrypts them.
    """
    return _ended(_Dump(db, cipher, with_password_hashes).environment())


def dump_organization(
    db: Session, named: str, *, with_password_hashes: bool, cipher: SecretCipher | None = None
) -> AsyncIterator[list[bytes]]:
    """Return the lines of the organization with this ID or external ID; see the above."""
    return _ended(_Dump(db, cipher, with_password_hashes).organization(named))


async def _ended(pages: AsyncIterator[list[bytes]]) -> AsyncIterator[list[bytes]]:
    count = 0
    async for lines in pages:
        count += len(lines)
        yield lines
    yield [file_format.encode({"type": file_format.END, "lines": count})]


@dataclass(frozen=True, slots=True)
class _Dump:
    db: Session
    cipher: SecretCipher | None
    with_password_hashes: bool

    async def environment(self) -> AsyncIterator[list[bytes]]:
        start = await self.db.fetch_one(_ENVIRONMENT)
        assert start is not None
        first = {"type": file_format.START, "format": file_format.FORMAT, **dict(start)}
        yield [file_format.encode(first)]
        for table, query in _OF_ENVIRONMENT.items():
            if table is ROLE:
                found = await self.db.fetch_all(_ROLES_OF_ENVIRONMENT)
                yield self._lines(ROLE, _bases_first(found))
                continue
            async for page in query.pages(self.db):
                yield self._lines(table, page)
                if table is CLIENT:
                    ids = to_json([row["id"] for row in page])
                    secrets = await self.db.fetch_all(_SECRETS_OF_CLIENTS, ids=ids)
                    yield self._lines(CLIENT_SECRET, secrets)
        async for page in _ORGANIZATIONS.pages(self.db, take=_ORGANIZATIONS_PAGE):
            yield await self._organizations(page)
        for table, query in _OF_MEMBERS.items():
            async for page in query.pages(self.db):
                yield self._lines(table, page)

    async def organization(self, named: str) -> AsyncIterator[list[bytes]]:
        row = await self.db.fetch_one(_FIND, organization_id=named)
        row = row or await self.db.fetch_one(_FIND_EXTERNAL, organization_id=named)
        if row is None:
            raise errors.NotFound("organization")
        yield [await self._first_line(row["id"])]
        yield await self._organizations([row])
        for table, query in _OF_MEMBERS_OF_ONE.items():
            async for page in query.pages(self.db, organization_id=row["id"]):
                yield self._lines(table, page)

    async def _first_line(self, id_: str) -> bytes:
        """Return the line that names what the organization refers to in its environment."""
        found = [
            await self.db.fetch_all(statement, organization_id=id_)
            for statement in (_REFERENCED_ROLES, _REFERENCED_PERMISSIONS, _SCOPES_OF_CLIENTS)
        ]
        names = {name for row in found[2] for name in from_json(row["scopes"])}
        # Clients keep the names of deleted scopes, which the other environment does not need.
        existing = await self.db.fetch_all(_SCOPES, names=to_json(sorted(names)))
        return file_format.encode(
            {
                "type": file_format.START_OF_ORGANIZATION,
                "format": file_format.FORMAT,
                "environment_id": self.db.environment_id,
                "id": id_,
                "roles": {row["id"]: row["name"] for row in found[0]},
                "permissions": {row["id"]: row["name"] for row in found[1]},
                "scopes": sorted(map(itemgetter("name"), existing)),
            }
        )

    async def _organizations(self, page: Sequence[Row]) -> list[bytes]:
        """Return the lines of organizations, each followed by the rows that it owns."""
        ids = to_json([row["id"] for row in page])
        lines = {row["id"]: self._lines(ORGANIZATION, [row]) for row in page}
        for table, statement in _OWNED.items():
            of = itemgetter("organization_id")
            rows = sorted(await self.db.fetch_all(statement, ids=ids), key=of)
            for organization_id, owned in groupby(rows, key=of):
                lines[organization_id] += self._lines(table, _in_order(table, owned))
        return [line for some in lines.values() for line in some]

    def _lines(self, table: ArchiveTable, rows: Iterable[Row]) -> list[bytes]:
        return [self._line(table, row) for row in rows]

    def _line(self, table: ArchiveTable, row: Row) -> bytes:
        encrypted = None
        if table.secret is not None:
            row, encrypted = table.secret.to_archive(self.db, row, self.cipher)
        members = file_format.to_members(table, row)
        if encrypted is not None:
            members[file_format.SEALED] = encrypted
        if not self.with_password_hashes:
            members.pop("password_hash", None)
        return file_format.encode(members)


def _in_order(table: ArchiveTable, rows: Iterable[Row]) -> list[Row]:
    if table is ROLE:
        return _bases_first(rows)
    return sorted(rows, key=itemgetter("id")) if "id" in table.table.c else list(rows)


def _bases_first(rows: Iterable[Row]) -> list[Row]:
    """Return roles in an order in which each follows the role that it extends."""
    by_id = {row["id"]: row for row in rows}

    def depth(row: Row) -> int:
        base = by_id.get(row["base_id"])  # roles of organizations may extend the environment's
        return 0 if base is None else 1 + depth(base)

    return sorted(by_id.values(), key=lambda row: (depth(row), row["id"]))
