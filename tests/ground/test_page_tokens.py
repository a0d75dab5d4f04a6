"""A page token comes back as it was made, for its own list alone, and unchanged alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry import errors
from tenantry.db.page_tokens import PageTokens

TOKENS = PageTokens(b"k" * 32)


@given(st.text(), st.booleans(), st.text())
def test_what_was_encoded_is_decoded(listing, backward, id_):
    token = TOKENS.encode(listing, backward=backward, id_=id_)
    assert TOKENS.decode(listing, token) == (backward, id_)


@given(st.text(), st.text(), st.text())
def test_it_opens_no_other_list(listing, other, id_):
    token = TOKENS.encode(listing, backward=False, id_=id_)
    if other != listing:
        with pytest.raises(errors.InvalidArgument):
            TOKENS.decode(other, token)


@given(st.data())
def test_a_changed_character_is_found(data):
    token = TOKENS.encode("organizations", backward=False, id_="org_1234567890123456789")
    at = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(st.characters(max_codepoint=126, exclude_characters=token[at]))
    changed = token[:at] + character + token[at + 1 :]
    with pytest.raises(errors.InvalidArgument) as refused:
        TOKENS.decode("organizations", changed)
    assert refused.value.violations[0].field == "page_token"


@given(st.text())
def test_anything_else_is_refused(text):
    with pytest.raises(errors.InvalidArgument):
        TOKENS.decode("organizations", text)


def test_another_deployment_refuses_it():
    token = TOKENS.encode("organizations", backward=False, id_="org_1")
    with pytest.raises(errors.InvalidArgument):
        PageTokens(b"x" * 32).decode("organizations", token)
