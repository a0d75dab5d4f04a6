"""Spreading a schema over the machines of Citus, as each table declares (`sharding`).

Each step commits by itself, and a step that was done is passed over: so a run that was cut off is
finished by the next one.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

from tenantry.db.postgresql.cluster import Cluster
from tenantry.db.sql.schema import metadata, postgresql_tables
from tenantry.db.sql.sharding import planner_indexes, sharding_of, unheld

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterable

    from sqlalchemy import ForeignKeyConstraint, Index, Table

_CONNECT_SECONDS = 10.0
_FIRST = "organizations"  # the others lie with it
_HAS_CITUS = """
    SELECT EXISTS (
      SELECT FROM pg_proc WHERE proname = 'create_distributed_table'
      AND pg_function_is_visible(oid)
    )
"""
_CAN_HAVE_CITUS = "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'citus')"
_RULES = "SELECT conname FROM pg_constraint WHERE connamespace = current_schema()::regnamespace"
_INDEXES = "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()"
_SPREAD = "SELECT logicalrelid::regclass::text FROM pg_dist_partition"


class DistributeError(Exception):
    """The schema was not spread, or not all of it; the text is one line for the operator."""


def steps() -> dict[str, str]:
    """Return the statements that spread the schema, in their order, each by what it is about."""
    tables = [*metadata.sorted_tables, *postgresql_tables.sorted_tables]
    found: dict[str, str] = {}
    for rule in unheld(tables):
        found[str(rule.name)] = _drop(rule)
    for index in planner_indexes(tables):
        found[str(index.name)] = _plain(index)
    for table in tables:
        if sharding_of(table).is_reference:
            found[table.name] = f"SELECT create_reference_table('{table.name}')"
    for table in _of_organizations(tables):
        with_ = "none" if table.name == _FIRST else _FIRST
        found[table.name] = (
            f"SELECT create_distributed_table('{table.name}', '{sharding_of(table).column}',"
            f" colocate_with => '{with_}')"
        )
    return found


async def distributing(
    url: str, upgraded: Coroutine[Any, Any, tuple[str | None, list[str]]]
) -> tuple[list[str], list[str]]:
    """Have the schema brought up to date, then spread it; return the revisions and statements.

    Raises:
        DistributeError: the server has no Citus, and nothing was changed; or it refused a step.

    """
    try:
        async with _connected(url) as connection:
            _, applied = await upgraded
            return applied, await distribute(connection)
    finally:
        upgraded.close()


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Connect to a server that has Citus.

    Raises:
        DistributeError: the server has none, or cannot be reached.

    """
    if url.startswith("sqlite:"):
        raise DistributeError("nothing was changed: SQLite is one file; use PostgreSQL with Citus")
    session = {"application_name": "tenantry migrate"}
    try:
        connection = await Cluster(url).connect(session, timeout=_CONNECT_SECONDS)
    except (asyncpg.PostgresError, OSError, ValueError) as problem:
        raise DistributeError(f"nothing was changed: {problem}") from problem
    try:
        has_it = [await connection.fetchval(query) for query in (_HAS_CITUS, _CAN_HAVE_CITUS)]
        if not any(has_it):
            raise DistributeError(
                "nothing was changed: this server has no Citus; install its package, add citus to"
                " shared_preload_libraries, and restart it"
            )
        yield connection
    except asyncpg.PostgresError as problem:
        raise DistributeError(f"stopped, run it again: {problem}") from problem
    finally:
        await connection.close()


async def distribute(connection: asyncpg.Connection) -> list[str]:
    """Spread the schema; return the statements that were run: those whose work was to be done."""
    if not await connection.fetchval(_HAS_CITUS):
        await connection.execute("CREATE EXTENSION citus")
    # Reference tables and those that refer to them, in one session.
    await connection.execute("SET citus.multi_shard_modify_mode TO 'sequential'")
    there = {row[0] for query in (_RULES, _INDEXES) for row in await connection.fetch(query)}
    spread = {row[0] for row in await connection.fetch(_SPREAD)}
    done = []
    for name, statement in steps().items():
        if name in spread if statement.startswith("SELECT") else name not in there:
            continue
        await connection.execute(statement)
        done.append(statement)
    return done


def _of_organizations(tables: Iterable[Table]) -> list[Table]:
    found = [table for table in tables if sharding_of(table).is_of_organization]
    # Each after those that it refers to, and after the one that all lie with.
    return sorted(found, key=lambda table: table.name != _FIRST)


def _drop(rule: ForeignKeyConstraint) -> str:
    return f"ALTER TABLE {rule.table.name} DROP CONSTRAINT {rule.name}"


def _plain(index: Index) -> str:
    assert index.table is not None
    columns = [column.name for column in index.columns]
    name = f"ix_{index.table.name}__{'_'.join(columns)}"
    on = f"{index.table.name} ({', '.join(columns)})"
    return f"DROP INDEX {index.name}; CREATE INDEX {name} ON {on}"
