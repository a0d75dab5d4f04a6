"""Work that lost against a concurrent change is run once more, unless it has committed a change."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import bindparam, insert, select

from tenantry.core import errors
from tenantry.db.engine import ForeignKey, OutcomeUnknown, Unavailable, mark_changed
from tenantry.db.sql.schema import tallies
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.retries import retried
from tenantry.telemetry.request_context import CURRENT, RequestContext

LOST = [
    errors.ConcurrentChange(),
    ForeignKey("fk_portal_links__organization_id"),
    Unavailable("deadlock detected", errors.ConcurrentChange),
]
OTHERS = [
    errors.Busy(),
    errors.NotFound("organization"),
    Unavailable("no connection", errors.DatabaseUnavailable),
    OutcomeUnknown(OSError("gone")),
]


class Work:
    """Work that fails by these problems, one after the other, and then succeeds."""

    def __init__(self, *problems: Exception, commits: bool = False) -> None:
        self.problems = list(problems)
        self.commits = commits
        self.runs = 0

    async def __call__(self) -> str:
        self.runs += 1
        if self.commits:
            mark_changed()
        if self.problems:
            raise self.problems.pop(0)
        return "done"


@pytest.fixture
def request_():
    """The request that is being answered."""
    request_context = RequestContext()
    token = CURRENT.set(request_context)
    yield request_context
    CURRENT.reset(token)


@pytest.mark.parametrize("problem", LOST, ids=repr)
async def test_a_lost_race_is_run_once_more(problem):
    work = Work(problem)
    assert await retried(work) == "done"
    assert work.runs == 2


@pytest.mark.parametrize("problem", OTHERS, ids=repr)
async def test_nothing_else_is(problem):
    work = Work(problem)
    with pytest.raises(type(problem)):
        await retried(work)
    assert work.runs == 1


async def test_the_second_loss_is_told():
    work = Work(errors.ConcurrentChange(), ForeignKey("fk_memberships__user_id"))
    with pytest.raises(ForeignKey, match="user not found"):
        await retried(work)
    assert work.runs == 2


async def test_work_within_work_is_not_run_four_times():
    work = Work(*(errors.ConcurrentChange() for _ in range(9)))
    with pytest.raises(errors.ConcurrentChange):
        await retried(lambda: retried(work))
    assert work.runs == 2


async def test_a_request_that_has_committed_something_is_not_run_again(request_):
    work = Work(errors.ConcurrentChange(), commits=True)
    with pytest.raises(errors.ConcurrentChange):
        await retried(work)
    assert work.runs == 1
    assert request_.changed


async def test_what_it_has_committed_before_does_not_count(request_):
    mark_changed()
    work = Work(errors.ConcurrentChange())
    assert await retried(work) == "done"
    assert work.runs == 2
    assert request_.changed


_ADD = Statement(
    insert(tallies).values(name=bindparam("p_name"), slot=0, n=0).returning(tallies.c.name)
)
_HOLD = Statement(
    select(tallies.c.name).where(tallies.c.name == bindparam("p_name")).with_for_update()
)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_deadlock_of_postgresql_is_not_seen(db):
    for name in ("first", "second"):
        await db.fetch_all(_ADD, p_name=name)
    both_hold = asyncio.Barrier(2)
    runs = []

    async def work(*names: str) -> None:
        runs.append(names)
        async with db.transaction() as session:
            await session.fetch_all(_HOLD, p_name=names[0])
            if len(runs) <= 2:
                await both_hold.wait()
            await session.fetch_all(_HOLD, p_name=names[1])

    await asyncio.gather(
        retried(lambda: work("first", "second")), retried(lambda: work("second", "first"))
    )
    assert len(runs) == 3
