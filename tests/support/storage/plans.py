"""Plans of statements as a server in use makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.db.sqlite.database import SQLite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.db.sql.statements import Statement


async def explain(db: Any, statement: Statement, given: Mapping[str, Any]) -> str:
    """Return the plan of a statement, one step a line.

    PostgreSQL plans it once, for any arguments, as in the pool.
    """
    if isinstance(db, SQLite):
        text, arguments = statement.bind("sqlite", given)
        explained = f"EXPLAIN QUERY PLAN {text}"
        rows = await db._writer.run(lambda c: c.execute(explained, arguments).fetchall())
        return "\n".join(row["detail"] for row in rows)
    text, arguments = statement.bind("postgresql", given)
    literals = ", ".join(map(_literal, arguments))
    connection = await db._pool.acquire()
    try:
        await connection.execute(f"PREPARE tried AS {text}")
        rows = await connection.fetch(f"EXPLAIN EXECUTE tried{literals and f'({literals})'}")
        await connection.execute("DEALLOCATE tried")
    finally:
        db._pool.give_back(connection)
    return "\n".join(row[0] for row in rows)


def _literal(argument: str | int) -> str:
    return str(argument) if isinstance(argument, int) else f"'{argument}'"
