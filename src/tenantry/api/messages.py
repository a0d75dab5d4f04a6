"""Messages parsed from JSON and from the binary format, within the limits of a request."""

from __future__ import annotations

import json
from json import JSONDecodeError
from typing import TYPE_CHECKING, Any, TypeVar

from protobuf import (
    DescEnum,
    DescFieldValueList,
    DescFieldValueMap,
    DescFieldValueMessage,
    DescMessage,
    Message,
    message_from_json_value,
    message_to_json_value,
)

from tenantry.api import descriptors, expected_values, message_limits, validation
from tenantry.core import errors, strict_json, structs
from tenantry.core.suggestions import did_you_mean, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from protobuf import DescField

M = TypeVar("M", bound=Message[Any])

# Errors of the parser for text that it does not take.
UNREADABLE = (ValueError, TypeError, RecursionError, OverflowError)


def from_json(kind: type[M], text: bytes, *, of: DescMessage | None = None) -> M:
    """Return the message that this JSON object spells, in snake_case or camelCase.

    ``of`` is the message around it, where it is a field of one and the object spells that alone.
    """
    _check_bounds(text)
    try:
        message = _whole(kind.from_json(text))
    except JSONDecodeError as problem:
        raise errors.InvalidArgument(f"the body is not JSON: {problem}") from None
    except UNREADABLE as problem:
        raise unreadable(kind.desc(), _loaded(text), str(problem), of=of) from None
    message_limits.check_elements(message, len(text))
    if descriptors.has_oneofs(kind.desc()):
        check_oneofs(kind.desc(), _loaded(text))
    return message


def from_binary(kind: type[M], data: bytes | bytearray) -> M:
    """Return the message in protobuf's binary form; unknown fields are left aside, as usual."""
    message_limits.check_binary(kind.desc(), data)
    try:
        message = kind.from_binary(data)
    except (*UNREADABLE, EOFError) as problem:
        raise errors.InvalidArgument(f"the message cannot be read: {problem}") from None
    message_limits.check_elements(message, len(data))
    return message


def to_members(message: Message[Any]) -> Any:
    """Return a message as JSON values, in the form of REST responses."""
    members = message_to_json_value(message, use_proto_field_name=True, always_emit_implicit=True)
    return structs.whole_numbers(members) if descriptors.has_values(message.desc()) else members


def from_json_member(kind: type[M], field: DescField, text: bytes) -> Any:
    """Return the value of a field that is no message, a list mostly, that this JSON spells."""
    _check_bounds(text)
    try:
        value = strict_json.loads(text)
    except ValueError as problem:
        raise errors.InvalidArgument(f"the body is not JSON: {problem}") from None
    members = {field.name: value}
    check_oneofs(kind.desc(), members)
    message = from_members(kind, members)
    message_limits.check_elements(message, len(text))
    return message[field]


def from_members(kind: type[M], members: dict[str, Any]) -> M:
    """Return the message that has these members, in the types of JSON."""
    try:
        return _whole(message_from_json_value(kind, members))
    except UNREADABLE as problem:
        raise unreadable(kind.desc(), members, str(problem)) from None


def check_oneofs(desc: DescMessage, members: object, path: str = "") -> None:
    """Refuse two members of one oneof: the parser would let the last one win."""
    if not isinstance(members, dict):
        return
    fields = {name: f for f in desc.fields for name in (f.name, f.json_name)}
    given: dict[str, str] = {}
    for name, value in members.items():
        if value is None or name not in fields:
            continue
        field = fields[name]
        where = f"{path}.{field.name}" if path else field.name
        oneof = getattr(field.value, "oneof", None)
        if oneof and given.setdefault(oneof.name, where) != where:
            raise both(where, given[oneof.name])
        inner = descriptors.message_of(field)
        if inner is not None and isinstance(value, list):
            for index, one in enumerate(value):
                check_oneofs(inner, one, f"{where}[{index}]")
        elif inner is not None:
            check_oneofs(inner, value, where)


def both(name: str, other: str) -> errors.InvalidArgument:
    """Return the error of two members of one oneof."""
    return errors.InvalidArgument.field(name, "oneof", f"cannot be given together with {other}")


def _whole(message: M) -> M:
    """Return a message that can be written: its parser takes any number for an enum.

    Raises:
        OverflowError: one has more than 32 bits.

    """
    if descriptors.has_enums(message.desc()):
        message.to_binary()
    return message


def _check_bounds(text: bytes) -> None:
    try:
        strict_json.check(text)
    except ValueError as problem:
        raise errors.InvalidArgument(f"the body {problem}") from None


def unreadable(
    desc: DescMessage,
    members: object,
    problem: str,
    path: str = "",
    *,
    of: DescMessage | None = None,
) -> errors.InvalidArgument:
    """Return the error of the first member that this message does not take, found by trying.

    ``of`` is the message around this one that a body leaves out.
    """
    if not isinstance(members, dict):
        return errors.InvalidArgument.field(path or "body", "type", "must be a JSON object")
    fields = {name: f for f in desc.fields for name in (f.name, f.json_name)}
    for name, value in members.items():
        if _takes(desc, {name: value}):
            continue
        field = fields.get(name)
        where = ".".join(filter(None, (path, field.name if field else validation.quotable(name))))
        if field is None:
            said = _instead(desc, name, path, of)
            return errors.InvalidArgument.field(where, "unknown_field", _UNKNOWN + said)
        inner = descriptors.message_of(field)
        repeated = isinstance(field.value, DescFieldValueList)
        if inner is not None and not repeated and isinstance(value, dict):
            return unreadable(inner, value, problem, where)
        if inner is not None and repeated and isinstance(value, list):
            for index, item in enumerate(value[: message_limits.MAX_ELEMENTS]):
                if not _takes(desc, {name: [item]}):
                    return unreadable(inner, item, problem, f"{where}[{index}]")
        return _wrong_type(desc, field, value, where)
    return errors.InvalidArgument(f"the body cannot be read: {problem[:200]}")


def _wrong_type(
    desc: DescMessage, field: DescField, value: object, where: str
) -> errors.InvalidArgument:
    """Return the error of a value, of the first one within it where it is a list or a map."""
    each: Iterable[tuple[str, Any, object]] = ()
    match field.value, value:
        case DescFieldValueList(), list():
            each = ((f"[{at}]", one, [one]) for at, one in enumerate(value))
        case DescFieldValueMap(), dict():
            each = ((validation.key_path(key), one, {key: one}) for key, one in value.items())
    wanted = expected_values.of_field(field)
    for place, one, alone in each:
        if not _takes(desc, {field.name: alone}):
            where, value, wanted = where + place, one, expected_values.of_one(field)
            break
    said = f"must be {wanted}, got {validation.quotable(json.dumps(value, ensure_ascii=False))}"
    if isinstance(value, str) and isinstance(expected_values.kind_of(field), DescEnum):
        said += did_you_mean(value, expected_values.names(field))
    return errors.InvalidArgument.field(where, "type", said)


_UNKNOWN = "is not a field of this call"


def _instead(desc: DescMessage, name: str, path: str, of: DescMessage | None) -> str:
    """Return the rest of the sentence about an unknown field: its likely meaning."""
    around = {one.name: one for one in of.fields}.get(name) if of is not None else None
    if around is not None:
        if descriptors.message_of(around) is desc:
            return f": the body is the {name} itself, without that level"
        return "'s body: it stands in the path or in the query"
    before = f"{path}." if path else ""
    within = [
        f"{outer.name}.{field.name}"
        for outer in desc.fields
        if isinstance(outer.value, DescFieldValueMessage)
        and (inner := descriptors.message_of(outer))
        for field in inner.fields
        if name in {field.name, field.json_name}
    ]
    meant = within[0] if len(within) == 1 else nearest(name, (one.name for one in desc.fields))
    return f", did you mean {before}{meant}?" if meant else ""


def _loaded(text: bytes) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return {}


def _takes(desc: DescMessage, members: dict[str, Any]) -> bool:
    try:
        _whole(message_from_json_value(desc.type, members))
    except UNREADABLE:
        return False
    return True
