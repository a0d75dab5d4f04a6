"""Plans of searches: what providers ask for is found by an index, however many people there are."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import insert

from tenantry.db.search import index as search
from tenantry.db.sql.records import rows_of, spelled
from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories.model import (
    DirectoryGroup,
    DirectoryUser,
    directory_groups,
    directory_members,
    directory_user_search,
    directory_users,
)
from tenantry.tenants.directories.resources import (
    moving_members,
    paging,
    people,
    search_statements,
)
from tenantry.tenants.directories.resources.conditions import Narrowed
from tenantry.tenants.directories.scim import filters, resources

PEOPLE, GROUPS = 4000, 50
_COLUMNS = {table: list(table.c) for table in (directory_groups, directory_members)}
_INSERT = {
    table: Statement(insert(table).from_select(columns, rows_of("given", columns)))
    for table, columns in _COLUMNS.items()
}
# Filters, and the index that each is found by: on SQLite one of a key has no name of ours.
OF_PEOPLE = {
    'userName eq "user7"': "uq_directory_users__user_name_key",
    'externalId eq "x7"': "ix_directory_users__external_id",
    'emails.value eq "user7@acme.com"': "pk_directory_emails|sqlite_autoindex_directory_emails_1",
    'emails[type eq "work"].value eq "a@b.com"': "pk_directory_emails|autoindex_directory_emails_1",
    'displayName eq "person 7"': "ix_directory_users__display_name_key",
    'id eq "diruser_7"': "pk_directory_users|sqlite_autoindex_directory_users_1",
    'meta.lastModified gt "2030-01-01T00:00:00Z"': "ix_directory_users__update_time",
    'userName eq "user7" and active eq true': "uq_directory_users__user_name_key",
    'name.familyName eq "family 7"': "ix_directory_users__family_name_key",
    'name.givenName eq "given 7"': "ix_directory_users__given_name_key",
    'name.familyName sw "family 7"': "ix_directory_users__family_name_key",
    'name.givenName sw "given 7" and active eq true': "ix_directory_users__given_name_key",
    'displayName sw "person 7"': "ix_directory_users__display_name_(code|key)",
    'groups.value eq "dirgroup_7"': "pk_directory_members|sqlite_autoindex_directory_members_1",
}
OF_GROUPS = {
    'displayName eq "group 7"': "ix_directory_groups__display_name_key",
    'displayName sw "group 7"': "ix_directory_groups__display_name_(code|key)",
    'members.value eq "diruser_7"': "ix_directory_members__directory_user_id",
    'externalId eq "x7"': "ix_directory_groups__external_id",
}
WALKED = re.compile(r"SCAN directory_\w+(?! USING)|Seq Scan on directory_")


@pytest.fixture
async def plan(db, kind, directory):
    """Return the plan of a statement, one step a line, as a server in use makes it."""
    key = {"organization_id": directory.organization_id, "directory_id": directory.id}
    times = {"create_time": 1, "update_time": 1}
    users, groups, members = [], [], []
    for n in range(PEOPLE):
        document = {
            "userName": f"user{n}",
            "externalId": f"x{n}",
            "displayName": f"person {n}",
            "name": {"familyName": f"family {n}", "givenName": f"given {n}"},
            "emails": [{"value": f"user{n}@acme.com"}],
        }
        columns = resources.columns(document)
        users.append(DirectoryUser(id=f"diruser_{n}", document=document, **key, **times, **columns))
        group = f"dirgroup_{n % GROUPS}"
        members.append({**key, "directory_group_id": group, "directory_user_id": f"diruser_{n}"})
    for n in range(GROUPS):
        document = {"displayName": f"group {n}", "externalId": f"x{n}"}
        columns = resources.group_columns(document)
        one = DirectoryGroup(id=f"dirgroup_{n}", document=document, **key, **times, **columns)
        groups.append(one.to_row())
    await people._insert_all(db, directory, users)
    for table, rows in ((directory_groups, groups), (directory_members, members)):
        await db.fetch_all(_INSERT[table], given=spelled(_COLUMNS[table], rows))

    async def explain(statement, **params: object):
        text, arguments = statement.bind(kind, {**key, **params})
        if kind == "sqlite":
            explained = f"EXPLAIN QUERY PLAN {text}"
            rows = await db._writer.run(lambda c: c.execute(explained, arguments).fetchall())
            return "\n".join(row["detail"] for row in rows)
        connection = await db._pool.acquire()
        try:  # planned once, for any arguments, as the pool runs it
            rows = await connection.fetch(f"EXPLAIN {text}", *arguments)
        finally:
            db._pool.give_back(connection)
        return "\n".join(row[0] for row in rows)

    await search.run(db, searches=[directory_user_search])
    if kind == "postgresql":
        connection = await db._pool.acquire()
        await connection.execute("VACUUM ANALYZE")
        db._pool.give_back(connection)
    return explain


async def test_people_and_groups_are_found_by_an_index(plan):
    for table, asked in ((directory_users, OF_PEOPLE), (directory_groups, OF_GROUPS)):
        for text, index in asked.items():
            found = Narrowed(table, filters.parse(text))
            page = search_statements.page_statement(
                table.name, found.shape, search_statements.Order(), "first"
            )
            for statement in (page, search_statements.total_statement(table.name, found.shape)):
                steps = await plan(statement, take=11, **found.params)
                assert re.search(index, steps), f"{text}\n{steps}"
                assert not WALKED.search(steps), f"{text}\n{steps}"


async def test_names_that_are_not_of_their_revision_are_found_by_an_index(plan):
    steps = await plan(search_statements.NAMES_DUE)
    assert "ix_directory_users__names_revision" in steps, steps


async def test_a_page_far_behind_is_found_by_keys_alone(plan):
    order = search_statements.Order()
    for way in ("first", "forward", "backward", "far", "skip"):
        statement = search_statements.page_statement(directory_users.name, None, order, way)
        steps = await plan(statement, take=11, skip=2000, after0="diruser_1")
        assert not WALKED.search(steps), steps
        assert "Sort" not in steps, steps
    assert re.search("Index Only Scan using pk_directory_users|COVERING INDEX", steps), steps


async def test_a_text_is_found_by_the_index_of_the_search(plan):
    for of_group in (False, True):
        for way in ("first", "forward", "backward"):
            statement = paging._searched(paging._BY_INDEX, of_group, False, way)
            given = {"search": "user77", "group_id": "dirgroup_7", "start": "diruser_1"}
            steps = await plan(statement, take=11, **given)
            assert re.search("ix_directory_users_search__grams|VIRTUAL TABLE INDEX", steps), steps
            assert not WALKED.search(steps.replace("SCAN directory_users_search ", "")), steps


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_one_member_is_found_by_its_key(plan):
    move = moving_members.move(only=False)
    steps = await plan(move, id="dirgroup_7", joining="[]", leaving='["diruser_7"]')
    conditions = re.findall(r"Index Cond: (.*directory_user_id = ANY.*)", steps)
    assert any("directory_group_id" in one for one in conditions), steps
