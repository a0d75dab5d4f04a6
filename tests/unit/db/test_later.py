"""Notes that are written a second later: what one of them is does not matter to the others."""

from __future__ import annotations

import pytest

from tenantry.core import errors
from tenantry.db.engine import Unavailable
from tenantry.db.writes import write_behind
from tenantry.db.writes.write_behind import WriteBehindBuffer

MANY = 500


class Table:
    """Takes notes, and none with a value that it refuses."""

    def __init__(self, *refused: int) -> None:
        self.refused = set(refused)
        self.fails: list[Exception] = []
        self.rows: dict[str, int] = {}
        self.writes = 0

    async def write(self, noted: dict[str, int]) -> None:
        self.writes += 1
        if self.fails:
            raise self.fails.pop()
        if self.refused & set(noted.values()):
            raise errors.InvalidArgument("refused")
        self.rows |= noted


def noted(table, number):
    later = WriteBehindBuffer(table.write, name="numbers", at_once=MANY)
    for n in range(number):
        later.add(f"{n:06}", n)
    return later


@pytest.mark.parametrize("refused", [(), (0,), (250,), (499, 500), (3, 333, 666), (999,)])
async def test_one_that_is_refused_is_lost_alone(refused, caplog):
    table = Table(*refused)
    later = noted(table, 2 * MANY)
    await later.close()
    assert sorted(table.rows.values()) == [n for n in range(2 * MANY) if n not in refused]
    assert later.waiting == 0
    assert [record.message for record in caplog.records] == ["lost a write of numbers"] * len(
        refused
    )
    assert table.writes <= 2 + 2 * 9 * len(refused)


@pytest.mark.parametrize("fails", [Unavailable("away"), OSError(), ValueError("a fault of ours")])
async def test_all_wait_while_it_is_no_fault_of_theirs(fails, caplog):
    table = Table(7)
    table.fails = [fails]
    later = noted(table, 10)
    await later.close()
    assert (table.rows, later.waiting) == ({}, 10)
    await later.close()
    assert (len(table.rows), later.waiting) == (9, 0)
    assert caplog.records[0].message == "failed to write numbers, retrying"


async def test_notes_that_were_not_written_are_limited_too(monkeypatch):
    monkeypatch.setattr(write_behind, "MOST", 10)
    rows: dict[str, int] = {}
    is_away = True

    async def write(noted):
        if not is_away:
            rows.update(noted)
            return
        for n in range(5, 15):
            later.add(f"{n:06}", 100 + n)
        raise Unavailable("away")

    later = WriteBehindBuffer(write, name="numbers", at_once=MANY)
    for n in range(10):
        later.add(f"{n:06}", n)
    await later.close()
    assert later.waiting == 10
    is_away = False
    await later.close()
    assert rows == {f"{n:06}": n if n < 5 else 100 + n for n in range(10)}
