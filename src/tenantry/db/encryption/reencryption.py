"""Re-encrypts all values, with the data key that is active: batch by batch, beside writers.

A pass goes over each table that has encrypted columns, by its primary key. A batch is one
transaction, with the place that it came to; so a process may end at any time, and another one goes
on. A value is replaced where it is still the one that was read, and nothing else of its row
changes.

A writer that has read a row before may put a former value back. So a table is done when a pass that
began after the last of those must have ended has found nothing to do. See
docs/decisions/0036-data-keys.md.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Text, bindparam, case, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as insert_or_change

from tenantry.core.times import SECOND, now
from tenantry.crypto.vault import SURE_SECONDS, SURE_UNBOUND_SECONDS, WrongKey, head_of
from tenantry.db.encryption import key_rows
from tenantry.db.sql.encrypted_columns import binding, bound_columns, encrypted_columns
from tenantry.db.sql.records import records, spelled
from tenantry.db.sql.schema import data_keys, metadata, resealing
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import bound
from tenantry.telemetry.log import warn_rate_limited

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Table

    from tenantry.db.engine import Row, Session

# Tables with encrypted columns, of all packages; a test holds the list against what they say.
TABLES = (
    *("app_connections", "connections", "directories", "email_servers", "federated_sessions"),
    *("interceptors", "mail", "saml_key_pairs", "signing_keys", "totp_registrations"),
    "webhook_endpoints",
)
AT_ONCE = 200  # rows
# From the moment that a data key encrypts until a writer that encrypted with the one before has
# committed: no transaction lives so long.
SETTLED = 120 * SECOND
# The same where a process was stopped meanwhile, with a former key in mind.
ASLEEP = int(SURE_SECONDS) * SECOND + SETTLED
# The same until values without binding are refused: see `SURE_UNBOUND_SECONDS`.
SETTLED_UNBOUND = int(SURE_UNBOUND_SECONDS) * SECOND + SETTLED
PAUSE_SECONDS = 0.02  # between two batches: the calls come first
_IDLE_SECONDS = 10.0
_BUSY_SECONDS = 1.0  # while another process does it
_WORD = "resealing"  # what only one process does at a time

_log = logging.getLogger(__name__)
_r, _d = resealing.c, data_keys.c
_PASSES = Statement(select(resealing))
_note = insert_or_change(resealing).values(bound(resealing))
_NOTE = Statement(
    _note.on_conflict_do_update(
        index_elements=[_r.table_name],
        set_={c.name: _note.excluded[c.name] for c in _r if c.name != "table_name"},
    ).returning(_r.table_name)
)
_ACTIVE_FROM = Statement(select(_d.activate_time).where(_d.version == bindparam("p_version")))


@dataclass(frozen=True, slots=True)
class Pass:
    """How far a pass over one table is; times in microseconds since 1970."""

    table_name: str
    version: int  # of the data key that it encrypts with
    position: str | None  # the primary key of the last row, as JSON
    begin_time: int
    finish_time: int | None = None
    changed: int = 0  # values, in this pass
    unreadable: int = 0  # values, in this pass
    resealed: int = 0  # values, in all passes with this data key

    @property
    def found_nothing(self) -> bool:
        """Whether it is over, and there was nothing to do."""
        return self.finish_time is not None and not self.changed

    def after(self, position: str | None, changed: int, unreadable: int) -> Pass:
        """Return the pass one batch later; it is over without a further position."""
        return Pass(
            self.table_name,
            self.version,
            position,
            self.begin_time,
            now() if position is None else None,
            self.changed + changed,
            self.unreadable + unreadable,
            self.resealed + changed,
        )


@dataclass(frozen=True, slots=True)
class Progress:
    """How far all tables are with one data key; ``of`` their number.

    ``binds`` says whether it binds values to their rows; ``refuses_since`` is when others began to
    be refused, in microseconds since 1970, None while they are read.
    """

    version: int
    resealed: int
    done: int
    of: int
    unreadable: Mapping[str, int]  # values by table
    binds: bool
    refuses_since: int | None

    @property
    def is_done(self) -> bool:
        """Whether no value is left that another key has encrypted."""
        return self.done == self.of


def tables() -> list[Table]:
    """Return the tables that have values to be encrypted anew.

    Raises:
        KeyError: the package of one is not loaded: nothing may be said of all without it.

    """
    return [metadata.tables[name] for name in TABLES]


async def passes(db: Session) -> dict[str, Pass]:
    """Return the last pass over each table."""
    return {row["table_name"]: Pass(**dict(row)) for row in await db.fetch_all(_PASSES)}


async def progress(db: Session) -> Progress:
    """Return how far the values of all tables are encrypted with the data key that is active."""
    version = db.vault.version
    known = await passes(db)
    of_version = [one for one in known.values() if one.version == version]
    since = await _settled(db, version)
    return Progress(
        version,
        sum(one.resealed for one in of_version),
        sum(_is_done(known.get(table.name), version, since) for table in tables()),
        len(tables()),
        {one.table_name: one.unreadable for one in of_version if one.unreadable},
        db.vault.binds,
        db.vault.refuses_since,
    )


async def run(db: Session) -> float:
    """Do one batch; return the seconds to wait until the next."""
    seconds = await batch(db)
    return _IDLE_SECONDS if seconds is None else seconds


async def batch(db: Session, since: int | None = None) -> float | None:
    """Do one batch; return the seconds to wait until the next, None where there is none to do.

    A pass that began before ``since`` is done again; by itself that is a time at which nobody
    encrypts with a former key any more.
    """
    version = db.vault.version
    if not version:
        return None
    from_then = await _settled(db, version) if since is None else since
    todo = _next(await passes(db), version, from_then)
    if todo is None:
        await _refuse_unbound(db)
        return None
    if todo.found_nothing and now() < from_then:
        return min(_IDLE_SECONDS, (from_then - now()) / SECOND)
    async with db.transaction() as session:
        if not await session.alone(_WORD):
            return _BUSY_SECONDS
        # Another process may have come further, or know a key that this one does not.
        await key_rows.read(session)
        todo = _next(await passes(session), session.vault.version, from_then)
        if todo is None:
            return PAUSE_SECONDS
        if todo.finish_time is not None:
            todo = Pass(todo.table_name, todo.version, None, now(), resealed=todo.resealed)
        after = await _reencrypt(session, metadata.tables[todo.table_name], todo)
        await session.fetch_all(
            _NOTE, **{f"p_{c.name}": getattr(after, c.name) for c in resealing.columns}
        )
    return PAUSE_SECONDS


async def _settled(db: Session, version: int) -> int:
    """Return from when on a pass says that no value of a former key is left, nor will be."""
    row = await db.fetch_one(_ACTIVE_FROM, p_version=version)
    active = (row["activate_time"] or 0) if row is not None else 0
    if now() >= active + ASLEEP:
        return active + ASLEEP
    return active + (SETTLED if db.vault.refuses_since is not None else SETTLED_UNBOUND)


async def _refuse_unbound(db: Session) -> None:
    """Let values be refused that are not bound to their rows, once there is none left."""
    if db.vault.refuses_since is not None or not db.vault.binds:
        return
    async with db.transaction() as session:
        await session.serialize(key_rows.DATA_KEYS_LOCK)
        await key_rows.read(session)
        version = session.vault.version
        since, known = await _settled(session, version), await passes(session)
        if (
            session.vault.refuses_since is None
            and session.vault.binds
            and all(_is_done(known.get(table.name), version, since) for table in tables())
        ):
            await key_rows.refuse_unbound(session)


def _is_done(last: Pass | None, version: int, since: int) -> bool:
    return (
        last is not None
        and last.version == version
        and last.found_nothing
        and last.begin_time >= since
    )


def _next(known: Mapping[str, Pass], version: int, since: int) -> Pass | None:
    """Return the pass to go on with: one under way, else one to begin, else one to do again."""
    waiting = None
    for table in tables():
        last = known.get(table.name)
        if last is None or last.version != version:
            return Pass(table.name, version, None, now())
        if not last.found_nothing:
            return last
        if last.begin_time < since and waiting is None:
            waiting = last
    return waiting


async def _reencrypt(db: Session, table: Table, todo: Pass) -> Pass:
    """Look at the next rows of a table, and re-encrypt what another key has encrypted."""
    after = [] if todo.position is None else json.loads(todo.position)
    keys = [column.name for column in table.primary_key]
    given = {f"p_{name}": value for name, value in zip(keys, after, strict=False)}
    head = head_of(todo.version)
    rows = await db.fetch_all(_page(table, is_first=not after), p_head=head, **given)
    new, unreadable = _anew(db, table, rows)
    changed = 0
    if new:
        columns = [column.name for column in encrypted_columns(table, stays=True)]
        written = await db.fetch_all(_replace(table), given=spelled(_pairs(table), new))
        after = {tuple(row[name] for name in keys): row for row in written}
        for one in new:
            row = after.get(tuple(one[name] for name in keys))
            if row is not None:
                done = {one[f"new_{name}"] for name in columns} - {None}
                changed += sum(row[name] in done for name in columns)
    position = None
    if len(rows) == AT_ONCE:
        position = json.dumps([rows[-1][name] for name in keys])
    return todo.after(position, changed, unreadable)


def _anew(db: Session, table: Table, rows: Sequence[Row]) -> tuple[list[dict[str, Any]], int]:
    """Return the keys of rows with their values before and after; and how many values fail."""
    keys = [one.name for one in table.primary_key]
    new, unreadable = [], 0
    for row in rows:
        values: dict[str, str | None] = {}
        for column in encrypted_columns(table, stays=True):
            old = row[column.name]
            values |= {f"old_{column.name}": None, f"new_{column.name}": None}
            if old is None:
                continue
            bound_to = binding(column, row)
            try:
                plain = db.vault.decrypt(old, bound_to)
            except WrongKey:
                unreadable += 1
                fields = {"table": table.name, "column": column.name}
                warn_rate_limited(_log, "no key can decrypt a stored value", table.name, fields)
                continue
            values[f"old_{column.name}"] = old
            values[f"new_{column.name}"] = db.vault.encrypt(plain, bound_to)
        if any(value is not None for value in values.values()):
            new.append({name: row[name] for name in keys} | values)
    return new, unreadable


@cache
def _pairs(table: Table) -> list[Column[Any]]:
    """Return the columns of records of a row's key, and its encrypted values before and after."""
    names = [column.name for column in encrypted_columns(table, stays=True)]
    pairs = [Column(f"{when}_{name}", Text) for name in names for when in ("old", "new")]
    return [*table.primary_key, *pairs]


@cache
def _page(table: Table, *, is_first: bool) -> Statement:
    """Return the next rows by their keys: of the encrypted values those that another key
    encrypted.
    """
    keys, head = list(table.primary_key), bindparam("p_head", type_=Text)
    bound_to = {name for one in encrypted_columns(table, stays=True) for name in bound_columns(one)}
    shown = [*keys, *(table.c[name] for name in sorted(bound_to - {c.name for c in keys}))]
    values = [
        case((func.substr(one, 1, len(head_of(0))) == head, None), else_=one).label(one.name)
        for one in encrypted_columns(table, stays=True)
    ]
    query = select(*shown, *values).order_by(*keys).limit(AT_ONCE)
    if not is_first:
        after = [bindparam(f"p_{key.name}", type_=key.type) for key in keys]
        query = query.where(tuple_(*keys) > tuple_(*after) if len(keys) > 1 else keys[0] > after[0])
    return Statement(query)


@cache
def _replace(table: Table) -> Statement:
    """Return the statement that replaces values which have not changed since they were read.

    One statement for all columns: PostgreSQL checks foreign keys again where a transaction updates
    a row for the second time, and would lock what they refer to after the row.
    """
    given = records("given", _pairs(table))
    values = {
        column: case(
            (column == given.c[f"old_{column.name}"], given.c[f"new_{column.name}"]), else_=column
        )
        for column in encrypted_columns(table, stays=True)
    }
    return Statement(
        update(table)
        .where(*(key == given.c[key.name] for key in table.primary_key))
        .values(values)
        .returning(*table.primary_key, *values)
    )
