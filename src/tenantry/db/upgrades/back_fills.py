"""Values for the rows that were there before a column was, written in batches: the worker's job.

One process is at it at a time. It walks a table by its key, in transactions of as many rows as take
a moment, and keeps how far it is in that same transaction: killed, another one goes on from there.
A row that a call holds is passed by.

While earlier processes run they write rows without the value, so it begins anew until a pass that
began without them has written all rows. The program reads a missing value in another way until the
migration's `contract()` is made, before which comes one more pass.
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from tenantry.core.times import SECOND, now
from tenantry.db import fence
from tenantry.db.event_rows.snapshots import Spelled
from tenantry.db.revisions import HEAD
from tenantry.db.sql.schema import from_json, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.upgrades import steps

if TYPE_CHECKING:
    from tenantry.db.engine import Row, Session

LEASE_SECONDS = 15.0
_IDLE_SECONDS = 60.0
_PASS_SECONDS = 60.0  # between two passes while earlier processes run
_MISSED_SECONDS = 1.0  # where a pass had to leave rows out
# Others wait for a batch where it writes the row that they want, on SQLite in any case.
_SHORT_SECONDS, _LONG_SECONDS = 0.05, 0.1
_LEAST, _MOST = 250, 5000  # rows
_COUNTED = 100_000  # rows; of more PostgreSQL is asked for its estimate
_SCHEMA = re.compile(r"\(schema ([0-9]+)\)")


def _change(values: str, where: str, returning: str = "revision") -> Statement:
    return Statement(text(f"UPDATE schema_steps SET {values} WHERE {where} RETURNING {returning}"))


_KNOWN = f"kind = '{steps.BACK_FILL}' AND revision <= '{HEAD}'"
_THIS = "revision = :revision AND name = :name"
_MINE = f"{_THIS} AND holder = :holder"
_NEXT = Statement(
    text(
        f"SELECT revision, name FROM schema_steps WHERE {_KNOWN} AND state <> '{steps.DONE}'"
        " ORDER BY revision, name LIMIT 1"
    ),
    is_read=True,
)
_STEP = Statement(text(f"SELECT alone, missed FROM schema_steps WHERE {_MINE}"), is_read=True)
_CLAIM = _change(
    f"holder = :holder, due_time = :end, state = '{steps.RUNNING}'",
    f"{_THIS} AND (holder = :holder OR due_time <= :now)",
    "revision, name, position",
)
_BEGIN = _change(
    "start_time = :now, total = :total, alone = :alone, done = 0, missed = 0, position = :position",
    _MINE,
)
_ADVANCE = _change(
    "position = :position, done = done + :done, missed = missed + :missed, due_time = :end", _MINE
)
_END = _change(
    "state = :state, holder = NULL, position = NULL, due_time = :due, end_time = :end", _MINE
)
# Those that were done, while their contract was not: an earlier process has come back.
_AGAIN = _change(
    f"state = '{steps.WAITING}', position = NULL",
    f"{_KNOWN} AND state = '{steps.DONE}' AND revision > :oldest AND revision NOT IN (SELECT"
    f" revision FROM schema_steps WHERE kind = '{steps.CONTRACT}' AND state <> '{steps.WAITING}')",
)

# On SQLite nothing tells which version another process has.
_NOBODY = "SELECT '' AS application_name WHERE :below IS NULL"
_RUNNING = Spelled(postgresql=fence.RUNNING, sqlite=_NOBODY)


class BackFilling:
    """The job of one process."""

    def __init__(self) -> None:
        self._holder = uuid.uuid4().hex
        self._size = _LEAST
        self._known: dict[tuple[str, str], _Walk] = {}

    async def work(self, db: Session) -> float:
        """Do a little; return the seconds to wait: the worker's job."""
        seconds = await self.run(db)
        if seconds is None:
            return 0.0 if await self._again(db) else _IDLE_SECONDS
        return seconds

    async def run(self, db: Session) -> float | None:
        """Write the values of some rows; return the seconds to wait, None where all have them."""
        row = await db.fetch_one(_NEXT)
        if row is None:
            return None
        this = {"revision": row["revision"], "name": row["name"], "holder": self._holder}
        row = await db.fetch_one(_CLAIM, **this, now=now(), end=_at(LEASE_SECONDS))
        if row is None:  # another process is at it, or it waits for its next pass
            return LEASE_SECONDS
        walk = await self._walk(row)
        position = row["position"]
        if position is None:  # a pass begins at the first row
            position = to_json([""] * len(walk.of.key))
            total = await db.fetch_one(walk.total)
            assert total is not None
            begin = {"now": now(), "total": total["n"], "position": position}
            alone = not await older_running(db, row["revision"])
            await db.fetch_all(_BEGIN, **this, **begin, alone=alone)
        try:
            return await self._batch(db, this, walk, position)
        except _Lost:
            return LEASE_SECONDS

    async def _walk(self, row: Row) -> _Walk:
        place = (row["revision"], row["name"])
        if place not in self._known:
            declared = await asyncio.to_thread(steps.declared_by, row["revision"])
            self._known[place] = _Walk(declared.back_fills[row["name"]])
        return self._known[place]

    async def _batch(self, db: Session, this: dict[str, Any], walk: _Walk, position: str) -> float:
        start = time.monotonic()
        async with db.transaction() as held:
            await held.expect_growth()  # each row by its key, however many the planner expects
            bounds = {f"a{n}": value for n, value in enumerate(from_json(position))}
            keys = await held.fetch_all(walk.keys, **bounds, p_take=self._size)
            if keys:
                last = [keys[-1][name] for name in walk.of.key]
                bounds |= {f"b{n}": value for n, value in enumerate(last)}
                await walk.fill(held, **bounds)
                left = await held.fetch_one(walk.left, **bounds)
                assert left is not None
                seen = {"position": to_json(last), "done": len(keys), "missed": left["n"]}
                if not await held.fetch_all(_ADVANCE, **this, **seen, end=_at(LEASE_SECONDS)):
                    raise _Lost
        if not keys:
            return await self._end(db, this)
        seconds = time.monotonic() - start
        if seconds < _SHORT_SECONDS:
            self._size = min(self._size * 2, _MOST)
        elif seconds > _LONG_SECONDS:
            self._size = max(self._size // 2, _LEAST)
        return seconds  # half of the time is that of others

    async def _end(self, db: Session, this: dict[str, Any]) -> float:
        """End a pass: it is done, or begins anew."""
        step = await db.fetch_one(_STEP, **this)
        older = await older_running(db, this["revision"])
        if step is None:
            return 0.0
        if step["alone"] and not step["missed"] and not older:
            await db.fetch_all(_END, **this, state=steps.DONE, due=0, end=now())
            return 0.0
        pause = _MISSED_SECONDS if step["missed"] else _PASS_SECONDS if older else 0.0
        await db.fetch_all(_END, **this, state=steps.WAITING, due=_at(pause), end=None)
        return pause

    async def _again(self, db: Session) -> bool:
        """Let back-fills begin anew that an earlier process has come back beside."""
        found = await older_running(db, HEAD)
        schemas = [schema[1] for name in found if (schema := _SCHEMA.search(name))]
        return bool(schemas and await db.fetch_all(_AGAIN, oldest=min(schemas)))


class _Lost(Exception):
    """Another process has taken the work over: this batch is undone."""


class _Walk:
    """The statements of a back-fill: the rows after one key, up to another."""

    def __init__(self, of: steps.BackFill) -> None:
        self.of = of
        key = ", ".join(of.key)
        after = ", ".join(f":a{n}" for n in range(len(of.key)))
        upto = ", ".join(f":b{n}" for n in range(len(of.key)))
        some = f"FROM {of.table} WHERE ({key}) > ({after}) AND ({key}) <= ({upto})"
        some += f" AND ({of.missing})"
        self.keys = Statement(
            text(
                f"SELECT {key} FROM {of.table} WHERE ({key}) > ({after})"
                f" ORDER BY {key} LIMIT :p_take"
            )
        )
        self.left = Statement(text(f"SELECT count(*) AS n {some}"))
        few = f"SELECT count(*) FROM (SELECT FROM {of.table} LIMIT {_COUNTED}) AS first_rows"
        self.total = Spelled(
            postgresql=f"SELECT greatest(({few}), (SELECT sum(reltuples)::bigint FROM pg_class"
            f" WHERE oid IN (SELECT '{of.table}'::regclass UNION SELECT relid FROM"
            f" pg_partition_tree('{of.table}')))) AS n",
            sqlite=f"SELECT count(*) AS n FROM {of.table}",
        )
        # A row that a call holds is passed by: to wait for it would be to hold others meanwhile.
        self._read = Spelled(
            postgresql=f"SELECT {self._columns()} {some} FOR NO KEY UPDATE SKIP LOCKED",
            sqlite=f"SELECT {self._columns()} {some}",
            is_read=False,
        )
        names = (*of.key, *of.computed)
        cells = ", ".join(f"value ->> {index} AS given_{name}" for index, name in enumerate(names))
        changes = ", ".join([of.values, *(f"{name} = given_{name}" for name in of.computed)])
        this = " AND ".join(f"{name} = given_{name}" for name in of.key)
        write = f"UPDATE {of.table} SET {changes} FROM (SELECT {cells} FROM %s) AS g WHERE {this}"
        self._write = Spelled(
            postgresql=write % "jsonb_array_elements(CAST(:p_rows AS jsonb))",
            sqlite=write % "json_each(:p_rows)",
            is_read=False,
        )

    def _columns(self) -> str:
        computed = (f"{source} AS {name}" for name, source in self.of.computed.items())
        return ", ".join((*self.of.key, *computed))

    async def fill(self, held: Session, **bounds: str) -> None:
        """Write the values of the rows between two keys, but for those that a call holds."""
        compute, of = self.of.compute or str, self.of
        rows = [
            [*(row[name] for name in of.key), *(compute(row[name]) for name in of.computed)]
            for row in await held.fetch_all(self._read, **bounds)
        ]
        if rows:
            await held.fetch_all(self._write, p_rows=to_json(rows))


async def older_running(db: Session, revision: str) -> list[str]:
    """Return the names of the processes that run and do not know a revision."""
    rows = await db.fetch_all(_RUNNING, below=revision)
    return [row["application_name"] for row in rows]


def _at(seconds: float) -> int:
    return now() + int(seconds * SECOND)
