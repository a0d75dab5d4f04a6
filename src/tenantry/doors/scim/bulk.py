"""Many changes in one request (RFC 7644 section 3.7), each in a transaction of its own.

A change may name one that stands anywhere in the request, by ``bulkId:`` and its bulkId: it is made
after that. So nothing is made of changes that name each other in a circle.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tenantry import errors
from tenantry.db.engine import DuplicateKey, Failure
from tenantry.db.retries import retried
from tenantry.doors.scim.answers import answer, error_body
from tenantry.doors.scim.endpoints import ENDPOINTS, is_id, location
from tenantry.doors.scim.exchanges import revisions
from tenantry.tenants.directories.scim.faults import Fault, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tenantry.doors.scim.endpoints import Endpoint
    from tenantry.doors.scim.exchanges import Exchange
    from tenantry.web import Response

MOST_OPERATIONS = 1000
RESPONSE = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
_REFERENCE = "bulkId:"
_LONGEST_BULK_ID = 256
_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(slots=True)
class _Operation:
    """One change as it was sent; ``problem`` is why it is not even tried."""

    method: str = ""
    path: str = ""
    bulk_id: str = ""
    version: str | None = None
    data: Any = None
    names: set[str] = field(default_factory=set)  # the bulkIds that it refers to
    problem: Fault | None = None


@dataclass(slots=True)
class _Done:
    """The outcome of a change."""

    status: int
    id: str = ""
    location: str = ""
    version: int = 0
    problem: errors.Error | Fault | None = None


async def answered(x: Exchange) -> Response:
    """Make the changes of a request, and answer with the outcome of each.

    Raises:
        Fault: 400: it cannot be read as a whole; 413: there are too many changes.

    """
    payload = {name.lower(): value for name, value in x.read().items()}
    x.payload = None  # it is about many people, and kept in the log for none of them
    operations = _read(payload.get("operations"))
    most_failures = _fail_on_errors(payload.get("failonerrors"))
    order = _ordered(operations)
    done: dict[int, _Done] = {}
    ids: dict[str, str] = {}  # of resources by the bulkIds of what created or changed them
    failures = 0
    for index in order:
        operation = operations[index]
        outcome = done[index] = await _made(x, operation, ids)
        if outcome.problem is None and operation.bulk_id and outcome.id:
            ids[operation.bulk_id] = outcome.id
        failures += outcome.problem is not None
        if outcome.status >= 500 or 0 < most_failures <= failures:
            break
    x.resource_id = None
    x.payload = {"Operations": [_noted(operations[index], done[index]) for index in sorted(done)]}
    results = [_result(operations[index], done[index]) for index in sorted(done)]
    return answer({"schemas": [RESPONSE], "Operations": results})


def _read(sent: Any) -> list[_Operation]:
    if not isinstance(sent, list):
        raise Fault(400, "invalidSyntax", "Operations must be a list.")
    if len(sent) > MOST_OPERATIONS:
        detail = f"There are {len(sent)} operations, and maxOperations is {MOST_OPERATIONS}."
        raise Fault(413, "", detail)
    operations = [_operation(one, f"Operations[{index}]") for index, one in enumerate(sent)]
    seen: set[str] = set()
    for one in operations:
        if one.bulk_id in seen:
            detail = f"bulkId {shown(one.bulk_id)} is that of another operation."
            one.problem = one.problem or Fault(400, "invalidValue", detail)
        elif one.bulk_id:
            seen.add(one.bulk_id)
    return operations


def _operation(sent: Any, where: str) -> _Operation:
    if not isinstance(sent, dict):
        return _Operation(problem=Fault(400, "invalidSyntax", f"{where} must be an object."))
    members = {name.lower(): value for name, value in sent.items()}
    one = _Operation(data=members.get("data"))
    for name, key in (("method", "method"), ("path", "path"), ("bulk_id", "bulkid")):
        value = members.get(key)
        if isinstance(value, str):
            setattr(one, name, value)
        elif value is not None or name != "bulk_id":
            one.problem = Fault(400, "invalidSyntax", f"{where}.{key} must be a text.")
    if len(one.bulk_id) > _LONGEST_BULK_ID:
        one.bulk_id = ""
        one.problem = Fault(400, "invalidValue", f"{where}.bulkId is too long.")
    version = members.get("version")
    one.version = version if isinstance(version, str) else None
    one.method = one.method.upper()
    if one.problem is None and one.method not in _METHODS:
        detail = f"{where}.method must be POST, PUT, PATCH or DELETE."
        one.problem = Fault(400, "invalidSyntax", detail)
    if one.problem is None:
        one.names = set(_references(one.path, one.data))
    return one


def _references(path: str, data: Any) -> Iterator[str]:
    """Yield the bulkIds that a path and a payload refer to."""
    yield from (part[len(_REFERENCE) :] for part in path.split("/") if part.startswith(_REFERENCE))
    left = [data]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list):
            left += value
        elif isinstance(value, str) and value.startswith(_REFERENCE):
            yield value[len(_REFERENCE) :]


def _fail_on_errors(sent: Any) -> int:
    if sent is None:
        return 0
    if not isinstance(sent, int) or isinstance(sent, bool) or sent < 1:
        raise Fault(400, "invalidValue", "failOnErrors must be 1 or more.")
    return sent


def _ordered(operations: Sequence[_Operation]) -> list[int]:
    """Return the changes in their order, but those behind that they name.

    Changes in a circle, and others that name these, get their problem and come last.
    """
    of = {one.bulk_id: index for index, one in enumerate(operations) if one.bulk_id}
    waiting: dict[int, set[int]] = {}
    followers: dict[int, list[int]] = {}
    for index, one in enumerate(operations):
        waiting[index] = {of[name] for name in one.names if name in of}
        for before in waiting[index]:
            followers.setdefault(before, []).append(index)
    ready = [index for index, before in waiting.items() if not before]
    order: list[int] = []
    while ready:
        index = heapq.heappop(ready)
        order.append(index)
        for follower in followers.get(index, ()):
            waiting[follower].discard(index)
            if not waiting[follower]:
                heapq.heappush(ready, follower)
    for index in sorted(set(waiting).difference(order)):
        detail = "The operation refers to others that refer to it."
        operations[index].problem = operations[index].problem or Fault(409, "", detail)
        order.append(index)
    return order


async def _made(x: Exchange, operation: _Operation, ids: dict[str, str]) -> _Done:
    try:
        _check(operation, ids)
        endpoint, id_ = _target(operation, ids)
        part = replace(
            x,
            call=replace(x.call, if_match=revisions(operation.version), headers={}),
            payload=_resolved(operation.data, ids) if operation.names else operation.data,
        )
        return await retried(lambda: _changed(part, endpoint, operation.method, id_))
    except (Fault, errors.Error) as problem:
        return _Done(problem.status, problem=problem)
    except DuplicateKey as duplicate:
        return _Done(409, problem=errors.Duplicate(duplicate.field))
    except Failure as failure:
        error = failure.error()
        return _Done(error.status, problem=error)


def _check(operation: _Operation, ids: dict[str, str]) -> None:
    if operation.problem is not None:
        raise operation.problem
    for name in operation.names:
        if name not in ids:
            detail = f"bulkId {shown(name)} is that of no operation that was made."
            raise Fault(409, "", detail)


async def _changed(x: Exchange, endpoint: Endpoint, method: str, id_: str) -> _Done:
    if method == "DELETE":
        await endpoint.remove(x, id_)
        return _Done(204, id_, location(x, endpoint, id_))
    if not isinstance(x.payload, dict):
        raise Fault(400, "invalidSyntax", "data must be an object.")
    if method == "POST":
        record = await endpoint.create(x, x.payload)
    elif method == "PUT":
        record = await endpoint.replace(x, id_, x.payload)
    else:
        record = await endpoint.patch(x, id_, x.payload)
    status = {"POST": 201, "PUT": 200}.get(method, endpoint.patched)
    return _Done(status, record.id, location(x, endpoint, record.id), record.revision)


def _target(operation: _Operation, ids: dict[str, str]) -> tuple[Endpoint, str]:
    parts = [unquote(part) for part in operation.path.split("/") if part]
    endpoint = ENDPOINTS.get(parts[0].lower()) if parts else None
    if endpoint is None or len(parts) != (1 if operation.method == "POST" else 2):
        detail = f"The path {shown(operation.path)} is none for {operation.method}."
        raise Fault(400, "invalidPath", detail)
    id_ = parts[1] if len(parts) == 2 else ""
    if id_.startswith(_REFERENCE):
        id_ = ids[id_[len(_REFERENCE) :]]
    if id_ and not is_id(id_):
        raise Fault(404, "", f"Resource {shown(id_)} not found.")
    return endpoint, id_


def _resolved(value: Any, ids: dict[str, str]) -> Any:
    """Return a payload with ids in the place of the bulkIds, all of which are known."""
    if isinstance(value, dict):
        return {name: _resolved(one, ids) for name, one in value.items()}
    if isinstance(value, list):
        return [_resolved(one, ids) for one in value]
    if isinstance(value, str) and value.startswith(_REFERENCE):
        return ids[value[len(_REFERENCE) :]]
    return value


def _result(operation: _Operation, done: _Done) -> dict[str, Any]:
    result: dict[str, Any] = {"method": operation.method, "status": str(done.status)}
    if operation.bulk_id:
        result["bulkId"] = operation.bulk_id
    if done.location:
        result["location"] = done.location
    if done.version:
        result["version"] = f'W/"{done.version}"'
    if done.problem is not None:
        result["response"] = error_body(done.problem)
    return result


def _noted(operation: _Operation, done: _Done) -> dict[str, Any]:
    """Return what the log keeps of a change."""
    return {"method": operation.method, "path": operation.path, "status": done.status}
