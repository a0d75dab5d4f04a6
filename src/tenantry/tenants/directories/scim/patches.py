"""PATCH (RFC 7644 section 3.5.2): operations on a document, and on a group's members.

A patch makes a new document, or none: the one that is stored stays as it is. Providers deviate from
the RFC here more than anywhere: what they mean by it is done. Beyond the RFC, replacing values that
a filter does not find adds them, if the filter says by ``eq`` what they are to be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from tenantry.tenants.directories.scim import paths
from tenantry.tenants.directories.scim.faults import Fault, shown
from tenantry.tenants.directories.scim.filters import (
    And,
    Compare,
    Or,
    as_complex,
    matcher,
)
from tenantry.tenants.directories.scim.places import Place
from tenantry.tenants.directories.scim.records import Record
from tenantry.tenants.directories.scim.resources import (
    checked,
    document_of,
)
from tenantry.tenants.directories.scim.schemas import (
    GROUP,
    MEMBERS,
    READ_ONLY,
    USER,
    AttributePath,
    fold,
    top,
)
from tenantry.tenants.directories.scim.values import (
    MOST_VALUES,
    member_ids,
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
_OPS = {"add", "remove", "replace"}

Step: TypeAlias = tuple[Literal["add", "remove", "replace", "clear"], list[str]]


@dataclass(slots=True, eq=False, repr=False)
class Operation(Record):
    """One operation: "add", "remove" or "replace"; without a path it is about the resource."""

    op: str
    path: Path | None
    value: Any


@dataclass(slots=True, eq=False, repr=False)
class GroupPatch(Record):
    """A patch of a group: changes of its document, and steps with its members, in order.

    A step is an "add", "remove" or "replace" with ids, or a "clear".
    """

    operations: tuple[Operation, ...]
    member_steps: list[Step]

    def apply(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return the group's new document.

        Raises:
            Fault: 400 of table 9, as `apply_to_user`.

        """
        return _applied(document, self.operations, GROUP, None)


def parse(payload: object) -> list[Operation]:
    """Return the operations of a patch.

    Raises:
        Fault: 400 invalidSyntax, invalidPath, invalidFilter or tooMany; or 413 for too many.

    """
    members = {key.casefold(): value for key, value in document_of(payload).items()}
    sent = members.get("operations")
    if not isinstance(sent, list) or not sent:
        raise Fault(400, "invalidSyntax", "Operations must be a list of one or more.")
    if len(sent) > MOST_OPERATIONS:
        raise Fault(
            413, "", f"A patch may have {MOST_OPERATIONS} operations, and this has {len(sent)}."
        )
    operations: list[Operation] = []
    terms = 0
    for n, one in enumerate(sent):
        operations.append(_operation(one, f"Operations[{n}]"))
        terms = _counted(terms, operations[-1].path)
    return operations


def _counted(terms: int, path: Path | None) -> int:
    """Return how many terms there are with those of a path.

    Raises:
        Fault: 400 tooMany.

    """
    if path and path.filter is not None:
        terms += _terms(path.filter)
        if terms > _MOST_TERMS:
            raise Fault(400, "tooMany", f"The paths of a patch may have {_MOST_TERMS} terms.")
    return terms


def _operation(sent: object, where: str) -> Operation:
    if not isinstance(sent, dict):
        raise Fault(400, "invalidSyntax", f"{where} must be an object.")
    members = {key.casefold(): value for key, value in sent.items()}
    op, path, value = members.get("op"), members.get("path"), members.get("value")
    if not isinstance(op, str) or (op := op.casefold()) not in _OPS:
        raise Fault(400, "invalidSyntax", f"{where}.op must be add, remove or replace.")
    if path is not None and not isinstance(path, str):
        raise Fault(400, "invalidPath", f"{where}.path must be a text.")
    if op != "remove" and "value" not in members:
        raise Fault(400, "invalidValue", f"{where}.value is required.")
    if path:
        return Operation(op, paths.parse(path), value)
    if op == "remove":
        raise Fault(400, "noTarget", f"{where}.path is required to remove something.")
    if not isinstance(value, dict):
        raise Fault(400, "invalidValue", f"{where}.value must be an object without a path.")
    return Operation(op, None, value)


def apply_to_user(
    document: Mapping[str, Any],
    operations: Sequence[Operation],
    *,
    custom: Schema | None = None,
    id: str = "",  # noqa: A002 - the RFC's name
) -> dict[str, Any]:
    """Return a user's new document, after all of the operations.

    Raises:
        Fault: 400 of table 9: mutability for an attribute that is not theirs, or another ``id``;
            noTarget, invalidPath, invalidValue, tooMany.

    """
    return _applied(document, operations, USER, custom, id)


def read_group_patch(operations: Sequence[Operation], *, id: str = "") -> GroupPatch:  # noqa: A002
    """Return what a patch means for a group and its members.

    Raises:
        Fault: 400: a member's path is not one of ids; or another ``id``.

    """
    others: list[Operation] = []
    steps: list[Step] = []
    for one in operations:
        if one.path is None:
            _check_id(one.value, id)
            rest = {}
            for key, value in one.value.items():
                if key.casefold().rpartition(":")[2] == "members":
                    _add_step(steps, one.op, value, None)
                else:
                    rest[key] = value
            if rest:
                others.append(Operation(one.op, None, rest))
        elif one.path.schema is None and one.path.name == "members":
            _add_step(steps, one.op, one.value, one.path)
        else:
            others.append(one)
    return GroupPatch(tuple(others), steps)


def _add_step(steps: list[Step], op: str, value: object, path: Path | None) -> None:
    """Add the step of an operation on members, or add to a last one of its kind."""
    if path and path.filter is not None:
        if op != "remove" or path.sub:
            raise Fault(400, "mutability", "A member is added or removed, and never changed.")
        ids = list(_ids_of(path.filter))
    elif path and path.sub not in {None, "value"}:
        raise Fault(400, "mutability", "A member is added or removed, and never changed.")
    elif op == "remove" and value is None:
        steps.append(("clear", []))
        return
    else:
        ids = member_ids(value) if value is not None else []
    if op == "replace":
        steps.append(("replace", ids) if ids else ("clear", []))
    elif not ids:
        return
    elif steps and steps[-1][0] == op:
        before = steps[-1][1]
        before.extend(ids)
    else:
        steps.append(("add" if op == "add" else "remove", ids))


def _ids_of(filter_: Filter) -> Iterator[str]:
    """Return the ids that a filter of members names: one, or several with "or" between."""
    if isinstance(filter_, Or):
        for part in filter_.parts:
            yield from _ids_of(part)
    elif (
        isinstance(filter_, Compare)
        and filter_.path.name == "value"
        and filter_.op == "eq"
        and isinstance(filter_.value, str)
    ):
        yield filter_.value
    else:
        raise Fault(400, "invalidFilter", "Members are selected by value eq and an id.")


def _check_id(value: Mapping[str, Any], id_: str) -> None:
    """Refuse another id than the resource has; the same one says nothing."""
    for key, given in value.items():
        if id_ and given != id_ and key.casefold() == "id":
            raise Fault(400, "mutability", "The id of a resource cannot change.")


def _applied(
    document: Mapping[str, Any],
    operations: Sequence[Operation],
    schema: Schema,
    custom: Schema | None,
    id_: str = "",
) -> dict[str, Any]:
    patch = _Patch(_copied(document), schema, custom)
    for one in operations:
        if one.path is None:
            _check_id(one.value, id_)
            for key, value in one.value.items():
                patch.member(one.op, key, value)
        else:
            patch.at(one.op, one.path, one.value)
    return checked(patch.document, schema)


def _copied(value: Any) -> Any:
    if type(value) is dict:
        return {key: _copied(one) for key, one in value.items()}
    if type(value) is list:
        return [_copied(one) for one in value]
    return value


class _Patch:
    """Its own document, and the operations on it."""

    def __init__(self, document: dict[str, Any], schema: Schema, custom: Schema | None) -> None:
        self.document = document
        self._schema = schema
        self._custom = custom
        self._comparisons = self._terms = 0

    def member(self, op: str, key: str, value: object) -> None:
        """Do what a member of a value without a path says; its name may be a path."""
        if "[" in key:
            path = paths.parse(key)
            self._terms = _counted(self._terms, path)
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
            raise Fault(400, "mutability", f"{shown(str(path))} cannot be changed by a patch.")
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
            raise Fault(400, "tooMany", "The values that this patch looks for are too much work.")

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
                raise Fault(400, "invalidValue", f"A path of {where} selects; it takes one value.")
            new = given[0] if given else None
        return self._without(sub) if new is None else self._with(op, new)

    def _with(self, op: str, new: dict[str, Any]) -> list[Any]:
        entries, chosen = self.entries, self.chosen
        seed = _seed(self.attribute, self.filter)
        if not chosen:
            if seed is None:
                raise Fault(400, "noTarget", f"No value of {self.attribute.name} is selected.")
            entry = seed | new
            if self.filter and not matcher(self.filter, self.attribute)(entry):
                raise Fault(400, "invalidValue", "The value contradicts the filter of its path.")
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
        raise Fault(400, "invalidValue", f"{attribute.name} may have {MOST_VALUES} values.")


def _listed(
    op: str,
    attribute: Attribute,
    entries: list[Any],
    value: object,
    count: Callable[[int], None],
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
