"""Examples of answers and requests, built from the descriptors and the values of `proto/examples/`.

A value is found by `Message.field`, else by the field's name; a field without one is an error, so
that no example is made of nonsense.
"""

from __future__ import annotations

import functools
import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from protobuf import (
    DescFieldValueList,
    DescFieldValueMessage,
    DescMessage,
)

from tenantry.api.schemas import is_plain, may_be_asked

if TYPE_CHECKING:
    from collections.abc import Container

    from protobuf import DescField

    from tenantry.api.methods import Method


@functools.cache
def _values(public_url: str) -> dict[str, Any]:
    text = files("tenantry.gen").joinpath("examples.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text.replace("$public_url", public_url))
    return found


def answer(method: Method, public_url: str) -> dict[str, Any]:
    """Return an example of what an rpc answers over REST, spelled as the server spells it."""
    whole = _spelled(method.output.desc(), _built(method.output.desc(), public_url))
    if method.flatten:
        return {**whole[method.flatten], method.flatten: whole[method.flatten]}
    return whole


def request(message: DescMessage, without: Container[str], public_url: str) -> dict[str, Any]:
    """Return an example of a request's body."""
    return _built(message, public_url, without)


def value(field: DescField, public_url: str = "") -> Any:
    """Return the example value of a field.

    Raises:
        LookupError: there is none.

    """
    values = _values(public_url)
    for name in (_of_its_own(field), field.name):
        if name in values and not _holds_messages(field, name):
            return values[name]
    inner = field.value
    if isinstance(inner, DescFieldValueMessage) and not is_plain(inner.message):
        return _built(inner.message, public_url)
    if isinstance(inner, DescFieldValueList) and isinstance(inner.element, DescMessage):
        return [_built(inner.element, public_url)]
    raise LookupError(f"no example for {field.parent.type_name}.{field.name}")


def _of_its_own(field: DescField) -> str:
    return f"{field.parent.name}.{field.name}"


def _holds_messages(field: DescField, name: str) -> bool:
    """Whether a value found by the bare name is of another kind than the field."""
    inner = field.value
    element = inner.element if isinstance(inner, DescFieldValueList) else None
    return "." not in name and isinstance(element, DescMessage)


def _built(message: DescMessage, public_url: str, without: Container[str] = ()) -> dict[str, Any]:
    built: dict[str, Any] = {}
    for field in message.fields:
        asked = may_be_asked(field, without) and not _is_other_choice(field, built)
        if asked and (not field.deprecated or _of_its_own(field) in _values(public_url)):
            shown = value(field, public_url)
            # Only a message can be null: another field without an example value is left out.
            if shown is not None or isinstance(field.value, DescFieldValueMessage):
                built[field.name] = shown
    return built


def _is_other_choice(field: DescField, built: Container[str]) -> bool:
    """Whether another member of its oneof is there already."""
    oneof = getattr(field.value, "oneof", None)
    return oneof is not None and any(other.name in built for other in oneof.fields)


def _spelled(message: DescMessage, example: dict[str, Any]) -> dict[str, Any]:
    read = message.type.from_json(json.dumps(example))
    text = read.to_json(use_proto_field_name=True, always_emit_implicit=True)
    spelled: dict[str, Any] = json.loads(text)
    return spelled
