"""Counting attempts before they are made.

The kind of attempt and its owner are digested under a Tenantry key: no e-mail address lies here in
clear. Times are those of the process that counts.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, bindparam, case, delete, update
from sqlalchemy.dialects.postgresql import insert as insert_or_update

from tenantry.core import errors
from tenantry.core.times import SECOND, now
from tenantry.db.activity.model import Kind
from tenantry.db.engine import Transaction
from tenantry.db.sql.statements import Statement
from tenantry.db.writes import pruning
from tenantry.identity.attempts.model import attempts
from tenantry.telemetry import request_context

if TYPE_CHECKING:
    from tenantry.db.engine import Session


_a = attempts.c
_NOW = bindparam("p_now", type_=BigInteger)
_first = insert_or_update(attempts).values(
    digest=bindparam("p_digest"), n=1, end_time=bindparam("p_end_time")
)
_is_over = _a.end_time <= _NOW
_COUNT = Statement(
    _first.on_conflict_do_update(
        index_elements=[_a.digest],
        set_={
            "n": case((_is_over, 1), else_=_a.n + 1),
            "end_time": case((_is_over, _first.excluded.end_time), else_=_a.end_time),
        },
    ).returning(_a.n, _a.end_time)
)
_GIVE_BACK = Statement(
    update(attempts).where(_a.digest == bindparam("p_digest"), _a.n > 0).values(n=_a.n - 1)
)
_CLEAR = Statement(delete(attempts).where(_a.digest == bindparam("p_digest")))
prune = pruning.Prune(_a.end_time)


async def take(db: Session, what: str, whose: str, *, most: int, seconds: int) -> None:
    """Count one attempt, which is committed when this returns: look at the secret after that.

    A limited number may be made, however many come at once, until ``seconds`` after the first of
    them. One that is refused does not put off the end.
    """
    assert not isinstance(db, Transaction), "an attempt counts also where the rest is undone"
    n, wait = await count(db, what, whose, seconds=seconds)
    if n > most:
        request_context.count(Kind.RATE_LIMITS, "attempts")
        raise errors.RateLimited(wait, {})


async def count(db: Session, what: str, whose: str, *, seconds: int) -> tuple[int, int]:
    """Count one attempt and return the how many-th it is, and the seconds until the next first.

    For a transaction that has more to note: it must have ended before the secret is looked at.
    """
    at = now()
    end_time = at + seconds * SECOND
    row = await db.fetch_one(
        _COUNT, p_digest=_digest(db, what, whose), p_now=at, p_end_time=end_time
    )
    assert row is not None
    return row["n"], max(1, -(-(row["end_time"] - at) // SECOND))


async def give_back(db: Session, what: str, whose: str) -> None:
    """Take one attempt back: it was not of the limited kind."""
    await db.fetch_all(_GIVE_BACK, p_digest=_digest(db, what, whose))


async def clear(db: Session, what: str, whose: str) -> None:
    """Forget the attempts so far."""
    await db.fetch_all(_CLEAR, p_digest=_digest(db, what, whose))


def _digest(db: Session, what: str, whose: str) -> str:
    given = f"{what}|{whose}".encode(errors="surrogatepass")
    return hmac.digest(db.vault.derive("attempts"), given, "sha256").hex()
