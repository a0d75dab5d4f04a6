"""The requests of providers and their answers, for the administrators of an organization.

They are written about a second after they were answered, many at once, and kept for 30 days. A
payload is kept as far as it explains the answer: without passwords and display names of members,
and within 4 KiB. A person's requests are found by `keys_of`, so that `erase` takes their data out.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Column,
    Index,
    Integer,
    Table,
    Text,
    bindparam,
    case,
    literal_column,
    null,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from tenantry.core import errors, ids
from tenantry.core.times import DAY, now
from tenantry.db import crud
from tenantry.db.activity import counters
from tenantry.db.activity.model import HOURS, Kind
from tenantry.db.lists import pages
from tenantry.db.sql.records import named, records, spelled
from tenantry.db.sql.schema import Json, json_values, metadata, time_column, to_json
from tenantry.db.sql.sharding import of_organization
from tenantry.db.sql.statements import Statement
from tenantry.db.writes import pruning
from tenantry.db.writes.rows import members, prefixed
from tenantry.db.writes.write_behind import WriteBehindBuffer
from tenantry.tenants.directories.model import (
    GIVEN,
    OF_DIRECTORY,
    directories,
    index,
    key,
    of_directory,
    partial,
)
from tenantry.tenants.tables.directories import key_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.db.engine import Row, Session
    from tenantry.db.lists.pages import Page
    from tenantry.tenants.directories.model import Directory, DirectoryUser

# Requests of providers, kept for 30 days.
directory_requests = Table(
    "directory_requests",
    metadata,
    *key_columns("organization_id", "directory_id", "id"),
    Column("method", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("query", Text, nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("milliseconds", Integer, nullable=False),
    Column("error", Text, nullable=False),
    # The person or group that it was about, or the name that it did not find.
    Column("resource_id", Text),
    Column("payload", Json),  # without passwords
    Column("skipped", Json),  # what of it was not taken, and why
    time_column("create_time"),
    info=of_organization(),
)
index(directory_requests, "create_time")
_failed = directory_requests.c.error != literal_column("''")
Index(
    "ix_directory_requests__error",
    *(directory_requests.c[name] for name in (*OF_DIRECTORY, "id")),
    postgresql_where=_failed,
    sqlite_where=_failed,
)
partial(directory_requests, "resource_id", *OF_DIRECTORY)


KEPT_DAYS = 30
MOST_PAYLOAD = 4 << 10  # bytes
MOST_SKIPPED = 50  # of one request that are told one by one
_MOST_PATH = 1000
_MOST_USER_AGENT = 200
_WITH_PAYLOAD = 2000  # requests that wait: the payloads of more are left out
_WRITTEN_AT_ONCE = 500
_TOO_LARGE = to_json({"…": "more than is kept"})
_SECRET = frozenset({"password"})
_PARAMETERS = frozenset(
    {
        *("filter", "sortby", "sortorder", "startindex", "count", "cursor"),
        *("attributes", "excludedattributes"),
    }
)
_NAMES_OF_MEMBERS = frozenset({"display", "$ref"})
# The limits of a kept payload: values, elements of a list, characters of a text, and levels.
_MOST_VALUES, _MOST_ELEMENTS, _MOST_TEXT, _MOST_DEPTH = 400, 50, 300, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryRequest:
    """One request and its answer; ``skipped`` are parts of it that were not taken, and why."""

    id: str
    organization_id: str
    directory_id: str
    method: str
    path: str
    query: str
    user_agent: str
    request_id: str
    status: int
    milliseconds: int
    error: str = ""
    resource_id: str | None = None  # or the name that it asked for, where nothing has that
    payload: Any = None
    skipped: Sequence[Mapping[str, str]] | None = None
    create_time: int

    @classmethod
    def from_row(cls, row: Row) -> DirectoryRequest:
        return cls(**members(row, directory_requests))


class RequestLog:
    """Notes requests, and writes them a moment later."""

    def __init__(self, db: Session) -> None:
        self._db = db
        self._later = WriteBehindBuffer[str, dict[str, Any]](
            self._write, name="directory_requests", at_once=_WRITTEN_AT_ONCE
        )

    @property
    def waiting(self) -> int:
        return self._later.waiting

    def note(
        self,
        *,
        organization_id: str,
        directory_id: str,
        method: str,
        path: str,
        query: str,
        user_agent: str,
        request_id: str,
        status: int,
        milliseconds: int,
        error: str = "",
        resource_id: str | None = None,
        payload: Mapping[str, Any] | None = None,
        skipped: Sequence[Mapping[str, str]] = (),
    ) -> None:
        """Note one request; beyond 20,000 that wait, none is added."""
        kept = payload if self._later.waiting < _WITH_PAYLOAD else None
        id_ = self._db.new_id(ids.DIRECTORY_REQUEST)
        row = {
            "id": id_,
            "organization_id": organization_id,
            "directory_id": directory_id,
            "method": method,
            "path": path[:_MOST_PATH],
            "query": _asked(query),
            "user_agent": user_agent[:_MOST_USER_AGENT],
            "request_id": request_id,
            "status": status,
            "milliseconds": milliseconds,
            "error": error,
            "resource_id": resource_id,
            "payload": None if kept is None else _spelled(kept),
            "skipped": to_json(_few(skipped)) if skipped else None,
            "create_time": now(),
        }
        self._later.add(id_, {k: _text(v) if isinstance(v, str) else v for k, v in row.items()})

    async def close(self) -> None:
        """Write waiting requests, if the database lets us; to be called before it is closed."""
        await self._later.close()

    async def _write(self, noted: dict[str, dict[str, Any]]) -> None:
        given = spelled(named(directory_requests), noted.values())
        await self._db.fetch_all(_INSERT, given=given)
        counts: dict[tuple[str, str, int], counters.Count] = {}
        for row in noted.values():
            place = (Kind.DIRECTORY_SYNCS, row["directory_id"], HOURS.start(row["create_time"]))
            one = counters.Count(1, int(bool(row["error"])), row["milliseconds"])
            counts[place] = counts.get(place, counters.Count(0)).merged(one)
        await counters.add(self._db, counts)


async def listing(
    db: Session,
    directory: Directory,
    *,
    failed: bool = False,
    resource_id: str = "",
    page_size: int = 0,
    page_token: str = "",
) -> Page[DirectoryRequest]:
    """Return requests of a directory, the latest first: those that ``failed``, or of a resource."""
    name = f"directory_requests:{directory.id}:{failed}:{resource_id}"
    at = pages.position(db, name, page_size=page_size, page_token=page_token)
    statement = _list(at.direction, failed=failed, of_resource=bool(resource_id))
    rows = await db.fetch_all(statement, p_resource_id=resource_id, **key(directory), **at.params)
    return at.page(rows).of(DirectoryRequest.from_row)


async def get(db: Session, directory: Directory, request_id: str) -> DirectoryRequest:
    row = await db.fetch_one(_GET, **prefixed({"id": request_id, **key(directory)}))
    if row is None:
        raise errors.NotFound("request")
    return DirectoryRequest.from_row(row)


async def erase(db: Session, people: Sequence[DirectoryUser]) -> None:
    """Take the data of these people out of the requests about them."""
    for organization_id, directory_id in {(p.organization_id, p.directory_id) for p in people}:
        its = [person for person in people if person.directory_id == directory_id]
        await db.fetch_all(
            _ERASE,
            organization_id=organization_id,
            directory_id=directory_id,
            given=to_json([name for person in its for name in keys_of(person)]),
        )


def keys_of(person: DirectoryUser) -> list[str]:
    """Return all names that requests about this person may be kept under.

    A request that found nobody is kept under the name that it asked for.
    """
    named = person.id, person.user_name_key, person.email_key, person.external_id
    return [key for key in named if key]


class _Redaction:
    """Copies a payload as far as it is kept: in time that does not grow with it."""

    def __init__(self) -> None:
        self._left = _MOST_VALUES

    def of(self, value: Any, depth: int) -> Any:
        self._left -= 1
        if isinstance(value, str):
            return _text(value if len(value) <= _MOST_TEXT else f"{value[:_MOST_TEXT]}…")
        if not isinstance(value, (dict, list)):
            return value
        if depth == _MOST_DEPTH or self._left <= 0:
            return "…"
        if isinstance(value, list):
            kept = [self.of(one, depth + 1) for one in value[:_MOST_ELEMENTS]]
            more = len(value) - len(kept)
            return [*kept, f"… and {more} more"] if more else kept
        member = "value" in value
        few = list(itertools.islice(value.items(), _MOST_ELEMENTS))
        paths = [one for name, one in few if name.lower() == "path" and isinstance(one, str)]
        hidden = {"value"} if any(map(_is_secret, paths)) else set()
        return {
            _text(name[:_MOST_TEXT]): (
                "…" if _is_secret(name) or name.lower() in hidden else self.of(one, depth + 1)
            )
            for name, one in few
            if not (member and name in _NAMES_OF_MEMBERS)
        }


def _text(value: str) -> str:
    """Return a text without NUL, which PostgreSQL keeps in none."""
    return value.replace("\0", "\ufffd")


def _is_secret(path: str) -> bool:
    """Whether a name of an attribute, or a path to one, is that of a secret."""
    return path.strip().rpartition(":")[2].lower() in _SECRET


def _asked(query: str) -> str:
    """Return a query with no other values than those of SCIM: some send their token in one."""
    return "&".join(
        part if name.lower() in _PARAMETERS or not has_value else f"{name}=…"
        for part in query[:_MOST_PATH].split("&")
        for name, has_value, _ in (part.partition("="),)
    )


def _spelled(payload: Mapping[str, Any]) -> str:
    text = to_json(_Redaction().of(payload, 0))
    return text if len(text) <= MOST_PAYLOAD else _TOO_LARGE


def _few(skipped: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    more = len(skipped) - MOST_SKIPPED
    few: list[Mapping[str, str]] = [
        {k: _text(v) for k, v in one.items()} for one in skipped[:MOST_SKIPPED]
    ]
    return [*few, {"reason": f"and {more} more"}] if more > 0 else few


_r = directory_requests.c
_of_directory = of_directory(directory_requests)
_GET = crud.get(directory_requests)
# Those of a directory that was deleted meanwhile go nowhere.
_given = records("given", named(directory_requests))
_INSERT = Statement(
    # SQLAlchemy spells ON CONFLICT alike for both databases.
    insert_or_leave(directory_requests)
    .from_select(
        list(directory_requests.c.keys()),
        select(*_given.c).where(
            directories.c.organization_id == _given.c.organization_id,
            directories.c.id == _given.c.directory_id,
        ),
    )
    # Written before, by a transaction whose end we did not see.
    .on_conflict_do_nothing()
)
_ERASE = Statement(
    update(directory_requests)
    .where(*_of_directory, _r.resource_id.in_(json_values(GIVEN)))
    .values(
        payload=null(),
        query=literal_column("''"),
        skipped=null(),
        # It may name the person, and still says that the request was refused.
        error=case((_r.error != literal_column("''"), literal_column("'…'")), else_=_r.error),
    )
)
prune = pruning.Prune(_r.create_time, keep=KEPT_DAYS * DAY)


@functools.cache
def _list(direction: str, *, failed: bool, of_resource: bool) -> Statement:
    keys = select(_r.id).where(*_of_directory)
    if failed:
        keys = keys.where(_r.error != literal_column("''"))
    if of_resource:
        keys = keys.where(_r.resource_id == bindparam("p_resource_id"))
    one = pages.few(pages.part(keys, _r.id, direction))
    backward = direction == "backward"
    return Statement(
        select(directory_requests)
        .join(one, one.c.id == _r.id)
        .where(*_of_directory)
        .order_by(pages.order(_r.id, backward=backward))
    )
