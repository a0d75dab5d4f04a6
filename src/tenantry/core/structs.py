"""google.protobuf.Struct as plain JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tenantry.core import errors

if TYPE_CHECKING:
    from protobuf.wkt import Struct

_LARGEST = 2**53  # a float represents each whole number up to it


def plain(struct: Struct, field: str) -> dict[str, Any]:
    """Return what a Struct of a request holds."""
    try:
        content: dict[str, Any] = json.loads(struct.to_json())
    except (ValueError, RecursionError) as problem:
        raise errors.InvalidArgument.field(field, "type", str(problem)) from None
    return content


def members(struct: Struct) -> dict[str, Any]:
    """Return the members of a Struct of a response, as REST writes them."""
    found: dict[str, Any] = whole_numbers(struct.to_python())
    return found


def whole_numbers(value: Any) -> Any:
    """Return JSON whose whole numbers are spelled so, as `16` and not `16.0`.

    A Struct knows one kind of number only, and a client that reads an integer refuses the other.
    """
    if isinstance(value, dict):
        return {name: whole_numbers(member) for name, member in value.items()}
    if isinstance(value, list):
        return [whole_numbers(element) for element in value]
    if isinstance(value, float) and value.is_integer() and abs(value) <= _LARGEST:
        return int(value)
    return value
