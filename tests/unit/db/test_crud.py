"""Plain statements over a table: what they read, change, return and refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select
from statements import INSERT_ORGANIZATION, organization

from tenantry.access.scopes.model import scopes
from tenantry.db import crud
from tenantry.db.engine import DuplicateKey
from tenantry.db.lists import pages
from tenantry.db.sql.records import spelled
from tenantry.db.writes.rows import prefixed
from tenantry.tenants.directories.model import directories
from tenantry.tenants.domains.model import domains
from tenantry.tenants.users.model import memberships

if TYPE_CHECKING:
    from tenantry.db.sql.statements import Statement

SCOPE = {
    "id": "scp_1",
    "name": "read:all",
    "description": "Reads all.",
    "enabled": True,
    "create_time": 1,
    "update_time": 1,
}


def scope(**changes: Any) -> dict[str, Any]:
    return prefixed(SCOPE | changes)


@pytest.fixture
async def two(db):
    """Two scopes, the second one disabled."""
    await db.apply(crud.insert(scopes), **scope())
    await db.apply(crud.insert(scopes), **scope(id="scp_2", name="all:read", enabled=False))


@pytest.mark.usefixtures("two")
async def test_get_reads_one_row_by_its_key_or_by_other_columns(db):
    found = await db.fetch_one(crud.get(scopes), p_id="scp_1")
    assert (found["name"], found["create_time"]) == ("read:all", 1)
    by_name = crud.get(scopes, by=("name", scopes.c.enabled), columns=("id",))
    assert dict(await db.fetch_one(by_name, p_name="read:all")) == {"id": "scp_1"}
    assert await db.fetch_one(by_name, p_name="all:read") is None


@pytest.mark.usefixtures("two")
async def test_list_all_and_count_read_all_rows_that_match(db):
    assert [row["id"] for row in await db.fetch_all(crud.list_all(scopes))] == ["scp_1", "scp_2"]
    named = await db.fetch_all(crud.list_all(scopes, order_by="name"))
    assert [row["id"] for row in named] == ["scp_2", "scp_1"]
    enabled = await db.fetch_all(crud.list_all(scopes, by=("enabled",)), p_enabled=True)
    assert [row["id"] for row in enabled] == ["scp_1"]
    assert (await db.fetch_one(crud.count(scopes)))["n"] == 2
    assert (await db.fetch_one(crud.count(scopes, by=("enabled",)), p_enabled=False))["n"] == 1


@pytest.mark.usefixtures("two")
async def test_list_page_reads_one_page_in_each_direction(db):
    shown = []
    token = ""
    for _ in range(2):
        position = pages.position(db, "scopes", page_size=1, page_token=token)
        statement = crud.list_page(select(scopes), scopes.c.id, position.direction)
        page = position.page(await db.fetch_all(statement, **position.params))
        shown += [row["id"] for row in page.items]
        token = page.next_page_token
    assert shown == ["scp_2", "scp_1"]
    assert token == ""
    position = pages.position(db, "scopes", page_size=1, page_token=page.prev_page_token)
    statement = crud.list_page(select(scopes), scopes.c.id, position.direction)
    page = position.page(await db.fetch_all(statement, **position.params))
    assert [row["id"] for row in page.items] == ["scp_2"]


@pytest.mark.usefixtures("two")
async def test_update_changes_one_row_but_what_is_fixed(db):
    row = await db.apply(
        crud.update(scopes, fixed=("name",)),
        **scope(description="Other.", name="other", create_time=9, update_time=9),
    )
    assert dict(row) == {"id": "scp_1"}
    found = await db.fetch_one(crud.get(scopes), p_id="scp_1")
    assert dict(found) | {"enabled": True} == SCOPE | {"description": "Other.", "update_time": 9}
    described = crud.update(scopes, by=("id", scopes.c.enabled), set_=("description",))
    assert await db.apply(described, p_id="scp_1", p_description="New.") is not None
    assert await db.apply(described, p_id="scp_2", p_description="New.") is None
    rows = await db.fetch_all(crud.list_all(scopes))
    assert [row["description"] for row in rows] == ["New.", "Reads all."]


@pytest.mark.usefixtures("two")
async def test_delete_and_insert_return_the_key_or_the_whole_row(db):
    assert dict(await db.apply(crud.delete(scopes), p_id="scp_1")) == {"id": "scp_1"}
    assert await db.apply(crud.delete(scopes), p_id="scp_1") is None
    gone = await db.apply(crud.delete(scopes, by=("name",), whole_row=True), p_name="all:read")
    assert (gone["id"], gone["description"]) == ("scp_2", "Reads all.")
    made = await db.apply(crud.insert(scopes, whole_row=True), **scope())
    assert dict(made) | {"enabled": True} == SCOPE


@pytest.mark.usefixtures("two")
async def test_or_leave_inserts_only_rows_whose_key_is_new(db):
    assert await db.apply(crud.insert(scopes, or_leave=True), **scope(description="No.")) is None
    new = crud.insert(scopes, or_leave=True)
    assert dict(await db.apply(new, **scope(id="scp_3", name="third"))) == {"id": "scp_3"}
    rows = [
        SCOPE | {"description": "No."},
        SCOPE | {"id": "scp_4", "name": "fourth", "enabled": False},
    ]
    given = spelled(list(scopes.c), rows)
    await db.fetch_all(crud.insert_all(scopes, or_leave=True), given=given)
    found = await db.fetch_all(crud.list_all(scopes))
    assert [row["name"] for row in found] == ["read:all", "all:read", "third", "fourth"]
    assert found[0]["description"] == "Reads all."
    with pytest.raises(DuplicateKey):
        await db.fetch_all(crud.insert_all(scopes), given=given)


@pytest.mark.usefixtures("two")
async def test_hold_reads_the_row_that_it_locks(db):
    async with db.transaction() as session:
        found = await session.fetch_one(crud.hold(scopes, columns=("name",)), p_id="scp_1")
        assert dict(found) == {"name": "read:all"}


def sql(statement: Statement, dialect: str) -> str:
    names = ("p_id", "p_organization_id", "p_domain", "p_user_id")
    text, _ = statement.bind(dialect, dict.fromkeys(names, "x"))
    return " ".join(text.split())


@pytest.mark.parametrize("dialect", ["postgresql", "sqlite"])
def test_hold_locks_on_postgresql_against_references_or_not(dialect):
    on_postgresql = dialect == "postgresql"
    assert ("FOR UPDATE" in sql(crud.hold(scopes), dialect)) == on_postgresql
    weaker = sql(crud.hold(scopes, allow_references=True), dialect)
    assert ("FOR NO KEY UPDATE" in weaker) == on_postgresql


def test_a_statement_is_narrowed_to_its_organization():
    text = sql(crud.delete(directories), "sqlite")
    assert text.endswith(
        "WHERE directories.organization_id = ? AND directories.id = ? RETURNING id"
    )
    text = sql(crud.get(domains, by=("organization_id", "domain"), columns=("id",)), "sqlite")
    assert text.endswith("WHERE domains.organization_id = ? AND domains.domain = ?")


@pytest.mark.parametrize(
    "build", [crud.get, crud.hold, crud.list_all, crud.count, crud.update, crud.delete]
)
@pytest.mark.parametrize("by", [(), ("user_id",), (memberships.c.organization_id == "org_1",)])
def test_one_without_the_organization_of_a_distributed_table_is_refused(build, by):
    with pytest.raises(ValueError, match="a statement on memberships names no organization_id"):
        build(memberships, by=by)


async def test_rows_of_another_organization_are_not_found(db):
    await db.apply(INSERT_ORGANIZATION, **organization("org_1"))
    members = crud.count(memberships, by=("organization_id",))
    assert (await db.fetch_one(members, p_organization_id="org_1"))["n"] == 0
