"""Messages from JSON, and the checks that every message passes before its rpc sees it."""

from __future__ import annotations

import functools
import json
import re
from json import JSONDecodeError
from typing import TYPE_CHECKING, Any, TypeVar

import protovalidate
from protobuf import (
    DescEnum,
    DescFieldValueEnum,
    DescFieldValueList,
    DescFieldValueMap,
    DescFieldValueMessage,
    DescMessage,
    Message,
    message_from_json_value,
)

from tenantry import errors, strict_json
from tenantry.doors.transport import bounds, expected
from tenantry.nearest import did_you_mean, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from protobuf import DescField

M = TypeVar("M", bound=Message[Any])

# Errors of the parser for text that it does not take.
UNREADABLE = (ValueError, TypeError, RecursionError, OverflowError)


def from_json(kind: type[M], text: bytes, *, of: DescMessage | None = None) -> M:
    """Return the message that this JSON object spells, in snake_case or camelCase.

    ``of`` is the message around it, where it is a field of one and the object spells that alone.

    Raises:
        errors.InvalidArgument: it is not UTF-8 or JSON, nests too deep, holds too much, has an
            unknown field, two members of a oneof, or a value of the wrong type; the field is named.

    """
    _check_bounds(text)
    try:
        message = _whole(kind.from_json(text))
    except JSONDecodeError as problem:
        raise errors.InvalidArgument(f"the body is not JSON: {problem}") from None
    except UNREADABLE as problem:
        raise unreadable(kind.desc(), _loaded(text), str(problem), of=of) from None
    bounds.check_elements(message, len(text))
    if _has_oneofs(kind.desc()):
        check_oneofs(kind.desc(), _loaded(text))
    return message


def from_binary(kind: type[M], data: bytes | bytearray) -> M:
    """Return the message in protobuf's binary form; unknown fields are left aside, as usual.

    Raises:
        errors.InvalidArgument: it cannot be read, or holds too much.

    """
    bounds.check_binary(kind.desc(), data)
    try:
        message = kind.from_binary(data)
    except (*UNREADABLE, EOFError) as problem:
        raise errors.InvalidArgument(f"the message cannot be read: {problem}") from None
    bounds.check_elements(message, len(data))
    return message


def from_json_member(kind: type[M], field: DescField, text: bytes) -> Any:
    """Return the value of a field that is no message, a list mostly, that this JSON spells.

    Raises:
        errors.InvalidArgument: see `from_json`.

    """
    _check_bounds(text)
    try:
        value = strict_json.loads(text)
    except ValueError as problem:
        raise errors.InvalidArgument(f"the body is not JSON: {problem}") from None
    members = {field.name: value}
    check_oneofs(kind.desc(), members)
    message = from_members(kind, members)
    bounds.check_elements(message, len(text))
    return message[field]


def from_members(kind: type[M], members: dict[str, Any]) -> M:
    """Return the message that has these members, in the types of JSON.

    Raises:
        errors.InvalidArgument: a value is of the wrong type; the field is named.

    """
    try:
        return _whole(message_from_json_value(kind, members))
    except UNREADABLE as problem:
        raise unreadable(kind.desc(), members, str(problem)) from None


def check_oneofs(desc: DescMessage, members: object, path: str = "") -> None:
    """Refuse two members of one oneof: the parser would let the last one win.

    Raises:
        errors.InvalidArgument: there are two.

    """
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
        inner = _message_of(field)
        if inner is not None and isinstance(value, list):
            for index, one in enumerate(value):
                check_oneofs(inner, one, f"{where}[{index}]")
        elif inner is not None:
            check_oneofs(inner, value, where)


def both(name: str, other: str) -> errors.InvalidArgument:
    """Return the error of two members of one oneof."""
    return errors.InvalidArgument.field(name, "oneof", f"cannot be given together with {other}")


@functools.cache
def _has_oneofs(desc: DescMessage) -> bool:
    return any(one.oneofs for one in _within(desc))


@functools.cache
def _has_enums(desc: DescMessage) -> bool:
    return any(_is_enum(field) for one in _within(desc) for field in one.fields)


@functools.cache
def has_values(desc: DescMessage) -> bool:
    """Whether a message, or one within it, may hold JSON of any kind."""
    return any(_is_value(field) for one in _within(desc) for field in one.fields)


def _is_enum(field: DescField) -> bool:
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
        inner = (_message_of(field) for field in one.fields)
        waiting += [found for found in inner if found and found.type_name not in seen]


def _whole(message: M) -> M:
    """Return a message that can be written: its parser takes any number for an enum.

    Raises:
        OverflowError: one has more than 32 bits.

    """
    if _has_enums(message.desc()):
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
        where = ".".join(filter(None, (path, field.name if field else shown(name))))
        if field is None:
            said = _instead(desc, name, path, of)
            return errors.InvalidArgument.field(where, "unknown_field", _UNKNOWN + said)
        inner = _message_of(field)
        repeated = isinstance(field.value, DescFieldValueList)
        if inner is not None and not repeated and isinstance(value, dict):
            return unreadable(inner, value, problem, where)
        if inner is not None and repeated and isinstance(value, list):
            for index, item in enumerate(value[: bounds.MAX_ELEMENTS]):
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
            each = ((key_path(key), one, {key: one}) for key, one in value.items())
    wanted = expected.of_field(field)
    for place, one, alone in each:
        if not _takes(desc, {field.name: alone}):
            where, value, wanted = where + place, one, expected.of_one(field)
            break
    said = f"must be {wanted}, got {shown(json.dumps(value, ensure_ascii=False))}"
    if isinstance(value, str) and isinstance(expected.kind_of(field), DescEnum):
        said += did_you_mean(value, expected.names(field))
    return errors.InvalidArgument.field(where, "type", said)


_UNKNOWN = "is not a field of this call"


def _instead(desc: DescMessage, name: str, path: str, of: DescMessage | None) -> str:
    """Return the rest of the sentence about an unknown field: its likely meaning."""
    around = {one.name: one for one in of.fields}.get(name) if of is not None else None
    if around is not None:
        if _message_of(around) is desc:
            return f": the body is the {name} itself, without that level"
        return "'s body: it stands in the path or in the query"
    before = f"{path}." if path else ""
    within = [
        f"{outer.name}.{field.name}"
        for outer in desc.fields
        if isinstance(outer.value, DescFieldValueMessage) and (inner := _message_of(outer))
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


def _message_of(field: DescField) -> DescMessage | None:
    """Return the message of a field or of its elements, unless JSON spells it by other means."""
    match field.value:
        case DescFieldValueMessage(message=inner):
            pass
        case DescFieldValueList(element=DescMessage() as inner):
            pass
        case _:
            return None
    return None if inner.type_name.startswith("google.protobuf.") else inner


def check(message: Message[Any], *, spelled: bytes | None = None) -> None:
    """Hold a request against the rules of the contract.

    ``spelled`` is the body it came from, where there was one: only if that holds a NUL are the
    strings searched for it, which the database could not keep.

    Raises:
        errors.InvalidArgument: with every broken rule, or the first of very many: field, rule, and
        value.

    """
    if spelled is None or strict_json.may_hold_nul(spelled):
        for path, text in _strings(message):
            if "\x00" in text:
                raise errors.InvalidArgument.field(path, "string.nul", "may not hold a NUL")
    try:
        protovalidate.validate(message)
    except protovalidate.ValidationError as problem:
        told, left = _first(problem.violations, message.desc())
        raise errors.InvalidArgument.of(told, more=left) from None
    if _has_enums(message.desc()):
        _check_enums(message, "")


def _check_enums(message: Message[Any], path: str) -> None:
    """Refuse a number that an enum has no name for: the parsers take any.

    Raises:
        errors.InvalidArgument: there is one.

    """
    for field in message:
        if field not in message or not (_is_enum(field) or _message_of(field)):
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
                said = f"must be {expected.of_one(field)}, got {one:d}"
                raise errors.InvalidArgument.field(place, "enum.defined_only", said)


@functools.cache
def _numbers(field: DescField) -> frozenset[int]:
    kind = expected.kind_of(field)
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
        around = desc if field is None else _message_of(field)
        field = _field(around, element.field_name) if around is not None else None
    came = violation.field_value
    if proto.rule_id == "required" or (came == "" and not path.endswith("]")):
        return errors.Violation(path, proto.rule_id, "is required")
    if proto.rule_id == "enum.not_in" and came == 0 and field is not None:
        description = f"is required: {expected.of_one(field)}"
        return errors.Violation(path, proto.rule_id, description)
    description = _broken(proto, field) + (" (the key)" if proto.for_key else "")
    if isinstance(came, str) and came:
        description += f", got {shown(came)!r}"
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
        return f"must be {expected.of_one(field)}"
    said: str = proto.message
    if proto.rule_id == "string.pattern" and (pattern := _PATTERN.search(said)):
        return f"must {expected.of_pattern(pattern[1])}"
    for theirs, ours in _SAID:
        if said.startswith(theirs):
            said = ours + said.removeprefix(theirs).removesuffix("]" * theirs.count("["))
    return _LEAST.sub(r"\1 or more", _BOTH.sub(r"\1 to \2", said))


@functools.cache
def _field(desc: DescMessage, name: str) -> DescField | None:
    return next((field for field in desc.fields if field.name == name), None)


_SHOWN = 60  # characters of a value that an error repeats


def shown(text: str) -> str:
    """Return text of a request as an error repeats it."""
    return text[:_SHOWN] + "…" if len(text) > _SHOWN else text


def key_path(key: str) -> str:
    """Return the end of the path of a map's value, as in `metadata["plan"]`."""
    return f"[{json.dumps(shown(key), ensure_ascii=False)}]"


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
