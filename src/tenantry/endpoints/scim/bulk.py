"""Many changes in one request (RFC 7644 section 3.7), like ones in batches.

A batch is one transaction with the results of separate changes. A batch that
fails is made again in smaller ones, and at last one by one.

A change may name one that stands anywhere in the request, by ``bulkId:`` and its bulkId: it is made
after that. So nothing is made of changes that name each other in a circle.
"""

from __future__ import annotations

import heapq
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tenantry.core import errors
from tenantry.db.engine import DuplicateKey, Failure, OutcomeUnknown
from tenantry.db.writes.retries import retried
from tenantry.endpoints.scim import batches
from tenantry.endpoints.scim.answers import answer, error_body
from tenantry.endpoints.scim.endpoints import ENDPOINTS, is_id, location
from tenantry.endpoints.scim.exchanges import revisions
from tenantry.tenants.directories.scim.faults import Fault, quotable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tenantry.endpoints.scim.batches import Batch
    from tenantry.endpoints.scim.endpoints import Endpoint
    from tenantry.endpoints.scim.exchanges import Exchange
    from tenantry.net.http import Response

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
    status: int
    id: str = ""
    location: str = ""
    version: int = 0
    problem: errors.Error | Fault | None = None


async def answered(x: Exchange) -> Response:
    """Make the changes of a request, and answer with the outcome of each."""
    payload = {name.lower(): value for name, value in x.read().items()}
    x.payload = None  # it is about many people, and kept in the log for none of them
    operations = _read(payload.get("operations"))
    most_failures = _fail_on_errors(payload.get("failonerrors"))
    order = _ordered(operations)
    run = _Run(x, [operations[index] for index in order], most_failures)
    await run.make()
    done = dict(zip(order, run.done, strict=False))  # the request may end before the last one
    x.resource_id = None
    pairs = [(operations[index], done[index]) for index in sorted(done)]
    noted = [{"method": of.method, "path": of.path, "status": one.status} for of, one in pairs]
    x.payload = {"Operations": noted}
    results = [_result(*pair) for pair in pairs]
    return answer({"schemas": [RESPONSE], "Operations": results})


def _read(sent: Any) -> list[_Operation]:
    if not isinstance(sent, list):
        raise Fault(400, "invalidSyntax", "Operations must be a list.")
    if len(sent) > MOST_OPERATIONS:
        detail = f"The request has {len(sent)} operations, but maxOperations is {MOST_OPERATIONS}."
        raise Fault(413, "", detail)
    operations = [_operation(one, f"Operations[{index}]") for index, one in enumerate(sent)]
    seen: set[str] = set()
    for one in operations:
        if one.bulk_id in seen:
            detail = f"bulkId {quotable(one.bulk_id)} is used by another operation."
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
            one.problem = Fault(400, "invalidSyntax", f"{where}.{key} must be a string.")
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
        detail = "The operation is part of a circular reference."
        operations[index].problem = operations[index].problem or Fault(409, "", detail)
        order.append(index)
    return order


class _TooManyFailures(Exception):
    """A batch reaches the failures that end the request after a number of its changes."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class _Run:
    """Changes in their order, and the outcomes of those that are made."""

    def __init__(self, x: Exchange, operations: Sequence[_Operation], most_failures: int) -> None:
        self._x = x
        self._operations = operations
        self._most_failures = most_failures  # 0 for any number
        self._failures = 0
        self._ids: dict[str, str] = {}  # resource IDs by bulkId
        self._is_over = not operations
        self.done: list[_Done] = []

    async def make(self) -> None:
        """Make the changes, up to the one after which the request ends."""
        size = batches.MOST
        while not self._is_over:
            batch, steps = self._next_batch(size)
            if batch is not None and len(steps) > 1:
                try:
                    outcomes = await self._made_together(batch, steps)
                except _TooManyFailures as found:
                    size = found.number
                    continue
                except Failure:
                    size = 1
                    continue
                except (Fault, errors.Error, DuplicateKey):
                    size = len(steps) // 2
                    continue
                self._note(outcomes)
                if len(outcomes) == len(steps):
                    size = min(2 * size, batches.MOST)
                    continue
                size = 2 * len(outcomes)
            size = max(size, 2)
            if not self._is_over:
                self._note([await _made(self._x, self._operations[len(self.done)], self._ids)])

    def _note(self, outcomes: Sequence[_Done]) -> None:
        for outcome in outcomes:
            operation = self._operations[len(self.done)]
            self.done.append(outcome)
            if outcome.problem is None and operation.bulk_id and outcome.id:
                self._ids[operation.bulk_id] = outcome.id
            self._failures += outcome.problem is not None
            self._is_over |= outcome.status >= 500 or 0 < self._most_failures <= self._failures
        self._is_over |= len(self.done) == len(self._operations)

    def _next_batch(self, size: int) -> tuple[Batch | None, list[_Step]]:
        """Return the next changes that can be made together, if there are several."""
        batch: Batch | None = None
        steps: list[_Step] = []
        first = len(self.done)
        for operation in self._operations[first : first + size] if size > 1 else ():
            try:
                step = _prepared(operation, self._ids)
                if not steps:
                    batch = batches.batch_of(self._x, operation.method, step.endpoint)
                elif (step.method, step.endpoint) != (steps[0].method, steps[0].endpoint):
                    break
                if batch is None or not batch.add(step.id, step.payload, step.if_match):
                    break
            except (Fault, errors.Error):
                break  # it is refused when it runs separately
            steps.append(step)
        return batch, steps

    async def _made_together(self, batch: Batch, steps: Sequence[_Step]) -> list[_Done]:
        """Make a batch up to a change that must run separately; return the outcomes."""
        x = self._x
        try:
            # In a nested transaction, which failOnErrors may roll back.
            db = x.call.db
            async with db.transaction() if self._most_failures else nullcontext(db) as db:
                records = await batch.make(replace(x.call, db=db))
                failures = [n for n, one in enumerate(records, 1) if isinstance(one, Fault)]
                left = self._most_failures - self._failures
                if self._most_failures and len(failures) >= left:
                    end = failures[left - 1]
                    if end < len(records):
                        raise _TooManyFailures(end)
        except OutcomeUnknown as failure:
            error = failure.error()
            return [_Done(error.status, problem=error)] * len(steps)
        return [_outcome(x, *pair) for pair in zip(steps, records, strict=False)]


@dataclass(frozen=True, slots=True)
class _Step:
    """A change that refers to nothing but ids."""

    method: str
    endpoint: Endpoint
    id: str
    payload: Any
    if_match: frozenset[int] | None


def _prepared(operation: _Operation, ids: dict[str, str]) -> _Step:
    if operation.problem is not None:
        raise operation.problem
    for name in operation.names:
        if name not in ids:
            detail = f"bulkId {quotable(name)} does not belong to a completed operation."
            raise Fault(409, "", detail)
    endpoint, id_ = _target(operation, ids)
    payload = _resolved(operation.data, ids) if operation.names else operation.data
    if operation.method != "DELETE" and not isinstance(payload, dict):
        raise Fault(400, "invalidSyntax", "data must be an object.")
    return _Step(operation.method, endpoint, id_, payload, revisions(operation.version))


async def _made(x: Exchange, operation: _Operation, ids: dict[str, str]) -> _Done:
    try:
        step = _prepared(operation, ids)
        call = replace(x.call, if_match=step.if_match, headers={})
        part = replace(x, call=call, payload=step.payload)
        record = await retried(_changed, part, step)
    except (Fault, errors.Error) as problem:
        return _Done(problem.status, problem=problem)
    except DuplicateKey as duplicate:
        return _Done(409, problem=errors.Duplicate(duplicate.field))
    except Failure as failure:
        error = failure.error()
        return _Done(error.status, problem=error)
    return _outcome(x, step, record)


async def _changed(x: Exchange, step: _Step) -> Any:
    """Make a change, and return the record that it leaves; None for a deletion."""
    if step.method == "DELETE":
        return await step.endpoint.remove(x, step.id)
    if step.method == "POST":
        return await step.endpoint.create(x, step.payload)
    if step.method == "PUT":
        return await step.endpoint.replace(x, step.id, step.payload)
    return await step.endpoint.patch(x, step.id, step.payload)


def _outcome(x: Exchange, step: _Step, record: Any) -> _Done:
    """Return the outcome of a change that left this record, None for a deletion."""
    if isinstance(record, Fault):
        return _Done(record.status, problem=record)
    if record is None:
        return _Done(204, step.id, location(x, step.endpoint, step.id))
    endpoint = step.endpoint
    status = {"POST": 201, "PUT": 200}.get(step.method, endpoint.patched)
    return _Done(status, record.id, location(x, endpoint, record.id), record.revision)


def _target(operation: _Operation, ids: dict[str, str]) -> tuple[Endpoint, str]:
    parts = [unquote(part) for part in operation.path.split("/") if part]
    endpoint = ENDPOINTS.get(parts[0].lower()) if parts else None
    if endpoint is None or len(parts) != (1 if operation.method == "POST" else 2):
        detail = f"The path {quotable(operation.path)} is not valid for {operation.method}."
        raise Fault(400, "invalidPath", detail)
    id_ = parts[1] if len(parts) == 2 else ""
    if id_.startswith(_REFERENCE):
        id_ = ids[id_[len(_REFERENCE) :]]
    if id_ and not is_id(id_):
        raise Fault(404, "", f"Resource {quotable(id_)} not found.")
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
