"""A person that is erased leaves nothing in directories, their events and requests."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from directory_worlds import told, world
from sqlalchemy import Text, cast, select
from valid_events import assert_all_valid

from tenantry.db.sql.schema import Json, metadata
from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories import erasure
from tenantry.tenants.directories.resources import groups
from tenantry.tenants.users import erasure as users_erasure

if TYPE_CHECKING:
    from tenantry.db.engine import Database

HERS = re.compile(r"\bada\b|lovelace|hr-7001|countess|a\.l@home", re.IGNORECASE)


async def everything(db: Database) -> list[str]:
    """Each text of each table."""
    found: list[str] = []
    for table in metadata.sorted_tables:
        columns = [c for c in table.c if isinstance(c.type, Text | Json)]
        if columns:
            rows = await db.fetch_all(Statement(select(*(cast(c, Text) for c in columns))))
            found += [f"{table.name}: {value}" for row in rows for value in row if value]
    return found


async def test_nothing_is_left(db, call):
    acme = await world(db)
    person = await acme.create(
        "ada",
        externalId="hr-7001",
        name={"givenName": "Ada", "familyName": "Lovelace"},
        emails=[{"value": "ada@acme.com"}, {"value": "a.l@home.org"}],
        title="Countess",
    )
    await acme.create("grace")
    group = await acme.group("Engineers", person)
    await acme.change(person, title="Countess of L")
    found = await users_erasure.find(call, "ADA@acme.com")
    people, wider = await erasure.find(db, found)
    assert [one.id for one in people] == [person.id]
    assert wider.person.ids == {person.id, person.user_id}
    assert wider.person.addresses == {"ada@acme.com", "a.l@home.org"}
    await users_erasure.erase(call, wider)
    await erasure.forget(db, people)
    assert [text for text in await everything(db) if HERS.search(text)] == []
    happened = await told(db)
    assert_all_valid(happened)
    updated = [one for one in happened if one["type"].endswith("directory.user_updated")]
    assert updated[-1]["after"]["organization_id"] == acme.organization.id
    assert updated[-1]["after"]["groups"] == [{"id": group.id, "name": "Engineers"}]
    (member,) = await groups.members_of(db, acme.directory, group.id)
    assert member.id == person.id
    assert await acme.status("grace") == "ACTIVE"
    # The provider fills the resource again: the person is still a customer's.
    again = await acme.change(
        await acme.person(f"erased-{person.id}"), **acme.document("ada"), title=None
    )
    assert again.id == person.id
    assert await acme.status("ada") == "ACTIVE"
