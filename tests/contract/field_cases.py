"""Requests that break one rule of the contract each, derived from the descriptors."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
from served_rpcs import PUBLIC_URL, example

from tenantry.api import descriptors
from tenantry.endpoints.docs.reference import examples
from tenantry.gen.buf.validate import validate_pb
from tenantry.gen.google.api import field_behavior_pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from protobuf import DescField

    from tenantry.api.methods import Method

REQUIRED = field_behavior_pb.FieldBehavior.REQUIRED
MISSING = object()
_LONGEST = 200_000  # characters: bodies have lower limits than these rules
# Values that break the rules that are expressions, by these.
_CEL = {
    "this.matches('^[a-zA-Z0-9_:]+$')": "no.dots",
    "!(this.type in [4,5,9])": {"type": "OAUTH"},
}


@dataclass(frozen=True)
class FieldCase:
    """A value that a field must not have; without one, the field is left out."""

    fields: tuple[DescField, ...]  # from the request inward
    rule: str
    value: Any = MISSING

    @property
    def path(self) -> str:
        return ".".join(field.name for field in self.fields)

    def request(self, method: Method) -> dict[str, Any]:
        """Return the example request with this value."""
        made = copy.deepcopy(example(method))
        self.put(made)
        return made

    def put(self, request: dict[str, Any]) -> None:
        message = request
        for field in self.fields[:-1]:
            _leave_out_choices(field, message)
            inner = message.get(field.name)
            if isinstance(field.value, DescFieldValueList):
                inner = inner or [{}]
                message[field.name] = inner
                message = inner[0]
            else:
                message[field.name] = inner or {}
                message = message[field.name]
        field = self.fields[-1]
        if self.value is MISSING:
            message.pop(field.name, None)
        else:
            _leave_out_choices(field, message)
            message[field.name] = self.value


def _leave_out_choices(field: DescField, message: dict[str, Any]) -> None:
    oneof = getattr(field.value, "oneof", None)
    for other in oneof.fields if oneof else ():
        if other.name != field.name:
            message.pop(other.name, None)


def fields_of(method: Method) -> Iterator[tuple[DescField, ...]]:
    """Yield every field of a request, with those around it."""
    yield from _fields_within(method.input.desc(), ())


def _fields_within(
    desc: DescMessage, above: tuple[DescField, ...]
) -> Iterator[tuple[DescField, ...]]:
    for field in desc.fields:
        path = (*above, field)
        yield path
        inner = descriptors.message_of(field)
        if inner is not None and all(inner != descriptors.message_of(one) for one in above):
            yield from _fields_within(inner, path)


def rule_cases(method: Method) -> Iterator[FieldCase]:
    """Yield a case for each rule of buf.validate in a request."""
    for fields in fields_of(method):
        options = fields[-1].proto.options
        rules = options[validate_pb.ext_field] if options is not None else None
        if rules is None:
            continue
        if rules.required:
            yield FieldCase(fields, "required")
        for cel in rules.cel:
            yield FieldCase(fields, cel.id, _CEL[cel.expression])
        if rules.type is not None:
            good = _example_of(fields[-1])
            for rule, value in _broken(rules.type.field, rules.type.value, good):
                if value or rules.ignore != validate_pb.Ignore.IF_ZERO_VALUE:
                    yield FieldCase(fields, rule, value)


def required_by_service(method: Method) -> Iterator[FieldCase]:
    """Yield a case for each field that is required, but by no rule of buf.validate."""
    for fields in fields_of(method):
        options = fields[-1].proto.options
        if options is None or REQUIRED not in options[field_behavior_pb.ext_field_behavior]:
            continue
        rules = options[validate_pb.ext_field]
        if rules is None or not rules.required:
            yield FieldCase(fields, "required")


def form_cases(method: Method) -> Iterator[FieldCase]:
    """Yield cases of a wrong type, an undefined enum value and a NUL character."""
    for fields in fields_of(method):
        match fields[-1].value:
            case DescFieldValueScalar(scalar=ScalarType.STRING):
                yield FieldCase(fields, "type", 1)
                yield FieldCase(fields, "string.nul", "a\x00b")
            case DescFieldValueScalar():
                yield FieldCase(fields, "type", "no such value")
            case DescFieldValueEnum():
                yield FieldCase(fields, "type", "NO_SUCH_VALUE")
                yield FieldCase(fields, "enum.defined_only", 9999)
            case DescFieldValueList(element=DescEnum()):
                yield FieldCase(fields, "type", ["NO_SUCH_VALUE"])
            case DescFieldValueList() | DescFieldValueMap():
                yield FieldCase(fields, "type", "no such value")
            case DescFieldValueMessage(message=inner) if not inner.type_name.startswith(
                "google.protobuf."
            ):
                yield FieldCase(fields, "type", 1)
                yield FieldCase(fields, "unknown", {"no_such_field": 1})


def _example_of(field: DescField) -> Any:
    try:
        return examples.value(field, PUBLIC_URL)
    except LookupError:
        return None


def _broken(kind: str, rules: Any, good: Any) -> Iterator[tuple[str, Any]]:
    """Yield the rules of a value, each with a value that breaks it, and no other where possible."""
    for field in rules.desc().fields:
        if field in rules:
            values = _BREAK[kind](field.name, rules[field], good)
            for value in values:
                yield f"{kind}.{field.name}", value


def _of_string(rule: str, bound: Any, good: Any) -> Iterator[Any]:
    text = good if isinstance(good, str) and good else "a"
    match rule:
        case "max_len" | "max_bytes" if bound > _LONGEST:
            pass
        case "max_len":
            yield text + text[-1] * (bound + 1 - len(text))
        case "max_bytes":
            yield text + "é" * bound
        case "min_len":
            yield from [text[: bound - 1]] * (bound > 0)
        case "prefix":
            yield f"x{text}"
        case "pattern":
            yield f"{text} \t!"
        case "in":
            yield "no such value"
        case "email" | "uri" | "uri_ref" | "uuid" | "hostname" | "ipv4" | "ipv6":
            yield "not an address : %"
        case _:
            raise LookupError(f"no value breaks string.{rule}")


def _of_number(rule: str, bound: Any, _: Any) -> Iterator[Any]:
    match rule:
        case "lte":
            yield bound + 1
        case "gte":
            yield bound - 1
        case "gt" | "lt":
            yield bound
        case _:
            raise LookupError(f"no value breaks a number's {rule}")


def _of_unsigned(rule: str, bound: Any, good: Any) -> Iterator[Any]:
    if rule != "gte" or bound > 0:
        yield from _of_number(rule, bound, good)


def _of_duration(rule: str, bound: Any, good: Any) -> Iterator[Any]:
    for seconds in _of_number(rule, bound.seconds, good):
        yield f"{seconds}s"


def _of_enum(rule: str, bound: Any, _: Any) -> Iterator[Any]:
    match rule:
        case "defined_only":
            yield 9999
        case "not_in":
            yield from bound
        case "in":
            yield 0
        case _:
            raise LookupError(f"no value breaks enum.{rule}")


def _of_list(rule: str, bound: Any, good: Any) -> Iterator[Any]:
    item = good[0] if good else "a"
    match rule:
        case "min_items":
            yield from [[item] * (bound - 1)] * (bound > 0)
        case "max_items":
            many = isinstance(item, str)
            yield [f"{item}{at}" if many else item for at in range(bound + 1)]
        case "unique":
            yield [item, item]
        case "items":
            for _, value in _broken(bound.type.field, bound.type.value, item):
                yield [value]
        case _:
            raise LookupError(f"no value breaks repeated.{rule}")


def _of_map(rule: str, bound: Any, _: Any) -> Iterator[Any]:
    match rule:
        case "max_pairs":
            yield {f"key{at}": "value" for at in range(bound + 1)}
        case "keys":
            for _, value in _broken(bound.type.field, bound.type.value, "key"):
                yield {value: "value"}
        case "values":
            for _, value in _broken(bound.type.field, bound.type.value, "value"):
                yield {"key": value}
        case _:
            raise LookupError(f"no value breaks map.{rule}")


_BREAK = {
    "string": _of_string,
    "int32": _of_number,
    "uint32": _of_unsigned,
    "uint64": _of_unsigned,
    "duration": _of_duration,
    "enum": _of_enum,
    "repeated": _of_list,
    "map": _of_map,
}
