"""The rules of the contract that every request meets before its rpc is called."""

from __future__ import annotations

import functools
import json
import re
from typing import TYPE_CHECKING, Any

import protovalidate
from protobuf import (
    DescEnum,
    DescFieldValueList,
    DescFieldValueMap,
    DescFieldValueMessage,
    Message,
)

from tenantry.api import descriptors, expected_values
from tenantry.core import errors, strict_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from protobuf import DescField, DescMessage


_validator = protovalidate.Validator()


def check(message: Message[Any], *, spelled: bytes | None = None) -> None:
    """Hold a request against the rules of the contract.

    ``spelled`` is the body it came from, where there was one: only if that holds a NUL are the
    strings searched for it, which the database could not keep.
    """
    if spelled is None or strict_json.may_hold_nul(spelled):
        for path, text in _strings(message):
            if "\x00" in text:
                raise errors.InvalidArgument.field(
                    path, "string.nul", "must not contain a NUL character"
                )
    try:
        _validator.validate(message)
    except protovalidate.ValidationError as problem:
        told, left = _first(problem.violations, message.desc())
        raise errors.InvalidArgument.of(told, more=left) from None
    if descriptors.has_enums(message.desc()):
        _check_enums(message, "")


def _check_enums(message: Message[Any], path: str) -> None:
    """Refuse a number that an enum has no name for: the parsers take any."""
    for field in descriptors.fields_with_enums(message.desc()):
        if field not in message:
            continue
        value, where = message[field], f"{path}.{field.name}" if path else field.name
        match field.value:
            case DescFieldValueList():
                each = [(f"{where}[{at}]", one) for at, one in enumerate(value)]
            case DescFieldValueMap():
                each = [(where + key_path(str(key)), one) for key, one in value.items()]
            case _:
                each = [(where, value)]
        for place, one in each:
            if isinstance(one, Message):
                _check_enums(one, place)
            elif one not in _numbers(field):
                said = f"must be {expected_values.of_one(field)}, got {one:d}"
                raise errors.InvalidArgument.field(place, "enum.defined_only", said)


@functools.cache
def _numbers(field: DescField) -> frozenset[int]:
    kind = expected_values.kind_of(field)
    assert isinstance(kind, DescEnum)
    return frozenset(value.number for value in kind.values)


# gRPC has an error in its trailers, where clients take 8 KiB: there it is said twice, once
# percent-encoded and once in base64.
_TOLD_BYTES = 1000


def _first(
    violations: Sequence[Any], desc: DescMessage
) -> tuple[tuple[errors.Violation, ...], int]:
    """Return the violations that an answer has room for, and how many are left."""
    told: dict[tuple[str, str], errors.Violation] = {}
    size = 0
    for at, one in enumerate(_violation(each, desc) for each in violations):
        # Two rules that a field breaks by being empty read as one.
        if (said := (one.field, one.description)) in told:
            continue
        size += len("".join(said).encode())
        if told and size > _TOLD_BYTES:
            return tuple(told.values()), len(violations) - at
        told[said] = one
    return tuple(told.values()), 0


def _violation(violation: Any, desc: DescMessage) -> errors.Violation:
    proto = violation.proto
    path, field = "", None
    for element in proto.field.elements if proto.field else ():
        path += f".{element.field_name}" if path else element.field_name
        if element.subscript is not None:
            value = element.subscript.value
            path += f"[{value}]" if isinstance(value, int) else key_path(str(value))
        around = desc if field is None else descriptors.message_of(field)
        field = descriptors.field_named(around, element.field_name) if around is not None else None
    came = violation.field_value
    if proto.rule_id == "required" or (came == "" and not path.endswith("]")):
        return errors.Violation(path, proto.rule_id, "is required")
    if proto.rule_id == "enum.not_in" and came == 0 and field is not None:
        description = f"is required: {expected_values.of_one(field)}"
        return errors.Violation(path, proto.rule_id, description)
    description = _broken(proto, field) + (" (the key)" if proto.for_key else "")
    if isinstance(came, str) and came:
        description += f", got {quotable(came)!r}"
        if len(came) > _SHOWN:
            description += f" of {len(came)} characters"
    elif isinstance(came, int | float):  # a number of an enum is one, too
        description += f", got {json.dumps(came)}"
    # A rule about a whole message, such as two of its members together.
    whole = field is not None and isinstance(field.value, DescFieldValueMessage)
    return errors.Violation(path, proto.rule_id, description, whole=whole)


# Sentences of protovalidate, and ours for them: what there is to do.
_SAID = (
    ("value ", ""),
    ("map must be at ", "must have at "),
    ("does not have prefix ", "must begin with "),
    ("must be in list [, ", "must be one of "),
    ("must be in list [", "must be one of "),
    ("must not be in list [", "must not be one of "),
)
_PATTERN = re.compile(r"pattern `(.*)`$")
_BOTH = re.compile(r"greater than or equal to (\S+) and less than or equal to (\S+)")
_LEAST = re.compile(r"greater than or equal to (\S+)")


def _broken(proto: Any, field: DescField | None) -> str:
    """Return the sentence about a broken rule."""
    if proto.rule_id.startswith("enum.") and field is not None:
        return f"must be {expected_values.of_one(field)}"
    said: str = proto.message
    if proto.rule_id == "string.pattern" and (pattern := _PATTERN.search(said)):
        return f"must {expected_values.of_pattern(pattern[1])}"
    for theirs, ours in _SAID:
        if said.startswith(theirs):
            said = ours + said.removeprefix(theirs).removesuffix("]" * theirs.count("["))
    return _LEAST.sub(r"\1 or more", _BOTH.sub(r"\1 to \2", said))


_SHOWN = 60  # characters of a value that an error repeats


def quotable(text: str) -> str:
    """Return text of a request as an error repeats it."""
    return text[:_SHOWN] + "…" if len(text) > _SHOWN else text


def key_path(key: str) -> str:
    """Return the end of the path of a map's value, as in `metadata["plan"]`."""
    return f"[{json.dumps(quotable(key), ensure_ascii=False)}]"


def _strings(message: Message[Any], path: str = "") -> Iterator[tuple[str, str]]:
    for field in message:
        if field not in message:
            continue
        where = f"{path}.{field.name}" if path else field.name
        yield from _strings_of(message[field], where)


def _strings_of(value: Any, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, Message):
        yield from _strings(value, where)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _strings_of(item, f"{where}[{index}]")
    elif hasattr(value, "items"):
        for key, item in value.items():
            yield from _strings_of(key, f"{where} (a key)")
            yield from _strings_of(item, where + key_path(str(key)))
