"""Like operations of a bulk request that follow each other, made by few statements together.

A batch takes operations for as long as their results do not depend on each other. Each kind of
batch makes its operations in one transaction, with the results of separate operations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.endpoints.scim.endpoints import GROUPS, USERS
from tenantry.tenants.directories.resources import many, people
from tenantry.tenants.directories.resources.moving_members import Steps
from tenantry.tenants.directories.scim import patches, resources

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from tenantry.call import Call
    from tenantry.endpoints.scim.endpoints import Endpoint
    from tenantry.endpoints.scim.exchanges import Exchange
    from tenantry.tenants.directories.resources.groups import Changed

# Operations of one transaction: other writers of SQLite wait for it.
MOST = 50
_MOST_MOVED = 500  # people of one transaction


class Batch:
    """Operations to be made together."""

    def __init__(self, x: Exchange) -> None:
        self._x = x
        self._keys: set[str] = set()  # of all that the operations are about
        self._given: list[Any] = []  # the operations, as the domain package takes them

    def add(self, id_: str, payload: dict[str, Any], if_match: frozenset[int] | None) -> bool:
        """Add an operation, and return whether it can be made with the others."""
        raise NotImplementedError

    async def make(self, call: Call) -> list[Any]:
        """Make the first operations; return the record of each, or why it was refused.

        It stops before an operation that must run separately.
        """
        raise NotImplementedError

    def _take(self, keys: AbstractSet[str], given: Any) -> bool:
        if not self._keys.isdisjoint(keys):
            return False
        self._keys |= keys
        self._given.append(given)
        return True


class _NewUsers(Batch):
    """POST /Users of different names and addresses."""

    def add(self, _id: str, payload: dict[str, Any], _if_match: frozenset[int] | None) -> bool:
        document = resources.read_user(payload, custom=self._x.custom)
        columns = resources.columns(document)
        keys = {f"userName {columns['user_name_key']}", f"email {columns['email_key']}"}
        return self._take(keys - {"email "}, document)

    async def make(self, call: Call) -> list[Any]:
        return [*await people.create_many(call, self._x.directory, self._given)]


class _ReplacedUsers(Batch):
    """PUT /Users/{id} of different users."""

    def add(self, id_: str, payload: dict[str, Any], if_match: frozenset[int] | None) -> bool:
        document = resources.read_user(payload, custom=self._x.custom)
        return self._take({id_}, many.Change(id_, lambda _: document, if_match))

    async def make(self, call: Call) -> list[Any]:
        return [*await many.change_users(call, self._x.directory, self._given)]


class _PatchedUsers(_ReplacedUsers):
    """PATCH /Users/{id} of different users."""

    def add(self, id_: str, payload: dict[str, Any], if_match: frozenset[int] | None) -> bool:
        operations, custom = patches.parse(payload), self._x.custom
        change = many.Change(
            id_,
            lambda before: patches.apply_to_user(before, operations, custom=custom, id=id_),
            if_match,
        )
        return self._take({id_}, change)


class _RemovedUsers(Batch):
    """DELETE /Users/{id} of different users."""

    def add(self, id_: str, _payload: dict[str, Any], if_match: frozenset[int] | None) -> bool:
        return self._take({id_}, (id_, if_match))

    async def make(self, call: Call) -> list[Any]:
        return [None] * await many.remove_users(call, self._x.directory, dict(self._given))


class _NewGroups(Batch):
    """POST /Groups with different members."""

    def add(self, _id: str, payload: dict[str, Any], _if_match: frozenset[int] | None) -> bool:
        read = resources.read_group(payload)
        return self._move(set(read.members or ()), read)

    async def make(self, call: Call) -> list[Any]:
        return self._taken(await many.create_groups(call, self._x.directory, self._given))

    def _move(self, ids: AbstractSet[str], given: Any) -> bool:
        is_small = len(ids) <= many.MOST_MOVED and len(self._keys) < _MOST_MOVED
        return is_small and self._take(ids, given)

    def _taken(self, changes: list[Changed]) -> list[Any]:
        for one in changes:
            self._x.skip("member", one.skipped)
        return [one.group for one in changes]


class _ChangedMembers(_NewGroups):
    """PATCH /Groups/{id} that add and remove different members, and change nothing else."""

    def add(self, id_: str, payload: dict[str, Any], if_match: frozenset[int] | None) -> bool:
        read = patches.read_group_patch(patches.parse(payload), id=id_)
        steps = Steps.of(read.member_steps)
        is_plain = not read.operations and not steps.only and if_match is None
        return is_plain and self._move({*steps.joining, *steps.leaving}, (id_, steps))

    async def make(self, call: Call) -> list[Any]:
        return self._taken(await many.change_members(call, self._x.directory, self._given))


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
