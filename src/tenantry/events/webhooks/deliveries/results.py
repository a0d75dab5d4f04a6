"""Results of attempts, written for many at once."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from tenantry.core.times import SECOND, now
from tenantry.db.engine import ForeignKey
from tenantry.db.event_rows.snapshots import Spelled
from tenantry.db.sql.records import named, records, spelled
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.events.webhooks.deliveries.plans import first
from tenantry.events.webhooks.model import (
    FAILED,
    PENDING,
    SUCCEEDED,
    webhook_attempts,
    webhook_deliveries,
    webhook_endpoints,
)
from tenantry.telemetry.metrics import table as metrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tenantry.db.engine import Session
    from tenantry.events.webhooks.deliveries.attempts import Result

JITTER = 0.1  # of the wait, either way
_TRIES = 3

_d, _e = webhook_deliveries.c, webhook_endpoints.c

_ATTEMPT = named(webhook_attempts)
_attempts = records("attempts", _ATTEMPT)
_INSERT = Statement(
    # SQLAlchemy spells ON CONFLICT alike for both databases.
    insert_or_leave(webhook_attempts)
    .from_select(
        [c.name for c in _ATTEMPT],
        # Its delivery may have been deleted meanwhile.
        select(*_attempts.c).where(
            first(select(_d.id).where(_d.id == _attempts.c.delivery_id)).is_not(None)
        ),
    )
    # Written before, by a transaction whose end we did not see.
    .on_conflict_do_nothing()
)

# Outcomes are an object by the deliveries' ids. A worker that lost its claim to another must not
# undo that one's work: attempts tell.
_UPDATE = Spelled(
    postgresql="""
        WITH given AS MATERIALIZED (SELECT CAST(:outcomes AS JSONB) AS each)
        UPDATE webhook_deliveries SET
            state = (SELECT given.each FROM given) -> id ->> 'state',
            due_time = CAST((SELECT given.each FROM given) -> id ->> 'due_time' AS BIGINT),
            last_status = CAST((SELECT given.each FROM given) -> id ->> 'last_status' AS INTEGER),
            end_time = CAST((SELECT given.each FROM given) -> id ->> 'end_time' AS BIGINT)
        WHERE id = ANY(ARRAY(SELECT jsonb_object_keys(given.each) FROM given))
            AND attempts = CAST((SELECT given.each FROM given) -> id ->> 'number' AS INTEGER)
            AND end_time IS NULL
    """,
    sqlite="""
        UPDATE webhook_deliveries SET
            state = json_extract(given.value, '$.state'),
            due_time = json_extract(given.value, '$.due_time'),
            last_status = json_extract(given.value, '$.last_status'),
            end_time = json_extract(given.value, '$.end_time')
        FROM json_each(:outcomes) AS given
        WHERE webhook_deliveries.id = given.key
            AND attempts = json_extract(given.value, '$.number')
            AND end_time IS NULL
    """,
    is_read=False,
)

_of_these = _e.id.in_(json_values(bindparam("ids", type_=Text)))
_WORKING = Statement(
    update(webhook_endpoints)
    .where(_of_these, _e.failing_since.is_not(None))
    .values(failing_since=None)
)
_FAILING = Statement(
    update(webhook_endpoints)
    .where(_of_these, _e.failing_since.is_(None))
    .values(failing_since=bindparam("p_now"))
)


async def write(db: Session, results: Sequence[Result], schedule: Sequence[int]) -> None:
    """Write attempts, and the next state of deliveries by the schedule of waits in seconds."""
    attempts = spelled(_ATTEMPT, [_attempt_row(result) for result in results])
    outcomes = {one.claimed.id: _outcome(one, schedule) for one in results}
    for left in reversed(range(_TRIES)):
        try:
            async with db.transaction() as session:
                await session.expect_growth()
                await session.fetch_all(_INSERT, attempts=attempts)
                await session.fetch_all(_UPDATE, outcomes=to_json(outcomes))
        except ForeignKey:
            # One of the deliveries was deleted at this very moment; now it is seen to be gone.
            if not left:
                raise
        else:
            break
    for one in results:
        _count(one, outcomes[one.claimed.id])


def _count(result: Result, outcome: dict[str, Any]) -> None:
    metrics.ATTEMPT_SECONDS.observe(result.duration / SECOND, _kind(result))
    if outcome["end_time"] is not None:
        ended = metrics.SUCCEEDED if result.succeeded else metrics.FAILED
        age = (outcome["end_time"] - result.claimed.create_time) / SECOND
        metrics.DELIVERY_SECONDS.observe(age, ended)


def _kind(result: Result) -> str:
    if not result.was_sent:
        return "unsent"
    if result.status_code is None:
        return "unanswered"
    return metrics.SUCCEEDED if result.succeeded else "refused"


async def write_health(db: Session, results: Iterable[Result]) -> None:
    """Note which endpoints work again and which have begun to fail, where that is new."""
    works, recovered, failed = set(), set(), set()
    for result in results:
        endpoint = result.claimed.endpoint
        if result.succeeded:
            works.add(endpoint.id)
            if endpoint.failing_since is not None:
                recovered.add(endpoint.id)
        elif endpoint.failing_since is None and not result.claimed.is_test and result.was_sent:
            failed.add(endpoint.id)
    for statement, found in ((_WORKING, recovered), (_FAILING, failed - works)):
        if found:
            await db.fetch_all(statement, ids=to_json(sorted(found)), p_now=now())


def wait_seconds(number: int, schedule: Sequence[int]) -> float | None:
    """Return the wait after the failed attempt of this number, None when it was the last."""
    if number >= len(schedule):
        return None
    return schedule[number] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret


def _attempt_row(result: Result) -> dict[str, Any]:
    return {
        "delivery_id": result.claimed.id,
        "number": result.claimed.number,
        "attempt_time": result.attempt_time,
        "duration": result.duration,
        "status_code": result.status_code,
        "problem": result.problem,
        "response": result.response,
    }


def _outcome(result: Result, schedule: Sequence[int]) -> dict[str, Any]:
    at = now()
    wait = wait_seconds(result.claimed.number, schedule)
    over = result.succeeded or wait is None or result.claimed.body is None
    state = SUCCEEDED if result.succeeded else FAILED if over else PENDING
    return {
        "number": result.claimed.number,
        "state": state,
        "due_time": None if over or wait is None else at + int(wait * 1_000_000),
        "last_status": result.status_code,
        "end_time": at if over else None,
    }
