"""Each rule of the schema has its translation: nobody is answered 500 for a row that is gone."""

from __future__ import annotations

import itertools

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    UniqueConstraint,
    insert,
)

import tenantry.app  # noqa: F401 - each room has declared its tables
from tenantry.api import error_details
from tenantry.core import errors
from tenantry.db.engine import DuplicateKey, ForeignKey
from tenantry.db.sql import foreign_keys
from tenantry.db.sql.schema import Json, metadata
from tenantry.db.sql.statements import Statement

TABLES = sorted(metadata.tables.values(), key=lambda table: table.name)
FOREIGN_KEYS = [
    rule
    for table in TABLES
    for rule in sorted(table.foreign_key_constraints, key=lambda rule: str(rule.name))
]
_numbers = itertools.count(1)


def value(column):
    """Some value of a column, another one each time where the type has many."""
    kind = column.type
    if isinstance(kind, Boolean):
        return False
    if isinstance(kind, Integer | BigInteger):
        return next(_numbers)
    if isinstance(kind, LargeBinary):
        return b"x"
    return "{}" if isinstance(kind, Json) else f"value_{next(_numbers)}"


async def row(db, table, *, missing=None, given=None):
    """Insert a row and all that it refers to, but for what the rule ``missing`` refers to.

    ``given`` are values of it.
    """
    named = [part.parent.name for part in missing.elements] if missing is not None else []
    values = {
        column.name: value(column)
        for column in table.c
        if not column.nullable or column.name in named
    } | (given or {})
    known = dict(given or {})
    if table.name == "environment":
        values["only"] = 1
    for rule in table.foreign_key_constraints:
        if rule is missing or not {part.parent.name for part in rule.elements} <= values.keys():
            continue
        shared = {
            part.column.name: known[part.parent.name]
            for part in rule.elements
            if part.parent.name in known
        }
        parent = await row(db, rule.referred_table, given=shared)
        known |= {part.parent.name: parent[part.column.name] for part in rule.elements}
        values |= known
    if missing is not None:  # another rule has given the shared columns those of its own row
        values[named[-1]] = value(table.c[named[-1]])
    await db.fetch_all(Statement(insert(table).values(values)))
    return values


def test_each_foreign_key_has_a_translation():
    for rule in FOREIGN_KEYS:
        assert rule.referred_table.name in foreign_keys.NOUNS, rule.name
        assert foreign_keys.noun_of(str(rule.name)) == foreign_keys.NOUNS[rule.referred_table.name]
    assert len({str(rule.name) for rule in FOREIGN_KEYS}) == len(FOREIGN_KEYS)
    assert foreign_keys.NOUNS.keys() == {rule.referred_table.name for rule in FOREIGN_KEYS}


@pytest.mark.parametrize("rule", FOREIGN_KEYS, ids=lambda rule: str(rule.name))
async def test_each_foreign_key_is_named_on_both_databases(db, rule):
    async with db.transaction() as session:
        with pytest.raises(ForeignKey) as problem:
            async with session.transaction() as inner:
                await row(inner, rule.table, missing=rule)
        # The transaction goes on.
        await row(session, metadata.tables["organizations"])
    assert problem.value.constraint == str(rule.name)
    error = error_details.translate(problem.value, "req_1")
    assert type(error).code is errors.Code.NOT_FOUND
    assert error.message == f"{foreign_keys.NOUNS[rule.referred_table.name]} not found"


async def test_a_change_with_an_event_names_it_too(db):
    table = metadata.tables["portal_links"]
    (rule,) = table.foreign_key_constraints
    values = {column.name: value(column) for column in table.c}
    change = Statement(insert(table).values(values).returning(table.c.id))
    with pytest.raises(ForeignKey) as problem:
        await db.apply(change)
    assert problem.value.constraint == str(rule.name)
    async with db.transaction() as session:
        with pytest.raises(ForeignKey, match="organization not found"):
            async with session.transaction() as inner:
                await inner.apply(change)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
async def test_no_value_that_is_there_already_is_an_internal_error(db, table):
    if table.name in {"environment", "session_departures", "event_log_state"}:
        return  # of one row, which is there
    values = await row(db, table)
    with pytest.raises(DuplicateKey) as problem:
        await db.fetch_all(Statement(insert(table).values(values)))
    assert problem.value.field in table.c
    assert error_details.translate(problem.value, "req_1").status == 400


def test_there_are_no_rules_of_another_kind():
    """A CHECK would be an internal error, for nobody translates it."""
    known = PrimaryKeyConstraint, ForeignKeyConstraint, UniqueConstraint
    assert all(isinstance(rule, known) for table in TABLES for rule in table.constraints)
