"""Each table says how it is spread over several machines, and the schema lets it be spread so.

The rules are those of Citus: docs/decisions/0015-citus-distribution.md.
"""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import Column, ForeignKeyConstraint, MetaData, Table, Text

import tenantry.app
import tenantry.tenants.directories.model  # noqa: F401
from tenantry.db.sql import sharding
from tenantry.db.sql.schema import metadata, postgresql_tables
from tenantry.db.sql.sharding import (
    OF_ENVIRONMENT,
    REFERENCE,
    is_held,
    of_organization,
    sharding_of,
)

TABLES = {
    table.name: table for table in (*metadata.tables.values(), *postgresql_tables.tables.values())
}

# All tables of the schema, but for partitions, which are spread with theirs.
_TABLES = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
"""
_TRIGGERS = """
    SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal
"""
_UNIQUE = """
    SELECT indrelid::regclass::text AS table, indexrelid::regclass::text AS index, indisprimary,
      ARRAY(
        SELECT attname FROM unnest(indkey) WITH ORDINALITY AS key(number, place)
        JOIN pg_attribute ON attrelid = indrelid AND attnum = key.number ORDER BY place
      ) AS columns
    FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
    WHERE indisunique AND relnamespace = 'public'::regnamespace AND NOT relispartition
"""
_FOREIGN_KEYS = """
    SELECT conname, conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint
    WHERE contype = 'f' AND conparentid = 0
"""


@pytest.fixture
def rows(postgresql_migrated):
    """Ask PostgreSQL for what its schema is."""
    with psycopg.connect(postgresql_migrated) as connection:
        yield lambda query: connection.execute(query).fetchall()


def test_a_table_that_does_not_say_how_it_is_spread_is_refused():
    with pytest.raises(LookupError, match="forgotten"):
        Table("forgotten", metadata, Column("id", Text, primary_key=True))
    assert "forgotten" not in metadata.tables


def test_all_tables_of_the_schema_say_how_they_are_spread(rows):
    found = {name for (name,) in rows(_TABLES)} - {"alembic_version"}
    assert found == set(TABLES)


def test_a_table_of_an_organization_has_it_in_its_keys(rows):
    planner = {index.name for index in sharding.planner_indexes(TABLES.values())}
    keyed, without = set(), set()
    for table, index, is_primary, columns in rows(_UNIQUE):
        if table in TABLES and (of := sharding_of(TABLES[table])).is_of_organization:
            if of.column in columns:
                keyed |= {table} if is_primary else set()
            else:
                without.add(index)
    assert keyed == {name for name, t in TABLES.items() if sharding_of(t).is_of_organization}
    assert without == planner


def test_no_table_has_a_trigger(rows):
    assert rows(_TRIGGERS) == []


def test_a_table_of_an_organization_begins_with_it():
    """So that one shard has what a list of one organization reads, in its order."""
    for table in TABLES.values():
        if (of := sharding_of(table)).is_of_organization:
            assert table.primary_key.columns.keys()[0] == of.column, table.name


def test_foreign_keys_are_those_that_hold_or_those_that_a_deletion_knows(rows):
    rules = {rule.name: rule for table in TABLES.values() for rule in table.foreign_key_constraints}
    found = {(name, table, to) for name, table, to in rows(_FOREIGN_KEYS)}
    assert found == {(r.name, r.table.name, r.referred_table.name) for r in rules.values()}
    unheld = sharding.unheld(TABLES.values())
    # Of no other table is a row deleted that another kind of table refers to.
    left = [*map(sharding.left_behind, map(TABLES.get, ("memberships", "organizations", "users")))]
    assert {r.name for r in unheld} == {r.name for rules in left for r in rules}
    # Their rows go with the row that they refer to, so a deletion knows its task.
    assert {rule.ondelete for rule in unheld} == {"CASCADE"}


def _related(from_, to, columns=("organization_id",)):
    tables = MetaData()
    keys = [Column(name, Text, primary_key=True) for name in ("organization_id", "id")]
    Table("to", tables, *keys, info=to)
    rule = ForeignKeyConstraint(columns, [f"to.{name}" for name in columns])
    columns_ = [Column(name, Text) for name in ("organization_id", "id")]
    return next(iter(Table("from", tables, *columns_, rule, info=from_).foreign_key_constraints))


OF = of_organization()


@pytest.mark.parametrize(
    ("from_", "to", "columns", "held"),
    [
        (OF, OF, ("organization_id",), True),
        (OF, OF, ("organization_id", "id"), True),
        (OF, OF, ("id",), False),
        (OF, REFERENCE, ("id",), True),
        (OF, OF_ENVIRONMENT, ("id",), False),
        (REFERENCE, REFERENCE, ("id",), True),
        (REFERENCE, OF, ("organization_id",), False),
        (OF_ENVIRONMENT, OF_ENVIRONMENT, ("id",), True),
        (OF_ENVIRONMENT, REFERENCE, ("id",), True),
        (OF_ENVIRONMENT, OF, ("organization_id",), False),
    ],
)
def test_which_foreign_keys_hold_where_tables_are_spread(from_, to, columns, held):
    assert is_held(_related(from_, to, columns)) is held
