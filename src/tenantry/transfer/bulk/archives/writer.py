"""Inserts the rows of an archive, a batch with each statement."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, delete, insert, select

from tenantry.access.clients.model import ENV, client_secrets, clients
from tenantry.access.keys import service as keys
from tenantry.db import crud
from tenantry.db.engine import DuplicateKey, ForeignKey
from tenantry.db.sql.records import spelled
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.tenants.roles.catalogue import RAISE
from tenantry.tenants.roles.model import permissions, role_ancestors, roles
from tenantry.transfer.bulk import organization_locks
from tenantry.transfer.bulk.archives.reader import NOT_BEFORE, wrong
from tenantry.transfer.bulk.archives.tables import CLIENT, CLIENT_SECRET, OF_ENVIRONMENT, ROLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tenantry.db.engine import Session
    from tenantry.transfer.bulk.archives.file_format import ArchiveTable, Batch, Members

_r = roles.c
_CLEAR = (Statement(delete(roles)), Statement(delete(permissions)), Statement(RAISE))
_ids = json_values(bindparam("ids", type_=Text))

_INSERT = {type_: crud.insert_all(table.table) for type_, table in OF_ENVIRONMENT.items()}
_INSERT_LISTED = {
    type_: crud.insert_all(table.listed.table)
    for type_, table in OF_ENVIRONMENT.items()
    if table.listed
}
_up = (
    select(_r.id.label("role_id"), _r.id.label("ancestor_id"))
    .where(_r.id.in_(_ids))
    .cte("up", recursive=True)
)
_up = _up.union(
    select(_up.c.role_id, _r.base_id).where(_r.id == _up.c.ancestor_id, _r.base_id.is_not(None))
)
_INSERT_ANCESTORS = Statement(
    insert(role_ancestors).from_select(["role_id", "ancestor_id"], select(_up))
)
# Secrets of management clients, which no archive has.
_FOREIGN_SECRET = Statement(
    select(client_secrets.c.id)
    .join(clients, clients.c.id == client_secrets.c.client_id)
    .where(client_secrets.c.id.in_(_ids), clients.c.client_type == ENV)
    .limit(1)
)


@dataclass(slots=True)
class ArchiveWriter:
    """Inserts the rows of an archive, a batch at a time."""

    db: Session
    told: Callable[[Mapping[str, int]], None]
    taken: str  # explains a duplicate value
    counts: dict[str, int] = field(default_factory=dict)
    algorithms: set[str] = field(default_factory=set)  # with which tokens of clients are signed

    async def clear(self) -> None:
        """Delete the roles and permissions of a fresh database."""
        for statement in _CLEAR:
            await self.db.fetch_all(statement)

    async def write(self, table: ArchiveTable, batch: Batch) -> None:
        if not batch:
            return
        lines = f"{batch[0][0]} to {batch[-1][0]}"
        try:
            await self._insert(table, batch, lines)
        except DuplicateKey as problem:
            raise wrong(
                lines, f"{problem.field}: a value that must be unique exists {self.taken}"
            ) from None
        except ForeignKey:
            raise wrong(lines, NOT_BEFORE) from None
        self.counts[table.type] = self.counts.get(table.type, 0) + len(batch)
        self.told(self.counts)

    async def add_signing_keys(self) -> None:
        for algorithm in self.algorithms - {keys.RS256}:  # which every deployment has
            await keys.ensure_algorithm(self.db, algorithm)

    async def _insert(self, table: ArchiveTable, batch: Batch, lines: str) -> None:
        if table is ROLE:
            _check_bases(batch)
        rows = [row for _, row in batch]
        organization_ids = (row.get("organization_id") for row in rows)
        await organization_locks.lock_against_deletion(self.db, filter(None, organization_ids))
        await self.db.fetch_all(_INSERT[table.type], given=spelled(list(table.table.c), rows))
        await self._index(table, rows)
        if table is ROLE:
            await self.db.fetch_all(_INSERT_ANCESTORS, ids=to_json([row["id"] for row in rows]))
        if table is CLIENT:
            self.algorithms |= {row["access_token_signing_alg"] for row in rows}
        if table is CLIENT_SECRET:
            row_ids = to_json([row["id"] for row in rows])
            foreign = await self.db.fetch_one(_FOREIGN_SECRET, ids=row_ids)
            if foreign is not None:
                raise wrong(
                    lines, f"{foreign['id']}: is a secret of a client that is not in the file"
                )
        if listed := table.listed:
            further = [
                {**row, "role_id": row.get("id"), listed.column.name: id_}
                for row in rows
                for id_ in row[listed.member]
            ]
            if further:
                given = spelled(list(listed.table.c), further)
                await self.db.fetch_all(_INSERT_LISTED[table.type], given=given)

    async def _index(self, table: ArchiveTable, rows: list[Members]) -> None:
        """Update searches, other indexes and counts for new rows."""
        if table.search is not None:
            await table.search.mark_all(self.db, (row["id"] for row in rows))
        if table.index is not None:
            await table.index(self.db, rows)
        if table.tally is not None:
            owners = (row.get("organization_id", table.table.name) for row in rows)
            await table.tally.add(self.db, Counter(owners))


def _check_bases(batch: Batch) -> None:
    """Refuse a role that extends a later one, and so a cycle of roles."""
    later = {row["id"] for _, row in batch}
    for number, row in batch:
        if row["base_id"] in later:
            raise wrong(number, "base_id: the role that it extends must come before it")
        later.discard(row["id"])
