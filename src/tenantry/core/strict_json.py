"""JSON that somebody else wrote: bounded before it is parsed, then parsed strictly (RFC 8259)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeGuard

import orjson

# Parsers recurse, and so do readers of their result: no Tenantry message nests so deep.
MAX_DEPTH = 64
# A value costs more than its bytes: parsing and checking takes some microseconds for each.
MAX_VALUES = 4000
# A string may be a list too, as a FieldMask is.
MAX_STRING = 256 << 10

_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a value of JSON is a number: True is an int in Python."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def check(text: bytes, *, values: int = MAX_VALUES) -> None:
    """Refuse text whose parsing would cost too much, in time that grows with its length alone.

    Raises:
        ValueError: it nests deeper than 64 levels, holds more values than that, or a string of
            more than 256 KiB.

    """
    brackets = text.count(b"[") + text.count(b"{")
    # A value takes two bytes at least: itself, and a comma or bracket.
    if len(text) <= 2 * values and brackets <= MAX_DEPTH:
        return
    plain = text.replace(rb"\\", b"").replace(rb"\"", b"")  # now each quote opens or closes
    # A value has at most a name, and is at most a string itself.
    if plain.count(b'"') > 4 * values:
        raise ValueError(f"holds more than {values} values")
    parts = plain.split(b'"')
    if len(text) > MAX_STRING and max(map(len, parts[1::2]), default=0) > MAX_STRING:
        raise ValueError(f"holds a string of more than {MAX_STRING >> 10} KiB")
    outside = b"".join(parts[::2])
    if sum(map(outside.count, (b",", b"[", b"{"))) > values:
        raise ValueError(f"holds more than {values} values")
    depth = 0
    for bracket in outside.translate(None, _NO_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise ValueError(f"nests deeper than {MAX_DEPTH} levels")
        if depth < 0:  # one too many: no parser takes the rest
            return


def loads(text: bytes | str, *, bounded: bool = True, unique: bool = False) -> Any:
    """Return what this JSON says.

    Numbers are finite: NaN, Infinity and 1e400 are no JSON. An integer beyond 64 bits is a float.
    ``unique`` refuses an object with two members of one name. Not ``bounded`` is for a
    caller that has taken few bytes, and looks at the depth itself.

    Raises:
        ValueError: it is not UTF-8 or JSON, has half a surrogate pair, or see `check`.

    """
    data = text.encode() if isinstance(text, str) else text
    if bounded:
        check(data)
    content = orjson.loads(data)
    if unique:
        json.loads(data, object_pairs_hook=_once)
    return content


def may_hold_nul(spelled: bytes) -> bool:
    """Whether a message of these bytes may have a text with a NUL, in JSON or in a binary form.

    Only then it is worth a look at its texts: the six characters of the escape may stand for
    themselves, behind a backslash.
    """
    return b"\\u0000" in spelled or b"\0" in spelled


def has_nul(value: object, *, spelled: bytes | None = None) -> bool:
    """Whether a text of parsed JSON holds a NUL, or the name of a member: PostgreSQL keeps none.

    ``spelled`` is the JSON that the value came from, or is written to: then it is looked through
    only where it may hold one.
    """
    if spelled is not None and not may_hold_nul(spelled):
        return False
    waiting = [value]
    while waiting:  # not by recursion: some callers take any depth
        one = waiting.pop()
        if isinstance(one, str):
            if "\0" in one:
                return True
        elif isinstance(one, Mapping):
            waiting.extend(one)
            waiting.extend(one.values())
        elif isinstance(one, list | tuple):
            waiting.extend(one)
    return False


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a member is repeated")
