"""An organization with a directory, whose identity provider pushes people and groups; no server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import recorded_events
from sqlalchemy import insert, select, update

from tenantry.call import Call
from tenantry.core import ids
from tenantry.core.caller import SYSTEM
from tenantry.core.times import now
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import bound, prefixed
from tenantry.tenants.directories.effects import member_events, provisioning
from tenantry.tenants.directories.model import (
    Directory,
    DirectoryUser,
    directories,
    directory_role_assignments,
    directory_users,
)
from tenantry.tenants.directories.resources import groups, people
from tenantry.tenants.directories.scim.resources import GroupPayload
from tenantry.tenants.domains import model as domain_model
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.roles import service as roles
from tenantry.tenants.users import reading

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenantry.db.engine import Database
    from tenantry.tenants.directories.model import DirectoryGroup
    from tenantry.tenants.organizations.model import Organization
    from tenantry.tenants.users.model import User


def _insert(table: Any) -> Statement:
    return Statement(insert(table).values(bound(table)))


INSERT = {
    table.name: _insert(table)
    for table in (*(directories, directory_role_assignments, domain_model.domains),)
}


@dataclass
class World:
    """An organization, its directory, and the calls of its identity provider."""

    db: Database
    organization: Organization
    directory: Directory
    domain: str

    is_modular: bool = False

    def call(self, db: Any = None) -> Call:
        caller = provisioning.caller_of(self.directory, is_modular=self.is_modular)
        return Call(caller, db or self.db, "req_scim")

    async def insert(self, db: Any, table: str, **row: Any) -> None:
        await db.fetch_all(INSERT[table], **prefixed(row))

    def of_directory(self) -> dict[str, str]:
        return {"organization_id": self.organization.id, "directory_id": self.directory.id}

    def document(self, login: str, **members: Any) -> dict[str, Any]:
        """The resource that a provider sends for a person."""
        email = members.pop("email", f"{login}@{self.domain}")
        known = {"emails": [{"value": email, "primary": True}]} if email else {}
        return {"userName": login, "externalId": f"00u{login}", **known, "active": True, **members}

    async def create(self, login: str, **members: Any) -> DirectoryUser:
        """POST /Users."""
        return await people.create(self.call(), self.directory, self.document(login, **members))

    async def person(self, login: str) -> DirectoryUser:
        """GET /Users, by the name."""
        users = directory_users
        wanted = Statement(
            select(users).where(
                users.c.directory_id == self.directory.id, users.c.user_name == login
            )
        )
        return DirectoryUser.from_row(await self.db.fetch_one(wanted))

    async def change(self, before: DirectoryUser, **members: Any) -> DirectoryUser:
        """PUT /Users/{id}: a member that is None is left out."""
        now_ = {**before.document, **members}
        document = {name: value for name, value in now_.items() if value is not None}
        return await people.replace(self.call(), self.directory, before.id, document)

    async def remove(self, person: DirectoryUser) -> None:
        """DELETE /Users/{id}."""
        await people.remove(self.call(), self.directory, person.id)

    async def group(
        self, name: str, *members: DirectoryUser, roles: tuple[str, ...] = ()
    ) -> DirectoryGroup:
        """POST /Groups, mapped to roles by their ids."""
        payload = GroupPayload({"displayName": name, "externalId": f"00g{name}"}, None)
        group = (await groups.create(self.call(), self.directory, payload)).group
        for role_id in roles:
            await self.map(group, role_id)
        if members:
            await self.move(group, joined=members)
        return group

    async def map(self, group: DirectoryGroup, role_id: str, db: Any = None) -> None:
        """Have a group's members hold a role: written, and not followed yet."""
        await self.insert(
            db or self.db,
            "directory_role_assignments",
            **self.of_directory(),
            directory_group_id=group.id,
            role_id=role_id,
        )

    async def move(
        self,
        group: DirectoryGroup,
        *,
        joined: Iterable[DirectoryUser] = (),
        left: Iterable[DirectoryUser] = (),
    ) -> None:
        """PATCH /Groups/{id}."""
        await groups.change_members(
            self.call(),
            self.directory,
            group.id,
            add=[one.id for one in joined],
            remove=[one.id for one in left],
        )

    async def drop(self, group: DirectoryGroup) -> None:
        """DELETE /Groups/{id}."""
        await groups.remove(self.call(), self.directory, group.id)

    async def switch(self, *, enabled: bool) -> None:
        """Enable or disable the directory."""
        d = directories.c
        change = update(directories).where(d.id == self.directory.id).values(enabled=enabled)
        await self.db.fetch_all(Statement(change.returning(d.id)))

    async def user(self, name: str) -> User | None:
        """The account of an address, with all memberships."""
        return await reading.find_by_email(self.db, f"{name}@{self.domain}")

    async def status(self, name: str) -> str | None:
        """The status of an account's membership here."""
        user = await self.user(name)
        place = user.membership_in(self.organization.id) if user else None
        return place.status if place else None

    async def roles(self, name: str) -> list[str]:
        """The names of the roles that an account has here."""
        user = await self.user(name)
        assert user is not None
        place = user.membership_in(self.organization.id)
        return sorted(role.name for role in place.roles) if place else []

    async def tell(self) -> None:
        """Have the worker tell of all that was left to it."""
        while await member_events.run(self.db) == 0.0:
            pass


async def world(db: Database, domain: str = "acme.com", **members: Any) -> World:
    """A new organization that has proved a domain, with a directory."""
    call = Call(SYSTEM, db, "req_setup")
    organization = await organizations.create(call, region_code="US", display_name="Acme")
    await prove(db, organization.id, domain)
    return await directory_of(db, organization, domain, **members)


async def directory_of(
    db: Database, organization: Organization, domain: str, **members: Any
) -> World:
    """A directory of an organization that has proved this domain."""
    at = now()
    directory = Directory(
        id=db.new_id(ids.DIRECTORY),
        organization_id=organization.id,
        name="Okta",
        enabled=True,
        create_time=at,
        update_time=at,
        **members,
    )
    made = World(db, organization, directory, domain)
    await made.insert(db, "directories", **directory.to_row())
    return made


async def prove(db: Database, organization_id: str, domain: str) -> None:
    """Have an organization own a domain."""
    at = now()
    row = {
        "id": db.new_id(ids.DOMAIN),
        "organization_id": organization_id,
        "domain": domain,
        "domain_type": domain_model.ORGANIZATION_DOMAIN,
        "verification_status": domain_model.VERIFIED,
        "verification_method": domain_model.ADMIN,
        "txt_record_key": "",
        "txt_record_secret": "",
        "connection_id": None,
        "check_time": None,
        "expire_time": None,
        "revision": 1,
        "create_time": at,
        "update_time": at,
    }
    await db.fetch_all(INSERT["domains"], **prefixed(row))


async def role(db: Database, name: str) -> str:
    """A role of the environment: its id."""
    made = await roles.create(
        Call(SYSTEM, db, "req_setup"),
        None,
        name=name,
        display_name=name.title(),
        description=None,
        extends=None,
        permission_names=(),
    )
    return made.id


async def told(db: Database, after: str = "") -> list[dict[str, Any]]:
    """The events since an event, or all: type, actor, data before and after."""
    rows: list[dict[str, Any]] = []
    while found := await recorded_events.after(
        db, after or (rows[-1]["id"] if rows else ""), limit=1000
    ):
        rows += found
        after = rows[-1]["id"]
    return rows


def types(rows: list[dict[str, Any]]) -> list[str]:
    """The types of events, short."""
    return [row["type"].removeprefix("organization.directory.") for row in rows]
