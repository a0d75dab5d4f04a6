"""Evaluates filters against the members of a resource (RFC 7644 section 3.4.2.2)."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, TypeAlias

from tenantry.core.strict_json import is_number
from tenantry.tenants.directories.scim.filters import (
    OF_TEXT,
    Compare,
    Filter,
    Not,
    Or,
    Present,
    ValuePath,
    microseconds,
)
from tenantry.tenants.directories.scim.schemas import (
    Attribute,
    AttributePath,
    definition,
    fold,
    top,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Value: TypeAlias = str | int | float | bool | None
    Test: TypeAlias = Callable[[Any], bool]


def matcher(filter_: Filter, inside: Attribute | None = None) -> Test:
    """Return a function that tells whether a filter holds for a resource.

    A resource is a document, with its id and meta. The function is for many of them: a filter is
    prepared once. ``inside`` is the attribute for a value
    path's filter, which is then held against one value of it.
    """
    if isinstance(filter_, Compare):
        return _comparison(filter_, inside)
    if isinstance(filter_, Present):
        return _for_any(_reader(filter_.path, inside), _there)
    if isinstance(filter_, Not):
        part = matcher(filter_.part, inside)
        return lambda resource: not part(resource)
    if isinstance(filter_, ValuePath):
        one = matcher(filter_.filter, top(filter_.path))
        return _for_any(_reader(filter_.path), lambda value: one(as_complex(value)))
    parts = [matcher(part, inside) for part in filter_.parts]
    decisive = isinstance(filter_, Or)

    def holds(resource: Any) -> bool:
        for part in parts:
            if part(resource) is decisive:
                return decisive
        return not decisive

    return holds


def _for_any(read: Callable[[Mapping[str, Any]], list[Any]], test: Test) -> Test:
    """Return a function that says whether a test holds for any value of a resource."""

    def holds(resource: Any) -> bool:
        for value in read(resource):  # noqa: SIM110 - it runs for each term and value
            if test(value):
                return True
        return False

    return holds


def as_complex(value: Any) -> Mapping[str, Any]:
    """Return a value as one with sub-attributes: a plain one has itself for its value."""
    return value if isinstance(value, dict) else {"value": value}


def _comparison(compare: Compare, inside: Attribute | None) -> Test:
    known = inside.find(compare.path.name) if inside else definition(compare.path)
    read = _reader(compare.path, inside)
    negated = (compare.op == "ne") != (compare.value is None)
    if compare.value is None:
        test = _for_any(read, _there)
    else:
        one = _test("eq" if negated else compare.op, compare.value, known)
        name = compare.path.name
        # Of a value path there may be many values, and each has one of this.
        test = (lambda entry: one(entry.get(name))) if inside and known else _for_any(read, one)
    return (lambda resource: not test(resource)) if negated else test


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
    "co": operator.contains,
    "sw": str.startswith,
    "ew": str.endswith,
}


def _test(op: str, wanted: Value, known: Attribute | None) -> Test:
    """Return the test of one value of an attribute."""
    compare = _COMPARISONS[op]
    if isinstance(wanted, bool):
        return lambda value: value is wanted
    if not isinstance(wanted, str):
        return lambda value: is_number(value) and compare(value, wanted)
    if known and known.type == "dateTime" and op not in OF_TEXT:
        moment = microseconds(wanted)
        return lambda value: (
            isinstance(value, str)
            and (at := microseconds(value)) is not None
            and compare(at, moment)
        )
    if known and known.case_exact:
        return lambda value: isinstance(value, str) and compare(value, wanted)
    folded = fold(wanted)
    return lambda value: (
        isinstance(value, str)
        and compare(value.lower() if value.isascii() else fold(value), folded)
    )


def _there(value: Any) -> bool:
    """Return whether this is a value (RFC 7644 table 3): neither nothing nor empty."""
    if isinstance(value, dict):
        return any(_there(one) for one in value.values())
    return value is not None and value not in ("", [])


def _reader(
    path: AttributePath, inside: Attribute | None = None
) -> Callable[[Mapping[str, Any]], list[Any]]:
    """Return a function that returns all values of an attribute, or of one within another."""
    schema, name, sub = path.schema, path.name, path.sub
    known = inside.find(name) if inside else top(path)
    get = member if known is None else _exactly
    get_sub = _exactly if known and sub and known.find(sub) else member

    def read(resource: Mapping[str, Any]) -> list[Any]:
        source: Any = resource
        if schema:
            source = member(resource, schema)
            if not isinstance(source, dict):
                return []
        found = get(source, name) if name else source
        all_ = found if isinstance(found, list) else [] if found is None else [found]
        if sub is None:
            return all_
        return [
            value
            for one in all_
            if isinstance(one, dict) and (value := get_sub(one, sub)) is not None
        ]

    return read


def _exactly(mapping: Mapping[str, Any], name: str) -> Any:
    return mapping.get(name)


def member(mapping: Mapping[str, Any], name: str) -> Any:
    """Return a member by its name, regardless of case; None if there is no such member."""
    found = mapping.get(name)
    if found is None:
        folded = name.casefold()
        return next((value for key, value in mapping.items() if key.casefold() == folded), None)
    return found
