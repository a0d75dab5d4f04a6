"""Finds existing rows that prevent the import of an organization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, select

from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.identity.connections.model import connections
from tenantry.tenants.roles.model import roles
from tenantry.tenants.users.model import users

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Column

    from tenantry.db.engine import Row, Session
    from tenantry.transfer.bulk.archives.file_format import ArchiveTable, Batch


def having(column: Column[str], *conditions: Any) -> Statement:
    """Return a query of the rows whose column has one of the values that `find` is given."""
    values = json_values(bindparam("of", type_=Text))
    return Statement(select(column.table).where(column.in_(values), *conditions))


ENVIRONMENT_ROLES = having(roles.c.name, roles.c.organization_id.is_(None))
_USERS = {name: having(users.c[name]) for name in ("id", "email_key", "external_id")}
_CONNECTIONS = having(connections.c.id)


async def find(db: Session, statement: Statement, values: Iterable[Any]) -> list[Row]:
    """Return the rows of a query that `having` built."""
    wanted = sorted({value for value in values if value is not None})
    return list(await db.fetch_all(statement, of=to_json(wanted))) if wanted else []


async def _by_value(db: Session, statement: Statement, batch: Batch, column: str) -> dict[Any, Row]:
    found = await find(db, statement, (row[column] for _, row in batch))
    return {row[column]: row for row in found}


async def find_conflicts(db: Session, table: ArchiveTable, batch: Batch) -> list[tuple[int, str]]:
    """Return the rows with values of existing rows, by their line numbers."""
    conflicts = []
    for unique in table.unique:
        rows = [(number, row) for number, row in batch if unique.applies(row)]
        there = await _by_value(db, unique.existing, rows, unique.column)
        for number, row in rows:
            if (existing := there.get(row[unique.column])) is not None:
                problem = unique.conflict.format(type=table.type, row=row, existing=existing)
                conflicts.append((number, problem))
    return conflicts


async def match_users(db: Session, batch: Batch) -> list[tuple[Row | None, str]]:
    """Return, for each user, the existing user with the same address, and a conflict or ""."""
    by_id, by_key, by_external_id = [
        await _by_value(db, statement, batch, name) for name, statement in _USERS.items()
    ]
    providers = await find(db, _CONNECTIONS, (_connection_id(row) for _, row in batch))
    provider_ids = {row["id"] for row in providers}
    matches = []
    for _, row in batch:
        there = by_key.get(row["email_key"])
        problem = _conflict_of_user(
            row, there, by_id.get(row["id"]), by_external_id.get(row["external_id"])
        )
        if not problem and there is None and _connection_id(row) in provider_ids:
            problem = f"the sub {row['sub']!r} belongs to a connection that exists here"
        matches.append((there, problem))
    return matches


def _connection_id(row: Mapping[str, Any]) -> str | None:
    """Return the connection that alone identifies a user in modular mode."""
    sub: str | None = row["sub"]
    return None if sub is None else sub.partition(";")[0]


def _conflict_of_user(
    row: Mapping[str, Any], there: Row | None, same_id: Row | None, same_external_id: Row | None
) -> str:
    id_ = None if there is None else there["id"]
    if same_id is not None and same_id["id"] != id_:
        return f"the user id {row['id']} is that of another person here"
    if same_external_id is not None and same_external_id["id"] != id_:
        return (
            f"the external_id {row['external_id']!r} of {row['email']} is that of"
            f" {same_external_id['id']} here, who has another address"
        )
    # An attacker could have registered this address without owning it, and wait for its rights.
    is_other = id_ != row["id"] and row["sub"] is None
    if there is not None and is_other and not there["email_verified"]:
        return f"{row['email']} is here as {id_}, whose address nobody has proved"
    return ""
