"""The translation of a violated foreign key: the kind of object that is missing.

There is one entry for each table that a foreign key refers to. PostgreSQL names the violated
constraint. SQLite does not, so there the statement is looked at again (`find_violated`).
"""

from __future__ import annotations

import functools
import re
import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING

from tenantry.db.sql.schema import metadata

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ForeignKeyConstraint

# By the table that is referred to: the noun of "... not found".
NOUNS = {
    "clients": "client",
    "connections": "connection",
    "directory_groups": "group",
    "directory_users": "user",
    "memberships": "membership",
    "operators": "operator",
    "organizations": "organization",
    "permissions": "permission",
    "resources": "resource",
    "roles": "role",
    "sessions": "session",
    "totp_registrations": "TOTP registration",
    "users": "user",
    "webhook_deliveries": "delivery",
    "webhook_endpoints": "endpoint",
}
_UNKNOWN = "a related object"
_CHANGED_TABLE = re.compile(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM) (\w+)")
_RETURNING = re.compile(r"\sRETURNING\s.*", re.DOTALL)


def noun_of(constraint: str) -> str:
    """Return the noun of the missing object, by the name of the violated foreign key."""
    rule = _by_name().get(constraint)
    return _UNKNOWN if rule is None else NOUNS.get(rule.referred_table.name, _UNKNOWN)


def find_violated(
    connection: sqlite3.Connection, sql: str, arguments: Sequence[object] | Mapping[str, object]
) -> str:
    """Return the name of the foreign key that this statement has just violated; "" if unknown.

    The statement is run once more, with the checks put off, and undone. Of each row that it writes
    the referenced rows are looked up by their key. Within a transaction on SQLite.
    """
    found = _CHANGED_TABLE.match(sql)
    if found is None or found[1] not in metadata.tables:
        return ""
    connection.execute("SAVEPOINT foreign_keys")
    try:
        connection.execute("PRAGMA defer_foreign_keys = ON")
        rows = connection.execute(_RETURNING.sub("", sql) + " RETURNING *", arguments).fetchall()
        rules = sorted(metadata.tables[found[1]].foreign_key_constraints, key=lambda r: str(r.name))
        for rule in rules:
            if any(not _refers(connection, rule, row) for row in rows):
                return str(rule.name)
    except sqlite3.Error:
        return ""
    finally:
        connection.execute("ROLLBACK TO foreign_keys")
        connection.execute("RELEASE foreign_keys")
        with suppress(sqlite3.Error):
            connection.execute("PRAGMA defer_foreign_keys = OFF")
    return ""


def _refers(connection: sqlite3.Connection, rule: ForeignKeyConstraint, row: sqlite3.Row) -> bool:
    """Whether the row that this one refers to is there; one with a NULL refers to none."""
    key = [row[part.parent.name] for part in rule.elements]
    if None in key:
        return True
    where = " AND ".join(f"{part.column.name} = ?" for part in rule.elements)
    sql = f"SELECT 1 FROM {rule.referred_table.name} WHERE {where}"
    return connection.execute(sql, key).fetchone() is not None


def _by_name() -> Mapping[str, ForeignKeyConstraint]:
    # The packages have declared their tables by the time a statement is refused.
    return _known(len(metadata.tables))


@functools.lru_cache(maxsize=2)
def _known(_tables: int) -> Mapping[str, ForeignKeyConstraint]:
    rules = (rule for table in metadata.tables.values() for rule in table.foreign_key_constraints)
    return {str(rule.name): rule for rule in rules}
