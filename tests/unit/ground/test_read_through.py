"""Reads through a memory: never old, never made twice at a time, bounded, no error kept."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.db import ttl_cache
from tenantry.db.ttl_cache import TtlCache

SECONDS = 0.9


class Clock:
    """The time that `ReadThrough` goes by."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


class Source:
    """A source of reads: it counts, takes its time and fails as a test says."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.values = {}
        self.reads = []  # of all: keys, when it began, what it found
        self.under_way = []
        self.problem = None
        self.slow = False

    async def read(self, keys):
        found = {key: self.values[key] for key in keys if key in self.values}
        one = SimpleNamespace(
            keys=list(keys), at=self.clock.now, found=found, gate=asyncio.Event(), problem=None
        )
        self.reads.append(one)
        if self.slow:
            self.under_way.append(one)
            await one.gate.wait()
        if problem := one.problem or self.problem:
            raise problem
        return found


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(ttl_cache, "time", clock)
    return clock


@pytest.fixture
def source(clock):
    return Source(clock)


@pytest.fixture
def memory(source):
    return TtlCache(source.read, seconds=SECONDS, most=10, absent=3, at_once=5)


async def turns():
    """Let all that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_one_turn_misses_is_one_read(memory, source):
    source.values = {"a": 1, "b": 2}
    assert await asyncio.gather(*map(memory.get, "abcabc")) == [1, 2, None] * 2
    assert [one.keys for one in source.reads] == [["a", "b", "c"]]
    assert await asyncio.gather(*map(memory.get, "abc")) == [1, 2, None]
    assert len(source.reads) == 1


async def test_a_read_takes_so_many_keys_and_no_more(memory, source):
    await asyncio.gather(*map(memory.get, "abcdefgh"))
    assert [one.keys for one in source.reads] == [[*"abcde"], [*"fgh"]]


async def test_its_age_counts_from_before_the_read(memory, source, clock):
    source.values, source.slow = {"a": 1}, True
    asked = asyncio.create_task(memory.get("a"))
    await turns()
    clock.now += SECONDS + 0.01
    source.under_way[0].gate.set()
    assert await asked == 1
    source.slow = False
    source.values = {"a": 2}
    assert await memory.get("a") == 2


async def test_one_that_comes_late_to_a_slow_read_gets_one_of_its_own(memory, source, clock):
    source.slow = True
    asked = []
    for _ in range(3):
        asked.append(asyncio.create_task(memory.get("a")))
        await turns()
        clock.now += SECONDS / 2 + 0.01
    assert len(source.reads) == 2
    # The later one ends first; the earlier does not take its place.
    source.under_way[1].found["a"] = "new"
    source.under_way[0].found["a"] = "old"
    source.under_way[1].gate.set()
    await turns()
    source.under_way[0].gate.set()
    assert await asyncio.gather(*asked) == ["old", "old", "new"]
    assert await memory.get("a", since=source.reads[1].at) == "new"


async def test_the_moment_that_is_asked_for_decides(memory, source, clock):
    await memory.get("a")
    await memory.get("a", since=clock.now)
    assert len(source.reads) == 1
    clock.now += 0.1
    await memory.get("a", since=clock.now)
    assert len(source.reads) == 2


async def test_keys_that_belong_together_are_read_together(memory, source, clock):
    source.values = {"a": 1, "b": 2}
    assert await memory.get_together("a", "b", "c") == [1, 2, None]
    assert await memory.get_together("a", "b") == [1, 2]
    clock.now += SECONDS / 2
    assert await memory.get("a", since=clock.now) == 1
    clock.now += SECONDS / 2 + 0.01
    source.values = {"a": 3, "b": 4}
    assert await memory.get("a") == 1
    assert await memory.get_together("a", "b") == [3, 4]
    assert await memory.get("a") == 3
    assert [one.keys for one in source.reads] == [["a", "b", "c"], ["a"], ["a", "b"]]


async def test_one_that_goes_away_ends_it_for_nobody_else(memory, source):
    source.values, source.slow = {"a": 1}, True
    first, second = (asyncio.create_task(memory.get("a")) for _ in range(2))
    await turns()
    first.cancel()
    source.under_way[0].gate.set()
    assert await second == 1
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_an_error_is_for_those_that_wait_and_is_not_remembered(memory, source):
    source.values, source.problem = {"a": 1}, OSError()
    problems = await asyncio.gather(*map(memory.get, "aab"), return_exceptions=True)
    assert problems == [source.problem] * 3
    assert len(memory) == 0
    source.problem = None
    assert await memory.get("a") == 1


@pytest.mark.parametrize("forget", [TtlCache.forget, lambda memory, _: memory.forget_all()])
async def test_what_is_forgotten_while_it_is_read_is_not_remembered(memory, source, forget):
    source.values, source.slow = {"a": 1}, True
    first = asyncio.create_task(memory.get("a"))
    await turns()
    source.values = {"a": 2}
    forget(memory, "a")
    later = asyncio.create_task(memory.get("a"))
    await turns()
    for one in source.under_way:
        one.gate.set()
    assert (await first, await later) == (1, 2)
    assert await memory.get("a") == 2
    assert len(source.reads) == 2


async def test_a_key_that_waits_to_be_read_is_read_once_though_it_is_forgotten(memory, source):
    first = asyncio.create_task(memory.get("a"))
    await asyncio.sleep(0)
    memory.forget("a")
    second = asyncio.create_task(memory.get("a"))
    assert await asyncio.gather(first, second) == [None, None]
    assert [one.keys for one in source.reads] == [["a"]]


async def test_keys_without_a_value_push_out_no_value(memory, source):
    source.values = {number: str(number) for number in range(20)}
    for number in range(20):
        await memory.get(number)
    for number in range(100, 200):
        await memory.get(number)
    assert len(memory) == 10 + 3
    before = len(source.reads)
    for number in (*range(10, 20), 197, 198, 199):
        await memory.get(number)
    assert len(source.reads) == before
    await memory.get(9)
    await memory.get(10)  # the first that was read
    assert len(source.reads) == before + 2


async def test_without_room_for_them_absent_keys_are_read_each_time(source):
    memory = TtlCache(source.read, seconds=SECONDS, most=1)
    assert await memory.get("a") is None
    source.values = {"a": 1}
    assert await memory.get("a") == 1


KEYS = st.sampled_from("abcd")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("get"), KEYS, st.none() | st.sampled_from([0.0, 0.2, 3.0])),
        st.tuples(st.just("change"), KEYS, st.booleans()),
        st.tuples(st.just("forget"), KEYS),
        st.tuples(st.just("wait"), st.sampled_from([0.1, 0.5, 1.0])),
        st.tuples(st.just("turn")),
        st.tuples(st.just("end"), st.integers(0, 5), st.booleans()),
    ),
    max_size=60,
)


@given(STEPS, st.integers(1, 3), st.integers(0, 2), st.integers(1, 3))
def test_no_answer_is_older_than_it_may_be(steps, most, absent, at_once):
    clock = Clock()
    with mock.patch.object(ttl_cache, "time", clock):
        asyncio.run(Trial(clock, most, absent, at_once).run(steps))


class Trial:
    """Steps in any order; each answer has to be one that a read found which was not too old."""

    def __init__(self, clock, most, absent, at_once) -> None:
        self.clock, self.most, self.at_once = clock, most + absent, at_once
        self.source = Source(clock)
        self.source.slow = True
        self.memory = TtlCache(
            self.source.read, seconds=SECONDS, most=most, absent=absent, at_once=at_once
        )
        self.asked = []
        self.forgotten = dict.fromkeys("abcd", 0)  # of each key, how many reads had begun by then
        self.changes = 0

    async def run(self, steps):
        for name, *values in steps:
            await getattr(self, name)(*values)
            assert len(self.memory) <= self.most
        await turns()
        while self.source.under_way:
            await self.end(0, well=True)
        answers = await asyncio.gather(*(one.task for one in self.asked), return_exceptions=True)
        for one, answer in zip(self.asked, answers, strict=True):
            self.check(one, answer)
        assert all(len(set(one.keys)) == len(one.keys) <= self.at_once for one in self.source.reads)
        self.source.slow = False
        self.clock.now += SECONDS + 0.01
        for key in "abcd":
            assert await self.memory.get(key) == self.source.values.get(key)

    async def get(self, key, ago):
        oldest = self.clock.now - (SECONDS if ago is None else ago)
        task = asyncio.create_task(self.memory.get(key, since=None if ago is None else oldest))
        begun = self.forgotten[key]
        self.asked.append(SimpleNamespace(key=key, oldest=oldest, begun=begun, task=task))
        await asyncio.sleep(0)

    async def change(self, key, there):
        self.changes += 1
        self.source.values.pop(key, None)
        if there:
            self.source.values[key] = self.changes

    async def forget(self, key):
        self.memory.forget(key)
        self.forgotten[key] = len(self.source.reads)

    async def wait(self, seconds):
        self.clock.now += seconds

    async def turn(self):
        await turns()

    async def end(self, index, well):
        """End one of the reads that are under way, well or with an error."""
        if index < len(self.source.under_way):
            one = self.source.under_way.pop(index)
            one.problem = None if well else OSError()
            one.gate.set()
        await turns()

    def check(self, asked, answer):
        good = [
            one
            for one in self.source.reads[asked.begun :]
            if asked.key in one.keys and one.at >= asked.oldest
        ]
        if isinstance(answer, OSError):
            assert any(one.problem is answer for one in good)
        else:
            assert answer in [one.found.get(asked.key) for one in good if one.problem is None]
