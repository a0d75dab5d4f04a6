"""REST by transcoding: members of the request in its path and query."""

from __future__ import annotations

import pytest

SHAPE = "/trial/shapes/shp_1"


async def shown(ask, query, path=SHAPE):
    """The members of the request that the service got, without those that are empty."""
    answer = await ask("GET", f"{path}?{query}")
    assert answer.status == 200, answer.body
    return said(answer)


def said(answer):
    empty = ("", 0, "0", False, [], {}, "COLOR_UNSPECIFIED")
    shape = answer.json["shape"]
    return {n: v for n, v in shape.items() if v not in empty or n.endswith("_value")}


async def test_a_variable_of_the_path_is_a_member(ask):
    assert await shown(ask, "") == {"id": "shp_1"}
    answer = await ask("GET", "/trial/shapes:named/a%2Fb%20%C3%A9")
    assert said(answer) == {"by_name": "a/b é"}


async def test_a_number_in_the_path_is_a_number(ask):
    answer = await ask("GET", "/trial/numbers/-9223372036854775808")
    assert said(answer) == {"an_int64": "-9223372036854775808"}
    answer = await ask("PUT", "/trial/numbers/9223372036854775807", {"text": "a"})
    assert said(answer) == {"an_int64": "9223372036854775807", "text": "a"}


@pytest.mark.parametrize("verb", ["GET", "PUT"])
@pytest.mark.parametrize("number", ["five", "9223372036854775808", "1.5", "%20", "1%00"])
async def test_a_number_in_the_path_that_is_none_is_named(ask, verb, number):
    answer = await ask(verb, f"/trial/numbers/{number}")
    assert answer.status == 400
    assert number == "1%00" or answer.violations == {"an_int64": "type"}


async def test_a_verb_behind_the_variable_is_another_call(ask):
    answer = await ask("POST", "/trial/shapes/shp_1:refresh")
    assert answer.json["method"] == "refresh"
    assert said(answer) == {"id": "shp_1"}


async def test_more_than_one_route_leads_to_a_call(ask):
    for verb, path, body in [
        ("PUT", "/trial/shapes/shp_1", {}),
        ("POST", "/trial/shapes", {}),
        ("PUT", "/trial/parents/shp_0/shapes/shp_1", {"label_text": "a"}),
        ("PUT", "/trial/named/one", {}),
    ]:
        answer = await ask(verb, path, body)
        assert answer.json["method"] == "store", path
        assert answer.status == 201


@pytest.mark.parametrize(
    ("query", "member", "value"),
    [
        ("text=a+b%20c%2Bd", "text", "a b c+d"),
        ("text=%E2%82%AC%20%F0%9F%90%98", "text", "€ 🐘"),
        ("an_int32=-2147483648", "an_int32", -2147483648),
        ("anInt32=2147483647", "an_int32", 2147483647),
        ("an_int64=9223372036854775807", "an_int64", "9223372036854775807"),
        ("anInt64=-9223372036854775808", "an_int64", "-9223372036854775808"),
        ("a_uint32=1000", "a_uint32", 1000),
        ("aUint64=18446744073709551615", "a_uint64", "18446744073709551615"),
        ("a_double=-1.5e300", "a_double", -1.5e300),
        ("aFloat=0.5", "a_float", 0.5),
        ("a_double=NaN", "a_double", "NaN"),
        ("a_flag=true", "a_flag", True),
        ("aFlag=true", "a_flag", True),
        ("some_bytes=-_-_", "some_bytes", "+/+/"),
        ("someBytes=%2B/%2B/", "some_bytes", "+/+/"),
        ("color=DARK_BLUE", "color", "DARK_BLUE"),
        ("color=2", "color", "DARK_BLUE"),
        ("maybe=", "maybe", ""),
        ("names=a&names=b&names=a", "names", ["a", "b", "a"]),
        ("numbers=1&numbers=-2", "numbers", ["1", "-2"]),
        ("colors=RED&colors=2", "colors", ["RED", "DARK_BLUE"]),
        ("string_value=", "string_value", ""),
        ("stringValue=a", "string_value", "a"),
        ("int32_value=0", "int32_value", 0),
        ("int64_value=-5", "int64_value", "-5"),
        ("bool_value=false", "bool_value", False),
        ("boolValue=true", "bool_value", True),
        ("bytes_value=AAE", "bytes_value", "AAE="),
        ("double_value=2.5", "double_value", 2.5),
        ("int32_values=1&int32Values=2", "int32_values", [1, 2]),
        ("at_time=2026-01-05T14:48:00.5Z", "at_time", "2026-01-05T14:48:00.500Z"),
        ("atTime=2026-01-05T15:48:00%2B01:00", "at_time", "2026-01-05T14:48:00Z"),
        ("for_time=1.5s", "for_time", "1.500s"),
        ("update_mask=some_bytes,inner.label_text", "update_mask", "someBytes,inner.labelText"),
        ("updateMask=someBytes,names", "update_mask", "someBytes,names"),
        ("by_number=5", "by_number", "5"),
        ("byName=", "by_name", ""),
    ],
)
async def test_a_query_parameter_is_a_member(ask, query, member, value):
    got = await shown(ask, query)
    assert got.pop(member, "COLOR_UNSPECIFIED" if member == "color" else "") == value
    assert got.keys() <= {"id"}


@pytest.mark.parametrize(
    ("query", "inner"),
    [
        ("inner.label_text=a", {"label_text": "a"}),
        ("inner.labelText=a&inner.color=RED", {"label_text": "a", "color": "RED"}),
        ("inner.labelText=a&inner.tags=b&inner.tags=c", {"label_text": "a", "tags": ["b", "c"]}),
        (
            "inner.label_text=a&inner.deepest.count=5&inner.deepest.isDeep=false",
            {"label_text": "a", "deepest": {"count": "5", "is_deep": False}},
        ),
    ],
)
async def test_a_member_of_a_member_is_named_with_a_dot(ask, query, inner):
    got = await shown(ask, query)
    wholly = {"color": "COLOR_UNSPECIFIED", "tags": [], **inner}
    assert got["inner"] == wholly


async def test_nested_messages_of_the_same_kind_nest_on(ask):
    got = await shown(ask, "child_shape.childShape.text=deep&child_shape.id=shp_2")
    assert got["child_shape"]["id"] == "shp_2"
    assert got["child_shape"]["child_shape"]["text"] == "deep"


@pytest.mark.parametrize(
    "name",
    [
        *("nonsense", "Text", "text.x", "text.", ".text", ".", "", "inner", "inner.nonsense"),
        *("inner.deepest", "inner.deepest.nonsense", "inner.", "labels", "labels.a", "inners"),
        *("inners.label_text", "inners_by_number.1", "any_object", "any_object.a", "at_time."),
        *(
            "at_time.seconds",
            "string_value.value",
            "update_mask.paths",
            "names.0",
            "label",
            "%C3%A9",
        ),
    ],
)
async def test_an_unknown_query_parameter_is_refused_with_its_name(ask, name):
    answer = await ask("GET", f"{SHAPE}?{name}=1")
    expected = "é" if name == "%C3%A9" else name
    assert answer.violations == {expected: "unknown_field"}
    assert answer.json["message"].startswith(f"{expected}: ")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("an_int32=five", "an_int32"),
        ("an_int32=", "an_int32"),
        ("an_int32=1.5", "an_int32"),
        ("an_int32=2147483648", "an_int32"),
        ("an_int64=9223372036854775808", "an_int64"),
        ("a_uint32=-1", "a_uint32"),
        ("a_uint64=" + "9" * 5000, "a_uint64"),
        ("a_double=1e400", "a_double"),
        ("a_double=x", "a_double"),
        ("a_flag=1", "a_flag"),
        ("a_flag=True", "a_flag"),
        ("a_flag=", "a_flag"),
        ("some_bytes=*", "some_bytes"),
        ("color=red", "color"),
        ("color=-1.5", "color"),
        ("color=99999999999", "color"),
        ("numbers=1&numbers=x", "numbers[1]"),
        ("colors=RED&colors=x", "colors[1]"),
        ("int32_value=x", "int32_value"),
        ("bool_value=yes", "bool_value"),
        ("at_time=yesterday", "at_time"),
        ("for_time=1", "for_time"),
        ("inner.deepest.count=x", "inner.deepest.count"),
        ("inner.color=x", "inner.color"),
    ],
)
async def test_a_query_parameter_of_another_type_is_named(ask, query, field):
    answer = await ask("GET", f"{SHAPE}?{query}")
    assert answer.violations == {field: "type"}
    assert len(answer.body) < 1000


async def test_a_parameter_that_cannot_repeat_is_given_once(ask):
    for query in (
        *("text=a&text=a", "an_int32=1&anInt32=1", "maybe=&maybe="),
        *("bool_value=true&boolValue=true", "inner.label_text=a&inner.labelText=a"),
    ):
        answer = await ask("GET", f"{SHAPE}?{query}")
        assert set(answer.violations.values()) == {"once"}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("by_name=a&by_number=4", "by_number"),
        ("byNumber=4&by_name=", "by_name"),
        ("by_name=a&by_inner.label_text=b", "by_inner"),
        ("inner.label_text=a&inner.one_kind=b&inner.other_kind=c", "inner.other_kind"),
        ("child_shape.by_name=a&child_shape.by_number=1", "child_shape.by_number"),
    ],
)
async def test_two_members_of_a_oneof_in_a_query_are_refused(ask, query, field):
    answer = await ask("GET", f"{SHAPE}?{query}")
    assert answer.violations == {field: "oneof"}


async def test_a_oneof_is_not_given_by_path_and_query(ask):
    answer = await ask("GET", "/trial/shapes:named/one?by_number=4")
    assert answer.violations == {"by_number": "oneof"}


async def test_path_and_query_agree(ask):
    assert await shown(ask, "id=shp_1") == {"id": "shp_1"}
    answer = await ask("GET", f"{SHAPE}?id=shp_2")
    assert answer.violations == {"id": "conflict"}
    answer = await ask("GET", f"{SHAPE}?id=")
    assert answer.violations == {"id": "conflict"}
