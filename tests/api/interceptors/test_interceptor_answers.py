"""Claims that an answer may give a client's token, and those that it may not."""

from __future__ import annotations

import json

import pytest

from tenantry.events.interceptors import answers
from tenantry.events.interceptors.model import PRE_M2M_TOKEN_CREATION
from tenantry.events.interceptors.service import merged


def claims(**given: object):
    body = {"decision": "ALLOW", "response": {"claims": given}}
    return answers.read(json.dumps(body).encode(), PRE_M2M_TOKEN_CREATION)[1].claims


@pytest.mark.parametrize("name", sorted(answers.RESERVED_CLAIMS))
def test_what_makes_a_token_ours_is_not_replaced(name):
    with pytest.raises(answers.Invalid, match=f"response.claims.{name} may not be replaced"):
        claims(**{name: "x"})


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"scope": "a b"}, {"scope": "a b", "scopes": ["a", "b"]}),
        ({"scopes": ["a", "b", "a"]}, {"scope": "a b", "scopes": ["a", "b"]}),
        ({"scope": "a", "scopes": ["b"]}, {"scope": "a", "scopes": ["a"]}),
        ({"scope": ""}, {"scope": "", "scopes": []}),
        ({"aud": "https://a.example"}, {"aud": ["https://a.example"]}),
        ({"aud": ["a", "b"]}, {"aud": ["a", "b"]}),
        ({"custom_claims": {"x": 1}, "tier": "gold"}, {"custom_claims": {"x": 1}, "tier": "gold"}),
        ({}, {}),
    ],
)
def test_scope_and_audience_have_one_form(given, found):
    assert claims(**given) == found


@pytest.mark.parametrize(
    "given",
    [
        {"scope": 1},
        {"scope": ["a"], "aud": "a", "scopes": 1} | {"scope": None},
        {"scopes": "a b"},
        {"scopes": [1]},
        {"scopes": ["a b"]},
        {"scope": 'a"b'},
        {"scope": "é"},
        {"aud": []},
        {"aud": ""},
        {"aud": [""]},
        {"aud": {"a": 1}},
        {"custom_claims": []},
    ],
)
def test_what_has_another_type_is_invalid(given):
    with pytest.raises(answers.Invalid):
        claims(**given)


def test_custom_claims_are_merged_one_by_one():
    before = {"custom_claims": {"a": 1, "b": 1}, "scope": "x"}
    assert merged(before, {"custom_claims": {"b": 2}, "tier": 1}) == {
        "custom_claims": {"a": 1, "b": 2},
        "scope": "x",
        "tier": 1,
    }
