"""Messages from JSON, and the checks that every message passes before its rpc sees it."""

from __future__ import annotations

import re
from json import JSONDecodeError
from typing import TYPE_CHECKING, Any, TypeVar

import protovalidate
from protobuf import Message

from tenantry import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

M = TypeVar("M", bound=Message[Any])

# The parser recurses in native code: far deeper input would end the process. No message of the
# contract nests so deep; Struct members may.
_MAX_DEPTH = 64
# A whole string, or one bracket outside of strings.
_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[{\]}]', re.DOTALL)
_UNKNOWN_KEY = re.compile(r"key: '?(.*?)'? is unknown$", re.DOTALL)
_FIELD = re.compile(r"(?:for|to) field [\w.]*\.(\w+)")


def from_json(kind: type[M], text: bytes) -> M:
    """Return the message that this JSON object spells, in snake_case or camelCase.

    Raises:
        errors.InvalidArgument: it is not UTF-8 or JSON, nests too deep, has an unknown field, or
            a value of the wrong type; the field is named.

    """
    check_depth(text)
    try:
        return kind.from_json(text)
    except JSONDecodeError as problem:
        raise errors.InvalidArgument(f"the body is not JSON: {problem}") from None
    except (ValueError, TypeError, RecursionError, OverflowError) as problem:
        raise _explained(str(problem)) from None


def check_depth(text: bytes) -> None:
    """Refuse JSON that nests deeper than any message.

    Raises:
        errors.InvalidArgument: it does.

    """
    if text.count(b"[") + text.count(b"{") <= _MAX_DEPTH:
        return
    depth = 0
    for token in _BRACKETS.finditer(text):
        if token[0] in {b"{", b"["}:
            depth += 1
            if depth > _MAX_DEPTH:
                raise errors.InvalidArgument(f"the body nests deeper than {_MAX_DEPTH} levels")
        elif token[0] in {b"}", b"]"}:
            depth -= 1


def _explained(problem: str) -> errors.InvalidArgument:
    if unknown := _UNKNOWN_KEY.search(problem):
        name = unknown[1]
        return errors.InvalidArgument.field(name, "unknown_field", "is not a field of this call")
    if field := _FIELD.search(problem):
        reason = problem.partition(" for field ")[0].replace("<class '", "").replace("'>", "")
        return errors.InvalidArgument.field(field[1], "type", reason)
    return errors.InvalidArgument("the body is not a JSON object of this call's shape")


def check(message: Message[Any], *, spelled: bytes | None = None) -> None:
    """Hold a request against the rules of the contract.

    ``spelled`` is the body it came from, where there was one: only if that holds a NUL are the
    strings searched for it, which the database could not keep.

    Raises:
        errors.InvalidArgument: with every broken rule: field, rule, and what came.

    """
    if spelled is None or b"\x00" in spelled or b"\\u0000" in spelled:
        for path, text in _strings(message):
            if "\x00" in text:
                raise errors.InvalidArgument.field(path, "string.nul", "may not hold a NUL")
    try:
        protovalidate.validate(message)
    except protovalidate.ValidationError as problem:
        violations = tuple(_violation(v) for v in problem.violations)
        summary = "; ".join(f"{v.field}: {v.description}" for v in violations)
        raise errors.InvalidArgument(summary, violations=violations) from None


def _violation(violation: Any) -> errors.Violation:
    proto = violation.proto
    path = ""
    for element in proto.field.elements if proto.field else ():
        path += f".{element.field_name}" if path else element.field_name
        if element.subscript is not None:
            value = element.subscript.value
            path += f"[{value}]" if isinstance(value, int) else f'["{_shown(value)}"]'
    description = proto.message + (" (the key)" if proto.for_key else "")
    came = violation.field_value
    if isinstance(came, str | int | float | bool) and came != "":
        description += f", got {_shown(came)!r}"
        if isinstance(came, str) and len(came) > _SHOWN:
            description += f" of {len(came)} characters"
    return errors.Violation(path, proto.rule_id, description)


_SHOWN = 60  # characters of a value that an error repeats


def _shown(value: object) -> object:
    return value[:_SHOWN] + "…" if isinstance(value, str) and len(value) > _SHOWN else value


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
            yield from _strings_of(item, f"{where}[{key!r}]")
