"""Of any request nothing is lost on the way, and nothing but our errors is raised."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from in_process import AsgiClient
from protobuf import (
    DescEnum,
    DescFieldValueEnum,
    DescFieldValueList,
    DescFieldValueMap,
    DescFieldValueMessage,
    DescFieldValueScalar,
    DescMessage,
    ScalarType,
)
from protobuf.wkt import Struct
from repository import SUPPORT
from sampling import examples

from tenantry.api import messages
from tenantry.core import errors

DEPTH = 2
TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
NUMBERS = {
    ScalarType.INT32: st.integers(-(2**31), 2**31 - 1),
    ScalarType.INT64: st.integers(-(2**63), 2**63 - 1),
    ScalarType.UINT32: st.integers(0, 2**32 - 1),
    ScalarType.UINT64: st.integers(0, 2**64 - 1),
    ScalarType.FLOAT: st.floats(width=32, allow_nan=False),
    ScalarType.DOUBLE: st.floats(allow_nan=False),
    ScalarType.BOOL: st.booleans(),
    ScalarType.STRING: TEXT,
    ScalarType.BYTES: st.binary(max_size=8),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=6,
)
# Seconds between the years 1 and 9999, the span of a Timestamp; a Duration is 10000 years long.
MOMENTS = st.tuples(st.integers(-62_135_596_800, 253_402_300_799), st.integers(0, 999_999_999))
FIELD = st.from_regex(r"[a-z]{1,5}(_[a-z]{1,5})?", fullmatch=True)


def messages_of(desc: DescMessage, depth: int) -> st.SearchStrategy:
    """Messages of one kind, each field set or not, one of a oneof at most."""
    match desc.type_name:
        case "google.protobuf.Timestamp":
            return MOMENTS.map(lambda m: desc.type(seconds=m[0], nanos=m[1]))
        case "google.protobuf.Duration":
            return st.integers(-315_576_000_000, 315_576_000_000).map(
                lambda seconds: desc.type(seconds=seconds)
            )
        case "google.protobuf.FieldMask":
            return st.lists(FIELD, max_size=3).map(lambda paths: desc.type(paths=paths))
        case "google.protobuf.Struct":
            return st.dictionaries(TEXT, JSON, max_size=3).map(
                lambda members: Struct.from_json(json.dumps(members))
            )

    @st.composite
    def one(draw):
        message = desc.type()
        taken = set()
        for field in desc.fields:
            oneof = getattr(field.value, "oneof", None)
            if not draw(st.booleans()) or (oneof and oneof.name in taken):
                continue
            value = value_of(field.value, depth)
            if value is None:
                continue
            message[field] = draw(value)
            if oneof:
                taken.add(oneof.name)
        return message

    return one()


def value_of(value: object, depth: int) -> st.SearchStrategy | None:
    match value:
        case DescFieldValueScalar(scalar=kind) | DescFieldValueEnum(enum=kind):
            return element_of(kind, depth)
        case DescFieldValueMessage(message=kind):
            return element_of(kind, depth)
        case DescFieldValueList(element=kind):
            element = element_of(kind, depth)
            return None if element is None else st.lists(element, max_size=3)
        case DescFieldValueMap(key=key, value=kind):
            element = element_of(kind, depth)
            if element is None:
                return None
            return st.dictionaries(NUMBERS[key], element, max_size=2)
    raise AssertionError(value)


def element_of(kind: object, depth: int) -> st.SearchStrategy | None:
    if isinstance(kind, ScalarType):
        return NUMBERS[kind]
    if isinstance(kind, DescEnum):
        return st.sampled_from([kind.type(value.number) for value in kind.values])
    assert isinstance(kind, DescMessage)
    return messages_of(kind, depth - 1) if depth else None


def shapes(pb):
    return messages_of(pb.Shape.desc(), DEPTH)


def tried(number: int = 100) -> settings:
    return settings(
        deadline=None,
        max_examples=examples(number),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


@pytest.mark.parametrize("snake", [True, False])
def test_a_message_comes_back_from_its_json_in_either_spelling(pb, snake):
    @tried()
    @given(shapes(pb))
    def check(shape):
        text = shape.to_json(use_proto_field_name=snake).encode()
        assert messages.from_json(pb.Shape, text) == shape
        whole = shape.to_json(use_proto_field_name=snake, always_emit_implicit=True).encode()
        assert messages.from_json(pb.Shape, whole) == shape

    check()


def test_a_message_comes_back_through_the_door(pb, entry):
    """REST takes its own answers."""
    asgi_client = AsgiClient(entry, authorization="Bearer client")

    @tried()
    @given(shapes(pb))
    def check(shape):
        shape.id = "shp_1"
        body = shape.to_json(use_proto_field_name=True).encode()
        answer = asyncio.run(asgi_client("PUT", "/trial/shapes/shp_1", body))
        if answer.status == 400:  # a rule of the contract, not the transcoder
            assert set(answer.violations.values()) <= RULES
            return
        assert answer.status == 201
        got = json.dumps(answer.json["shape"]).encode()
        assert messages.from_json(pb.Shape, got) == shape

    check()


RULES = {"string.max_len", "string.min_len", "uint32.lte", "string.nul", "map.keys.string.max_len"}


def members_of(desc: DescMessage) -> st.SearchStrategy[str]:
    return st.sampled_from([n for f in desc.fields for n in (f.name, f.json_name)]) | TEXT


def any_json(pb):
    """JSON that is nearly a Shape: the right names, mostly the wrong values."""
    names = members_of(pb.Shape.desc()) | members_of(pb.Inner.desc())
    numbers = st.integers() | st.floats() | st.sampled_from([1e308, -0.0, 2**31, 2**63, 10**400])
    leaves = st.none() | st.booleans() | numbers | TEXT | st.sampled_from(["RED", "AA==", "1.5s"])
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
        max_leaves=12,
    )


def test_any_json_is_a_message_or_an_invalid_argument(pb):
    @tried(300)
    @given(any_json(pb))
    def check(value):
        text = json.dumps(value).encode()  # with NaN and Infinity, as Python spells them
        parsed_or_refused(pb.Shape, text)

    check()


def test_any_bytes_are_a_message_or_an_invalid_argument(pb):
    @tried(300)
    @given(
        st.binary()
        | st.text().map(lambda text: text.encode("utf-8", "surrogatepass"))
        | st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join)
    )
    def check(text):
        parsed_or_refused(pb.Shape, text)

    check()


PIECES = [
    *(b"{", b"}", b"[", b"]", b":", b",", b'"', b'"text"', b'"inner"', b'"names"', b'"at_time"'),
    *(b'"any_object"', b'"labels"', b"null", b"1", b"-1e999", b'"\\ud800"', b'"\\u0000"', b"\\"),
    *(b"\xff", b"\x00", b" ", b"true", b"9" * 400, b'"by_name"', b'"by_number"', b'"child_shape"'),
]


def parsed_or_refused(kind, text):
    try:
        message = messages.from_json(kind, text)
    except errors.InvalidArgument as problem:
        message = problem.message
        assert 0 < len(message) < 1000
        message.encode()
        return
    assert isinstance(message, kind)
    message.to_binary()


DEEP = """
import sys
sys.path.insert(0, {tests!r})
import trial
from pathlib import Path
from tenantry.core import errors
from tenantry.api import messages, validation
pb = trial.load(Path({compiled!r}))
for opening, closing in [
    ('{{"child_shape":', '}}'), ('{{"childShape":', '}}'), ('{{"any_object":{{"a":', '}}}}'),
    ('{{"any_object":{{"a":[', ']}}}}'), ('{{"inners":[', ']}}'), ('[', ']'), ('{{"x":', '}}'),
    ('{{"any_object":', '}}'), ('{{"nonsense":[', ']}}'), ('{{"inner":{{"deepest":', '}}}}'),
]:
    for depth in [1, 2, 10, 20, 21, 22, 31, 32, 33, 62, 63, 64, 65, 99, 100, 101, 500, 100_000]:
        for inner in ['{{}}', 'null', '']:
            for end in [closing, '', '"' + closing, closing + closing]:
                text = opening * depth + inner + end * depth
                try:
                    message = messages.from_json(pb.Shape, text.encode())
                except errors.InvalidArgument as problem:
                    assert len(problem.message) < 1000, problem.message
                else:
                    message.to_json()
                    try:
                        validation.check(message)
                    except errors.InvalidArgument:
                        pass
print("alive")
"""


def test_json_that_nests_deep_ends_nothing_but_itself(pb, tmp_path):
    """In a process of its own: the parser is native code, and would end this one."""
    compiled = Path(pb.__file__).parents[3]
    program = DEEP.format(tests=str(SUPPORT / "deployments"), compiled=str(compiled))
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == "alive\n"


@pytest.mark.parametrize("depth", [64, 65])
def test_brackets_in_text_do_not_nest(pb, depth):
    text = json.dumps({"text": "[{" * depth + '"\\'}).encode()
    assert messages.from_json(pb.Shape, text).text.endswith('"\\')


def test_whatever_a_query_says_is_answered_with_a_message_or_an_invalid_argument(pb, entry):
    asgi_client = AsgiClient(entry, authorization="Bearer client")
    names = members_of(pb.Shape.desc())
    paths = st.lists(names | members_of(pb.Inner.desc()), min_size=1, max_size=3).map(".".join)
    values = TEXT | st.sampled_from(["true", "1", "RED", "AA==", "1.5s", "2026-01-05T14:48:00Z"])

    queries = st.lists(st.tuples(paths, values), max_size=5).map(urlencode) | st.text(
        st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#")
    )

    @tried(300)
    @given(queries)
    def check(query):
        answer = asyncio.run(asgi_client("GET", f"/trial/shapes/shp_1?{query}"))
        assert answer.status in {200, 400}, (query, answer)
        if answer.status == 400:
            assert answer.error["error_code"] == "INVALID_ARGUMENT"

    check()
