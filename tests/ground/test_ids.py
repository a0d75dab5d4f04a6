"""Ids are never the same twice and sort by time, whatever the clock does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tenantry import ids

MILLISECOND = 1_000_000  # nanoseconds
NOW = 1_790_000_000_000 * MILLISECOND


@given(st.integers(0, 10**6), st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=200))
def test_each_id_is_greater_than_the_one_before_even_if_the_clock_is_set_back(node, steps):
    clock = iter(NOW + step for step in steps)
    mint = ids.Mint(node, lambda: next(clock))
    made = [mint.new("org_") for _ in steps]
    assert made == sorted(set(made))
    assert all(ids.well_formed("org_", one) for one in made)


def test_more_ids_than_a_millisecond_has_still_differ():
    mint = ids.Mint(1, lambda: NOW)
    made = [mint.new("evt_") for _ in range(10_000)]
    assert made == sorted(set(made))


@given(st.integers(0, ids.NODES - 1), st.integers(0, ids.NODES - 1))
def test_two_processes_never_make_the_same(one, other):
    made = [ids.Mint(node, lambda: NOW).new("org_") for node in (one, other)]
    assert (made[0] == made[1]) == (one == other)


@given(st.integers(1_700_000_000, 3_500_000_000))
def test_every_id_of_the_next_decades_is_equally_long_so_that_text_sorts_like_time(second):
    made = ids.Mint(5, lambda: second * 10**9).new("usr_")
    assert len(made) == len("usr_") + 19


@given(st.text(max_size=40))
def test_only_a_prefix_and_digits_are_an_id(text):
    expected = text.isascii() and text.isdecimal() and len(text) <= 28
    assert ids.well_formed("org_", f"org_{text}") == expected
    assert not ids.well_formed("org_", f"usr_{text}")
