"""How much a message may hold: counted before the parser or the rules look at each value."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Any

from protobuf import (
    DescEnum,
    DescFieldValueList,
    DescFieldValueMap,
    DescFieldValueMessage,
    DescMessage,
    Message,
    ScalarType,
)

from tenantry.core import errors
from tenantry.core.strict_json import MAX_VALUES

if TYPE_CHECKING:
    from collections.abc import Iterator

# In all lists and maps of a message together; no list of the contract takes more than 100. Checking
# the rules takes tens of microseconds for each.
MAX_ELEMENTS = 500

_VARINT, _BYTES = 0, 2  # wire types
_FIXED = {1: 8, 5: 4}  # those of as many bytes; the rest, groups, has no separate bytes
_LONGEST_VARINT = 10
# Fields whose bytes hold values: a message, the entry of a map of messages, or packed numbers.
_PACKED = "packed"
_Inner = DescMessage | tuple[DescMessage] | str


def check_binary(desc: DescMessage, data: bytes | bytearray) -> None:
    """Reject the binary form of a message with too many values.

    Bytes that cannot be read are left to the parser, which refuses them where this stops to count.
    """
    if len(data) <= 2 * MAX_VALUES:  # a field takes two bytes at least
        return
    seen = 0
    waiting: list[tuple[_Inner, int, int]] = [(desc, 0, len(data))]
    while waiting:
        kind, at, end = waiting.pop()
        fields = _fields(kind)
        for number, start, stop in _pieces(data, at, end):
            inner = fields.get(number) if stop else None
            seen += stop - start if inner == _PACKED else 1
            if seen > MAX_VALUES:
                raise errors.InvalidArgument(f"the message holds more than {MAX_VALUES} values")
            if inner is not None and inner != _PACKED:
                waiting.append((inner, start, stop))


def _pieces(data: bytes | bytearray, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield each field's number, and where its bytes start and stop if it is made of bytes."""
    with contextlib.suppress(IndexError, ValueError):
        while at < end:
            tag, at = _varint(data, at)
            start = stop = 0
            match tag & 7:
                case wire if wire == _BYTES:
                    length, start = _varint(data, at)
                    at = stop = min(start + length, end)
                case wire if wire == _VARINT:
                    _, at = _varint(data, at)
                case wire:
                    at += _FIXED.get(wire, 0)
            yield tag >> 3, start, stop


def _varint(data: bytes | bytearray, at: int) -> tuple[int, int]:
    value = 0
    for place in range(_LONGEST_VARINT):
        byte = data[at + place]
        value |= (byte & 127) << (7 * place)
        if byte < 128:
            return value, at + place + 1
    raise ValueError


@functools.cache
def _fields(kind: _Inner) -> dict[int, _Inner]:
    """Return the fields whose bytes hold values, by number."""
    if isinstance(kind, tuple):
        return {2: kind[0]}
    assert isinstance(kind, DescMessage)
    return dict(_holding(kind))


def _holding(desc: DescMessage) -> Iterator[tuple[int, _Inner]]:
    for field in desc.fields:
        match field.value:
            case DescFieldValueMessage(message=inner):
                yield field.number, inner
            case DescFieldValueMap(value=DescMessage() as inner):
                yield field.number, (inner,)
            case DescFieldValueList(element=DescMessage() as inner):
                yield field.number, inner
            case DescFieldValueList(element=DescEnum()):
                yield field.number, _PACKED
            case DescFieldValueList(element=scalar) if scalar not in _LONG:
                yield field.number, _PACKED


_LONG = {ScalarType.STRING, ScalarType.BYTES}


def check_elements(message: Message[Any], size: int) -> None:
    """Refuse a message that has far more elements than any call takes.

    ``size`` is the bytes it came in: only many can spell many.
    """
    if size <= 2 * MAX_ELEMENTS:
        return
    left = MAX_ELEMENTS
    waiting = [(message, "")]
    while waiting:
        one, path = waiting.pop()
        for field in (field for field in one if field in one):
            where = f"{path}.{field.name}" if path else field.name
            if isinstance(field.value, DescFieldValueList | DescFieldValueMap):
                left -= len(one[field])
                if left < 0:
                    raise too_many(where)
            waiting += [(inner, where) for inner in _messages(field.value, one[field])]


def too_many(where: str) -> errors.InvalidArgument:
    """Return the error of a list or map that has far more elements than any call takes."""
    return errors.InvalidArgument.field(
        where,
        "max_items",
        f"exceeds the limit of {MAX_ELEMENTS} elements in all lists and objects of the request",
    )


def _messages(kind: Any, value: Any) -> Iterator[Message[Any]]:
    """Yield the messages of the contract in a field; what a Struct holds is no separate list."""
    match kind:
        case DescFieldValueMessage(message=inner) if not _is_well_known(inner):
            yield value
        case DescFieldValueList(element=DescMessage() as inner) if not _is_well_known(inner):
            yield from value


def _is_well_known(desc: DescMessage) -> bool:
    return desc.type_name.startswith("google.protobuf.")
