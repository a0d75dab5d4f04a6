"""Properties of message types and fields that parsing and validation ask for, by descriptor."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, TypeVar

from protobuf import (
    DescEnum,
    DescFieldValueEnum,
    DescFieldValueList,
    DescFieldValueMap,
    DescFieldValueMessage,
    DescMessage,
    Enum,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from protobuf import DescField

E = TypeVar("E", bound=Enum)


@functools.cache
def has_oneofs(desc: DescMessage) -> bool:
    return any(one.oneofs for one in _within(desc))


@functools.cache
def has_enums(desc: DescMessage) -> bool:
    return any(is_enum(field) for one in _within(desc) for field in one.fields)


@functools.cache
def fields_with_enums(desc: DescMessage) -> tuple[DescField, ...]:
    """Return the fields that are enums, or messages that may hold one."""
    return tuple(
        field
        for field in desc.fields
        if is_enum(field) or ((inner := message_of(field)) is not None and has_enums(inner))
    )


@functools.cache
def has_values(desc: DescMessage) -> bool:
    """Whether a message, or one within it, may hold JSON of any kind."""
    return any(_is_value(field) for one in _within(desc) for field in one.fields)


def enum_name(value: Enum) -> str:
    """Return the name that a value has in JSON; Python's name lacks the prefix of the enum."""
    return next(one.name for one in value.desc().values if one.number == value)


def enum_value(kind: type[E], name: str) -> E:
    """Return the value that has this name in JSON."""
    return kind(next(one.number for one in kind.desc().values if one.name == name))


def is_enum(field: DescField) -> bool:
    match field.value:
        case (
            DescFieldValueEnum()
            | DescFieldValueList(element=DescEnum())
            | DescFieldValueMap(value=DescEnum())
        ):
            return True
    return False


def _is_value(field: DescField) -> bool:
    match field.value:
        case (
            DescFieldValueMessage(message=inner)
            | DescFieldValueList(element=DescMessage() as inner)
            | DescFieldValueMap(value=DescMessage() as inner)
        ):
            return inner.type_name in _VALUES
    return False


_VALUES = {f"google.protobuf.{name}" for name in ("Struct", "Value", "ListValue")}


def _within(desc: DescMessage) -> Iterator[DescMessage]:
    """Yield a message's kind, and those of all messages within it."""
    seen: set[str] = set()
    waiting = [desc]
    while waiting:
        one = waiting.pop()
        yield one
        seen.add(one.type_name)
        inner = (message_of(field) for field in one.fields)
        waiting += [found for found in inner if found and found.type_name not in seen]


def message_of(field: DescField) -> DescMessage | None:
    """Return the message of a field or of its elements, unless JSON spells it by other means."""
    match field.value:
        case DescFieldValueMessage(message=inner):
            pass
        case DescFieldValueList(element=DescMessage() as inner):
            pass
        case _:
            return None
    return None if inner.type_name.startswith("google.protobuf.") else inner


@functools.cache
def field_named(desc: DescMessage, name: str) -> DescField | None:
    return next((field for field in desc.fields if field.name == name), None)
