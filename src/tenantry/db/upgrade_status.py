"""How far an upgrade is: what `tenantry migrate status` shows, for any schema."""

from __future__ import annotations

import asyncio
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import literal_column, select, text

from tenantry import __version__
from tenantry.core.times import SECOND, now
from tenantry.db import connecting, fence, migrate, schema_versions
from tenantry.db.revisions import FENCE, HEAD, RELEASED
from tenantry.db.sql.schema import schema_history, schema_steps
from tenantry.db.sql.statements import Statement
from tenantry.db.upgrades import steps
from tenantry.db.upgrades.table_locks import UpgradeError

if TYPE_CHECKING:
    from tenantry.db.engine import Database

_NAME = re.compile(r"tenantry (?P<version>\S+) \(schema (?P<schema>\d+)\) (?P<process>.*)")
_ALL = "9999"  # no schema is newer
_RUNNING = Statement(text(fence.RUNNING), is_read=True)
_MADE_BY = Statement(
    select(schema_history.c.program)
    .order_by(schema_history.c.revision.desc())
    .limit(literal_column("1"))
)
_STEPS = Statement(
    select(schema_steps).order_by(schema_steps.c.revision, schema_steps.c.kind, schema_steps.c.name)
)
_BUILDING = Statement(
    text(
        "SELECT coalesce(index_relid::regclass::text, '') AS name, phase, blocks_done AS done,"
        " blocks_total AS total FROM pg_stat_progress_create_index"
        " WHERE datname = current_database()"
    ),
    is_read=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One that is not applied yet."""

    revision: str
    title: str
    older_may_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One that has the database open; "" and None for what nothing tells."""

    name: str
    version: str
    schema: str
    host: str
    connections: int | None
    heard_seconds: int | None


@dataclass(slots=True, kw_only=True)
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

    def shown(self) -> dict[str, Any]:
        return asdict(self)


async def look(url: str) -> Status:
    """Return how far the upgrade of a database is.

    Raises:
        OpenError: it does not answer, or is older than the baseline.

    """
    found = Status()
    async with connecting.connected(url) as database:
        found.floor, found.database_schema = await schema_versions.floor_and_newest(database)
        if found.database_schema is not None:
            made_by = await connecting.asked(database, _MADE_BY)
            found.database_version = made_by["program"] if made_by else None
            found.steps = await _steps(database, postgresql=not url.startswith("sqlite:"))
        found.processes = await _processes(database, url)
    try:
        found.migrations = await asyncio.to_thread(_missing, found.database_schema)
    except UpgradeError as problem:
        raise connecting.OpenError(str(problem)) from problem
    found.next = _next(found)
    return found


def _missing(before: str | None) -> list[Migration]:
    return [
        Migration(
            revision=script.revision,
            title=script.doc.partition("\n")[0],
            older_may_run=script.module.older_may_run,
        )
        for script in migrate.missing(before)
    ]


async def _steps(database: Database, *, postgresql: bool) -> list[Step]:
    building = {}
    if postgresql:
        building = {row["name"]: row for row in await connecting.asked_all(database, _BUILDING)}
    found = []
    for row in await connecting.asked_all(database, _STEPS):
        done, total, phase = row["done"], row["total"], ""
        if row["kind"] == steps.INDEX and row["state"] == steps.RUNNING:
            for name, progress in building.items():
                if name.startswith(row["name"]):
                    done, total, phase = progress["done"], progress["total"], progress["phase"]
        rate = left = None
        if row["kind"] == steps.BACK_FILL and row["start_time"] is not None:
            end = row["end_time"] or now()
            rate = done / max((end - row["start_time"]) / SECOND, 0.001)
            if row["state"] != steps.DONE and rate and total is not None:
                left = int(max(total - done, 0) / rate)
        found.append(
            Step(
                revision=row["revision"],
                kind=row["kind"],
                name=row["name"],
                state=row["state"],
                phase=phase,
                done=done,
                total=total,
                rate=None if rate is None else round(rate, 1),
                seconds_left=left,
            )
        )
    return found


async def _processes(database: Database, url: str) -> list[Process]:
    if url.startswith("sqlite:"):
        path = Path(url.removeprefix("sqlite:///"))
        return [
            Process(name=name, version="", schema="", host="", connections=None, heard_seconds=None)
            for name in fence.running_on_sqlite(path)
        ]
    found = []
    for row in await database.fetch_all(_RUNNING, below=_ALL):
        known = _NAME.match(row["application_name"])
        process = known["process"] if known else row["application_name"]
        if process == fence.process():
            continue  # this command
        found.append(
            Process(
                name=process,
                version=known["version"] if known else "",
                schema=known["schema"] if known else "",
                host=row["host"],
                connections=row["connections"],
                heard_seconds=row["seconds"],
            )
        )
    return found


def _next(found: Status) -> list[str]:
    """Return what the operator does next, a sentence each."""
    if found.floor is not None and found.floor > HEAD:
        made_by = found.database_version or "a later one"
        return [f"this version may not run on this database: run version {made_by}"]
    told = []
    older = [one.name for one in found.processes if one.schema and one.schema < HEAD]
    if found.migrations:
        stops = [one.revision for one in found.migrations if not one.older_may_run]
        beside = older or [one.name for one in found.processes if not one.schema]
        if stops and found.database_schema is not None and beside:
            told.append(
                f"stop {', '.join(beside)}, beside which {', '.join(stops)} may not be made"
            )
        told.append("run `tenantry migrate`, or start this version")
        return told
    waiting = {kind: _unfinished(found, kind) for kind in _KINDS}
    if waiting[steps.INDEX]:
        running = any(one.state == steps.RUNNING for one in waiting[steps.INDEX])
        again = "wait for the indexes; if nobody builds them, " if running else ""
        told.append(f"{again}run `tenantry migrate`, which builds them while calls go on")
    if older:
        told.append(f"stop processes of former versions when you are ready: {', '.join(older)}")
    if waiting[steps.BACK_FILL]:
        told.append("let a server or `tenantry worker` of this version run: it writes the values")
    for one in waiting[steps.CONTRACT]:
        if one.state == steps.RUNNING:
            told.append(
                f"{one.revision}: after its last pass `tenantry migrate` takes the rest away"
            )
        elif one.revision <= RELEASED:
            told.append(
                f"{one.revision}: the next start without former versions takes the rest away"
            )
        else:
            told.append(
                f"{one.revision}: the next release takes the rest away, or now "
                "`tenantry migrate --contract`, after which no former version may run"
            )
    return told or ["nothing to do"]


_KINDS = (steps.INDEX, steps.BACK_FILL, steps.CONTRACT)


def _unfinished(found: Status, kind: str) -> list[Step]:
    return [one for one in found.steps if one.kind == kind and one.state != steps.DONE]
