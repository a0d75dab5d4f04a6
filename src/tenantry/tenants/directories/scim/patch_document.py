"""Applies the operations of a PATCH to the values of a resource (RFC 7644 section 3.5.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.tenants.directories.scim import paths
from tenantry.tenants.directories.scim.faults import Fault, quotable
from tenantry.tenants.directories.scim.filters import And, Compare
from tenantry.tenants.directories.scim.matching import as_complex, matcher
from tenantry.tenants.directories.scim.paths import Place
from tenantry.tenants.directories.scim.schemas import MEMBERS, READ_ONLY, AttributePath, fold, top
from tenantry.tenants.directories.scim.values import (
    MOST_VALUES,
    members_of,
    only_one_primary,
    value_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tenantry.tenants.directories.scim.filters import Filter
    from tenantry.tenants.directories.scim.paths import Path
    from tenantry.tenants.directories.scim.schemas import Attribute, Schema
MOST_OPERATIONS = 1000
# In the filters of all paths of a patch together.
_MOST_TERMS = 2 * MOST_OPERATIONS
# Values that a patch may look at to find those that it is about.
_MOST_COMPARISONS = 50_000
# As many comparisons take as long as to read one value that is sent.
_COMPARISONS_OF_VALUE = 10


def count_terms(terms: int, path: Path | None) -> int:
    """Return how many terms there are with those of a path."""
    if path and path.filter is not None:
        terms += _terms(path.filter)
        if terms > _MOST_TERMS:
            raise Fault(
                400, "tooMany", f"The paths of a patch can have at most {_MOST_TERMS} terms."
            )
    return terms


class Patch:
    """A copy of a document, and the operations on it."""

    def __init__(self, document: dict[str, Any], schema: Schema, custom: Schema | None) -> None:
        self.document = document
        self._schema = schema
        self._custom = custom
        self._comparisons = self._terms = 0

    def member(self, op: str, key: str, value: object) -> None:
        """Do what a member of a value without a path says; its name may be a path."""
        if "[" in key:
            path = paths.parse(key)
            self._terms = count_terms(self._terms, path)
            self.at(op, path, value)
            return
        place = Place.of(key, self._schema, self._custom, whole=isinstance(value, dict))
        if place:
            self._do(op, place, None, value)

    def at(self, op: str, path: Path, value: object) -> None:
        """Do what an operation with a path says."""
        first = top(AttributePath(path.schema, path.name))
        last = first.find(path.sub) if first and path.sub else None
        if any(one and one.mutability == READ_ONLY for one in (first, last)):
            raise Fault(400, "mutability", f"{quotable(str(path))} cannot be changed by a patch.")
        place = Place.at(
            AttributePath(path.schema, path.name, path.sub), self._schema, self._custom
        )
        if place and place.attribute is not MEMBERS:
            self._do(op, place, path.filter, value)

    def _do(self, op: str, place: Place, filter_: Filter | None, value: object) -> None:
        if not place.name:
            self._extension(op, place, value)
            return
        target = self.document.setdefault(place.urn, {}) if place.urn else self.document
        attribute = place.attribute
        if attribute and attribute.multi_valued:
            entries = target.get(place.name, [])
            if filter_ is None and place.sub is None:
                sent = len(value) if isinstance(value, list) else 1
                self._count(len(entries) + _COMPARISONS_OF_VALUE * sent)
                left = _listed(op, attribute, entries, value, self._count)
            else:
                chosen = self._chosen(attribute, entries, filter_)
                left = _Selected(place, attribute, filter_, entries, chosen).after(op, value)
            _set(target, place.name, left or None)
        elif filter_ is not None:
            raise paths.invalid(f"{place.name}[")
        else:
            _single(op, place, target, value)
        if place.urn and not target:
            del self.document[place.urn]

    def _count(self, comparisons: int) -> None:
        self._comparisons += comparisons
        if self._comparisons > _MOST_COMPARISONS:
            raise Fault(400, "tooMany", "The patch compares too many values.")

    def _extension(self, op: str, place: Place, value: object) -> None:
        if op == "remove" or (op == "replace" and value is None):
            self.document.pop(place.urn, None)
            return
        for key, one in members_of(place.urn, value).items():
            inner = place.within(key, self._custom)
            if inner:
                self._do(op, inner, None, one)

    def _chosen(
        self, attribute: Attribute, entries: list[Any], filter_: Filter | None
    ) -> list[Any]:
        if filter_ is None:
            return entries
        self._count((len(entries) + 1) * _terms(filter_))
        holds = matcher(filter_, attribute)
        return [one for one in entries if holds(as_complex(one))]


def _set(target: dict[str, Any], name: str, value: Any) -> None:
    if value is None:
        target.pop(name, None)
    else:
        target[name] = value


def _terms(filter_: Filter) -> int:
    parts = getattr(filter_, "parts", None) or [getattr(filter_, "part", None)]
    return 1 + sum(_terms(part) for part in parts if part is not None)


def _single(op: str, place: Place, target: dict[str, Any], value: object) -> None:
    """Do an operation on an attribute with one value."""
    attribute = place.attribute
    if op == "remove" and attribute and attribute.required:
        raise Fault(400, "mutability", f"{place.name} is required.")
    new = None if op == "remove" else place.value(value)
    before = target.get(place.name)
    if place.sub is not None:
        inner = dict(before) if isinstance(before, dict) else {}
        _set(inner, place.sub, new)
        new = inner or None
    elif attribute and attribute.type == "complex" and isinstance(value, dict) and op != "remove":
        # A sub-attribute that is not given stays as it is (section 3.5.2.3).
        inner = (before or {}) | (new or {})
        for key, one in value.items():
            if one in (None, "") and (leaf := attribute.find(key)):
                inner.pop(leaf.name, None)
        new = inner or None
    _set(target, place.name, new)


@dataclass(slots=True, eq=False, repr=False)
class _Selected:
    """Values of an attribute, and those of them that a path selects."""

    place: Place
    attribute: Attribute
    filter: Filter | None
    entries: list[Any]
    chosen: list[Any]

    def after(self, op: str, value: object) -> list[Any]:
        """Return the values that there are after an operation on those selected."""
        sub, where = self.place.sub, self.attribute.name
        if op == "remove" and sub is None:
            return [one for one in self.entries if not any(one is it for it in self.chosen)]
        if self.attribute.type != "complex":
            raise paths.invalid(str(self.place.path()))
        if op == "remove":
            return self._without(sub)
        if sub is not None:
            new = self.place.value(value)
            new = None if new is None else {sub: new}
        else:
            given = value_of(self.attribute, value, where) or []
            if len(given) > 1:
                raise Fault(
                    400,
                    "invalidValue",
                    f"The path of {where} has a filter and requires a single value.",
                )
            new = given[0] if given else None
        return self._without(sub) if new is None else self._with(op, new)

    def _with(self, op: str, new: dict[str, Any]) -> list[Any]:
        entries, chosen = self.entries, self.chosen
        seed = _seed(self.attribute, self.filter)
        if not chosen:
            if seed is None:
                raise Fault(400, "noTarget", f"No value of {self.attribute.name} matches the path.")
            entry = seed | new
            if self.filter and not matcher(self.filter, self.attribute)(entry):
                raise Fault(400, "invalidValue", "The value does not match the filter of its path.")
            chosen, entries = [entry], [*entries, entry]
            _check_count(entries, self.attribute)
        for one in chosen:
            if self.place.sub is None and op == "replace":
                one.clear()
                one.update(seed or {})
            one.update(new)
        only_one_primary(entries, chosen)
        return entries

    def _without(self, sub: str | None) -> list[Any]:
        """Return the values without a sub-attribute of those selected; an empty one goes."""
        for one in self.chosen:
            if sub is None:
                one.clear()
            else:
                one.pop(sub, None)
        return [one for one in self.entries if one.keys() - {"type", "primary", "display"}]


def _check_count(entries: Sequence[Any], attribute: Attribute) -> None:
    if len(entries) > MOST_VALUES:
        raise Fault(400, "invalidValue", f"{attribute.name} can have at most {MOST_VALUES} values.")


def _listed(
    op: str, attribute: Attribute, entries: list[Any], value: object, count: Callable[[int], None]
) -> list[Any]:
    """Return the values after an operation on all of them, or on those that it brings.

    ``count`` is told of each comparison, and refuses too many.
    """
    given = value_of(attribute, value, attribute.name) or []
    if op == "replace":
        return given
    if op == "remove" and (value is None or value == ""):
        return []
    held = _Held(attribute, entries, count)
    if op == "remove":
        gone = {id(it) for one in given for it in held.same(one)}
        return [one for one in entries if id(one) not in gone]
    entries, written = list(entries), []
    for one in given:
        before = next(held.same(one), None)
        if before is None:
            entries.append(one)
            held.add(one)
        elif isinstance(before, dict):
            before.update(one)
        written.append(one if before is None else before)
    _check_count(entries, attribute)
    if attribute.type == "complex":
        only_one_primary(entries, written)
    return entries


class _Held:
    """Values of an attribute, to find those that are the same as another.

    Same are those of equal values, and of one type if both have a type; without a value, those that
    have all of the other.
    """

    def __init__(
        self, attribute: Attribute, entries: Sequence[Any], count: Callable[[int], None]
    ) -> None:
        value = attribute.find("value")
        self._count = count
        self._exact = value is not None and value.case_exact
        self._by_value: dict[Any, list[Any]] = {}
        for one in entries:
            self.add(one)

    def _key(self, entry: Any) -> Any:
        value = entry.get("value") if isinstance(entry, dict) else entry
        return value if value is None or self._exact else fold(str(value))

    def add(self, entry: Any) -> None:
        self._by_value.setdefault(self._key(entry), []).append(entry)

    def same(self, given: Any) -> Iterator[Any]:
        for one in self._by_value.get(key := self._key(given), ()):
            self._count(2)
            if key is None:
                is_same = one.items() >= given.items()
            else:
                is_same = not isinstance(one, dict) or len(_types(one, given)) < 2
            if is_same:
                yield one


def _types(*entries: Mapping[str, Any]) -> set[str]:
    return {fold(one["type"]) for one in entries if "type" in one}


def _seed(attribute: Attribute, filter_: Filter | None) -> dict[str, Any] | None:
    """Return the value that a filter of equalities describes; None if it is another filter."""
    if filter_ is None:
        return {}
    seed: dict[str, Any] = {}
    for part in filter_.parts if isinstance(filter_, And) else (filter_,):
        known = attribute.find(part.path.name) if isinstance(part, Compare) else None
        if not isinstance(part, Compare) or part.op != "eq" or known is None:
            return None
        if part.value is not None:
            seed[known.name] = value_of(known, part.value, attribute.name)
    return seed
