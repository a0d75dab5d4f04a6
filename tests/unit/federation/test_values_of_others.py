"""JSON in attributes of a provider is kept only where a database can keep it."""

from __future__ import annotations

import pytest

from tenantry.identity.connections.oidc.callback import CallbackResponse
from tenantry.identity.federation import attributes, social


@pytest.mark.parametrize(
    ("datatype", "text", "kept"),
    [
        ("OBJECT", '{"a": ["b", 1]}', {"a": ["b", 1]}),
        ("OBJECT", '{"a": "\\ud800"}', None),
        ("OBJECT", '{"a": "\\u0000"}', None),
        ("OBJECT", '{"a": "\\\\u0000"}', {"a": "\\u0000"}),
        ("OBJECT", '{"a":' * 100 + "1" + "}" * 100, None),
        ("OBJECT", "[1]", None),
        ("NUMBER", "7", 7),
        ("NUMBER", "NaN", None),
        ("NUMBER", "1e400", None),
        ("NUMBER", "true", None),
    ],
)
def test_an_attribute_of_a_type_is_strict_json(datatype, text, kept):
    assert attributes._typed(datatype, [text]) == kept


@pytest.mark.parametrize(
    ("user", "names"),
    [
        (
            '{"name": {"firstName": "Ann", "lastName": "Lee"}}',
            {"given_name": "Ann", "family_name": "Lee"},
        ),
        ('{"name": {"firstName": "\\ud800"}}', {}),
        ('{"name": {"firstName": "A\\u0000", "lastName": "Lee"}}', {"family_name": "Lee"}),
        (
            '{"name": {"firstName": "A\\\\u0000", "lastName": {"x": "\\\\u0000"}}}',
            {"given_name": "A\\u0000"},
        ),
        ('{"name": []}', {}),
        ("[" * 500, {}),
    ],
)
def test_a_name_that_a_browser_brings_is_one_that_can_be_kept(user, names):
    assert social._name(CallbackResponse({"user": user})) == names
