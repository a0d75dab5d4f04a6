"""Page tokens: a sealed value comes out, for this list alone, and nobody else can make one."""

from __future__ import annotations

import base64
import json
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tenantry.core import errors
from tenantry.db.sql.page_tokens import PageTokens

KEY = b"k" * 32
TOKENS = PageTokens(KEY)
TEXT = st.text(st.characters(codec="utf-8"))
CHARACTERS = string.ascii_letters + string.digits + "-_+/=.,% \n\0é"


def refused(listing, token, tokens=TOKENS):
    with pytest.raises(errors.InvalidArgument) as problem:
        tokens.decode(listing, token)
    (violation,) = problem.value.violations
    assert violation.field == "page_token"


@given(TEXT, st.booleans(), TEXT, st.none() | st.integers(0, 10**9))
def test_what_was_put_in_comes_out(listing, backward, id_, total):
    token = TOKENS.encode(listing, backward=backward, id_=id_, total=total)
    assert TOKENS.decode(listing, token) == (backward, id_, total)
    assert set(token) <= set(string.ascii_letters + string.digits + "-_")


@pytest.mark.parametrize("id_", ["org_1", "org_15", "org_157", "org_???~~~", "org_>>>"])
def test_a_token_with_any_character_changed_is_refused(id_):
    """Base64 has several spellings for some bytes: none but ours is taken."""
    token = TOKENS.encode("organizations", backward=False, id_=id_)
    for at, there in enumerate(token):
        for other in CHARACTERS.replace(there, ""):
            refused("organizations", token[:at] + other + token[at + 1 :])
    for more in CHARACTERS:
        refused("organizations", token + more)
        refused("organizations", more + token)


@given(st.booleans(), st.integers(0, 2**63), st.data())
def test_a_token_with_anything_more_or_less_is_refused(backward, number, data):
    token = TOKENS.encode("organizations", backward=backward, id_=f"org_{number}")
    at = data.draw(st.integers(0, len(token)))
    more = data.draw(st.text(CHARACTERS, min_size=1, max_size=3))
    refused("organizations", token[:at] + more + token[at:])
    less = data.draw(st.integers(0, len(token) - 1))
    refused("organizations", token[:less])
    refused("organizations", token[less + 1 :])


@given(TEXT, TEXT, TEXT)
def test_a_token_opens_no_other_list(listing, other, id_):
    assume(listing != other)
    refused(other, TOKENS.encode(listing, backward=False, id_=id_))


def test_a_list_and_its_token_are_not_run_together():
    """A part cut off the list's name and put before the id makes another token."""
    token = TOKENS.encode("organizations", backward=False, id_="org_1")
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    moved = raw[:12] + b"s" + raw[12:]
    refused("organization", base64.urlsafe_b64encode(moved).rstrip(b"=").decode())


def test_a_token_of_another_deployment_is_refused():
    token = PageTokens(b"o" * 32).encode("organizations", backward=False, id_="org_1")
    refused("organizations", token)


@given(TEXT | st.text(CHARACTERS))
def test_what_somebody_made_up_is_refused(token):
    refused("organizations", token)


def test_a_token_without_its_code_is_refused():
    for payload in (b"", b'[0,"org_1"]', b"\0" * 12, b"\0" * 12 + b'[0,"org_1"]'):
        refused("organizations", base64.urlsafe_b64encode(payload).rstrip(b"=").decode())


def test_a_token_is_short():
    token = TOKENS.encode("organizations", backward=True, id_="org_1574966208757764096")
    assert len(token) < 64
    assert json.loads(base64.urlsafe_b64decode(token + "==")[12:]) == [1, "org_1574966208757764096"]
