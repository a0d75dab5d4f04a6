"""A question for a list, from a query or from the body of a search (RFC 7644 section 3.4).

Pages go by index, or by cursor where one is asked for (RFC 9865).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.tenants.directories.resources.searching import Query
from tenantry.tenants.directories.scim import filters
from tenantry.tenants.directories.scim.faults import Fault, shown
from tenantry.tenants.directories.scim.schemas import attribute_path
from tenantry.tenants.directories.scim.selections import USUAL, Selection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.tenants.directories.scim.filters import Filter
    from tenantry.tenants.directories.scim.schemas import AttributePath

DEFAULT_COUNT, MOST_COUNT = 100, 200
_LARGEST = 2**31
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_MOST_CURSOR = 2000  # characters


@dataclass(frozen=True, slots=True)
class Asked:
    """Which resources are asked for, and what of each."""

    query: Query
    selection: Selection


def asked(given: Mapping[str, Any]) -> Asked:
    """Return the question of these parameters, whose names are in lower case."""
    cursor = _text(given, "cursor")
    sort_order = (_text(given, "sortOrder") or "ascending").casefold()
    if sort_order not in {"ascending", "descending"}:
        raise _invalid("sortOrder", "must be ascending or descending")
    if cursor is not None and len(cursor) > _MOST_CURSOR:
        raise Fault(400, "invalidCursor", "The cursor is invalid.")
    query = Query(
        filter=_filter(given),
        sort_by=_sort_by(given),
        descending=sort_order == "descending",
        start_index=max(1, _integer(given, "startIndex", 1)),
        count=min(max(0, _integer(given, "count", DEFAULT_COUNT)), MOST_COUNT),
        cursor=cursor,
    )
    return Asked(query, selection(given))


def selection(given: Mapping[str, Any]) -> Selection:
    if "attributes" not in given and "excludedattributes" not in given:
        return USUAL
    return Selection.of(_names(given, "attributes"), _names(given, "excludedAttributes"))


def _filter(given: Mapping[str, Any]) -> Filter | None:
    text = _text(given, "filter")
    return filters.parse(text) if text and text.strip() else None


def _sort_by(given: Mapping[str, Any]) -> AttributePath | None:
    text = _text(given, "sortBy")
    if not text:
        return None
    try:
        return attribute_path(text.strip())
    except ValueError:
        raise _invalid("sortBy", f"is {shown(text)}, which is no attribute") from None


def _names(given: Mapping[str, Any], name: str) -> list[str] | None:
    value = given.get(name.lower())
    if value is None or value == "":
        return None
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise _invalid(name, "must be names of attributes")
    return names


def _text(given: Mapping[str, Any], name: str) -> str | None:
    value = given.get(name.lower())
    if value is not None and not isinstance(value, str):
        raise _invalid(name, "must be a text")
    return value


def _integer(given: Mapping[str, Any], name: str, default: int) -> int:
    value = given.get(name.lower())
    if value is None or value == "":
        return default
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _invalid(name, "must be an integer")
    return max(-_LARGEST, min(value, _LARGEST))


def _invalid(name: str, trouble: str) -> Fault:
    return Fault(400, "invalidValue", f"{name} {trouble}.")
