"""The rules of buf.validate, in words and as JSON Schema.

`api/validation.py` enforces the rules; this module only describes them.
A rule that has no words here is an error: the reference may not keep silent about one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from protobuf import DescFieldValueEnum, DescFieldValueScalar

from tenantry.gen.buf.validate import validate_pb
from tenantry.gen.google.api import field_behavior_pb

if TYPE_CHECKING:
    from collections.abc import Callable

    from protobuf import DescEnum, DescField

    Given = dict[str, Any]

_REQUIRED = field_behavior_pb.FieldBehavior.REQUIRED
# Spellings of RE2 (https://github.com/google/re2/wiki/Syntax) that differ from ECMA-262.
_RE2 = {r"\A": "^", r"\z": "$", "(?P<": "(?<"}
_RE2_ONLY = re.compile(r"\(\?[imsU-]|\[\[:|\\[pPQECa]")
# Rules that are a flag each: in words, and the format of JSON Schema.
_FORMATS = {
    "email": ("an email address", "email"),
    "hostname": ("a host name", "hostname"),
    "uri": ("an absolute URI", "uri"),
    "uri_ref": ("a URI or a relative reference", "uri-reference"),
    "uuid": ("a UUID", "uuid"),
    "ipv4": ("an IPv4 address", "ipv4"),
    "ipv6": ("an IPv6 address", "ipv6"),
}

_SIZES = {
    "character": ("minLength", "maxLength"),
    "item": ("minItems", "maxItems"),
    "pair": ("minProperties", "maxProperties"),
}


@dataclass(slots=True)
class Rules:
    """The rules of a value, as phrases and as keywords of JSON Schema."""

    words: list[str] = field(default_factory=list)
    schema: dict[str, Any] = field(default_factory=dict)
    required: bool = False
    excluded: frozenset[int] = frozenset()  # numbers of an enum that are refused


def rules_of(desc: DescField) -> Rules:
    """Return the rules of a field of a request.

    Raises:
        LookupError: it has a rule that is not told of here.

    """
    options = desc.proto.options
    if options is None:
        return Rules()
    given = options[validate_pb.ext_field]
    enum = desc.value.enum if isinstance(desc.value, DescFieldValueEnum) else None
    rules = _of(given, f"{desc.parent.type_name}.{desc.name}", enum) if given else Rules()
    if _REQUIRED in options[field_behavior_pb.ext_field_behavior] or _refuses_zero(desc, rules):
        rules.required = True
    return rules


def _of(given: validate_pb.FieldRules, name: str, enum: DescEnum | None = None) -> Rules:
    rules = Rules(required=given.required)
    for cel in given.cel:
        if cel.message:
            rules.words.append(cel.message)
    if given.type is not None:
        kind = given.type.field
        rest = _set_fields(given.type.value)
        if kind == "enum":
            _enum(rest, rules, enum)
        elif kind in _KINDS:
            _KINDS[kind](rest, rules, name)
        else:
            _number(rest, rules)
        if rest:
            raise LookupError(f"{name}: no words for the rules {', '.join(rest)} of {kind}")
    return rules


def _set_fields(message: Any) -> Given:
    return {f.name: message[f] for f in message if f in message and f.name != "example"}


def _refuses_zero(desc: DescField, rules: Rules) -> bool:
    """Whether leaving a field without presence out, which makes it zero, breaks a rule."""
    if not isinstance(desc.value, DescFieldValueScalar | DescFieldValueEnum):
        return bool(rules.schema.get("minItems") or rules.schema.get("minProperties"))
    if desc.presence != desc.presence.IMPLICIT:
        return False
    schema = rules.schema
    return bool(
        0 in rules.excluded
        or schema.get("minLength")
        or schema.get("format") == "email"
        or schema.get("minimum", 0) > 0
        or schema.get("exclusiveMinimum", -1) >= 0
    )


def _string(given: Given, rules: Rules, _name: str) -> None:
    low, high = given.pop("min_len", 0), given.pop("max_len", None)
    if "len" in given:
        low = high = given.pop("len")
    _size(rules, low, high, "character")
    if most := given.pop("max_bytes", 0):
        rules.words.append(f"at most {most:,} bytes of UTF-8")
    _patterns(given, rules)
    for known in _FORMATS.keys() & given.keys():
        if given.pop(known):
            words, rules.schema["format"] = _FORMATS[known]
            rules.words.append(words)
    _choice(given, rules)


def _patterns(given: Given, rules: Rules) -> None:
    patterns = []
    if prefix := given.pop("prefix", ""):
        rules.words.append(f"starts with `{prefix}`")
        patterns.append(f"^{re.escape(prefix)}")
    if suffix := given.pop("suffix", ""):
        rules.words.append(f"ends with `{suffix}`")
        patterns.append(f"{re.escape(suffix)}$")
    if part := given.pop("contains", ""):
        rules.words.append(f"contains `{part}`")
        patterns.append(re.escape(part))
    if pattern := given.pop("pattern", ""):
        rules.words.append(f"matches `{pattern}`")
        patterns.append(_ecma(pattern))
    if len(patterns) == 1:
        rules.schema["pattern"] = patterns[0]
    elif patterns:
        rules.schema["allOf"] = [{"pattern": pattern} for pattern in patterns]


def _ecma(pattern: str) -> str:
    for theirs, ours in _RE2.items():
        pattern = pattern.replace(theirs, ours)
    if only := _RE2_ONLY.search(pattern):
        raise LookupError(f"{pattern}: {only[0]} means nothing, or something else, in ECMA-262")
    return pattern


def _number(given: Given, rules: Rules) -> None:
    between = {"gte", "lte"} <= given.keys()
    if between:
        rules.words.append(f"{given['gte']} to {given['lte']}")
    for name, words, keyword in (
        ("gt", "more than {}", "exclusiveMinimum"),
        ("gte", "{} or more", "minimum"),
        ("lt", "less than {}", "exclusiveMaximum"),
        ("lte", "at most {}", "maximum"),
    ):
        if name in given:
            rules.schema[keyword] = given.pop(name)
            if not between:
                rules.words.append(words.format(rules.schema[keyword]))
    _choice(given, rules)


def _duration(given: Given, rules: Rules, _name: str) -> None:
    """Say the bounds of a length of time: JSON Schema has no word for them, it is a text there."""
    low, high = (given.pop(name).seconds for name in ("gte", "lte"))
    rules.words.append(f"{low} to {high} seconds")


def _choice(given: Given, rules: Rules) -> None:
    if "const" in given:
        rules.schema["const"] = given.pop("const")
        rules.words.append(f"exactly `{rules.schema['const']}`")
    if allowed := given.pop("in", None):
        rules.schema["enum"] = list(allowed)
        rules.words.append("one of " + ", ".join(f"`{value}`" for value in allowed))
    if refused := given.pop("not_in", None):
        rules.schema["not"] = {"enum": list(refused)}
        rules.words.append("none of " + ", ".join(f"`{value}`" for value in refused))


def _enum(given: Given, rules: Rules, enum: DescEnum | None) -> None:
    given.pop("defined_only", None)  # the enum's names are listed anyhow
    rules.excluded = frozenset(given.pop("not_in", ()))
    if allowed := given.pop("in", ()):
        numbers = {value.number for value in enum.values} if enum else set()
        rules.excluded |= numbers - set(allowed)


def _repeated(given: Given, rules: Rules, name: str) -> None:
    low, high = given.pop("min_items", 0), given.pop("max_items", None)
    _size(rules, low, high, "item")
    if given.pop("unique", False):
        rules.words.append("unique items")
        rules.schema["uniqueItems"] = True
    if items := given.pop("items", None):
        each = _of(items, name)
        rules.words += [f"each {words}" for words in each.words]
        rules.schema["items"] = each.schema


def _map(given: Given, rules: Rules, name: str) -> None:
    low, high = given.pop("min_pairs", 0), given.pop("max_pairs", None)
    _size(rules, low, high, "pair")
    for part, keyword in (("keys", "propertyNames"), ("values", "additionalProperties")):
        if inner := given.pop(part, None):
            each = _of(inner, name)
            rules.words += [f"{part} {words}" for words in each.words]
            rules.schema[keyword] = each.schema


def _bool(given: Given, rules: Rules, _name: str) -> None:
    _choice(given, rules)


def _size(rules: Rules, low: int, high: int | None, unit: str) -> None:
    """Describe the allowed number of characters, items or pairs."""
    least, most = _SIZES[unit]
    if low:
        rules.schema[least] = low
    if high is not None:
        rules.schema[most] = high
    many = unit if (high or low) == 1 else f"{unit}s"
    if low and high == low:
        rules.words.append(f"exactly {low} {many}")
    elif low and high is not None:
        rules.words.append(f"{low} to {high} {many}")
    elif high is not None:
        rules.words.append(f"up to {high} {many}")
    elif low:
        rules.words.append(f"at least {low} {many}")


_KINDS: dict[str, Callable[[Given, Rules, str], None]] = {
    "string": _string,
    "repeated": _repeated,
    "map": _map,
    "bool": _bool,
    "duration": _duration,
}
