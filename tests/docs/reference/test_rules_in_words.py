"""The rules of the contract in words and as JSON Schema."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator
from served import SERVICES

from tenantry.api import rules
from tenantry.gen.buf.validate import validate_pb as pb


def told(kind, **given: object):
    """The words for these rules."""
    return rules._of(pb.FieldRules.from_json(json.dumps({kind: given})), "a.b")


@pytest.mark.parametrize(
    ("kind", "given", "words", "good", "bad"),
    [
        ("string", {"min_len": 1, "max_len": 3}, ["1 to 3 characters"], "abc", "abcd"),
        ("string", {"min_len": 1}, ["at least 1 character"], "a", ""),
        ("string", {"max_len": 1}, ["up to 1 character"], "", "ab"),
        ("string", {"len": 2}, ["exactly 2 characters"], "ab", "a"),
        ("string", {"prefix": "org_"}, ["starts with `org_`"], "org_1", "a org_"),
        ("string", {"suffix": ".io"}, ["ends with `.io`"], "a.io", "axio"),
        ("string", {"contains": "+"}, ["contains `+`"], "a+", "a"),
        ("string", {"pattern": r"\A[a-z]+\z"}, [r"matches `\A[a-z]+\z`"], "ab", "a1"),
        ("string", {"in": ["a", "b"]}, ["one of `a`, `b`"], "a", "c"),
        ("string", {"not_in": ["a"]}, ["none of `a`"], "b", "a"),
        ("uint32", {"lte": 30}, ["at most 30"], 30, 31),
        ("int32", {"gt": 0, "lt": 9}, ["more than 0", "less than 9"], 8, 0),
        ("int32", {"gte": 1, "lte": 9}, ["1 to 9"], 1, 10),
        ("repeated", {"min_items": 1, "unique": True}, None, ["a"], ["a", "a"]),
        ("repeated", {"max_items": 1}, ["up to 1 item"], [], [1, 2]),
        ("map", {"max_pairs": 1}, ["up to 1 pair"], {"a": 1}, {"a": 1, "b": 2}),
    ],
)
def test_a_rule_is_told(kind, given, words, good, bad):
    found = told(kind, **given)
    assert words is None or found.words == words
    validator = Draft202012Validator(found.schema)
    assert validator.is_valid(good)
    assert not validator.is_valid(bad)


def test_prefix_and_pattern_hold_together():
    schema = told("string", prefix="org_", pattern="[0-9]$").schema
    assert Draft202012Validator(schema).is_valid("org_1")
    assert not Draft202012Validator(schema).is_valid("org_")
    assert not Draft202012Validator(schema).is_valid("1")


def test_the_parts_of_a_map_are_told():
    part = {"string": {"min_len": 2}}
    found = told("map", keys=part, values=part)
    assert found.words == ["keys at least 2 characters", "values at least 2 characters"]
    assert Draft202012Validator(found.schema).is_valid({"ab": "ab"})
    assert not Draft202012Validator(found.schema).is_valid({"a": "ab"})
    assert not Draft202012Validator(found.schema).is_valid({"ab": "a"})


def test_formats_are_told():
    assert told("string", email=True).schema == {"format": "email"}
    assert told("string", uri=True).words == ["an absolute URI"]


def test_a_rule_without_words_is_an_error():
    with pytest.raises(LookupError, match="tuuid"):
        told("string", tuuid=True)


def test_a_pattern_that_javascript_reads_otherwise_is_an_error():
    with pytest.raises(LookupError, match="ECMA"):
        told("string", pattern="(?i)abc")


def test_what_must_be_sent_is_known():
    required = {
        f"{message.name}.{field.name}"
        for service in SERVICES
        for message in service.file.messages
        for field in message.fields
        if rules.rules_of(field).required
    }
    assert "CreateOrganization.display_name" in required
    assert "SearchOrganizationsRequest.query" in required
    assert "UpdateOrganizationBrandingRequest.source" in required  # 0 is refused
    assert "UpdateOrganization.display_name" not in required
    assert "CreateUser.email" in required  # an empty text does not count
    assert "CreateMembership.inviter_email" not in required
