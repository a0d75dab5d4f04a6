"""A database that was copied or put back: noticed, and its outgoing work held until told.

It would send again what its original has sent, to the same people and receivers. See
docs/decisions/0011-restored-copies.md.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, select, text, update

from tenantry.core import atomic
from tenantry.core.times import now
from tenantry.db.sql.schema import environment
from tenantry.db.sql.statements import Statement

if TYPE_CHECKING:
    from tenantry.db.engine import Session
    from tenantry.settings import Settings

BEAT_SECONDS = 60.0
_KNOWN_SECONDS = 1.0  # a remembered hold is no older
# A standby that takes over may be behind, by minutes where it lags: no reason to hold.
_BEHIND = 10 * 60 * 1_000_000
_STAMP = "stamp.json"
_COPIED = "the database was copied or moved"
_PUT_BACK = "the database was reset to an earlier state"

_log = logging.getLogger(__name__)
_c = environment.c
_READ = Statement(select(_c.place, _c.beat_time, _c.hold_time, _c.hold_reason))
_HOLD = Statement(
    update(environment)
    .where(_c.hold_time.is_(None))
    .values(hold_time=bindparam("at"), hold_reason=bindparam("why"))
    .returning(_c.id)
)
# The new beat is later than what any data folder has seen: they find nothing put back any more.
_GO = Statement(
    update(environment)
    .where(_c.hold_time.is_not(None))
    .values(hold_time=None, hold_reason=None, beat_time=bindparam("at"))
    .returning(_c.id)
)
_BEAT = Statement(
    update(environment)
    .where(func.coalesce(_c.beat_time, 0) < bindparam("before"))
    .values(beat_time=bindparam("at"))
    .returning(_c.id)
)
_MOVED = Statement(update(environment).values(place=bindparam("place")).returning(_c.id))
# The server, by a number that it got when it was made, and the database in it: the same for
# everybody that connects, and for a standby that takes over.
_PLACE = Statement(
    text(
        "SELECT system_identifier::text || '/' || (SELECT oid FROM pg_database "
        "WHERE datname = current_database())::text AS place FROM pg_control_system()"
    )
)


async def notice(db: Session, settings: Settings) -> None:
    """Hold outgoing work if this database is a copy, or is behind what the data folder has seen.

    Called by each process that would do such work, before it begins.
    """
    place = await _place(db, settings)
    # The stamp first: a beat between the two reads is then later in the row, not in the stamp.
    seen = _seen(settings, db.environment_id)
    row = await db.fetch_one(_READ)
    assert row is not None
    if row["place"] not in {None, place}:
        await hold(db, _COPIED)
    elif seen > (row["beat_time"] or 0) + _BEHIND:
        await hold(db, _PUT_BACK)
    if row["place"] != place:
        await db.fetch_all(_MOVED, place=place)
    if (reason := await held(db)) is not None:
        _log.warning(
            "outgoing email, webhooks, log streams and logout notifications are held; run"
            " `tenantry restore --go` to resume them",
            extra={"fields": {"reason": reason}},
        )


async def beat(db: Session, settings: Settings) -> float:
    """Note that this database is in use, in it and in the data folder; return when to come again.

    A database that is put back while processes run finds itself behind what they have seen.
    """
    seen = _seen(settings, db.environment_id)  # before the row is read, as in `notice`
    row = await db.fetch_one(_READ)
    assert row is not None
    if seen > (row["beat_time"] or 0) + _BEHIND:
        await hold(db, _PUT_BACK)
    at = now()
    await db.fetch_all(_BEAT, before=at - int(BEAT_SECONDS / 2 * 1_000_000), at=at)
    row = await db.fetch_one(_READ)
    assert row is not None
    stamp = {"environment_id": db.environment_id, "beat_time": row["beat_time"]}
    try:
        atomic.write(settings.data_dir / _STAMP, json.dumps(stamp).encode() + b"\n", mode=0o600)
    except OSError as problem:  # a folder that cannot be written has nothing to tell later
        _log.debug("failed to write stamp.json", extra={"fields": {"problem": str(problem)}})
    return BEAT_SECONDS


async def hold(db: Session, reason: str) -> bool:
    """Hold outgoing work from now on; return False where it was held already."""
    _forget(db)
    return await db.fetch_one(_HOLD, at=now(), why=reason) is not None


async def go(db: Session) -> bool:
    """Let outgoing work go; return False where it was not held."""
    _forget(db)
    return await db.fetch_one(_GO, at=now()) is not None


async def held(db: Session) -> str | None:
    """Return why outgoing work is held; None where it is not. A second old at most."""
    known = (db.remembered or {}).get(_KEY)
    if known is not None and known[0] > time.monotonic() - _KNOWN_SECONDS:
        reason: str | None = known[1]
        return reason
    at = time.monotonic()
    row = await db.fetch_one(_READ)
    reason = row["hold_reason"] if row is not None and row["hold_time"] is not None else None
    if db.remembered is not None:
        db.remembered[_KEY] = (at, reason)
    return reason


_KEY = "tenantry.db.copies"


def _forget(db: Session) -> None:
    if db.remembered is not None:
        db.remembered.pop(_KEY, None)


async def _place(db: Session, settings: Settings) -> str:
    if settings.database.startswith("sqlite:"):
        # A file that is copied is another one; VACUUM and a restart leave it.
        path = settings.database.removeprefix("sqlite:///")
        return str((await asyncio.to_thread(os.stat, path)).st_ino)
    try:
        row = await db.fetch_one(_PLACE)
    except Exception as problem:
        if getattr(problem, "sqlstate", "") == "42501":
            return "not to be known"  # this user may not ask: only the stamp tells
        raise
    assert row is not None
    place: str = row["place"]
    return place


def _seen(settings: Settings, environment_id: str) -> int:
    """Return the latest beat of this environment that the data folder has seen."""
    try:
        stamp = json.loads((settings.data_dir / _STAMP).read_bytes())
        return int(stamp["beat_time"]) if stamp["environment_id"] == environment_id else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0
