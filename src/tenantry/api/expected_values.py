"""The values that a field takes, in words: the rest of a sentence that begins with "must be"."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

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

from tenantry.gen.buf.validate import validate_pb

if TYPE_CHECKING:
    from protobuf import DescField

    Kind = DescEnum | DescMessage | ScalarType

_ONE_AND_MANY = {
    ScalarType.STRING: ("a string", "strings"),
    ScalarType.BYTES: ("bytes in base64", "bytes in base64"),
    ScalarType.BOOL: ("true or false", "true or false"),
    ScalarType.FLOAT: ("a number", "numbers"),
    ScalarType.DOUBLE: ("a number", "numbers"),
}
_WELL_KNOWN = {
    "google.protobuf.BoolValue": "true or false",
    "google.protobuf.StringValue": "a string",
    "google.protobuf.DoubleValue": "a number",
    "google.protobuf.FloatValue": "a number",
    "google.protobuf.Timestamp": "a time such as 2026-01-05T14:48:00Z",
    "google.protobuf.Duration": "a length of time such as 3600s",
    "google.protobuf.FieldMask": "field names separated by commas",
}
_WHOLE_NUMBER = re.compile(r"google\.protobuf\.(U?Int(?:32|64))Value")

_ONE_CLASS = re.compile(r"\^\[(?P<kinds>[^]^]+)\](?:[+*]|\{(?P<low>\d+),(?P<high>\d+)\})\$")
_CLASSES = (
    ("a-zA-Z", "letters"),
    ("A-Za-z", "letters"),
    ("a-z", "lower-case letters"),
    ("0-9", "digits"),
)


def of_field(field: DescField) -> str:
    """Return what a field takes."""
    match field.value:
        case DescFieldValueList(element=kind):
            return f"a list of {_many(kind, field)}"
        case DescFieldValueMap(value=kind):
            return f"an object of {_many(kind, field)}"
    return of_one(field)


def of_one(field: DescField) -> str:
    """Return what a field takes, or each element of a list and each value of a map."""
    kind = kind_of(field)
    if isinstance(kind, DescEnum):
        return "one of " + ", ".join(names(field))
    if isinstance(kind, DescMessage):
        wrapped = _WHOLE_NUMBER.fullmatch(kind.type_name)
        number = f"a whole number {_range(wrapped[1].upper())}" if wrapped else "an object"
        return _WELL_KNOWN.get(kind.type_name, number)
    return (
        _ONE_AND_MANY[kind][0] if kind in _ONE_AND_MANY else f"a whole number {_range(kind.name)}"
    )


def kind_of(field: DescField) -> Kind:
    """Return the kind of a field's value, of its elements or of its values."""
    match field.value:
        case (
            DescFieldValueScalar(scalar=kind)
            | DescFieldValueEnum(enum=kind)
            | DescFieldValueMessage(message=kind)
            | DescFieldValueList(element=kind)
            | DescFieldValueMap(value=kind)
        ):
            return kind
    raise TypeError(f"{field.name} is of no kind that is known")


def names(field: DescField) -> list[str]:
    """Return the names of an enum that a field takes: those that its rules do not refuse.

    The one that says nothing is left out, as it may be left out of a request.
    """
    kind = kind_of(field)
    assert isinstance(kind, DescEnum)
    options = field.proto.options
    given = options[validate_pb.ext_field] if options is not None else None
    rules = given.type.value if given is not None and given.type is not None else None
    refused = {0, *getattr(rules, "not_in", ())}
    taken = {value.number: value.name for value in reversed(kind.values)}  # the first of aliases
    only = set(getattr(rules, "in_", ())) or {*taken}
    fit = [name for number, name in sorted(taken.items()) if number in only - refused]
    return fit or [*taken.values()]


def of_pattern(pattern: str) -> str:
    """Return what a pattern of one class of characters takes, in words; any other as it is."""
    found = _ONE_CLASS.fullmatch(pattern)
    if not found:
        return f"match the pattern `{pattern}`"
    rest, told = found["kinds"].replace("\\", ""), []
    for kind, words in _CLASSES:
        if kind in rest:
            rest = rest.replace(kind, "")
            told.append(words)
    told += rest
    only = f"{', '.join(told[:-1])} and {told[-1]}" if told[1:] else told[0]
    return f"hold only {only}" + (
        f", {found['low']} to {found['high']} of them" * bool(found["low"])
    )


def _many(kind: Kind, field: DescField) -> str:
    if isinstance(kind, DescEnum):
        return ", ".join(names(field))
    if isinstance(kind, DescMessage):
        return "objects"
    return _ONE_AND_MANY[kind][1] if kind in _ONE_AND_MANY else "whole numbers"


def _range(name: str) -> str:
    """Return the numbers that a kind of whole numbers has."""
    bits = 64 if name.endswith("64") else 32
    if name.startswith(("UINT", "FIXED")):
        return f"from 0 to {2**bits - 1}"
    return f"of {bits} bits"
