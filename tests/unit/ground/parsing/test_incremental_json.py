"""Large JSON documents: read in batches as they would be read at once."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tenantry.core import incremental_json, strict_json

SECONDS = 0.2  # ten times what a slow machine takes for one block
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=60,
)
# Pieces of JSON in any order: brackets that do not match, commas that are too many, bytes that are
# not UTF-8, escapes that are cut.
SIGNS = st.lists(
    st.sampled_from(
        [
            *(b"[", b"]", b"{", b"}", b",", b":", b'"', b"\\", b"1", b"-", b"null", b" ", b"\n"),
            *(
                b'"a"',
                b'"a":',
                b'"\\""',
                b'"\\\\"',
                b'"\\ud800"',
                b'"\xff"',
                b'"\0"',
                b"\xef\xbb\xbf",
            ),
            *(
                b"[1,2,3]",
                b'{"a":[1,2]}',
                b"[[],[]]",
                b"1e999",
                b"NaN",
                b'"]},["',
                b"[1,2,]",
                b"[,",
            ),
        ]
    ),
    max_size=40,
).map(b"".join)


def at_once(text):
    """The value of a text, or None for an error."""
    try:
        strict_json.check(text)
        return repr(strict_json.loads(text))
    except ValueError:
        return None


def in_batches(text, sizes, block):
    """The same, in pieces of these sizes."""
    parser = incremental_json.Parser(values=strict_json.MAX_VALUES, block=block)
    try:
        at = 0
        for size in sizes:
            parser.feed(text[at : at + size])
            at += size
        parser.feed(text[at:])
        return repr(parser.close())
    except ValueError:
        return None


@given(VALUES, st.sampled_from([None, 1]), st.lists(st.integers(1, 40)), st.integers(1, 60))
def test_a_document_is_read_as_at_once(value, indent, sizes, block):
    text = json.dumps(value, indent=indent).encode()
    assert in_batches(text, sizes, block) == at_once(text)


@given(SIGNS, st.lists(st.integers(1, 9)), st.integers(1, 9))
@example(b"[1,,2]", [1] * 6, 1)
@example(b"[1,2,]", [1] * 6, 1)
@example(b"[,1]", [1] * 4, 1)
@example(b"[1,2}", [1] * 5, 1)
@example(b'[{"a":1],2,3]', [1] * 12, 1)
@example(b"[1],[2,3]", [1] * 9, 1)
@example(b'["a\\",b",["c",{"d":[1,2,3]}]]', [1] * 30, 1)
def test_any_text_is_accepted_or_rejected_as_at_once(text, sizes, block):
    assert in_batches(text, sizes, block) == at_once(text)


async def pieces(text, size):
    for start in range(0, len(text), size):
        yield text[start : start + size]


async def test_elements_of_all_open_lists_are_put_back():
    members = [{"value": f"u{n}", "display": "\u00fc"} for n in range(20_000)]
    sent = {"Operations": [{"op": "add"}, {"op": "add", "value": members}, {"value": [members]}]}
    text = json.dumps(sent).encode()
    for size in (1000, len(text)):
        assert await incremental_json.parse(pieces(text, size), values=200_000) == (sent, False)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"[" * 65, "nests deeper"),
        (b"[" + b"1," * 300_000 + b"1]", "more than 100000 values"),
        (b'["' + b"a" * 300_000 + b'"]', "a string of more than"),
        (b'[1,"' + b"a" * 2_000_000, "a value of more than 1 MiB"),
        (b'{"' + b'a":1,"' * 300_000, "more than"),
        (b'{"a":' + b" " * 2_000_000, "a value of more than 1 MiB"),
    ],
)
async def test_limits_are_those_of_other_documents(text, problem):
    with pytest.raises(ValueError, match=problem):
        await incremental_json.parse(pieces(text, 8000), values=100_000)


@pytest.mark.parametrize(
    ("start", "unit"),
    [
        (b"[", b"[],"),
        (b"[", b"1,"),
        (b"", b"["),
        (b"[", b'"",'),
        (b"[", b'{"a":1},'),
        (b'["', b"\\\\"),
        (b"", b" "),
        (b"[" * 60 + b"1,", b"[1,2],"),
        (b"[", b"[[[1,2],1],1],"),
    ],
)
def test_no_block_takes_long(start, unit):
    parser = incremental_json.Parser(values=10_000_000)
    text = start + unit * (2 * incremental_json.MAX_REST // len(unit))
    longest = 0.0
    try:
        for at in range(0, len(text), incremental_json.BLOCK):
            began = time.thread_time()
            parser.feed(text[at : at + incremental_json.BLOCK])
            longest = max(longest, time.thread_time() - began)
    except ValueError:
        pass
    assert longest < SECONDS


def test_a_nul_is_found_in_any_batch():
    parser = incremental_json.Parser(values=100, block=1)
    for sign in b'["a","\\u0000","b"]':
        parser.feed(bytes([sign]))
    assert parser.close() == ["a", "\0", "b"]
    assert parser.has_nul
