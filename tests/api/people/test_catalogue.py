"""A process's memory of roles is of one version, however reads overtake each other."""

from __future__ import annotations

import asyncio

from sqlalchemy import select

from tenantry.db.sql.statements import Statement
from tenantry.tenants.roles import catalogue

_VERSION = Statement(select(catalogue.version.label("version")))


class Late:
    """A database whose answers are there, but not heard before they are let in."""

    def __init__(self, database) -> None:
        self.remembered = database.remembered
        self.asked, self.heard = asyncio.Event(), asyncio.Event()
        self._database = database

    async def fetch_all(self, statement, **params: object):
        rows = await self._database.fetch_all(statement, **params)
        self.asked.set()
        await self.heard.wait()
        return rows


async def version(database):
    return (await database.fetch_one(_VERSION))["version"]


async def permitted(database, role):
    found = await catalogue.look_up(database, [role["id"]], await version(database))
    return set(found[role["id"]].permissions)


async def test_what_is_heard_late_is_not_taken_for_what_is_known_by_now(database, make, rest):
    """Three versions: one that came with the ids, one that the late answer is of, the present."""
    database.remembered.clear()
    other, role = await make.role(), await make.role()
    seen = await version(database)
    names = [(await make.permission())["name"] for _ in range(2)]
    await rest.roles.add_permissions_to_role(role_name=role["name"], permission_names=names)
    late = Late(database)
    answer = asyncio.create_task(catalogue.look_up(late, [role["id"]], seen))
    await late.asked.wait()
    await rest.roles.remove_permission_from_role(role_name=role["name"], permission_name=names[0])
    assert await permitted(database, other) == set()  # so the present version is known
    late.heard.set()
    assert set((await answer)[role["id"]].permissions) == set(names)  # as it was when asked
    assert await permitted(database, role) == {names[1]}


async def test_an_answer_that_overtakes_does_not_grow_old(database, make, rest):
    """The id came with an older version than is known by now: the answer is of the newer."""
    database.remembered.clear()
    role, permission = await make.role(), await make.permission()
    seen = await version(database)
    await rest.roles.add_permissions_to_role(
        role_name=role["name"], permission_names=[permission["name"]]
    )
    assert await permitted(database, role) == {permission["name"]}
    found = await catalogue.look_up(database, [role["id"]], seen)
    assert set(found[role["id"]].permissions) == {permission["name"]}
    assert await permitted(database, role) == {permission["name"]}
