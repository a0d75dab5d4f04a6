"""Statements that the tests of the database share."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, delete, insert, text, update

from tenantry.access.clients.model import clients
from tenantry.core.event import Event
from tenantry.core.times import now
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import bound
from tenantry.tenants.organizations import key_index
from tenantry.tenants.organizations.model import (
    ORGANIZATIONS,
    organization_keys,
    organization_tally,
    organizations,
)

INSERT_CLIENT = Statement(
    insert(clients)
    .values(id=bindparam("p_id"), name=bindparam("p_name"), create_time=1)
    .returning(clients.c.id, clients.c.name)
)
RENAME_CLIENT = Statement(
    update(clients)
    .where(clients.c.id == bindparam("p_id"))
    .values(name=bindparam("p_name"))
    .returning(clients.c.id, clients.c.name)
)
DELETE_CLIENT = Statement(
    delete(clients).where(clients.c.id == bindparam("p_id")).returning(clients.c.id)
)
INSERT_ORGANIZATION = Statement(
    insert(organizations)
    .values({name: bindparam(f"p_{name}") for name in organizations.c.keys()})  # noqa: SIM118
    .returning(organizations.c.id)
)
INSERT_ENTERED = Statement(INSERT_ORGANIZATION.clause, key_index.ENTER)
INSERT_KEYS = Statement(insert(organization_keys).values(bound(organization_keys)))
DELETE_ORGANIZATION = Statement(
    delete(organizations)
    .where(organizations.c.id == bindparam("p_id"))
    .returning(organizations.c.id),
    organization_tally.one_less(ORGANIZATIONS),
)


def sql(statement: str) -> Statement:
    """A statement in its own words."""
    return Statement(text(statement))


def event(type_: str = "client.created", **members: Any) -> Event:
    return Event(type=type_, actor={"type": "system", "id": "test"}, request_id="req_1", **members)


def organization(id_: str, **members: Any) -> dict[str, Any]:
    """The bind parameters of a new organization."""
    row = {
        **dict.fromkeys(organizations.c.keys()),
        "id": id_,
        "display_name": "Acme",
        "region_code": "US",
        "metadata": "{}",
        "features": "{}",
        "revision": 1,
        "create_time": now(),
        "update_time": now(),
        **members,
    }
    return {f"p_{name}": value for name, value in row.items()}


async def count(db: Any, table: str) -> int:
    row = await db.fetch_one(sql(f"SELECT count(*) AS n FROM {table}"))
    return row["n"]


async def names(db: Any) -> list[str]:
    """The names of all clients, sorted."""
    return sorted(row["name"] for row in await db.fetch_all(sql("SELECT name FROM clients")))
