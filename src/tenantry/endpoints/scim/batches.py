"""Like operations of a bulk request that follow each other, made by few statements together.

A batch takes operations for as long as their results do not depend on each other. Each kind of
batch makes its operations in one transaction, with the results of separate operations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from tenantry.endpoints.scim.endpoints import GROUPS, USERS
from tenantry.tenants.directories.resources import many_groups, many_people, people
from tenantry.tenants.directories.resources.moving_members import Steps
from tenantry.tenants.directories.scim import patches, resources

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from tenantry.call import Call
    from tenantry.endpoints.scim.endpoints import Endpoint
    from tenantry.endpoints.scim.exchanges import Exchange
    from tenantry.tenants.directories.resources.groups import Changed

# Operations of one transaction: other writers of SQLite wait for it.
MOST = 50
_MOST_MOVED = 500  # people of one transaction


class Batch(Protocol):
    """Operations to be made together."""

    def __init__(self, x: Exchange) -> None:
        """Begin a batch without operations."""

    def add(self, id_: str, payload: dict[str, Any], if_match: frozenset[int] | None) -> bool:
        """Add an operation, and return whether it can be made with the others."""

    async def make(self, call: Call) -> Sequence[Any]:
        """Make the first operations; return the record of each, or why it was refused.

        It stops before an operation that must run separately.
        """


class _NewUsers:
    """POST /Users of different names and addresses."""

    def __init__(self, x: Exchange) -> None:
        self._x = x
        self._documents: list[dict[str, Any]] = []
        self._keys: set[str] = set()

    def add(self, _id: str, payload: dict[str, Any], _if_match: frozenset[int] | None) -> bool:
        document = resources.read_user(payload, custom=self._x.custom)
        columns = resources.columns(document)
        keys = {f"userName {columns['user_name_key']}", f"email {columns['email_key']}"}
        keys.discard("email ")
        if not keys.isdisjoint(self._keys):
            return False
        self._keys |= keys
        self._documents.append(document)
        return True

    async def make(self, call: Call) -> Sequence[Any]:
        return await people.create_many(call, self._x.directory, self._documents)


class _ChangedUsers:
    """PUT or PATCH /Users/{id} of different users."""

    def __init__(self, x: Exchange) -> None:
        self._x = x
        self._changes: dict[str, many_people.Change] = {}

    def add(self, id_: str, payload: dict[str, Any], if_match: frozenset[int] | None) -> bool:
        if id_ in self._changes:
            return False
        self._changes[id_] = many_people.Change(id_, self._change(id_, payload), if_match)
        return True

    def _change(
        self, id_: str, payload: dict[str, Any]
    ) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
        raise NotImplementedError

    async def make(self, call: Call) -> Sequence[Any]:
        return await many_people.change(call, self._x.directory, list(self._changes.values()))


class _ReplacedUsers(_ChangedUsers):
    def _change(
        self, id_: str, payload: dict[str, Any]
    ) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
        del id_
        document = resources.read_user(payload, custom=self._x.custom)
        return lambda _: document


class _PatchedUsers(_ChangedUsers):
    def _change(
        self, id_: str, payload: dict[str, Any]
    ) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
        operations, custom = patches.parse(payload), self._x.custom
        return lambda before: patches.apply_to_user(before, operations, custom=custom, id=id_)


class _RemovedUsers:
    """DELETE /Users/{id} of different users."""

    def __init__(self, x: Exchange) -> None:
        self._x = x
        self._given: dict[str, frozenset[int] | None] = {}

    def add(self, id_: str, _payload: dict[str, Any], if_match: frozenset[int] | None) -> bool:
        if id_ in self._given:
            return False
        self._given[id_] = if_match
        return True

    async def make(self, call: Call) -> Sequence[Any]:
        return [None] * await many_people.remove(call, self._x.directory, self._given)


class _Movers:
    """Changes that move different people into groups and out of them."""

    def __init__(self, x: Exchange) -> None:
        self._x = x
        self._moved: set[str] = set()

    def _takes(self, ids: Collection[str]) -> bool:
        is_small = len(ids) <= many_groups.MOST_MOVED and len(self._moved) < _MOST_MOVED
        if not is_small or not self._moved.isdisjoint(ids):
            return False
        self._moved.update(ids)
        return True

    def _taken(self, changes: Sequence[Changed]) -> Sequence[Any]:
        for one in changes:
            self._x.skip("member", one.skipped)
        return [one.group for one in changes]


class _NewGroups(_Movers):
    """POST /Groups with different members."""

    def __init__(self, x: Exchange) -> None:
        super().__init__(x)
        self._payloads: list[resources.GroupPayload] = []

    def add(self, _id: str, payload: dict[str, Any], _if_match: frozenset[int] | None) -> bool:
        read = resources.read_group(payload)
        if not self._takes(set(read.members or ())):
            return False
        self._payloads.append(read)
        return True

    async def make(self, call: Call) -> Sequence[Any]:
        return self._taken(await many_groups.create(call, self._x.directory, self._payloads))


class _ChangedMembers(_Movers):
    """PATCH /Groups/{id} that add and remove different members, and change nothing else."""

    def __init__(self, x: Exchange) -> None:
        super().__init__(x)
        self._changes: list[tuple[str, Steps]] = []

    def add(self, id_: str, payload: dict[str, Any], if_match: frozenset[int] | None) -> bool:
        read = patches.read_group_patch(patches.parse(payload), id=id_)
        steps = Steps.of(read.member_steps)
        is_plain = not read.operations and not steps.only and if_match is None
        if not is_plain or not self._takes({*steps.joining, *steps.leaving}):
            return False
        self._changes.append((id_, steps))
        return True

    async def make(self, call: Call) -> Sequence[Any]:
        return self._taken(await many_groups.change_members(call, self._x.directory, self._changes))


_KINDS: dict[tuple[str, Endpoint], type[Batch]] = {
    ("POST", USERS): _NewUsers,
    ("PUT", USERS): _ReplacedUsers,
    ("PATCH", USERS): _PatchedUsers,
    ("DELETE", USERS): _RemovedUsers,
    ("POST", GROUPS): _NewGroups,
    ("PATCH", GROUPS): _ChangedMembers,
}


def batch_of(x: Exchange, method: str, endpoint: Endpoint) -> Batch | None:
    """Return an empty batch for operations of this kind; None where they go one by one."""
    kind = _KINDS.get((method, endpoint))
    return None if kind is None else kind(x)
