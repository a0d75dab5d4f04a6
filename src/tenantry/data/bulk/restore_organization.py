"""Importing one organization into an environment that is in use: all of the file, or nothing.

Roles and permissions of the environment, and people of addresses that are here, have other ids
here: lines that refer to them are written with those. Each conflict is noted, and after the first
one nothing is written any more, so one look at a file finds all of them
(docs/decisions/0039-moving-an-organization.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, or_, select

from tenantry import errors, ids
from tenantry.access.scopes.model import scopes
from tenantry.data.bulk import archive
from tenantry.data.bulk.restore import SEARCHES, Reading, wrong
from tenantry.db.schema import json_values, to_json
from tenantry.db.statements import Statement
from tenantry.tenants.directories.model import directory_tallies, directory_user_search
from tenantry.tenants.domains.model import ORGANIZATION_DOMAIN, PROVEN, domains
from tenantry.tenants.organizations.model import organization_keys, organizations
from tenantry.tenants.roles.catalogue import RAISE
from tenantry.tenants.roles.model import permissions, roles
from tenantry.tenants.users.model import users

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping

    from sqlalchemy import Column

    from tenantry.call import Call
    from tenantry.data.bulk.archive import Kind
    from tenantry.data.bulk.restore import Batch
    from tenantry.db.engine import Row
    from tenantry.identity.connections.changes.moving import Box

_OF_ENVIRONMENT = (
    *(archive.PERMISSION, archive.SCOPE, archive.USER_ATTRIBUTE, archive.TOKEN_TEMPLATE),
    archive.APP_CONNECTION,
)
KINDS = {type_: kind for type_, kind in archive.KINDS.items() if kind not in _OF_ENVIRONMENT}

# Kinds whose rows are named by others of the file.
_NAMED = {archive.ORGANIZATION, archive.ROLE, archive.CLIENT, archive.CONNECTION, archive.DIRECTORY}

_u, _d, _k = users.c, domains.c, organization_keys.c
_ID = bindparam("organization_id", type_=Text)
_THERE = Statement(select(organizations.c.id).where(organizations.c.id == _ID))
# Directories of an organization that was deleted: the worker is not through with their rows.
_REMAINS = Statement(
    select(directory_tallies.c.organization_id)
    .where(directory_tallies.c.organization_id == _ID)
    .limit(1)
)


def _having(column: Column[str], *further: Any) -> Statement:
    """Return the rows that have one of some values in a column."""
    values = json_values(bindparam("of", type_=Text))
    return Statement(select(column.table).where(column.in_(values), *further))


_ROLES = _having(roles.c.name, roles.c.organization_id.is_(None))
_PERMISSIONS = _having(permissions.c.name)
_SCOPES = _having(scopes.c.name)
_KEYS = {name: _having(_k[name]) for name in ("external_id", "slug")}
_OWNED = _having(
    _d.domain,
    _d.domain_type == ORGANIZATION_DOMAIN,
    or_(*(_d.verification_status == proven for proven in PROVEN)),
)
_USERS = {name: _having(_u[name]) for name in ("id", "email_key", "external_id")}
_CONNECTIONS = _having(archive.CONNECTION.table.c.id)
# Of the kinds whose ids, or digests of credentials, are each of one row: those.
_UNIQUE = {
    kind.type: {name: _having(kind.table.c[name]) for name in ("id", *further)}
    for kind, further in (
        *((archive.ROLE, ()), (archive.DOMAIN, ()), (archive.CONNECTION, ())),
        *((archive.CLIENT, ()), (archive.CLIENT_SECRET, ())),
        *((archive.API_TOKEN, ("digest",)), (archive.DIRECTORY, ())),
        (archive.DIRECTORY_SECRET, ("digest",)),
    )
}
_RAISE = Statement(RAISE)


@dataclass(slots=True)
class Arrival:
    """The outcome: how many of each type came, and how many people were here and joined.

    With ``conflicts`` nothing came. ``people_here`` of them are about people that could join.
    """

    dry_run: bool
    counts: dict[str, int] = field(default_factory=dict)
    joined: int = 0
    people_here: int = 0
    conflicts: list[str] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        """Return it as programs read it."""
        return {
            "dry_run": self.dry_run,
            "imported": self.counts,
            "joined": self.joined,
            "people_here": self.people_here,
            "conflicts": self.conflicts,
        }


class _Undone(Exception):
    """The transaction is to leave nothing."""


async def restore(
    call: Call,
    pieces: AsyncIterator[bytes],
    *,
    region: str,
    join_people: bool = False,
    dry_run: bool = False,
    told: Callable[[Mapping[str, int]], None] = lambda _counts: None,
    box: Box | None = None,
) -> Arrival:
    """Import the file of an organization, which is of this ``region`` from now on.

    A person with the address of a user here is that user; to become a member needs
    ``join_people``. With ``dry_run`` all is done, and undone. Secrets of connections are taken
    where there is the ``box`` that they were sealed by.

    Raises:
        errors.InvalidArgument: the file is not one of an organization, or not whole; the line is
            named.

    """
    arrival = Arrival(dry_run)
    try:
        async with call.db.transaction() as db:
            await db.expect_growth()
            arriving = _Arriving(
                db, told, box, region=region, join_people=join_people, arrival=arrival
            )
            await arriving.read(pieces)
            await arriving.close(call)
    except _Undone:
        return arrival
    for search in (*SEARCHES.values(), directory_user_search):
        await search.catch_up(call.db)
    return arrival


@dataclass(slots=True)
class _Arriving(Reading):
    starts, noun, kinds = archive.START_OF_ORGANIZATION, "organization", KINDS
    taken = "twice, or was taken here a moment ago"

    region: str = field(kw_only=True)
    join_people: bool = field(kw_only=True)
    arrival: Arrival = field(kw_only=True)
    id: str = ""  # of the organization
    # By id in the file: the id here.
    roles: dict[str, str] = field(default_factory=dict)
    permissions: dict[str, str] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)
    # Ids of the file: rows that later lines name.
    owned: dict[str, set[str]] = field(default_factory=dict)
    assigned: set[str] = field(default_factory=set)  # connections that domains name
    members: int = 0

    async def start(self, number: int, members: dict[str, Any]) -> None:
        id_ = members.get("id")
        if not isinstance(id_, str) or not ids.well_formed(ids.ORGANIZATION, id_):
            raise wrong(number, "id: is not the id of an organization")
        self.id = id_
        if await self.db.fetch_one(_THERE, organization_id=id_):
            self._conflict(number, f"the organization {id_} is here already")
        elif await self.db.fetch_one(_REMAINS, organization_id=id_):
            self._conflict(
                number, f"{id_} was deleted here, and the worker still removes its directories"
            )
        self.roles = await self._known(number, "roles", _ROLES, members)
        self.permissions = await self._known(number, "permissions", _PERMISSIONS, members)
        names = members.get("scopes")
        if not isinstance(names, list) or not _are_texts(names):
            raise wrong(number, "scopes: must be a list of names")
        there = {row["name"] for row in await self._rows(_SCOPES, names)}
        for name in names:
            if name not in there:
                self._lacks(number, "scopes", name)

    async def _known(
        self, number: int, member: str, statement: Statement, members: Mapping[str, Any]
    ) -> dict[str, str]:
        """Return ids of the file with those here, of what the environment knows by its name."""
        named: dict[str, str] = members.get(member, {})
        if not isinstance(named, dict) or not _are_texts(named.values()):
            raise wrong(number, f"{member}: must have a name for each id")
        there: dict[str, str] = {
            row["name"]: row["id"] for row in await self._rows(statement, named.values())
        }
        for name in named.values():
            if name not in there:
                self._lacks(number, member, name)
        return {id_: there.get(name, id_) for id_, name in named.items()}

    async def prepared(self, batch: Batch) -> Batch:
        assert self.kind is not None
        kind = self.kind
        for number, row in batch:
            self._check_owner(kind, number, row)
            if adapt := _ADAPT.get(kind.type):
                adapt(self, number, row)
            if kind in _NAMED:
                self.owned.setdefault(kind.type, set()).add(row["id"])
        if kind is archive.USER:
            batch = await self._people(batch)
        if check := _CHECKS.get(kind.type):
            await check(self, batch)
        for column, statement in _UNIQUE.get(kind.type, {}).items():
            there = {row[column] for row in await self._rows(statement, _values(batch, column))}
            for number, row in batch:
                if row[column] in there:
                    shown = column if column == "digest" else f"id {row['id']}"
                    self._conflict(number, f"the {shown} of a {kind.type} is taken here")
        return [] if self.arrival.conflicts else batch

    async def settle(self) -> None:
        if archive.ORGANIZATION.type not in self.owned:
            raise errors.InvalidArgument("the organization itself is not in the file")
        if self.assigned - self.owned.get(archive.CONNECTION.type, set()):
            raise errors.InvalidArgument("a connection_id of a domain names none of the file")
        if self.members != len(self.people):
            raise errors.InvalidArgument("a user of the file is no member of the organization")
        if self.owned.get(archive.ROLE.type) and not self.arrival.conflicts:
            await self.db.fetch_all(_RAISE)

    async def close(self, call: Call) -> None:
        """Record that all of it is here.

        Raises:
            _Undone: it is not to be.

        """
        if self.arrival.conflicts:
            raise _Undone
        self.arrival.counts = self.counts
        after = {"id": self.id, **self.counts, "joined": self.arrival.joined}
        event = call.event("organization.imported", organization_id=self.id, after=after)
        await self.db.record(event)
        if self.arrival.dry_run:
            raise _Undone

    def _check_owner(self, kind: Kind, number: int, row: dict[str, Any]) -> None:
        """Refuse a row of another organization, or of the environment."""
        column = "id" if kind is archive.ORGANIZATION else "organization_id"
        if column in kind.table.c and row[column] != self.id:
            raise wrong(number, f"{column}: must be {self.id}, as the first line says")

    def named(self, kind: Kind, number: int, row: Mapping[str, Any], column: str) -> None:
        """Make sure that a column names a row that was in the file."""
        if row[column] not in self.owned.get(kind.type, ()):
            raise wrong(number, f"{column}: a line refers to one that does not come before it")

    def role(self, number: int, column: str, id_: str) -> str:
        """Return the id here of a role that a line names."""
        if id_ in self.owned.get(archive.ROLE.type, ()):
            return id_
        if id_ not in self.roles:
            raise wrong(number, f"{column}: a line refers to one that does not come before it")
        return self.roles[id_]

    def person(self, number: int, id_: str) -> str:
        """Return the id here of a user whom a line names."""
        if id_ not in self.people:
            raise wrong(number, "user_id: a line refers to one that does not come before it")
        return self.people[id_]

    async def _people(self, batch: Batch) -> Batch:
        """Return the people that are new here; the others are users already."""
        by_id, by_key, by_external_id = [
            {row[name]: row for row in await self._rows(statement, _values(batch, name))}
            for name, statement in _USERS.items()
        ]
        providers = {row["id"] for row in await self._rows(_CONNECTIONS, _providers(batch))}
        new: Batch = []
        for number, row in batch:
            there, other = by_key.get(row["email_key"]), by_external_id.get(row["external_id"])
            self.people[row["id"]] = row["id"] if there is None else there["id"]
            if problem := _of_another(row, there, by_id.get(row["id"]), other):
                self._conflict(number, problem)
            elif there is None and _provider(row) in providers:
                self._conflict(number, f"the sub {row['sub']!r} is of a connection that is here")
            elif there is None:
                new.append((number, row))
            elif not self.join_people:
                self.arrival.people_here += 1
                self._conflict(
                    number, f"the user {row['id']}, {row['email']}, is here as {there['id']}"
                )
            else:
                self.arrival.joined += 1
        return new

    async def check_keys(self, batch: Batch) -> None:
        """Find its external id and slug among those of organizations here."""
        for column, statement in _KEYS.items():
            found = await self._rows(statement, _values(batch, column))
            there = {row[column]: row["organization_id"] for row in found}
            for number, row in batch:
                if row[column] in there:
                    owner = there[row[column]]
                    self._conflict(number, f"the {column} {row[column]!r} is that of {owner} here")

    async def check_names(self, batch: Batch) -> None:
        """Find its own roles among those of the environment, which would hide them."""
        there = {row["name"] for row in await self._rows(_ROLES, _values(batch, "name"))}
        for number, row in batch:
            if row["name"] in there:
                self._conflict(
                    number, f"its own role {row['name']!r} is a role of the environment here"
                )

    async def check_domains(self, batch: Batch) -> None:
        """Find domains that it has proved to own among those that another one has."""
        owned = [
            (number, row)
            for number, row in batch
            if row["domain_type"] == ORGANIZATION_DOMAIN and row["verification_status"] in PROVEN
        ]
        found = await self._rows(_OWNED, _values(owned, "domain"))
        there = {row["domain"]: row["organization_id"] for row in found}
        for number, row in owned:
            if row["domain"] in there:
                owner = there[row["domain"]]
                self._conflict(number, f"the domain {row['domain']!r} is of {owner} here, by proof")

    async def _rows(self, statement: Statement, values: Iterable[Any]) -> list[Row]:
        wanted = sorted({value for value in values if value is not None})
        return list(await self.db.fetch_all(statement, of=to_json(wanted))) if wanted else []

    def _lacks(self, number: int, member: str, name: str) -> None:
        kind = member.removesuffix("s")
        self._conflict(number, f"the environment here has no {kind} {name!r}: create it first")

    def _conflict(self, number: int, problem: str) -> None:
        self.arrival.conflicts.append(f"line {number}: {problem}")


def _are_texts(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _values(batch: Batch, column: str) -> list[Any]:
    return [row[column] for _, row in batch]


def _providers(batch: Batch) -> list[str | None]:
    return [_provider(row) for _, row in batch]


def _provider(row: Mapping[str, Any]) -> str | None:
    """Return the id of the connection by which alone a person of the file is known."""
    sub: str | None = row["sub"]
    return None if sub is None else sub.partition(";")[0]


def _of_another(
    row: Mapping[str, Any], there: Row | None, same_id: Row | None, same_external_id: Row | None
) -> str:
    """Return why a person of the file can be no user here, beside these; "" if one can."""
    id_ = None if there is None else there["id"]
    if same_id is not None and same_id["id"] != id_:
        return f"the user id {row['id']} is that of another person here"
    if same_external_id is not None and same_external_id["id"] != id_:
        return (
            f"the external_id {row['external_id']!r} of {row['email']} is that of"
            f" {same_external_id['id']} here, who has another address"
        )
    # Somebody could have entered an address that is not theirs, and wait for its owner's rights.
    if (
        there is not None
        and id_ != row["id"]
        and row["sub"] is None
        and not there["email_verified"]
    ):
        return f"{row['email']} is here as {id_}, whose address nobody has proved"
    return ""


def _organization(here: _Arriving, _number: int, row: dict[str, Any]) -> None:
    row["region_code"] = here.region


def _role(here: _Arriving, number: int, row: dict[str, Any]) -> None:
    if row["default_creator"] or row["default_member"]:
        raise wrong(number, "default_creator, default_member: are for roles of the environment")
    if row["base_id"] is not None:
        row["base_id"] = here.role(number, "base_id", row["base_id"])
    listed = row["permission_ids"]
    if not here.permissions.keys() >= set(listed):
        raise wrong(number, "permission_ids: has one that the first line does not name")
    row["permission_ids"] = [here.permissions[id_] for id_ in listed]


def _with_role(here: _Arriving, number: int, row: dict[str, Any]) -> None:
    row["role_id"] = here.role(number, "role_id", row["role_id"])


def _domain(here: _Arriving, _number: int, row: dict[str, Any]) -> None:
    if row["connection_id"] is not None:
        here.assigned.add(row["connection_id"])


def _client_secret(here: _Arriving, number: int, row: dict[str, Any]) -> None:
    here.named(archive.CLIENT, number, row, "client_id")


def _identity(here: _Arriving, number: int, row: dict[str, Any]) -> None:
    here.named(archive.CONNECTION, number, row, "connection_id")
    row["user_id"] = here.person(number, row["user_id"])


def _membership(here: _Arriving, number: int, row: dict[str, Any]) -> None:
    here.members += 1
    row["user_id"] = here.person(number, row["user_id"])
    row["role_ids"] = [here.role(number, "role_ids", id_) for id_ in row["role_ids"]]


def _of_person(here: _Arriving, number: int, row: dict[str, Any]) -> None:
    if row["user_id"] is not None:
        row["user_id"] = here.person(number, row["user_id"])


def _of_directory(here: _Arriving, number: int, row: dict[str, Any]) -> None:
    here.named(archive.DIRECTORY, number, row, "directory_id")


def _directory_user(here: _Arriving, number: int, row: dict[str, Any]) -> None:
    _of_directory(here, number, row)
    _of_person(here, number, row)


# By type: finds conflicts of further columns with rows that are here.
_CHECKS: dict[str, Callable[[_Arriving, Batch], Awaitable[None]]] = {
    archive.ORGANIZATION.type: _Arriving.check_keys,
    archive.ROLE.type: _Arriving.check_names,
    archive.DOMAIN.type: _Arriving.check_domains,
}
# By type: makes a row refer to rows here, and refuses one that refers to others than the file's.
_ADAPT: dict[str, Callable[[_Arriving, int, dict[str, Any]], None]] = {
    archive.ORGANIZATION.type: _organization,
    archive.ROLE.type: _role,
    archive.DEFAULT_MEMBER_ROLE.type: _with_role,
    archive.DOMAIN.type: _domain,
    archive.CLIENT_SECRET.type: _client_secret,
    archive.FEDERATED_IDENTITY.type: _identity,
    archive.MEMBERSHIP.type: _membership,
    archive.API_TOKEN.type: _of_person,
    archive.DIRECTORY_SECRET.type: _of_directory,
    archive.DIRECTORY_USER.type: _directory_user,
    archive.DIRECTORY_GROUP.type: _of_directory,
    archive.DIRECTORY_MEMBER.type: _of_directory,
    archive.DIRECTORY_ROLE_ASSIGNMENT.type: _with_role,
}
