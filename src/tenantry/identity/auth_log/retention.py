"""How long the log of sign-ins goes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, literal_column, select

from tenantry.core import ids
from tenantry.core.times import DAY, SECOND, now
from tenantry.db.sql.statements import Statement
from tenantry.identity.sign_in.model import UNPROVED, auth_requests

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from tenantry.db.engine import Session

UNPROVED_SECONDS = 3600
_PRUNED_AT_ONCE = 1000

_a = auth_requests.c


def _prune(*which: ColumnElement[bool]) -> Statement:
    some = select(_a.id).where(*which, _a.id < bindparam("p_before")).order_by(_a.id)
    few = some.limit(literal_column(str(_PRUNED_AT_ONCE)))
    return Statement(delete(auth_requests).where(_a.id.in_(few)).returning(_a.id))


_PRUNE, _PRUNE_UNPROVED = _prune(), _prune(UNPROVED)


async def prune(db: Session, *, days: int) -> bool:
    """Delete some requests that began a number of days ago; return whether there may be more."""
    before = ids.at(ids.AUTH_REQUEST, now() - days * DAY)
    return len(await db.fetch_all(_PRUNE, p_before=before)) == _PRUNED_AT_ONCE


async def prune_unproved(db: Session) -> bool:
    """Delete some requests that an hour ago began and nobody proved; whether there may be more.

    Anybody can begin as many as they like.
    """
    before = ids.at(ids.AUTH_REQUEST, now() - UNPROVED_SECONDS * SECOND)
    return len(await db.fetch_all(_PRUNE_UNPROVED, p_before=before)) == _PRUNED_AT_ONCE
