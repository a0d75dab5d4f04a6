"""Blanking what events hold of a person, so that the log still proves what it did before.

The hash of the content that was hashed stays in its chain; its salt goes, so that nobody can find
out by it what the content was. The rest of the event is authenticated instead, under our key: so a
blanked event is as safe from hands as any other, and nobody else can pass a change off as one.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, select, update

from tenantry.db.sql.records import named, records, spelled
from tenantry.db.sql.schema import event_columns, events, json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.events.event_log import chain, heads
from tenantry.events.event_log.model import event_log

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.db.engine import Session

_AT_ONCE = 500

_log = logging.getLogger(__name__)

_LEFT = named(events, "id", "before", "after")
_left = records("given", _LEFT)
_SEQUENCED = Statement(
    select(event_log, *event_columns)
    .join(events, events.c.id == event_log.c.event_id)
    .where(event_log.c.event_id.in_(json_values(bindparam("ids", type_=Text))))
)
_BLANK = Statement(
    update(events)
    .where(events.c.id == _left.c.id)
    .values(before=_left.c.before, after=_left.c.after)
    .returning(*event_columns)
)
_ERASED = named(event_log, "event_id", "erasure")
_erased = records("given", _ERASED)
_NOTE = Statement(
    update(event_log)
    .where(event_log.c.event_id == _erased.c.event_id)
    .values(salt="", erasure=_erased.c.erasure)
)


async def blank(db: Session, left: Sequence[Mapping[str, Any]]) -> None:
    """Put into events the rest that stays of them: rows of ``id``, ``before`` and ``after`` (JSON).

    An event that somebody else has changed is blanked too, and stays one that was changed.
    """
    for start in range(0, len(left), _AT_ONCE):
        async with db.transaction() as session:
            await _blank(session, left[start : start + _AT_ONCE])


async def _blank(db: Session, left: Sequence[Mapping[str, Any]]) -> None:
    await db.expect_growth()
    # An event that is being sequenced meanwhile would be hashed as it was before.
    await heads.hold(db)
    macs = chain.ChainMacs(db.vault)
    sequenced = await db.fetch_all(_SEQUENCED, ids=to_json([row["id"] for row in left]))
    intact = {row["event_id"]: row for row in sequenced if macs.is_intact(row, row)}
    for row in sequenced:
        if row["event_id"] not in intact:
            fields = {"event": row["event_id"]}
            _log.error("event was modified before it was erased", extra={"fields": fields})
    redacted = await db.fetch_all(_BLANK, given=spelled(_LEFT, left))
    noted = [
        {
            "event_id": event["id"],
            "erasure": macs.erasure(intact[event["id"]], chain.canonical(event)),
        }
        for event in redacted
        if event["id"] in intact
    ]
    if noted:
        await db.fetch_all(_NOTE, given=spelled(_ERASED, noted))
