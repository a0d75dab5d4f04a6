"""Messages as JSON Schema (2020-12, the dialect of OpenAPI 3.1).

A message has up to two schemas. A request follows the rules of the contract and may hold nothing
else; an answer's schema tells which members are always there, and is bound by no rule: an answer
may show what today's rules would refuse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protobuf import (
    DescEnum,
    DescFieldValueEnum,
    DescFieldValueList,
    DescFieldValueMap,
    DescFieldValueMessage,
    DescMessage,
    ScalarType,
)

from tenantry.api.comments import comment
from tenantry.api.rules import Rules, rules_of
from tenantry.gen.google.api import field_behavior_pb

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from protobuf import DescField

    Schema = dict[str, Any]

_INTEGERS = {
    ScalarType.INT32: (-(2**31), 2**31 - 1),
    ScalarType.SINT32: (-(2**31), 2**31 - 1),
    ScalarType.SFIXED32: (-(2**31), 2**31 - 1),
    ScalarType.UINT32: (0, 2**32 - 1),
    ScalarType.FIXED32: (0, 2**32 - 1),
}
# JSON numbers are doubles to many readers, so 64 bits travel as text.
_LONG = {"type": "string", "format": "int64", "pattern": "^-?[0-9]{1,20}$"}
_WRAPPED = {
    "google.protobuf.Int32Value": ScalarType.INT32,
    "google.protobuf.UInt32Value": ScalarType.UINT32,
    "google.protobuf.Int64Value": ScalarType.INT64,
    "google.protobuf.UInt64Value": ScalarType.UINT64,
    "google.protobuf.FloatValue": ScalarType.FLOAT,
    "google.protobuf.DoubleValue": ScalarType.DOUBLE,
    "google.protobuf.BoolValue": ScalarType.BOOL,
    "google.protobuf.StringValue": ScalarType.STRING,
    "google.protobuf.BytesValue": ScalarType.BYTES,
}
_WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(?:\.[0-9]{1,9})?s$"},
    "google.protobuf.FieldMask": {"type": "string"},
    "google.protobuf.Struct": {"type": "object", "additionalProperties": True},
    "google.protobuf.Value": {},
    "google.protobuf.ListValue": {"type": "array"},
    "google.protobuf.Empty": {"type": "object", "additionalProperties": False},
}


def is_plain(message: DescMessage) -> bool:
    """Whether the message is a single value in JSON rather than an object of its fields."""
    return message.type_name in _WRAPPED or message.type_name in _WELL_KNOWN


def always_there(field: DescField) -> bool:
    """Whether an answer always has this field: it has no presence, or says so itself."""
    options = field.proto.options
    behavior = options[field_behavior_pb.ext_field_behavior] if options else ()
    implicit = field.presence == field.presence.IMPLICIT
    return implicit or field_behavior_pb.FieldBehavior.REQUIRED in behavior


def may_be_asked(field: DescField, path: Container[str]) -> bool:
    """Whether a request can hold this field beside those that its path holds."""
    if field.name in path:
        return False
    oneof = getattr(field.value, "oneof", None)
    return oneof is None or not any(other.name in path for other in oneof.fields)


def distinct_values(enum: DescEnum) -> list[tuple[int, str]]:
    """Return the numbers of an enum with their names, of two names for one the first."""
    names: dict[int, str] = {}
    for value in enum.values:
        names.setdefault(value.number, value.name)
    return list(names.items())


class Schemas:
    """The schemas of one document, each message and enum once."""

    def __init__(
        self,
        asked: Iterable[DescMessage],
        answered: Iterable[DescMessage],
        *,
        location: str = "#/components/schemas/",
    ) -> None:
        """``asked`` and ``answered`` are the messages that requests and answers begin with.

        ``location`` is where the document has the components, as references name it.
        """
        self.components: dict[str, Schema] = {}
        self._location = location
        self._asked = _closure(asked)
        self._answered = _closure(answered)
        self._names = _names({**self._asked, **self._answered})

    def request(self, message: DescMessage) -> Schema:
        """Return the schema of a message that is sent in."""
        if is_plain(message):
            return self._plain(message)
        name = self._names[message.type_name]
        if message.type_name in self._answered:
            name += "Input"
        return self._component(name, message, lambda: self.request_object(message))

    def request_object(self, message: DescMessage, without: Container[str] = ()) -> Schema:
        """Return the same in place, less the fields that the path holds."""
        fields = [f for f in message.fields if may_be_asked(f, without)]
        schema: Schema = {
            "type": "object",
            "properties": {f.name: self.asked(f) for f in fields},
            "additionalProperties": False,
        }
        if required := [f.name for f in fields if rules_of(f).required]:
            schema["required"] = required
        return _described(schema, comment(message.type_name))

    def asked(self, field: DescField) -> Schema:
        """Return the schema of one field of a request."""
        rules = rules_of(field)
        schema = self._value(field, rules, asked=True)
        if field.deprecated:
            schema["deprecated"] = True
        return _described(schema, comment(f"{field.parent.type_name}.{field.name}"))

    def response(self, message: DescMessage) -> Schema:
        """Return the schema of a message that comes back."""
        if is_plain(message):
            return self._plain(message)
        name = self._names[message.type_name]
        return self._component(name, message, lambda: self._response_object(message))

    def _response_object(self, message: DescMessage) -> Schema:
        properties: Schema = {}
        for field in message.fields:
            schema = self._value(field, Rules(), asked=False)
            properties[field.name] = _described(
                schema, comment(f"{message.type_name}.{field.name}")
            )
            if field.deprecated:
                properties[field.name]["deprecated"] = True
        schema = {"type": "object", "properties": properties}
        if required := [f.name for f in message.fields if always_there(f)]:
            schema["required"] = required
        return _described(schema, comment(message.type_name))

    def _component(self, name: str, message: DescMessage, make: Any) -> Schema:
        if name not in self.components:
            self.components[name] = {}  # a message may hold itself
            self.components[name] = {"title": message.name, **make()}
        return {"$ref": f"{self._location}{name}"}

    def _value(self, field: DescField, rules: Rules, *, asked: bool) -> Schema:
        value = field.value
        if isinstance(value, DescFieldValueList):
            given = dict(rules.schema)
            item = {**self._element(value.element, rules, asked=asked), **given.pop("items", {})}
            return {"type": "array", "items": item, **given}
        if isinstance(value, DescFieldValueMap):
            given = dict(rules.schema)
            inner = self._element(value.value, Rules(), asked=asked)
            inner = {**inner, **given.pop("additionalProperties", {})}
            return {"type": "object", "additionalProperties": inner, **given}
        if isinstance(value, DescFieldValueMessage):
            return {**self._element(value.message, rules, asked=asked), **rules.schema}
        if isinstance(value, DescFieldValueEnum):
            return self._element(value.enum, rules, asked=asked)
        return {**self._scalar(value.scalar), **rules.schema}

    def _element(
        self, element: DescMessage | DescEnum | ScalarType, rules: Rules, *, asked: bool
    ) -> Schema:
        if isinstance(element, DescMessage):
            return self.request(element) if asked else self.response(element)
        if isinstance(element, DescEnum):
            return self._enum(element, rules)
        return self._scalar(element)

    def _enum(self, enum: DescEnum, rules: Rules) -> Schema:
        name = self._names[enum.type_name]
        values = distinct_values(enum)
        if name not in self.components:
            told = [(text, comment(f"{enum.type_name}.{text}")) for _, text in values]
            lines = [comment(enum.type_name), "", *(f"- `{text}`: {why}" for text, why in told)]
            self.components[name] = {
                "title": enum.name,
                "type": "string",
                "enum": [text for text, _ in told],
                "description": "\n".join(lines),
            }
        schema: Schema = {"$ref": f"{self._location}{name}"}
        if refused := [text for number, text in values if number in rules.excluded]:
            schema["not"] = {"enum": refused}
        return schema

    def _plain(self, message: DescMessage) -> Schema:
        if scalar := _WRAPPED.get(message.type_name):
            return self._scalar(scalar)
        return dict(_WELL_KNOWN[message.type_name])

    def _scalar(self, scalar: ScalarType) -> Schema:
        if scalar is ScalarType.STRING:
            return {"type": "string"}
        if scalar is ScalarType.BOOL:
            return {"type": "boolean"}
        if scalar in _INTEGERS:
            low, high = _INTEGERS[scalar]
            return {"type": "integer", "minimum": low, "maximum": high}
        if scalar in {ScalarType.FLOAT, ScalarType.DOUBLE}:
            return {"type": "number"}
        if scalar is ScalarType.BYTES:
            return {"type": "string", "contentEncoding": "base64"}
        return dict(_LONG)


def _described(schema: Schema, text: str) -> Schema:
    if text:
        schema["description"] = text
    return schema


def _closure(roots: Iterable[DescMessage]) -> dict[str, DescMessage | DescEnum]:
    """Return all messages and enums that can be met from these, by full name."""
    found: dict[str, DescMessage | DescEnum] = {}
    waiting: list[DescMessage | DescEnum] = list(roots)
    while waiting:
        each = waiting.pop()
        if each.type_name in found or (isinstance(each, DescMessage) and is_plain(each)):
            continue
        found[each.type_name] = each
        if isinstance(each, DescMessage):
            for field in each.fields:
                inner = _inner(field)
                if inner is not None:
                    waiting.append(inner)
    return found


def _inner(field: DescField) -> DescMessage | DescEnum | None:
    value = field.value
    if isinstance(value, DescFieldValueMessage):
        return value.message
    if isinstance(value, DescFieldValueEnum):
        return value.enum
    element: Any = None
    if isinstance(value, DescFieldValueList):
        element = value.element
    if isinstance(value, DescFieldValueMap):
        element = value.value
    return element if isinstance(element, DescMessage | DescEnum) else None


def _names(types: Mapping[str, DescMessage | DescEnum]) -> dict[str, str]:
    """Name each type shortly; with its package where two packages have the same name."""
    short: dict[str, list[str]] = {}
    for full in sorted(types):
        short.setdefault(full.rpartition(".")[2], []).append(full)
    names = {}
    for name, fulls in short.items():
        for full in fulls:
            names[full] = name if len(fulls) == 1 else ".".join(full.split(".")[-2:])
    return names
