"""Imports an archive in one transaction: an environment into a fresh database, or an organization.

Roles and permissions of the environment, and users with existing addresses, have other IDs here:
rows of an organization that refer to them are rewritten. Every conflict is reported. After the
first one nothing is written, but the rest of the archive is still checked
(docs/decisions/0039-moving-an-organization.md).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, or_, select, update

from tenantry.access.clients.model import ENV, clients
from tenantry.access.resources.model import resources
from tenantry.access.scopes.model import scopes
from tenantry.core import errors, ids
from tenantry.db.sql.schema import environment
from tenantry.db.sql.statements import Statement
from tenantry.identity.connections.model import OAUTH, app_connections, connections
from tenantry.identity.token_templates.model import token_templates
from tenantry.tenants.directories.model import directory_tallies, directory_user_search
from tenantry.tenants.organizations.model import organizations
from tenantry.tenants.roles.catalogue import RAISE
from tenantry.tenants.roles.model import permissions, roles
from tenantry.tenants.users.model import users
from tenantry.transfer.bulk.archives import conflicts, file_format, tables
from tenantry.transfer.bulk.archives.reader import NOT_BEFORE, ArchiveReader, wrong
from tenantry.transfer.bulk.archives.tables import (
    CONNECTION,
    DOMAIN,
    MEMBERSHIP,
    OF_ENVIRONMENT,
    OF_ORGANIZATION,
    ORGANIZATION,
    PERMISSION,
    ROLE,
    USER,
)
from tenantry.transfer.bulk.archives.writer import ArchiveWriter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping

    from sqlalchemy import Column, ColumnElement

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.identity.connections.changes.archiving import SecretCipher
    from tenantry.transfer.bulk.archives.file_format import ArchiveTable, Batch, Members


def _any(column: Column[Any], *conditions: ColumnElement[bool]) -> Statement:
    return Statement(select(column).where(*conditions).limit(1))


_NOT_FRESH = "the database is not empty: it already has {}; import into a new one"

_r = roles.c
_of_environment = _r.organization_id.is_(None)
_built_in = _of_environment & or_(_r.name == "admin", _r.name == "member")
_ALREADY = {
    "organizations": _any(organizations.c.id),
    "users": _any(users.c.id),
    "custom permissions": _any(permissions.c.id, ~permissions.c.built_in),
    "scopes": _any(scopes.c.id),
    "resources": _any(resources.c.id),
    "applications": _any(clients.c.id, clients.c.client_type != ENV),
    "connections": _any(
        connections.c.id,
        or_(connections.c.organization_id.is_not(None), connections.c.type == OAUTH),
    ),
    "connections of applications": _any(app_connections.c.id),
    "a token template": _any(token_templates.c.version),
    "custom roles": _any(_r.id, or_(~_built_in, _r.revision > 1)),
}
_SET_ENVIRONMENT = Statement(
    update(environment).values(id=bindparam("p_id"), create_time=bindparam("p_create_time"))
)
_DEFAULT_ROLES = Statement(
    select(
        *(
            func.count().filter(default).label(default.name)
            for default in (_r.default_creator, _r.default_member)
        )
    ).where(_of_environment)
)

_RAISE = Statement(RAISE)
_ID = tables.ORGANIZATION_ID
_EXISTING = Statement(select(organizations.c.id).where(organizations.c.id == _ID))
# Directories of a deleted organization, whose rows the worker still deletes.
_REMAINS = Statement(
    select(directory_tallies.c.organization_id)
    .where(directory_tallies.c.organization_id == _ID)
    .limit(1)
)
_PERMISSIONS = conflicts.having(permissions.c.name)
_SCOPES = conflicts.having(scopes.c.name)
_REFERENCED = {
    *(type_ for table in OF_ORGANIZATION.values() for type_ in table.references.values()),
    CONNECTION.type,  # which domains refer to, that come before it
}


@dataclass(slots=True)
class OrganizationReport:
    """The result of an import: how many rows of each type, and how many existing users joined.

    With ``conflicts`` nothing was imported. ``people_here`` counts those with existing users, whom
    the operator can let join.
    """

    dry_run: bool
    counts: dict[str, int] = field(default_factory=dict)
    joined: int = 0
    people_here: int = 0
    conflicts: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the members of the report."""
        return {
            "dry_run": self.dry_run,
            "imported": self.counts,
            "joined": self.joined,
            "people_here": self.people_here,
            "conflicts": self.conflicts,
        }


class _Rollback(Exception):
    """Ends a transaction that is not to be committed."""


async def restore_environment(
    call: Call,
    pieces: AsyncIterator[bytes],
    *,
    told: Callable[[Mapping[str, int]], None] = lambda _counts: None,
    cipher: SecretCipher | None = None,
) -> dict[str, int]:
    """Import an environment into a fresh database, and return the number of rows of each type.

    ``told`` receives these numbers meanwhile. ``box`` decrypts the secrets of connections.
    """
    async with call.db.transaction() as db:
        await db.expect_growth()
        writer = ArchiveWriter(db, told, "twice")
        for what, statement in _ALREADY.items():
            if await db.fetch_one(statement):
                raise errors.InvalidArgument(_NOT_FRESH.format(what))
        await writer.clear()

        async def start(number: int, members: Members) -> None:
            id_, at = members.get("id"), members.get("create_time")
            if not isinstance(id_, str) or not ids.well_formed(ids.ENVIRONMENT, id_):
                raise wrong(number, "id: is not an environment ID")
            if not file_format.has_type(environment.c.create_time, at):
                raise wrong(number, "create_time: must be a whole number")
            await db.fetch_all(_SET_ENVIRONMENT, p_id=id_, p_create_time=at)

        reader = ArchiveReader(db, cipher, "environment", OF_ENVIRONMENT, start)
        async for table, batch in reader.batches(pieces):
            await writer.write(table, batch)
        row = await db.fetch_one(_DEFAULT_ROLES)
        assert row is not None
        for name in ("default_creator", "default_member"):
            if row[name] != 1:
                raise errors.InvalidArgument(
                    f"{name}: must be set for one role of the environment, not {row[name]}"
                )
        await writer.add_signing_keys()
        await db.record(call.event("environment.imported", after=dict(writer.counts)))
    await _update_search(call.db)
    return writer.counts


async def restore_organization(
    call: Call,
    pieces: AsyncIterator[bytes],
    *,
    region: str,
    join_people: bool = False,
    dry_run: bool = False,
    told: Callable[[Mapping[str, int]], None] = lambda _counts: None,
    cipher: SecretCipher | None = None,
) -> OrganizationReport:
    """Import an organization, and set its region.

    With ``join_people``, existing users with the same addresses become members; otherwise they are
    conflicts. A ``dry_run`` is rolled back. See above for the rest.
    """
    report = OrganizationReport(dry_run)
    try:
        async with call.db.transaction() as db:
            await db.expect_growth()
            restored = _Organization(db, region, join_people, report)
            reader = ArchiveReader(db, cipher, "organization", OF_ORGANIZATION, restored.start)
            writer = ArchiveWriter(db, told, "twice, or was taken here a moment ago")
            async for table, batch in reader.batches(pieces):
                await writer.write(table, await restored.prepare(table, batch))
            await restored.finish()
            await writer.add_signing_keys()
            await restored.record(call, writer.counts)
    except _Rollback:
        return report
    await _update_search(call.db)
    return report


async def _update_search(db: Session) -> None:
    for search in (ORGANIZATION.search, USER.search, directory_user_search):
        if search is not None:
            await search.catch_up(db)


@dataclass(slots=True)
class _Organization:
    """Adapts the rows of an organization to its new environment, and reports conflicts."""

    db: Session
    region: str
    join_people: bool
    report: OrganizationReport
    id: str = ""
    ids: dict[str, dict[str, str]] = field(default_factory=dict)  # by type: IDs of the file, here
    counts: Counter[str] = field(default_factory=Counter)  # of rows of each type
    domain_connections: set[str] = field(default_factory=set)

    async def start(self, number: int, members: Members) -> None:
        """Check that the environment knows what the first line names."""
        id_ = members.get("id")
        if not isinstance(id_, str) or not ids.well_formed(ids.ORGANIZATION, id_):
            raise wrong(number, "id: is not an organization ID")
        self.id = id_
        if await self.db.fetch_one(_EXISTING, organization_id=id_):
            self._conflict(number, f"the organization {id_} is here already")
        elif await self.db.fetch_one(_REMAINS, organization_id=id_):
            self._conflict(
                number, f"{id_} was deleted here, and the worker still removes its directories"
            )
        for table, statement in ((ROLE, conflicts.ENVIRONMENT_ROLES), (PERMISSION, _PERMISSIONS)):
            named: dict[str, str] = members.get(f"{table.type}s", {})
            if not isinstance(named, dict) or not _are_texts(named.values()):
                raise wrong(number, f"{table.type}s: must have a name for each ID")
            there = await self._find(number, table.type, statement, named.values())
            self.ids[table.type] = {id_: there.get(name, id_) for id_, name in named.items()}
        names = members.get("scopes")
        if not isinstance(names, list) or not _are_texts(names):
            raise wrong(number, "scopes: must be a list of names")
        await self._find(number, "scope", _SCOPES, names)

    async def _find(
        self, number: int, type_: str, statement: Statement, names: Iterable[str]
    ) -> dict[str, str]:
        """Return the IDs of the environment's rows with these names."""
        found = await conflicts.find(self.db, statement, names)
        there = {row["name"]: row["id"] for row in found}
        for name in names:
            if name not in there:
                self._conflict(
                    number, f"the environment here has no {type_} {name!r}: create it first"
                )
        return there

    async def prepare(self, table: ArchiveTable, batch: Batch) -> Batch:
        """Return the rows to insert: none once there is a conflict."""
        for number, row in batch:
            self._adapt(table, number, row)
            if table.type in _REFERENCED:
                self.ids.setdefault(table.type, {})[row["id"]] = row["id"]
        self.counts[table.type] += len(batch)
        if table is USER:
            batch = await self._match_users(batch)
        for number, problem in await conflicts.find_conflicts(self.db, table, batch):
            self._conflict(number, problem)
        return [] if self.report.conflicts else batch

    async def finish(self) -> None:
        """Check that the archive has the organization, and only its connections and members."""
        if not self.counts[ORGANIZATION.type]:
            raise errors.InvalidArgument("the organization itself is not in the file")
        if self.domain_connections - self.ids.get(CONNECTION.type, {}).keys():
            raise errors.InvalidArgument("a connection_id of a domain is not in the file")
        if self.counts[MEMBERSHIP.type] != len(self.ids.get(USER.type, ())):
            raise errors.InvalidArgument("a user of the file is not a member of the organization")
        if self.counts[ROLE.type] and not self.report.conflicts:
            await self.db.fetch_all(_RAISE)

    async def record(self, call: Call, counts: dict[str, int]) -> None:
        """Record the import, unless it is to be rolled back."""
        if self.report.conflicts:
            raise _Rollback
        self.report.counts = counts
        after = {"id": self.id, **counts, "joined": self.report.joined}
        event = call.event("organization.imported", organization_id=self.id, after=after)
        await self.db.record(event)
        if self.report.dry_run:
            raise _Rollback

    def _adapt(self, table: ArchiveTable, number: int, row: Members) -> None:
        """Refuse a row of another owner, and replace the IDs that it refers to."""
        owner = "id" if table is ORGANIZATION else "organization_id"
        if owner in table.table.c and row[owner] != self.id:
            raise wrong(number, f"{owner}: must be {self.id}, as in the first line")
        if table is ORGANIZATION:
            row["region_code"] = self.region
        elif table is ROLE and (row["default_creator"] or row["default_member"]):
            raise wrong(
                number, "default_creator, default_member: are only for roles of the environment"
            )
        elif table is DOMAIN and row["connection_id"] is not None:
            self.domain_connections.add(row["connection_id"])
        for column, type_ in table.references.items():
            value = row[column]
            if isinstance(value, list):
                row[column] = [self._id_here(number, column, type_, id_) for id_ in value]
            elif value is not None:
                row[column] = self._id_here(number, column, type_, value)

    def _id_here(self, number: int, column: str, type_: str, id_: str) -> str:
        here = self.ids.get(type_, {}).get(id_)
        if here is not None:
            return here
        if type_ in OF_ORGANIZATION:
            raise wrong(number, f"{column}: {NOT_BEFORE}")
        raise wrong(number, f"{column}: has an ID that the first line does not contain")

    async def _match_users(self, batch: Batch) -> Batch:
        """Return the users to create; the others exist."""
        new: Batch = []
        matches = await conflicts.match_users(self.db, batch)
        for (number, row), (there, problem) in zip(batch, matches, strict=True):
            self.ids[USER.type][row["id"]] = row["id"] if there is None else there["id"]
            if problem:
                self._conflict(number, problem)
            elif there is None:
                new.append((number, row))
            elif self.join_people:
                self.report.joined += 1
            else:
                self.report.people_here += 1
                self._conflict(
                    number, f"the user {row['id']}, {row['email']}, is here as {there['id']}"
                )
        return new

    def _conflict(self, number: int, problem: str) -> None:
        self.report.conflicts.append(f"line {number}: {problem}")


def _are_texts(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str) for value in values)
