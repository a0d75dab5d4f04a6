"""google.protobuf.Struct as plain JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tenantry import errors

if TYPE_CHECKING:
    from protobuf.wkt import Struct


def plain(struct: Struct, field: str) -> dict[str, Any]:
    """Return what a Struct of a request holds.

    Raises:
        errors.InvalidArgument: NaN, an infinity, or a value of no kind, which the binary form can
            spell and JSON cannot; the field is named.

    """
    try:
        content: dict[str, Any] = json.loads(struct.to_json())
    except (ValueError, RecursionError) as problem:
        raise errors.InvalidArgument.field(field, "type", str(problem)) from None
    return content
