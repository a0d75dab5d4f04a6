"""The looks of a token: found by one pattern, and no mistyped one passes."""

from __future__ import annotations

import re
import string
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenantry.access.api_tokens import format as format_

SCANNER = re.compile(r"\btnat_[0-9A-Za-z]{49}\b")
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
PREFIXES = st.from_regex(r"[a-z][a-z0-9]{1,14}_", fullmatch=True)


@settings(deadline=None)
@given(PREFIXES)
def test_a_new_token_is_well_formed(prefix):
    token = format_.new(prefix)
    assert token.startswith(prefix)
    assert len(token) == len(prefix) + 49
    assert format_.well_formed(token)


def test_a_scanner_finds_it_in_any_text():
    token = format_.new("tnat_")
    assert SCANNER.findall(f'API_KEY="{token}"\ntnat_short {token}x') == [token]


def test_the_checksum_is_the_crc_of_all_before():
    token = format_.new("tnat_")
    number = 0
    for character in token[-6:]:
        number = number * 62 + BASE62.index(character)
    assert number == zlib.crc32(token[:-6].encode())


@settings(deadline=None)
@given(st.data())
def test_one_wrong_character_is_noticed(data):
    token = format_.new("tnat_")
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from(BASE62 + "_").filter(lambda c: c != token[at]))
    assert not format_.well_formed(token[:at] + other + token[at + 1 :])


@settings(deadline=None)
@given(st.text(max_size=80))
def test_no_other_text_passes(text):
    assert not format_.well_formed(text)


@pytest.mark.parametrize(
    "change", [str.upper, lambda t: t + "\n", lambda t: t[1:], lambda t: t * 2]
)
def test_nearly_a_token_is_none(change):
    assert not format_.well_formed(change(format_.new("tnat_")))


def test_no_two_are_alike_and_all_characters_come():
    tokens = {format_.new("tnat_") for _ in range(2000)}
    assert len(tokens) == 2000
    assert {c for token in tokens for c in token[5:-6]} == set(BASE62)
