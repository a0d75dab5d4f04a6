"""PATCH (RFC 7644 section 3.5.2): operations on a document, and on a group's members.

A patch makes a new document, or none: the one that is stored stays as it is. Providers deviate from
the RFC here more than anywhere: what they mean by it is done. Beyond the RFC, replacing values that
a filter does not find adds them, if the filter says by ``eq`` what they are to be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from tenantry.tenants.directories.scim import paths
from tenantry.tenants.directories.scim.faults import Fault
from tenantry.tenants.directories.scim.filters import Compare, Or
from tenantry.tenants.directories.scim.patch_document import MOST_OPERATIONS, Patch, count_terms
from tenantry.tenants.directories.scim.resources import checked, document_of
from tenantry.tenants.directories.scim.schemas import GROUP, USER, Record
from tenantry.tenants.directories.scim.values import member_ids

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tenantry.tenants.directories.scim.filters import Filter
    from tenantry.tenants.directories.scim.paths import Path
    from tenantry.tenants.directories.scim.schemas import Schema

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
        return _applied(document, self.operations, GROUP, None)


def parse(payload: object) -> list[Operation]:
    members = {key.casefold(): value for key, value in document_of(payload).items()}
    sent = members.get("operations")
    if not isinstance(sent, list) or not sent:
        raise Fault(400, "invalidSyntax", "Operations must be a non-empty list.")
    if len(sent) > MOST_OPERATIONS:
        raise Fault(
            413, "", f"A patch can have at most {MOST_OPERATIONS} operations, but has {len(sent)}."
        )
    operations: list[Operation] = []
    terms = 0
    for n, one in enumerate(sent):
        operations.append(_operation(one, f"Operations[{n}]"))
        terms = count_terms(terms, operations[-1].path)
    return operations


def _operation(sent: object, where: str) -> Operation:
    if not isinstance(sent, dict):
        raise Fault(400, "invalidSyntax", f"{where} must be an object.")
    members = {key.casefold(): value for key, value in sent.items()}
    op, path, value = members.get("op"), members.get("path"), members.get("value")
    if not isinstance(op, str) or (op := op.casefold()) not in _OPS:
        raise Fault(400, "invalidSyntax", f"{where}.op must be add, remove or replace.")
    if path is not None and not isinstance(path, str):
        raise Fault(400, "invalidPath", f"{where}.path must be a string.")
    if op != "remove" and "value" not in members:
        raise Fault(400, "invalidValue", f"{where}.value is required.")
    if path:
        return Operation(op, paths.parse(path), value)
    if op == "remove":
        raise Fault(400, "noTarget", f"{where}.path is required for remove.")
    if not isinstance(value, dict):
        raise Fault(400, "invalidValue", f"{where}.value must be an object if there is no path.")
    return Operation(op, None, value)


def apply_to_user(
    document: Mapping[str, Any],
    operations: Sequence[Operation],
    *,
    custom: Schema | None = None,
    id: str = "",  # noqa: A002 - the RFC's name
) -> dict[str, Any]:
    """Return a user's new document, after all of the operations."""
    return _applied(document, operations, USER, custom, id)


def read_group_patch(operations: Sequence[Operation], *, id: str = "") -> GroupPatch:  # noqa: A002
    """Return what a patch means for a group and its members."""
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
            raise Fault(400, "mutability", "Members can be added or removed, but not changed.")
        ids = list(_ids_of(path.filter))
    elif path and path.sub not in {None, "value"}:
        raise Fault(400, "mutability", "Members can be added or removed, but not changed.")
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
        raise Fault(
            400, "invalidFilter", "A filter of members must compare value with an ID by eq."
        )


def _check_id(value: Mapping[str, Any], id_: str) -> None:
    """Refuse another id than the resource has; the same one says nothing."""
    for key, given in value.items():
        if id_ and given != id_ and key.casefold() == "id":
            raise Fault(400, "mutability", "The id of a resource cannot be changed.")


def _applied(
    document: Mapping[str, Any],
    operations: Sequence[Operation],
    schema: Schema,
    custom: Schema | None,
    id_: str = "",
) -> dict[str, Any]:
    patch = Patch(_copied(document), schema, custom)
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
