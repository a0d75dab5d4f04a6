"""Values for the rows that were there before a column was, written in batches: the worker's job.

One process is at it at a time. It walks a table by its key, in transactions of as many rows as take
a moment, and keeps how far it is in that same transaction: killed, another one goes on from there.
A row that a call holds is passed by.

While earlier processes run they write rows without the value, so it begins anew until a pass that
began without them has written all rows. The program reads a missing value in
another way until the migration's `contract()` is made, before which comes one more pass.
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, literal_column, or_, select, text, update
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ClauseElement

from tenantry.core.times import SECOND, now
from tenantry.db import fence
from tenantry.db.revisions import HEAD
from tenantry.db.sql.schema import from_json, schema_steps, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.upgrades import steps

if TYPE_CHECKING:
    from sqlalchemy.sql.compiler import SQLCompiler

    from tenantry.db.engine import Row, Session
    from tenantry.db.upgrades.steps import BackFill

LEASE_SECONDS = 15.0
_IDLE_SECONDS = 60.0
_PASS_SECONDS = 60.0  # between two passes while earlier processes run
_MISSED_SECONDS = 1.0  # where a pass had to leave rows out
# Others wait for a batch where it writes the row that they want, on SQLite in any case.
_SHORT_SECONDS, _LONG_SECONDS = 0.05, 0.1
_FIRST_SIZE, _LEAST, _MOST = 250, 250, 5000  # rows
_COUNTED = 100_000  # rows; of more PostgreSQL is asked for its estimate

_c = schema_steps.c
_IS_BACK_FILL = _c.kind == literal_column(f"'{steps.BACK_FILL}'")
_KNOWN = _c.revision <= literal_column(f"'{HEAD}'")
_THIS = (_c.revision == bindparam("p_revision"), _c.name == bindparam("p_name"))
_MINE = (*_THIS, _c.holder == bindparam("p_holder"))
_NEXT = Statement(
    select(schema_steps)
    .where(_IS_BACK_FILL, _KNOWN, _c.state != steps.DONE)
    .order_by(_c.revision, _c.name)
    .limit(literal_column("1"))
)
_CLAIM = Statement(
    update(schema_steps)
    .where(*_THIS, or_(_c.holder == bindparam("p_holder"), _c.due_time <= bindparam("p_now")))
    .values(holder=bindparam("p_holder"), due_time=bindparam("p_end"), state=steps.RUNNING)
    .returning(schema_steps)
)
_BEGIN = Statement(
    update(schema_steps)
    .where(*_MINE)
    .values(
        start_time=bindparam("p_now"),
        total=bindparam("p_total"),
        alone=bindparam("p_alone"),
        done=0,
        missed=0,
        position=bindparam("p_position"),
    )
    .returning(_c.revision)
)
_ADVANCE = Statement(
    update(schema_steps)
    .where(*_MINE)
    .values(
        position=bindparam("p_position"),
        done=_c.done + bindparam("p_done"),
        missed=_c.missed + bindparam("p_missed"),
        due_time=bindparam("p_end"),
    )
    .returning(_c.revision)
)
_END = Statement(
    update(schema_steps)
    .where(*_MINE)
    .values(
        state=bindparam("p_state"),
        holder=None,
        position=None,
        due_time=bindparam("p_due"),
        end_time=bindparam("p_end_time"),
    )
    .returning(_c.revision)
)
# Those that were done, while their contract was not: an earlier process has come back.
_contracts = schema_steps.alias("contracts")
_AGAIN = Statement(
    update(schema_steps)
    .where(
        _IS_BACK_FILL,
        _KNOWN,
        _c.state == steps.DONE,
        _c.revision > bindparam("p_oldest"),
        ~select(_contracts.c.revision)
        .where(
            _contracts.c.revision == _c.revision,
            _contracts.c.kind == steps.CONTRACT,
            _contracts.c.state != steps.WAITING,
        )
        .exists(),
    )
    .values(state=steps.WAITING, position=None)
    .returning(_c.revision)
)
_ANY = Statement(select(_c.revision).where(_IS_BACK_FILL, _KNOWN).limit(literal_column("1")))
_STEP = Statement(select(schema_steps).where(*_MINE))
_SCHEMA = re.compile(r"\(schema ([0-9]+)\)")


class _Either(ClauseElement):
    """A statement in the words of each database."""

    inherit_cache = False

    def __init__(self, postgresql: str, sqlite: str) -> None:
        self.postgresql = text(postgresql)
        self.sqlite = text(sqlite)


@compiles(_Either, "postgresql")
def _either_postgresql(element: _Either, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.postgresql, **kw)


@compiles(_Either, "sqlite")
def _either_sqlite(element: _Either, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.sqlite, **kw)


# On SQLite nothing tells which version another process has.
_NOBODY = "SELECT '' AS application_name WHERE :below IS NULL"
_RUNNING = Statement(_Either(fence.RUNNING, _NOBODY), is_read=True)


class BackFilling:
    """The job of one process."""

    def __init__(self) -> None:
        self._holder = uuid.uuid4().hex
        self._size = _FIRST_SIZE
        self._known: dict[tuple[str, str], _Walk] = {}

    async def work(self, db: Session) -> float:
        """Do a little; return the seconds to wait: the worker's job."""
        seconds = await self.run(db)
        if seconds is None:
            return 0.0 if await self._again(db) else _IDLE_SECONDS
        return seconds

    async def run(self, db: Session) -> float | None:
        """Write the values of some rows, and return the seconds to wait; None where all have them.

        Raises:
            LookupError: the steps are those of a migration that this program does not know.

        """
        row = await db.fetch_one(_NEXT)
        if row is None:
            return None
        end = _at(LEASE_SECONDS)
        row = await db.fetch_one(_CLAIM, **self._of(row), p_now=now(), p_end=end)
        if row is None:  # another process is at it, or it waits for its next pass
            return LEASE_SECONDS
        walk = await self._walk(row)
        if row["position"] is None:
            await self._begin(db, row, walk)
        try:
            return await self._batch(db, row, walk)
        except _Lost:
            return LEASE_SECONDS

    def _of(self, row: Row) -> dict[str, Any]:
        return {
            "p_revision": row["revision"],
            "p_name": row["name"],
            "p_holder": self._holder,
        }

    async def _walk(self, row: Row) -> _Walk:
        place = (row["revision"], row["name"])
        if place not in self._known:
            declared = await asyncio.to_thread(steps.declared_by, row["revision"])
            self._known[place] = _Walk(declared.back_fills[row["name"]])
        return self._known[place]

    async def _begin(self, db: Session, row: Row, walk: _Walk) -> None:
        """Begin a pass at the first row."""
        total = await db.fetch_one(walk.total)
        assert total is not None
        alone = not await older_running(db, row["revision"])
        await db.fetch_all(
            _BEGIN,
            **self._of(row),
            p_now=now(),
            p_total=total["n"],
            p_alone=alone,
            p_position=walk.first,
        )

    async def _batch(self, db: Session, row: Row, walk: _Walk) -> float:
        start = time.monotonic()
        position = row["position"] or walk.first
        async with db.transaction() as held:
            await held.expect_growth()  # each row by its key, however many the planner expects
            after = {f"a{n}": value for n, value in enumerate(from_json(position))}
            keys = await held.fetch_all(walk.keys, **after, p_take=self._size)
            if keys:
                last = [keys[-1][name] for name in walk.of.key]
                upto = {f"b{n}": value for n, value in enumerate(last)}
                await walk.fill(held, **after, **upto)
                left = await held.fetch_one(walk.left, **after, **upto)
                assert left is not None
                kept = await held.fetch_one(
                    _ADVANCE,
                    **self._of(row),
                    p_position=to_json(last),
                    p_done=len(keys),
                    p_missed=left["n"],
                    p_end=_at(LEASE_SECONDS),
                )
                if kept is None:
                    raise _Lost
        if not keys:
            return await self._end(db, row)
        seconds = time.monotonic() - start
        if seconds < _SHORT_SECONDS:
            self._size = min(self._size * 2, _MOST)
        elif seconds > _LONG_SECONDS:
            self._size = max(self._size // 2, _LEAST)
        return seconds  # half of the time is that of others

    async def _end(self, db: Session, row: Row) -> float:
        """End a pass: it is done, or begins anew."""
        step = await db.fetch_one(_STEP, **self._of(row))
        older = bool(await older_running(db, row["revision"]))
        if step is None:
            return 0.0
        is_done = step["alone"] and not step["missed"] and not older
        pause = _MISSED_SECONDS if step["missed"] else _PASS_SECONDS if older else 0.0
        await db.fetch_all(
            _END,
            **self._of(row),
            p_state=steps.DONE if is_done else steps.WAITING,
            p_due=0 if is_done else _at(pause),
            p_end_time=now() if is_done else None,
        )
        return pause

    async def _again(self, db: Session) -> bool:
        """Let back-fills begin anew that an earlier process has come back beside."""
        if await db.fetch_one(_ANY) is None:
            return False
        found = await older_running(db, HEAD)
        if not found:
            return False
        # Those from before schema 0013 do not say theirs.
        oldest = min(schema[1] if (schema := _SCHEMA.search(name)) else "" for name in found)
        return bool(await db.fetch_all(_AGAIN, p_oldest=oldest))


class _Lost(Exception):
    """Another process has taken the work over: this batch is undone."""


class _Walk:
    """The statements of a back-fill: the rows after one key, up to another."""

    def __init__(self, of: BackFill) -> None:
        self.of = of
        self.first = to_json([""] * len(of.key))
        key = ", ".join(of.key)
        after = ", ".join(f":a{n}" for n in range(len(of.key)))
        upto = ", ".join(f":b{n}" for n in range(len(of.key)))
        some = f"({key}) > ({after}) AND ({key}) <= ({upto}) AND ({of.missing})"
        self.keys = Statement(
            text(
                f"SELECT {key} FROM {of.table} WHERE ({key}) > ({after})"
                f" ORDER BY {key} LIMIT :p_take"
            )
        )
        self.left = Statement(text(f"SELECT count(*) AS n FROM {of.table} WHERE {some}"))
        # A row that a call holds is passed by: to wait for it would be to hold others meanwhile.
        free = f"SELECT {key} FROM {of.table} WHERE {some} FOR NO KEY UPDATE SKIP LOCKED"
        self._read: Statement | None = None
        self._write = Statement(
            _Either(
                f"WITH free AS MATERIALIZED ({free}) UPDATE {of.table} SET {of.values}"
                f" WHERE ({key}) IN (SELECT {key} FROM free)",
                f"UPDATE {of.table} SET {of.values} WHERE {some}",
            )
        )
        if of.computed:
            self._read, self._write = _computing(of, some)
        few = f"SELECT count(*) FROM (SELECT FROM {of.table} LIMIT {_COUNTED}) AS first_rows"
        self.total = Statement(
            _Either(
                f"SELECT greatest(({few}), (SELECT sum(reltuples)::bigint FROM pg_class WHERE oid"
                f" IN (SELECT '{of.table}'::regclass UNION SELECT relid FROM"
                f" pg_partition_tree('{of.table}')))) AS n",
                f"SELECT count(*) AS n FROM {of.table}",
            ),
            is_read=True,
        )

    async def fill(self, held: Session, **bounds: str) -> None:
        """Write the values of the rows between two keys, but for those that a call holds."""
        if self._read is None:
            await held.fetch_all(self._write, **bounds)
            return
        compute, of = self.of.compute, self.of
        assert compute is not None
        rows = [
            [*(row[name] for name in of.key), *(compute(row[name]) for name in of.computed)]
            for row in await held.fetch_all(self._read, **bounds)
        ]
        if rows:
            await held.fetch_all(self._write, p_rows=to_json(rows))


def _computing(of: BackFill, some: str) -> tuple[Statement, Statement]:
    """Return the statement that reads some rows, and the one that writes their computed values."""
    key = ", ".join(of.key)
    sources = ", ".join(f"{source} AS {name}" for name, source in of.computed.items())
    read = f"SELECT {key}, {sources} FROM {of.table} WHERE {some}"
    names = (*of.key, *of.computed)
    cells = ", ".join(f"value ->> {index} AS given_{name}" for index, name in enumerate(names))
    changes = ", ".join([of.values, *(f"{name} = given_{name}" for name in of.computed)])
    this = " AND ".join(f"{name} = given_{name}" for name in of.key)
    write = f"UPDATE {of.table} SET {changes} FROM (SELECT {cells} FROM %s) AS given WHERE {this}"
    return (
        Statement(_Either(f"{read} FOR NO KEY UPDATE SKIP LOCKED", read)),
        Statement(
            _Either(
                write % "jsonb_array_elements(CAST(:p_rows AS jsonb))",
                write % "json_each(:p_rows)",
            )
        ),
    )


async def older_running(db: Session, revision: str) -> list[str]:
    """Return the names of the processes that run and do not know a revision."""
    rows = await db.fetch_all(_RUNNING, below=revision)
    return [row["application_name"] for row in rows]


def _at(seconds: float) -> int:
    return now() + int(seconds * SECOND)
