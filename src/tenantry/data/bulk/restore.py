"""Importing a whole environment into a fresh database: all of the file, or nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from sqlalchemy import Boolean, Integer, Text, bindparam, delete, func, insert, or_, select, update

from tenantry import email_addresses, errors, ids
from tenantry.access.clients.model import APPLICATIONS, ENV, M2M, client_secrets, clients
from tenantry.access.keys import service as keys
from tenantry.access.scopes.model import scopes
from tenantry.data.bulk import archive, formats, holding
from tenantry.data.bulk.archive import KINDS, Kind
from tenantry.db.engine import DuplicateKey, ForeignKey
from tenantry.db.records import named, rows_of, spelled
from tenantry.db.schema import Json, environment, from_json, json_values, to_json
from tenantry.db.statements import Statement
from tenantry.identity.connections.applications import moving as app_moving
from tenantry.identity.connections.changes import moving
from tenantry.identity.connections.model import OAUTH, Connection, app_connections, connections
from tenantry.identity.token_templates import templates
from tenantry.identity.token_templates.model import token_templates
from tenantry.tenants.directories import moving as directories
from tenantry.tenants.directories.model import directory_user_search
from tenantry.tenants.organizations import directory
from tenantry.tenants.organizations.model import (
    organization_search,
    organization_tally,
    organizations,
)
from tenantry.tenants.roles.catalogue import RAISE
from tenantry.tenants.roles.model import (
    permissions,
    role_ancestors,
    role_holders,
    role_permissions,
    roles,
)
from tenantry.tenants.users.model import (
    is_federated,
    member_tally,
    user_search,
    user_tally,
    users,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

    from sqlalchemy import Column, Table

    from tenantry.call import Call
    from tenantry.data.bulk.formats import Record
    from tenantry.db.engine import Session
    from tenantry.identity.connections.changes.moving import Box

Batch: TypeAlias = list[tuple[int, dict[str, Any]]]  # rows, each with the number of its line

_BATCH = 1000
_MAX_LINE = 16 << 20  # bytes
_NOT_FRESH = "the database is not fresh: it has {} already; import into a new one"

_r = roles.c
_of_environment = _r.organization_id.is_(None)
_fresh = _of_environment & or_(_r.name == "admin", _r.name == "member")
_ALREADY = {
    "organizations": Statement(select(organizations.c.id).limit(1)),
    "users": Statement(select(users.c.id).limit(1)),
    "permissions of its own": Statement(
        select(permissions.c.id).where(~permissions.c.built_in).limit(1)
    ),
    "scopes": Statement(select(scopes.c.id).limit(1)),
    "applications": Statement(select(clients.c.id).where(clients.c.client_type != ENV).limit(1)),
    "connections": Statement(
        select(connections.c.id)
        .where(or_(connections.c.organization_id.is_not(None), connections.c.type == OAUTH))
        .limit(1)
    ),
    "connections of applications": Statement(select(app_connections.c.id).limit(1)),
    "a token template": Statement(select(token_templates.c.version)),
    "roles of its own": Statement(select(_r.id).where(or_(~_fresh, _r.revision > 1)).limit(1)),
}
_CLEAR = (Statement(delete(roles)), Statement(delete(permissions)), Statement(RAISE))
_NAME = Statement(
    update(environment).values(id=bindparam("p_id"), create_time=bindparam("p_create_time"))
)
_DEFAULTS = Statement(
    select(
        *(
            func.count().filter(default).label(default.name)
            for default in (_r.default_creator, _r.default_member)
        )
    ).where(_of_environment)
)

# Secrets of management clients: those were there before, and are of no file.
_STRAY = Statement(
    select(client_secrets.c.id)
    .join(clients, clients.c.id == client_secrets.c.client_id)
    .where(
        client_secrets.c.id.in_(json_values(bindparam("ids", type_=Text))),
        clients.c.client_type == ENV,
    )
    .limit(1)
)


def _insert(table: Table, columns: Sequence[Column[Any]]) -> Statement:
    names = [column.name for column in columns]
    return Statement(insert(table).from_select(names, rows_of("given", columns)))


# Of the types whose rows are searched.
SEARCHES = {archive.ORGANIZATION.type: organization_search, archive.USER.type: user_search}
# Of the types whose rows are counted: those of an organization for each, the others all together.
_TALLIES = {
    archive.ORGANIZATION.type: organization_tally,
    archive.USER.type: user_tally,
    archive.MEMBERSHIP.type: member_tally,
}
_INSERT = {kind.type: _insert(kind.table, named(kind.table)) for kind in KINDS.values()}
# Where the ids go that a line lists: the table, and which of its columns is the listed id.
_LISTED: dict[str, tuple[Table, str]] = {
    archive.ROLE.type: (role_permissions, "permission_id"),
    archive.MEMBERSHIP.type: (role_holders, "role_id"),
}
_INSERT_LISTED = {
    type_: _insert(table, named(table)) for type_, (table, _listed) in _LISTED.items()
}
_up = (
    select(_r.id.label("role_id"), _r.id.label("ancestor_id"))
    .where(_r.id.in_(json_values(bindparam("ids", type_=Text))))
    .cte("up", recursive=True)
)
_up = _up.union(
    select(_up.c.role_id, _r.base_id).where(_r.id == _up.c.ancestor_id, _r.base_id.is_not(None))
)
_INSERT_ANCESTORS = Statement(
    insert(role_ancestors).from_select(["role_id", "ancestor_id"], select(_up))
)


async def restore(
    call: Call,
    pieces: AsyncIterator[bytes],
    *,
    told: Callable[[Mapping[str, int]], None] = lambda _counts: None,
    box: Box | None = None,
) -> dict[str, int]:
    """Import the file of an environment, and return how many of each type there were.

    ``told`` gets the same while it goes on. Secrets of connections are taken where there is the
    ``box`` that they were sealed by.

    Raises:
        errors.InvalidArgument: the database is not fresh, or the file is not one of an
            environment, or not whole; the line is named.

    """
    async with call.db.transaction() as db:
        await db.expect_growth()
        for what, statement in _ALREADY.items():
            if await db.fetch_one(statement):
                raise errors.InvalidArgument(_NOT_FRESH.format(what))
        for statement in _CLEAR:
            await db.fetch_all(statement)
        restoring = _Restoring(db, told, box)
        await restoring.read(pieces)
        await db.record(call.event("environment.imported", after=dict(restoring.counts)))
    for search in (*SEARCHES.values(), directory_user_search):
        await search.catch_up(call.db)
    return restoring.counts


@dataclass(slots=True)
class Reading(ABC):
    """Reads a file line by line, and writes the rows of one type after the other.

    One for each of the two kinds of files: the methods without a body are theirs.
    """

    db: Session
    told: Callable[[Mapping[str, int]], None]
    box: Box | None
    counts: dict[str, int] = field(default_factory=dict)
    lines: int = 0
    ended: bool = False
    kind: Kind | None = None
    batch: Batch = field(default_factory=list)
    algorithms: set[str] = field(default_factory=set)  # that clients have their tokens signed by

    starts: ClassVar[str]  # the type of the first line
    noun: ClassVar[str]  # that the file is of
    kinds: ClassVar[Mapping[str, Kind]]
    taken: ClassVar[str]  # how a value that must be unique may be there already

    @abstractmethod
    async def start(self, number: int, members: dict[str, Any]) -> None:
        """Take what the first line says, its format aside."""

    @abstractmethod
    async def settle(self) -> None:
        """Check the rules of the whole, once all of it is written."""

    async def prepared(self, batch: Batch) -> Batch:
        """Return the rows of a batch of `kind` that are to be written, as they are to be."""
        return batch

    async def read(self, pieces: AsyncIterator[bytes]) -> None:
        """Read a whole file.

        Raises:
            errors.InvalidArgument: it is not such a file, or not whole; the line is named.

        """
        reader = formats.ndjson(_MAX_LINE)
        async for piece in pieces:
            for record in reader.feed(piece):
                await self._take(record)
        for record in reader.end():
            await self._take(record)
        await self._finish()

    async def _take(self, record: Record) -> None:
        """Take one line; it is written with others of its type."""
        members, number = record.members, record.line
        if members is None:
            raise wrong(number, record.problem)
        if self.ended:
            raise wrong(number, f"comes after the end of the {self.noun}")
        type_ = members.pop("type", None)
        if (type_ == self.starts) != (self.lines == 0):
            raise wrong(number, f"is not the first line of an {self.noun} that was exported")
        if type_ == archive.END:
            self._end(number, members)
            return
        self.lines += 1
        if type_ == self.starts:
            if members.get("format") != archive.FORMAT:
                raise wrong(number, f"format: must be {archive.FORMAT}, export it again")
            await self.start(number, members)
            return
        kind = self.kinds.get(type_) if isinstance(type_, str) else None
        if kind is None:
            raise wrong(number, f"type: there is no {str(type_)[:60]!r}")
        if kind is not self.kind or len(self.batch) == _BATCH:
            await self._write()
            self.kind = kind
        is_connection = kind in {archive.CONNECTION, archive.APP_CONNECTION}
        sealed = members.pop(archive.SEALED, None) if is_connection else None
        row = _row(kind, number, members)
        if is_connection:
            row = self._connection(kind, number, row, sealed)
        self.batch.append((number, row))

    async def _finish(self) -> None:
        """Make sure that the file was whole."""
        await self._write()
        if not self.ended:
            raise errors.InvalidArgument(f"the file ends before the {self.noun} does")
        await self.settle()
        for algorithm in self.algorithms - {keys.RS256}:  # which every deployment has
            await keys.ensure_algorithm(self.db, algorithm)

    def _connection(
        self, kind: Kind, number: int, row: dict[str, Any], sealed: Any
    ) -> dict[str, Any]:
        """Return the row of a connection as it can be here, whatever the file says of it."""
        sealed = None if sealed is None else str(sealed)
        is_app = kind is archive.APP_CONNECTION
        connection = None if is_app else Connection.from_row({**row, "secret": None})
        problem = app_moving.problem(row) if connection is None else moving.problem(connection)
        if problem:
            raise wrong(number, problem)
        try:
            if connection is None:
                return app_moving.unpacked(self.db, row, sealed, self.box)
            return moving.unpacked(self.db, connection, sealed, self.box).to_row()
        except moving.WrongKey:
            raise wrong(number, f"{archive.SEALED}: was sealed by another key") from None

    def _end(self, number: int, members: dict[str, Any]) -> None:
        if members.get("lines") != self.lines:
            raise wrong(number, f"lines: must be {self.lines}, as many as came before")
        self.ended = True

    async def _write(self) -> None:
        if not self.batch or self.kind is None:
            return
        kind, batch = self.kind, await self.prepared(self.batch)
        first, last = self.batch[0][0], self.batch[-1][0]
        self.batch = []
        if not batch:
            return
        rows = [row for _, row in batch]
        try:
            await self._insert(kind, batch, rows)
        except DuplicateKey as problem:
            raise wrong(
                f"{first} to {last}",
                f"{problem.field}: a value that must be unique is there {self.taken}",
            ) from None
        except ForeignKey:
            raise wrong(
                f"{first} to {last}", "a line refers to one that does not come before it"
            ) from None
        self.counts[kind.type] = self.counts.get(kind.type, 0) + len(batch)
        self.told(self.counts)

    async def _insert(self, kind: Kind, batch: Batch, rows: list[dict[str, Any]]) -> None:
        if kind is archive.ROLE:
            _check_bases(batch)
        of_organizations = (row.get("organization_id") for row in rows)
        await holding.refer(self.db, filter(None, of_organizations))
        await self.db.fetch_all(_INSERT[kind.type], given=spelled(named(kind.table), rows))
        await self._note(kind, rows)
        if kind is archive.ROLE:
            await self.db.fetch_all(_INSERT_ANCESTORS, ids=to_json([row["id"] for row in rows]))
        if kind is archive.CLIENT:
            self.algorithms |= {row["access_token_signing_alg"] for row in rows}
        if kind is archive.CLIENT_SECRET:
            stray = await self.db.fetch_one(_STRAY, ids=to_json([row["id"] for row in rows]))
            if stray is not None:
                raise wrong(
                    f"{batch[0][0]} to {batch[-1][0]}",
                    f"{stray['id']}: is a secret of a client that is not in the file",
                )
        if kind.references:
            table, listed = _LISTED[kind.type]
            further = [
                {**row, "role_id": row.get("id"), listed: id_}
                for row in rows
                for id_ in row[kind.references]
            ]
            if further:
                given = spelled(named(table), further)
                await self.db.fetch_all(_INSERT_LISTED[kind.type], given=given)

    async def _note(self, kind: Kind, rows: list[dict[str, Any]]) -> None:
        """Let new rows be found and counted: other tables keep something of each."""
        if search := SEARCHES.get(kind.type):
            await search.mark_all(self.db, (row["id"] for row in rows))
        if kind is archive.ORGANIZATION:
            await directory.enter(self.db, to_json([row["id"] for row in rows]))
        if kind is archive.DIRECTORY:
            await directories.note_directories(self.db, rows)
        if kind is archive.DIRECTORY_USER:
            await directories.note_users(self.db, rows)
        if kind is archive.DIRECTORY_MEMBER:
            await directories.note_members(self.db, rows)
        if tally := _TALLIES.get(kind.type):
            await tally.add(
                self.db, Counter(row.get("organization_id", kind.table.name) for row in rows)
            )


class _Restoring(Reading):
    starts, noun, kinds, taken = archive.START, "environment", KINDS, "twice"
    __slots__ = ()

    async def start(self, number: int, members: dict[str, Any]) -> None:
        id_, at = members.get("id"), members.get("create_time")
        if not isinstance(id_, str) or not ids.well_formed(ids.ENVIRONMENT, id_):
            raise wrong(number, "id: is not the id of an environment")
        if not _fits(environment.c.create_time, at):
            raise wrong(number, "create_time: must be a whole number")
        await self.db.fetch_all(_NAME, p_id=id_, p_create_time=at)

    async def settle(self) -> None:
        row = await self.db.fetch_one(_DEFAULTS)
        assert row is not None
        for name in ("default_creator", "default_member"):
            if row[name] != 1:
                raise errors.InvalidArgument(
                    f"{name}: {row[name]} roles of the environment are it, one has to be"
                )


def _check_bases(batch: Iterable[tuple[int, dict[str, Any]]]) -> None:
    """Refuse a role that extends a later one: so no circle comes in."""
    waiting = {row["id"] for _, row in batch}
    for number, row in batch:
        if row["base_id"] in waiting:
            raise wrong(number, "base_id: the role that it extends has to come before it")
        waiting.discard(row["id"])


def _row(kind: Kind, number: int, members: dict[str, Any]) -> dict[str, Any]:
    """Return the row of a line."""
    row: dict[str, Any] = {}
    for column in kind.columns:
        name = kind.spelled(column.name)
        value = members.pop(name, None)
        if value is None and not column.nullable:
            raise wrong(number, f"{name}: is required")
        if value is not None and not _fits(column, value):
            raise wrong(number, f"{name}: is not of its type")
        is_json = isinstance(column.type, Json) and value is not None
        row[column.name] = to_json(value) if is_json else value
    if kind.prefix and not ids.well_formed(kind.prefix, row["id"]):
        raise wrong(number, f"id: is not {kind.prefix} followed by digits")
    if kind.references:
        listed = members.pop(kind.references, None)
        if not isinstance(listed, list) or not all(isinstance(id_, str) for id_ in listed):
            raise wrong(number, f"{kind.references}: must be a list of ids")
        row[kind.references] = listed
    if members:
        raise wrong(number, f"{next(iter(members))[:60]}: is not a member of a {kind.type}")
    if read := _OF_DIRECTORIES.get(kind.type):
        try:
            return read(row)
        except directories.Unusable as problem:
            raise wrong(number, str(problem)) from None
    check = _CHECKS.get(kind.type)
    return row if check is None else check(number, row)


def _user(number: int, row: dict[str, Any]) -> dict[str, Any]:
    sub = row["sub"]
    if sub is not None and not is_federated(sub):
        raise wrong(number, "sub: is not a connection, a semicolon and what that names a person")
    return row | {"email_key": sub or email_addresses.key(row["email"])}


def _token_template(number: int, row: dict[str, Any]) -> dict[str, Any]:
    try:
        templates.read(from_json(row["template"]), field="template")
    except errors.InvalidArgument as problem:
        raise wrong(number, problem.message) from None
    return row | {"only": 1, "version": ids.at(ids.TOKEN_TEMPLATE, row["update_time"])}


def _client(number: int, row: dict[str, Any]) -> dict[str, Any]:
    """Return the row of a client that is an environment's: one for management would open it."""
    type_, owner = row["client_type"], row["organization_id"]
    if type_ not in (*APPLICATIONS, M2M):
        raise wrong(number, f"client_type: must be one of {', '.join((*APPLICATIONS, M2M))}")
    if (owner is None) == (type_ == M2M):
        raise wrong(number, "organization_id: M2M clients have one, applications have none")
    prefix = ids.ENVIRONMENT_CLIENT if owner is None else ids.ORGANIZATION_CLIENT
    if not ids.well_formed(prefix, row["id"]):
        raise wrong(number, f"id: is not {prefix} followed by digits")
    if row["access_token_signing_alg"] not in keys.ALGORITHMS:
        raise wrong(
            number, f"access_token_signing_alg: must be one of {', '.join(keys.ALGORITHMS)}"
        )
    expiry = row["expiry"]
    if expiry is not None and not 0 < expiry <= keys.LONGEST_TOKEN_SECONDS:
        raise wrong(number, f"expiry: must be 1 to {keys.LONGEST_TOKEN_SECONDS} seconds")
    return row


# By type: the further checks of a row, beyond the types of its columns.
_CHECKS: dict[str, Callable[[int, dict[str, Any]], dict[str, Any]]] = {
    archive.CLIENT.type: _client,
    archive.TOKEN_TEMPLATE.type: _token_template,
    archive.USER.type: _user,
}

_OF_DIRECTORIES: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    archive.DIRECTORY.type: directories.directory,
    archive.DIRECTORY_SECRET.type: directories.secret,
    archive.DIRECTORY_USER.type: directories.user,
    archive.DIRECTORY_GROUP.type: directories.group,
}


def _fits(column: Column[Any], value: Any) -> bool:
    if isinstance(column.type, Json):
        return isinstance(value, dict | list)
    if isinstance(column.type, Boolean):
        return isinstance(value, bool)
    if isinstance(column.type, Integer):
        bits = 63 if column.type.__visit_name__ == "big_integer" else 31
        is_number = isinstance(value, int) and not isinstance(value, bool)
        return is_number and -(2**bits) <= value < 2**bits
    return isinstance(value, str)


def wrong(line: int | str, problem: str) -> errors.InvalidArgument:
    """Return the error of a line, or of some lines."""
    return errors.InvalidArgument(f"line {line}: {problem}")
