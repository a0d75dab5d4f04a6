"""REST by transcoding: what a path, a query and a body say, said once and in every spelling."""

from __future__ import annotations

import base64
import json

import pytest

SHAPE = "/trial/shapes/shp_1"


def said(answer):
    empty = ("", 0, "0", False, [], {}, "COLOR_UNSPECIFIED")
    shape = answer.json["shape"]
    return {n: v for n, v in shape.items() if v not in empty or n.endswith("_value")}


# Path


# Query


@pytest.mark.parametrize(
    "query", ["text=%ff", "text=%ed%a0%80", "%e4=1", "&".join(["names=a"] * 101)]
)
async def test_a_query_that_cannot_be_read_is_refused(ask, query):
    answer = await ask("GET", f"{SHAPE}?{query}")
    assert answer.error["status"] == 400
    assert answer.json["message"].startswith("the query is malformed")


@pytest.mark.parametrize(
    "query", ["text=%00", "label.a=%00", "label.%00=a", "inner.label_text=a%00"]
)
async def test_a_nul_in_a_query_is_refused(ask, query):
    answer = await ask("GET", f"{SHAPE}?{query}")
    assert set(answer.violations.values()) == {"string.nul"}


async def test_a_query_says_what_the_call_takes_beyond_its_message(ask):
    answer = await ask("GET", f"{SHAPE}?label.a=1&label.b=2&label.a=3&verbose=yes&text=x")
    extra = {name: one["values"] for name, one in answer.json["extra"].items()}
    assert extra == {"label.a": ["1", "3"], "label.b": ["2"], "verbose": ["yes"]}
    assert said(answer) == {"id": "shp_1", "text": "x"}
    answer = await ask("GET", f"{SHAPE}?label.=1")
    assert answer.violations == {"label.": "unknown_field"}


async def test_a_call_without_a_body_and_one_with_take_it_too(ask):
    for verb, path, body in [
        ("DELETE", "/trial/doomed/shp_1", None),
        ("PUT", "/trial/parents/shp_0/shapes/shp_1", {"label_text": "a"}),
        ("PUT", SHAPE, {"text": "x"}),
    ]:
        answer = await ask(verb, f"{path}?verbose=true", body)
        assert answer.json["extra"] == {"verbose": {"values": ["true"]}}, answer.body


async def test_a_header_says_it_too_and_a_query_goes_first(ask):
    answer = await ask("DELETE", "/trial/doomed/shp_1", x_verbose="true")
    assert answer.json["extra"] == {"verbose": {"values": ["true"]}}
    answer = await ask("DELETE", "/trial/doomed/shp_1?verbose=false", x_verbose="true")
    assert answer.json["extra"] == {"verbose": {"values": ["false"]}}


async def test_a_header_that_the_call_does_not_take_is_left_aside(ask):
    answer = await ask("GET", SHAPE, **{"x-label.*": "a", "x-label.a": "a", "x-color": "RED"})
    assert answer.json["extra"] == {}
    answer = await ask("POST", "/trial/shapes/shp_1:refresh", x_verbose="true")
    assert answer.json["extra"] == {}


# Body

BODY = {
    "text": "é",
    "an_int32": -1,
    "an_int64": "-9007199254740993",
    "a_uint32": 7,
    "a_uint64": "18446744073709551615",
    "a_float": 0.5,
    "a_double": 1e300,
    "a_flag": True,
    "some_bytes": "+/+/",
    "color": "RED",
    "maybe": "",
    "names": ["a", "b"],
    "numbers": ["1", "2"],
    "colors": ["RED", "DARK_BLUE"],
    "labels": {"a_key": "b", "anotherKey": "c"},
    "inners_by_number": {"-5": {"label_text": "x"}},
    "inner": {"label_text": "y", "deepest": {"count": "3", "is_deep": True}},
    "inners": [{"label_text": "z", "one_kind": "a"}],
    "string_value": "",
    "int32_value": 0,
    "int64_value": "5",
    "bool_value": False,
    "bytes_value": "AA==",
    "double_value": 0.25,
    "at_time": "2026-01-05T14:48:00.000001Z",
    "for_time": "-1.500s",
    "update_mask": "someBytes,inner.labelText",
    "any_object": {"a": [1.0, None, {"b": "c"}], "snake_case": True},
    "int32_values": [1, 2],
    "by_number": "0",
}


def camel_case(value, names):
    """The same with the names of fields in camelCase; the keys of maps stay."""
    if isinstance(value, list):
        return [camel_case(one, names) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {"labels", "inners_by_number", "any_object"}
    return {
        names.get(name, name): one if name in kept else camel_case(one, names)
        for name, one in value.items()
    }


def without_empty(value):
    if isinstance(value, list):
        return [without_empty(one) for one in value]
    if isinstance(value, dict):
        drop = ("COLOR_UNSPECIFIED", [])
        return {n: without_empty(v) for n, v in value.items() if v not in drop}
    return value


@pytest.mark.parametrize("camel", [False, True])
async def test_a_body_says_every_kind_of_member_in_both_spellings(ask, pb, camel):
    messages = (pb.Shape, pb.Inner, pb.Deepest)
    names = {f.name: f.json_name for kind in messages for f in kind.desc().fields}
    body = camel_case(BODY, names) if camel else BODY
    answer = await ask("PUT", SHAPE, body)
    assert answer.status == 201, answer.body
    got = answer.json["shape"]
    assert without_empty(got) == {**BODY, "id": "shp_1", "parent_id": ""}


async def test_numbers_are_taken_as_numbers_and_as_text(ask):
    one = await ask("PUT", SHAPE, {"an_int32": "5", "an_int64": 5, "a_double": "0.5", "color": 1})
    two = await ask("PUT", SHAPE, {"an_int32": 5, "an_int64": "5", "a_double": 0.5, "color": "RED"})
    assert one.json == two.json


async def test_answers_hold_empty_members_but_none_that_are_unset(ask):
    shape = (await ask("PUT", SHAPE, {})).json["shape"]
    assert shape == {
        "id": "shp_1",
        "parent_id": "",
        "text": "",
        "an_int32": 0,
        "an_int64": "0",
        "a_uint32": 0,
        "a_uint64": "0",
        "a_float": 0.0,
        "a_double": 0.0,
        "a_flag": False,
        "some_bytes": "",
        "color": "COLOR_UNSPECIFIED",
        "names": [],
        "numbers": [],
        "colors": [],
        "labels": {},
        "inners_by_number": {},
        "inners": [],
        "int32_values": [],
    }


async def test_an_empty_body_is_an_empty_message(ask):
    answer = await ask("PUT", SHAPE)
    assert said(answer) == {"id": "shp_1"}
    answer = await ask("PATCH", SHAPE)
    assert said(answer) == {"id": "shp_1"}


async def test_a_body_of_one_member_is_that_member_alone(ask):
    answer = await ask("PATCH", SHAPE, {"labelText": "a"})
    assert said(answer) == {
        "id": "shp_1",
        "inner": {"label_text": "a", "color": "COLOR_UNSPECIFIED", "tags": []},
    }
    answer = await ask("PATCH", SHAPE, {"inner": {"label_text": "a"}})
    assert answer.violations == {"inner": "unknown_field"}


async def test_other_members_come_by_query_beside_a_body_of_one(ask):
    answer = await ask("PATCH", f"{SHAPE}?text=x&update_mask=label_text", {"label_text": "a"})
    got = said(answer)
    assert (got["text"], got["update_mask"]) == ("x", "labelText")
    for query in ("inner.label_text=b", "inner=b", "inner.deepest.count=1"):
        answer = await ask("PATCH", f"{SHAPE}?{query}", {"label_text": "a"})
        assert set(answer.violations.values()) == {"unknown_field"}
    # The member of that name within another one is another member.
    answer = await ask("PATCH", f"{SHAPE}?child_shape.inner.label_text=b", {"label_text": "a"})
    assert answer.json["shape"]["child_shape"]["inner"]["label_text"] == "b"


async def test_a_body_may_be_a_list(ask):
    answer = await ask("POST", f"{SHAPE}/inners", [{"label_text": "a"}, {"labelText": "b"}])
    assert answer.status == 200, answer.body
    assert [one["label_text"] for one in answer.json["shape"]["inners"]] == ["a", "b"]
    assert answer.json["shape"]["id"] == "shp_1"
    answer = await ask("POST", f"{SHAPE}/inners", [{"nonsense": 1}])
    assert answer.violations == {"body[0].nonsense": "unknown_field"}
    answer = await ask("POST", f"{SHAPE}/inners", [{"one_kind": "a", "other_kind": "b"}])
    assert answer.violations == {"body[0].other_kind": "oneof"}
    answer = await ask("POST", f"{SHAPE}/inners", {"label_text": "a"})
    assert answer.violations == {"body": "type"}


@pytest.mark.parametrize(
    "body", [b'[],"id":"shp_2"', b"[]}", b"[", b"[NaN]", b"\xff", b"[" * 100_000]
)
async def test_a_list_that_is_no_json_does_not_reach_into_the_message(ask, body):
    answer = await ask("POST", f"{SHAPE}/inners", body, content_type="application/json")
    assert answer.error["status"] == 400


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"nonsense": 1}, "nonsense"),
        ({"inner": {"label_text": "a", "nonsense": 1}}, "inner.nonsense"),
        ({"inner": {"deepest": {"nonsense": 1}}}, "inner.deepest.nonsense"),
        ({"inners": [{}, {"nonsense": 1}]}, "inners[1].nonsense"),
        ({"Text": "a"}, "Text"),
        ({"": "a"}, ""),
        ({"@type": "a"}, "@type"),
        ({"[trial.v1.extension]": 1}, "[trial.v1.extension]"),
        ({"__proto__": {}}, "__proto__"),
        ({"x" * 1000: 1}, "x" * 60 + "…"),
    ],
)
async def test_an_unknown_member_of_a_body_is_refused_with_its_name(ask, body, field):
    answer = await ask("PUT", SHAPE, body)
    assert answer.violations == {field or "": "unknown_field"}
    assert len(answer.body) < 1000


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": 1}, "text"),
        ({"an_int32": "x"}, "an_int32"),
        ({"an_int32": 1.5}, "an_int32"),
        ({"an_int32": 2**31}, "an_int32"),
        ({"an_int64": 2**63}, "an_int64"),
        ({"a_uint32": -1}, "a_uint32"),
        ({"a_flag": "true"}, "a_flag"),
        ({"a_flag": 1}, "a_flag"),
        ({"some_bytes": "*"}, "some_bytes"),
        ({"some_bytes": 5}, "some_bytes"),
        ({"color": "red"}, "color"),
        ({"color": True}, "color"),
        ({"color": 2**31}, "color"),
        ({"colors": ["RED", 2**31]}, "colors[1]"),
        ({"names": "a"}, "names"),
        ({"names": [None]}, "names[0]"),
        ({"names": {"a": "b"}}, "names"),
        ({"labels": {"a": None}}, 'labels["a"]'),
        ({"labels": {"a": 1}}, 'labels["a"]'),
        ({"labels": []}, "labels"),
        ({"inner": "a"}, "inner"),
        ({"inner": []}, "inner"),
        ({"inner": {"deepest": {"count": "x"}}}, "inner.deepest.count"),
        ({"inners": [{"label_text": "a"}, 5]}, "inners[1]"),
        ({"int32_value": "x"}, "int32_value"),
        ({"int32_value": {"value": 5}}, "int32_value"),
        ({"at_time": 5}, "at_time"),
        ({"at_time": "2026-13-01T00:00:00Z"}, "at_time"),
        ({"for_time": "soon"}, "for_time"),
        ({"update_mask": ["text"]}, "update_mask"),
        ({"any_object": []}, "any_object"),
    ],
)
async def test_a_member_of_another_type_is_named(ask, body, field):
    answer = await ask("PUT", SHAPE, body)
    assert answer.violations == {field: "type"}


async def test_a_large_value_of_another_type_is_not_repeated_whole(ask):
    answer = await ask("PUT", SHAPE, {"an_int32": "x" * 100_000})
    assert answer.violations == {"an_int32": "type"}
    assert len(answer.body) < 1000


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"by_name": "a", "by_number": "4"}, "by_number"),
        ({"byNumber": "4", "by_name": ""}, "by_name"),
        ({"by_name": "a", "by_inner": {}}, "by_inner"),
        ({"inner": {"one_kind": "a", "otherKind": "b"}}, "inner.other_kind"),
        ({"inners": [{}, {"one_kind": "a", "other_kind": "b"}]}, "inners[1].other_kind"),
        ({"child_shape": {"by_name": "a", "by_number": 1}}, "child_shape.by_number"),
    ],
)
async def test_two_members_of_a_oneof_in_a_body_are_refused(ask, body, field):
    answer = await ask("PUT", SHAPE, body)
    assert answer.violations == {field: "oneof"}


async def test_a_member_that_is_null_is_not_given(ask):
    body = {"by_name": None, "by_number": "4", "text": None, "inner": None, "names": None}
    answer = await ask("PUT", SHAPE, body)
    assert said(answer) == {"id": "shp_1", "by_number": "4"}


async def test_path_and_body_agree(ask):
    for body in ({"id": "shp_1"}, {"id": ""}, {"id": None}, {}):
        answer = await ask("PUT", SHAPE, body)
        assert said(answer) == {"id": "shp_1"}
    answer = await ask("PUT", SHAPE, {"id": "shp_2"})
    assert answer.violations == {"id": "conflict"}
    answer = await ask("PUT", "/trial/numbers/5", {"an_int64": "5"})
    assert said(answer) == {"an_int64": "5"}
    answer = await ask("PUT", "/trial/numbers/5", {"anInt64": 6})
    assert answer.violations == {"an_int64": "conflict"}


async def test_a_oneof_is_not_given_by_path_and_body(ask):
    answer = await ask("PUT", "/trial/named/one", {"by_number": 4})
    assert answer.violations == {"by_name": "oneof"}
    answer = await ask("PUT", "/trial/named/one", {"by_name": "one"})
    assert said(answer) == {"by_name": "one"}
    answer = await ask("PUT", "/trial/named/one", {"by_name": "two"})
    assert answer.violations == {"by_name": "conflict"}


async def test_a_call_whose_body_is_everything_takes_nothing_by_query(ask):
    answer = await ask("PUT", f"{SHAPE}?text=a", {})
    assert answer.violations == {"text": "unknown_field"}
    answer = await ask("PUT", f"{SHAPE}?nonsense=a", {})
    assert answer.violations == {"nonsense": "unknown_field"}


async def test_a_call_without_a_body_does_not_read_one(ask):
    answer = await ask("POST", "/trial/shapes/shp_1:refresh", {"text": "a"})
    assert said(answer) == {"id": "shp_1"}
    answer = await ask("GET", SHAPE, b"\xff", content_type="text/plain")
    assert said(answer) == {"id": "shp_1"}


async def test_every_broken_rule_is_told(ask):
    body = {"text": "x" * 101, "a_uint32": 1001, "inners": [{}, {"label_text": "a"}, {}]}
    answer = await ask("PUT", SHAPE, body)
    assert answer.violations == {
        "text": "string.max_len",
        "a_uint32": "uint32.lte",
        "inners[0].label_text": "string.min_len",
        "inners[2].label_text": "string.min_len",
    }


async def test_the_key_that_broke_a_rule_is_shown(ask):
    answer = await ask("PUT", SHAPE, {"labels": {"k" * 26: "a"}})
    assert answer.violations == {f'labels["{"k" * 26}"]': "string.max_len"}
    assert "(the key)" in answer.json["message"]


@pytest.mark.parametrize(
    "body",
    [
        {"text": "a\0"},
        {"names": ["a", "b\0"]},
        {"labels": {"a": "\0"}},
        {"labels": {"\0": "a"}},
        {"inner": {"label_text": "\0"}},
        {"inners": [{"label_text": "a", "tags": ["\0"]}]},
        {"string_value": "\0"},
        {"any_object": {"a": [{"b": "\0"}]}},
        {"inners_by_number": {"1": {"label_text": "\0"}}},
    ],
)
async def test_a_nul_anywhere_in_a_body_is_refused(ask, body):
    answer = await ask("PUT", SHAPE, body)
    assert list(answer.violations.values()) == ["string.nul"]
    (field,) = answer.violations
    assert field.startswith(next(iter(body)))


async def test_what_looks_like_an_escaped_nul_is_none(ask):
    answer = await ask("PUT", SHAPE, {"text": "\\u0000"})
    assert said(answer)["text"] == "\\u0000"


async def test_bytes_may_hold_a_nul(ask):
    answer = await ask("PUT", SHAPE, {"some_bytes": base64.b64encode(b"\0").decode()})
    assert said(answer)["some_bytes"] == "AA=="


# Answer


async def test_the_status_of_success_is_what_the_contract_says(ask):
    assert (await ask("PUT", SHAPE, {})).status == 201
    assert (await ask("PATCH", SHAPE)).status == 200


async def test_a_member_may_stand_at_the_top_level_too(ask):
    answer = (await ask("PATCH", f"{SHAPE}?text=x")).json
    assert answer["shape"]["text"] == "x"
    assert {**answer["shape"], "shape": answer["shape"]} == answer


async def test_an_answer_is_json_in_utf8(ask):
    answer = await ask(
        "PUT", SHAPE, json.dumps({"text": "é🐘"}).encode(), content_type="application/json"
    )
    assert answer.headers["content-type"] == "application/json"
    assert '"text":"é🐘"'.encode() in answer.body
    assert answer.headers["etag"] == '"7"'
