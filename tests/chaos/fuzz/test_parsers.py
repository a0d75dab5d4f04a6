"""Some examples of each property, at each test run; `make fuzz` tries them for an hour."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from properties import PROPERTIES
from sampling import examples

# Texts on which a property once failed.
FOUND = [("domains", "example.."), ("queries", (0, "%" * 30_000))]


@pytest.mark.parametrize(("name", "example"), FOUND)
def test_what_was_found_holds_now(name, example):
    PROPERTIES[name].check(example)


@pytest.mark.parametrize("name", PROPERTIES)
def test_whatever_is_written_is_read_or_refused_soon(name):
    one = PROPERTIES[name]

    @given(one.examples)
    @settings(max_examples=examples(40), deadline=None, suppress_health_check=list(HealthCheck))
    def check(example):
        one.check(example)

    check()
