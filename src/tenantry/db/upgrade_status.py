"""The progress of an upgrade, as `tenantry migrate status` shows it, for any schema."""

from __future__ import annotations

import asyncio
import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text

from tenantry import __version__
from tenantry.core.times import SECOND, now
from tenantry.db import connecting, fence, migrate, schema_versions
from tenantry.db.revisions import FENCE, HEAD, RELEASED
from tenantry.db.sql.schema import schema_steps
from tenantry.db.sql.statements import Statement
from tenantry.db.sqlite_processes import running
from tenantry.db.upgrades.locks import UpgradeError
from tenantry.db.upgrades.steps import BACK_FILL, CONTRACT, DONE, INDEX, RUNNING

if TYPE_CHECKING:
    from tenantry.db.engine import Database, Row

_NAME = re.compile(r"tenantry (\S+) \(schema (\d+)\) (.*)")
_ALL = "9999"  # no schema is newer
_RUNNING = Statement(text(fence.RUNNING), is_read=True)
_MADE_BY = Statement(text("SELECT program FROM schema_history ORDER BY revision DESC LIMIT 1"))
_s = schema_steps.c
_STEPS = Statement(select(schema_steps).order_by(_s.revision, _s.kind, _s.name))
_BUILDING = Statement(
    text(
        "SELECT coalesce(index_relid::regclass::text, '') AS name, phase, blocks_done AS done,"
        " blocks_total AS total FROM pg_stat_progress_create_index"
        " WHERE datname = current_database()"
    ),
    is_read=True,
)


@dataclass(frozen=True, slots=True)
class Migration:
    """One that is not applied yet."""

    revision: str
    title: str
    older_may_run: bool


@dataclass(frozen=True, slots=True)
class Step:
    """A step; ``rate`` is rows a second, ``seconds_left`` of this pass; None where unknown."""

    revision: str
    kind: str
    name: str
    state: str
    phase: str
    done: int
    total: int | None
    rate: float | None
    seconds_left: int | None


@dataclass(frozen=True, slots=True)
class Process:
    """One that has the database open; "" and None for what nothing tells."""

    name: str
    version: str = ""
    schema: str = ""
    host: str = ""
    connections: int | None = None
    heard_seconds: int | None = None


@dataclass(slots=True)
class Status:
    """All of it. ``floor`` is the schema that a program has to know to run on this database."""

    version: str = __version__
    schema: str = HEAD
    oldest_schema: str = FENCE
    database_schema: str | None = None
    database_version: str | None = None
    floor: str | None = None
    migrations: list[Migration] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    processes: list[Process] = field(default_factory=list)
    next: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


async def look(url: str) -> Status:
    """Return how far the upgrade of a database is.

    Raises:
        OpenError: it does not answer, or is older than the baseline.

    """
    found, file = Status(), connecting.sqlite_file(url)
    async with connecting.connected(url) as database:
        found.floor, found.database_schema = await schema_versions.floor_and_newest(database)
        if found.database_schema is not None:
            made_by = await connecting.asked(database, _MADE_BY)
            found.database_version = made_by["program"] if made_by else None
            asked = connecting.asked_all
            building = await asked(database, _BUILDING) if file is None else []
            found.steps = [_step(row, building) for row in await asked(database, _STEPS)]
        found.processes = [Process(name) for name in running(file)] if file else await _on(database)
    try:
        missing = await asyncio.to_thread(migrate.missing, found.database_schema)
    except UpgradeError as problem:
        raise connecting.OpenError(str(problem)) from problem
    found.migrations = [
        Migration(one.revision, one.doc.partition("\n")[0], one.module.older_may_run)
        for one in missing
    ]
    found.next = _next(found)
    return found


def _step(row: Row, building: Any) -> Step:
    done, total, phase = row["done"], row["total"], ""
    if row["kind"] == INDEX and row["state"] == RUNNING:
        for progress in building:
            if progress["name"].startswith(row["name"]):
                done, total, phase = progress["done"], progress["total"], progress["phase"]
    rate = left = None
    if row["kind"] == BACK_FILL and row["start_time"] is not None:
        seconds = ((row["end_time"] or now()) - row["start_time"]) / SECOND
        rate = done / max(seconds, 0.001)
        if row["state"] != DONE and rate and total is not None:
            left = int(max(total - done, 0) / rate)
        rate = round(rate, 1)
    kind, name, state = row["kind"], row["name"], row["state"]
    return Step(row["revision"], kind, name, state, phase, done, total, rate, left)


async def _on(database: Database) -> list[Process]:
    """Return the processes that have a PostgreSQL database open, but for this command."""
    found = []
    for row in await database.fetch_all(_RUNNING, below=_ALL):
        known = _NAME.match(row["application_name"])
        version, schema, name = known.groups() if known else ("", "", row["application_name"])
        if name != fence.process():
            at = (row["host"], row["connections"], row["seconds"])
            found.append(Process(name, version, schema, *at))
    return found


def _next(found: Status) -> list[str]:
    """Return what the operator does next, a sentence each."""
    if found.floor is not None and found.floor > HEAD:
        made_by = found.database_version or "a later one"
        return [f"this version cannot use this database: run version {made_by}"]
    told = []
    older = [one.name for one in found.processes if one.schema and one.schema < HEAD]
    if found.migrations:
        stops = [one.revision for one in found.migrations if not one.older_may_run]
        beside = ", ".join(older or [one.name for one in found.processes if not one.schema])
        if stops and found.database_schema is not None and beside:
            told.append(f"stop {beside}: {', '.join(stops)} cannot be applied while it runs")
        return [*told, "run `tenantry migrate`, or start this version"]
    indexes, back_fills, contracts = (
        [one for one in found.steps if one.kind == kind and one.state != DONE]
        for kind in (INDEX, BACK_FILL, CONTRACT)
    )
    if indexes:
        building = any(one.state == RUNNING for one in indexes)
        again = "wait for the indexes; if no process builds them, " if building else ""
        told.append(f"{again}run `tenantry migrate`, which builds indexes without blocking calls")
    if older:
        told.append(
            f"stop the processes of previous versions when you are ready: {', '.join(older)}"
        )
    if back_fills:
        told.append("run a server or `tenantry worker` of this version, which fills existing rows")
    for one in contracts:
        if one.state == RUNNING:
            then = "`tenantry migrate` removes the obsolete schema after the last pass"
        elif one.revision <= RELEASED:
            then = "the next start without previous versions removes the obsolete schema"
        else:
            then = (
                "the next release removes the obsolete schema, or `tenantry migrate --contract` "
                "now; then previous versions can no longer run"
            )
        told.append(f"{one.revision}: {then}")
    return told or ["none"]
