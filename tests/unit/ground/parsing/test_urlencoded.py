"""Members of queries and forms, as urllib reads them, and in a time that a stranger may take."""

from __future__ import annotations

import time
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.core import urlencoded

PIECES = ("%", "%4", "%41", "%c3%a9", "%C3", "%zz", "%25", "+", "&", "=", "\\", "\\x41", "é", "a b")


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_it_reads_as_urllib(text):
    def read(reader):
        try:
            return reader()
        except ValueError:
            return "no UTF-8, or too many"

    for errors in ("strict", "replace"):
        of_urllib = read(
            lambda how=errors: parse_qsl(text, keep_blank_values=True, errors=how, max_num_fields=4)
        )
        assert of_urllib == read(lambda how=errors: urlencoded.members(text, most=4, errors=how)), (
            errors
        )
        assert read(lambda how=errors: unquote(text, errors=how)) == read(
            lambda how=errors: urlencoded.decoded(text, how)
        ), errors


@pytest.mark.parametrize("unit", ["%", "%4", "%41", "%41x", "%zz", "%41é", "%c3%a9", "+", "\\"])
def test_a_form_of_a_stranger_holds_the_loop_for_a_moment(unit):
    body = "a=" + unit * (65_000 // len(unit.encode()))
    took = []
    for _ in range(5):
        begun = time.thread_time()
        urlencoded.members(body, most=50)
        took.append(time.thread_time() - begun)
    assert min(took) < 0.1
