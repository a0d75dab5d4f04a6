"""Ids: never twice, never smaller than before, and told apart from other texts."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.core import ids
from tenantry.core.ids import EPOCH_MILLISECONDS, NODES, IdGenerator, well_formed

PREFIXES = sorted(
    value
    for name, value in vars(ids).items()
    if name.isupper() and isinstance(value, str) and value.endswith("_")
)


def number(id_):
    return int(id_.partition("_")[2])


def parts(id_):
    """Milliseconds since 1970, node and counter of an id."""
    value = number(id_)
    return (value >> 22) + EPOCH_MILLISECONDS, value >> 12 & NODES - 1, value & 0xFFF


@given(
    st.lists(st.integers(-(10**4), 10**4), min_size=1, max_size=50),
    st.integers(1, 300),
    st.integers(0, 10**6),
)
def test_whatever_the_clock_does_ids_grow(steps, each, node):
    clock = time.time_ns()
    mint = IdGenerator(node, lambda: clock)
    made = []
    for step in steps:
        clock += step * 1_000_000
        made += [number(mint.new("org_")) for _ in range(each)]
    assert all(a < b for a, b in itertools.pairwise(made))
    assert {value >> 12 & NODES - 1 for value in made} == {node % NODES}


@given(st.sets(st.integers(0, NODES - 1), min_size=2, max_size=5), st.integers(1, 200))
def test_processes_never_make_the_same_id(nodes, each):
    clock = time.time_ns()
    mints = [IdGenerator(node, lambda: clock) for node in nodes]
    made = [mint.new("org_") for _ in range(each) for mint in mints]
    assert len(set(made)) == len(made)


def test_an_id_says_when_and_where_it_was_made():
    at = 1_800_000_000_123
    mint = IdGenerator(700, lambda: at * 1_000_000)
    assert parts(mint.new("org_")) == (at, 700, 0)
    assert parts(mint.new("evt_")) == (at, 700, 1)


def test_a_millisecond_with_more_ids_than_it_holds_borrows_from_the_next():
    at = 1_800_000_000_000
    mint = IdGenerator(1, lambda: at * 1_000_000)
    made = [mint.new("org_") for _ in range(10_000)]
    assert len(set(made)) == 10_000
    assert parts(made[-1])[0] == at + 2


def test_ids_sort_as_text_until_2084():
    first = IdGenerator(0).new("org_")
    last = IdGenerator(NODES - 1, lambda: 3_616_000_000_000 * 1_000_000).new("org_")
    assert len(first) == len(last) == len("org_") + 19
    assert first < last
    assert number(last) < 2**63


def test_a_fresh_mint_goes_on_from_the_clock():
    """After a restart the counter begins anew, and the millisecond is another."""
    before = IdGenerator(5).new("org_")
    time.sleep(0.002)
    assert number(IdGenerator(5).new("org_")) > number(before)


@given(st.sampled_from(PREFIXES), st.integers(0, NODES - 1))
def test_an_id_is_well_formed_as_what_it_is_and_nothing_else(prefix, node):
    made = IdGenerator(node).new(prefix)
    assert [p for p in PREFIXES if well_formed(p, made)] == [prefix]
    assert len(made) <= 32


@pytest.mark.parametrize(
    "text",
    [
        *("", "org_", "org", "org_x", "org_1x", "org_ 1", "org_1 ", "org_-1", "org_+1", "org_1.0"),
        *(
            "ORG_1",
            "org-1",
            "usr_1",
            "org_org_1",
            "org_1\n",
            "org_1\0",
            "org_٣",
            "org_²",
            "org_1_0",
        ),
        *("org_" + "1" * 29, "1574966208757764096", "org_0x1", " org_1", "org_１"),
    ],
)
def test_what_is_no_id_is_not_well_formed(text):
    assert not well_formed("org_", text)


@given(st.text(max_size=40) | st.text("0123456789", max_size=40))
def test_only_a_prefix_and_digits_are_an_id(text):
    expected = text.isascii() and text.isdecimal() and len(text) <= 28
    assert well_formed("org_", f"org_{text}") == expected
    assert not well_formed("org_", f"usr_{text}")
    assert not well_formed("org_", text)


def test_no_prefix_begins_another():
    for one, other in itertools.permutations(PREFIXES, 2):
        assert not one.startswith(other)
    assert len(set(PREFIXES)) == len(PREFIXES)
