"""Retries of work that failed because of a concurrent change."""

from __future__ import annotations

from typing import TYPE_CHECKING, ParamSpec, TypeVar

from tenantry.core import errors
from tenantry.db.engine import ForeignKey, Unavailable
from tenantry.telemetry.request_context import CURRENT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_T = TypeVar("_T")
_P = ParamSpec("_P")

_LOST = (errors.ConcurrentChange, ForeignKey, Unavailable)
# Noted on the error of a second run, so that nobody further out runs the work a third time.
_RETRIED = "transaction retried"


async def retried(work: Callable[_P, Awaitable[_T]], *arguments: _P.args, **named: _P.kwargs) -> _T:
    """Run work and return its result; run it once more if a concurrent change made it fail.

    That is a deadlock or a serialization failure that the database reports, a row that was deleted
    between a check and the statement that refers to it, or what a service raises as
    `errors.ConcurrentChange`. The second run reads anew, so it either succeeds or finds the reason.
    It only happens while nothing of the first is committed: what a call enqueues is part of its
    transaction and was rolled back with it.
    """
    request = CURRENT.get()
    changed_before = request is not None and request.changed
    if request is not None:
        request.changed = False
    try:
        return await work(*arguments, **named)
    except _LOST as problem:
        if not _is_lost_race(problem) or (request is not None and request.changed):
            raise
        return await _again(work, *arguments, **named)
    finally:
        if request is not None:
            request.changed |= changed_before


async def _again(work: Callable[_P, Awaitable[_T]], *arguments: _P.args, **named: _P.kwargs) -> _T:
    try:
        return await work(*arguments, **named)
    except _LOST as problem:
        problem.add_note(_RETRIED)
        raise


def _is_lost_race(problem: BaseException) -> bool:
    if _RETRIED in getattr(problem, "__notes__", ()):
        return False
    return not isinstance(problem, Unavailable) or problem.answer is errors.ConcurrentChange
