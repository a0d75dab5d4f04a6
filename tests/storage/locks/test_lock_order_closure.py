"""The order of locks: each statement that locks keeps it, and one that does not is found."""

from __future__ import annotations

import importlib
import pkgutil
import re
from typing import TYPE_CHECKING

import lock_recorder
import psycopg
import pytest
from sqlalchemy import select
from sqlalchemy.sql.dml import Delete, Update
from sqlalchemy.sql.elements import BinaryExpression, BindParameter
from sqlalchemy.sql.operators import eq
from sqlalchemy.sql.visitors import iterate

import tenantry
from tenantry.db.sql.statements import Statement
from tenantry.tenants.organizations.model import organizations
from tenantry.tenants.users.model import memberships, users

if TYPE_CHECKING:
    from sqlalchemy.sql.selectable import Select

pytestmark = pytest.mark.one_database

_HOLD_ORGANIZATION = Statement(select(organizations.c.id).with_for_update(key_share=True))
_KEEP_ORGANIZATION = Statement(
    select(organizations.c.id).with_for_update(read=True, key_share=True)
)
_HOLD_USERS = Statement(select(users.c.id).order_by(users.c.id).with_for_update())
_HOLD_USERS_IN_NO_ORDER = Statement(select(users.c.id).with_for_update())
_KEEP_USERS = Statement(
    select(users.c.id).order_by(users.c.id).with_for_update(read=True, key_share=True)
)
_HOLD_MEMBERSHIPS = Statement(
    select(memberships.c.user_id).order_by(memberships.c.user_id).with_for_update()
)


@pytest.fixture
def database_url(postgresql_migrated):
    return postgresql_migrated


@pytest.fixture
def watches_locks():
    return False  # the tests have a recorder of their own


@pytest.fixture
async def members(program):
    """An organization with two members."""
    made = await program.made("/organizations", {"display_name": "Acme"}, "organization")
    for name in ("ada", "bob"):
        await program.made(
            f"/organizations/{made['id']}/users?send_invitation_email=false",
            {"email": f"{name}@example.com"},
            "user",
        )


@pytest.mark.usefixtures("members")
@pytest.mark.parametrize(
    ("statements", "says"),
    [
        ([_HOLD_USERS, _HOLD_ORGANIZATION], "locks members of organizations after users"),
        ([_HOLD_MEMBERSHIPS, _HOLD_USERS], "locks users after memberships"),
        ([_HOLD_USERS_IN_NO_ORDER], "locks 2 users in no order"),
        ([_KEEP_USERS, _HOLD_USERS], "raises its lock of ('users', "),
        ([_HOLD_USERS, "word"], "serializes 'word'"),
    ],
)
async def test_the_recorder_finds(db, database_url, statements, says):
    with lock_recorder.recorded(db, database_url) as recorder:
        async with db.transaction() as session:
            for statement in statements:
                if isinstance(statement, str):
                    await session.serialize(statement)
                else:
                    await session.fetch_all(statement)
    assert recorder.problems
    assert says in recorder.problems[0]


@pytest.mark.usefixtures("members")
async def test_the_recorder_lets_the_order_pass(db, database_url):
    with lock_recorder.recorded(db, database_url) as recorder:
        async with db.transaction() as session:
            for statement in (
                *(_KEEP_ORGANIZATION, _HOLD_ORGANIZATION, _HOLD_USERS, _HOLD_MEMBERSHIPS),
                _HOLD_USERS,
            ):
                await session.fetch_all(statement)
    assert recorder.statements == 5
    assert recorder.problems == []


# The tables whose rows are locked in the order of ARCHITECTURE.md.
RANKED = set(lock_recorder.CLASSES) & {
    *("organizations", "directories", "directory_groups", "directory_users"),
    *("users", "memberships", "roles"),
}
# Several rows are changed by these, which their transactions have locked in order before; or
# nobody else is there to wait for.
LOCKED_BEFORE = {
    "DELETE FROM users WHERE users.id IN": "`leaving.dismiss_members` holds all of them",
    "DELETE FROM memberships WHERE memberships.organization_id =": "`leaving` holds them",
    "DELETE FROM memberships WHERE memberships.user_id =": "`hold_with_memberships` does",
    "UPDATE users SET external_id=given.external_id": "`data.bulk.writing` holds them",
    "UPDATE memberships SET metadata=given.metadata": "`data.bulk.writing` holds their users",
    "WITH invited AS (SELECT memberships.organization_id": "it holds them itself, in order",
    "UPDATE directory_groups SET member_count=(directory_groups.member_count - ": (
        "`people.remove` holds the groups"
    ),
    "UPDATE directory_users SET user_id=:user_id": (
        "of one account: a transaction changes one person of a directory at most"
    ),
    "UPDATE directory_groups SET member_count=(directory_groups.member_count + ": "of a restore",
    "UPDATE directory_groups SET member_count=given.member_count": (
        "`many.change_members` holds the groups"
    ),
    "UPDATE directory_users SET user_name=given.user_name": "`many.change_users` holds them",
    "DELETE FROM directory_users WHERE directory_users.organization_id =": (
        "`many.remove_users` holds them"
    ),
    "UPDATE memberships SET status=": "`activity.switch_all` holds them",
    "DELETE FROM roles": "of a restore",
}


def statements() -> list[Statement]:
    """The statements that modules of the product hold, by themselves or in dicts and tuples."""
    found: dict[int, Statement] = {}

    def look(value: object) -> None:
        if isinstance(value, Statement):
            found[id(value)] = value
        elif isinstance(value, dict):
            for one in value.values():
                look(one)
        elif isinstance(value, tuple | list):
            for one in value:
                look(one)

    for package in pkgutil.walk_packages(tenantry.__path__, "tenantry."):
        if not re.match(r"tenantry\.(gen|cli|db\.migrations|server)\b", package.name):
            for value in vars(importlib.import_module(package.name)).values():
                look(value)
    return list(found.values())


def _locks(clause: object) -> list[Select]:
    """The reads within a statement that lock rows of ranked tables, and may wait for several."""
    found = []
    for part in iterate(clause):
        argument = getattr(part, "_for_update_arg", None)
        if argument is None or argument.skip_locked:
            continue
        of = argument.of or part.get_final_froms()
        names = {getattr(one, "name", "") for source in of for one in iterate(source)}
        if names & RANKED:
            found.append(part)
    return found


def _pinned(clause: object) -> set[str]:
    """The names of the columns that a condition compares with one value."""
    return {
        part.left.name
        for part in iterate(clause)
        if isinstance(part, BinaryExpression)
        and part.operator is eq
        and isinstance(part.right, BindParameter)
        and getattr(part.left, "name", None)
    }


def test_each_statement_that_locks_several_rows_orders_them():
    seen, wrong = 0, []
    for statement in statements():
        for read in _locks(statement.clause):
            seen += 1
            where = read.whereclause
            is_one = where is not None and _pinned(where) & {"id", "user_id", "external_id"}
            if not is_one and not read._order_by_clauses:
                wrong.append(str(read))
    assert seen > 25
    assert wrong == []


def test_each_change_of_several_rows_has_locked_them_before():
    found = set()
    for statement in statements():
        for clause in (statement.clause, *statement._further):
            for part in iterate(clause):
                if not isinstance(part, Update | Delete) or part.table.name not in RANKED:
                    continue
                keys = {column.name for column in part.table.primary_key}
                if part.whereclause is None or not keys <= _pinned(part.whereclause):
                    found.add(re.sub(r"\s+", " ", str(part)))
    assert len(found) >= len(LOCKED_BEFORE)
    unknown = [
        one for one in sorted(found) if not any(one.startswith(known) for known in LOCKED_BEFORE)
    ]
    assert not unknown, "\n".join(unknown)


_FOREIGN_KEYS = """
    SELECT rule.conrelid::regclass::text, rule.confrelid::regclass::text
    FROM pg_trigger
    JOIN pg_constraint AS rule ON rule.oid = tgconstraint AND rule.contype = 'f'
    WHERE tgrelid = rule.conrelid AND tgtype & 4 = 4
    ORDER BY 1, tgname
"""
# The statement that inserts into these locks the first one itself.
LOCKS_ITSELF = {"api_tokens"}


def test_foreign_keys_lock_in_the_order_of_classes(postgresql_migrated):
    """Those of one table are checked, and lock the rows that they refer to, by their names."""
    with psycopg.connect(postgresql_migrated) as connection:
        pairs = connection.execute(_FOREIGN_KEYS).fetchall()
    ranks: dict[str, list[int]] = {}
    for table, to in pairs:
        name = "references to memberships" if to == "memberships" else to
        rank = lock_recorder.CLASSES.index(name if name in lock_recorder.CLASSES else "others")
        ranks.setdefault(table, []).append(rank)
    # A member's roles refer to the membership that the same transaction has made or locked.
    out_of_order = {table for table, those in ranks.items() if those != sorted(those)}
    assert out_of_order - {"role_holders"} == LOCKS_ITSELF | {"federated_identities"}


async def test_an_api_token_locks_its_organization_first(db):
    """Else it would hold the membership, and wait for an organization that is being deleted."""
    from tenantry.access.api_tokens.service import _INSERT

    sql, _ = _INSERT.bind("postgresql", dict.fromkeys(_names(_INSERT)))
    assert "FROM organizations" in sql
    assert "FOR KEY SHARE" in sql


def _names(statement: Statement) -> list[str]:
    return list(statement.clause.compile().params)
