"""Many people of a directory, written to the database at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, insert, select

from tenantry.db.sql.records import named, rows_of, spelled
from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories.model import directory_users

if TYPE_CHECKING:
    from typing import Any

    from providers import Provider
    from sqlalchemy import Table

_ONE = Statement(select(directory_users).where(directory_users.c.id == bindparam("id")))
_AT_ONCE = 5000


async def insert_all(provider: Provider, table: Table, rows: list[dict[str, Any]]) -> None:
    """Write rows of a table."""
    columns = named(table)
    names = [column.name for column in columns]
    statement = Statement(insert(table).from_select(names, rows_of("given", columns)))
    for start in range(0, len(rows), _AT_ONCE):
        given = spelled(columns, rows[start : start + _AT_ONCE])
        await provider.database.fetch_all(statement, given=given)


async def people(provider: Provider, number: int) -> list[str]:
    """Add so many people without accounts to a directory, and return their ids in order."""
    first = (await provider.create("ada"))["id"]
    row = dict(await provider.database.fetch_one(_ONE, id=first))
    stem = first.rpartition("_")[2][-8:]
    ids = [f"diruser_1{stem}{n:010}" for n in range(number)]
    rows = [
        row | {"id": id_, "user_name_key": id_, "external_id": None, "user_id": None} for id_ in ids
    ]
    await insert_all(provider, directory_users, rows)
    return ids
