"""People of a directory: their rows, changed one at a time or many at once.

Each change is one transaction with all that it means (`provisioning`), and holds what it changes in
the order of `holding`. A change that leaves a document as it is makes no revision and no event.
"""

from __future__ import annotations

from dataclasses import replace as replaced
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import BigInteger, Text, bindparam, delete, select, true, update
from sqlalchemy.dialects.postgresql import insert

from tenantry.core import ids
from tenantry.core.errors import ConcurrentChange
from tenantry.core.times import now
from tenantry.db import crud
from tenantry.db.engine import DuplicateKey
from tenantry.db.sql.records import spelled
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement, happened
from tenantry.db.writes.rows import bound, prefixed, revised
from tenantry.db.writes.transactions import DeferredWrite
from tenantry.tenants.directories.effects import many_people, provisioning
from tenantry.tenants.directories.model import (
    GIVEN,
    ID,
    DirectoryUser,
    directory_emails,
    directory_groups,
    directory_members,
    directory_user_search,
    directory_users,
    key,
    of_directory,
    user_tally,
)
from tenantry.tenants.directories.resources.holding import (
    groups_of,
    hold_groups_of,
    hold_names,
    hold_user,
    not_found,
)
from tenantry.tenants.directories.scim import patches, resources
from tenantry.tenants.directories.scim.faults import Fault
from tenantry.tenants.roles import catalogue

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from sqlalchemy import ColumnElement

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.tenants.directories.model import Directory
    from tenantry.tenants.directories.scim.patches import Operation
    from tenantry.tenants.directories.scim.schemas import Schema

# How often a transaction that conflicts with another one is attempted. Each conflict means that
# another one has committed, so a bulk request meets as many as there are concurrent requests.
_ATTEMPTS = 10

_T = TypeVar("_T")
_u, _e, _g, _m = directory_users.c, directory_emails.c, directory_groups.c, directory_members.c
_KEY = "organization_id", "directory_id", "id"

# Not that of accounts, which one statement may write as well.
_PREFIX = "d_"
_d_key: list[ColumnElement[Any]] = [bindparam(f"{_PREFIX}{name}", type_=Text) for name in _KEY]
_addresses = json_values(bindparam("addresses", type_=Text)).subquery("addresses")
_add_addresses = (
    insert(directory_emails)
    .from_select(
        [_e.organization_id, _e.directory_id, _e.directory_user_id, _e.email_key],
        # A condition, or SQLite would take the conflict for that of a join.
        select(*_d_key, _addresses.c.value).where(true()),
    )
    .on_conflict_do_nothing()
)
_drop_addresses = delete(directory_emails).where(
    _e.organization_id == _d_key[0],
    _e.directory_id == _d_key[1],
    _e.directory_user_id == _d_key[2],
    _e.email_key.not_in(json_values(bindparam("addresses", type_=Text))),
)
_mark = directory_user_search.marking(select(*_d_key).where(happened()))
_CREATE = Statement(
    insert(directory_users).values(bound(directory_users, _PREFIX)).returning(_u.id),
    _add_addresses,
    _mark,
    user_tally.one_more(*_d_key[:2]),
)
_this = _u.organization_id == _d_key[0], _u.directory_id == _d_key[1], _u.id == _d_key[2]
_update = (
    update(directory_users)
    .where(*_this)
    .values(bound(directory_users, _PREFIX, but=(*_KEY, "create_time")))
    .returning(_u.id)
)
# By whether addresses change, and whether the text changes that a search finds the person by.
_UPDATE = {
    (moved, renamed): Statement(
        _update,
        *((_drop_addresses, _add_addresses) if moved else ()),
        *((_mark,) if renamed else ()),
    )
    for moved in (False, True)
    for renamed in (False, True)
}
_DELETE = Statement(
    delete(directory_users).where(*_this).returning(_u.id),
    _drop_addresses,
    _mark,
    user_tally.one_less(*_d_key[:2]),
)
_GET = Statement(
    select(directory_users, groups_of(_u.id)).where(*of_directory(directory_users), _u.id == ID)
)
_GROUPS_OF = Statement(
    select(_m.directory_group_id).where(
        *of_directory(directory_members), _m.directory_user_id == ID
    )
)
_LEAVE = Statement(
    update(directory_groups)
    .where(*of_directory(directory_groups), _g.id.in_(json_values(GIVEN)))
    .values(
        member_count=_g.member_count - 1,
        revision=_g.revision + 1,
        update_time=bindparam("now", type_=BigInteger),
    )
)
# Many at once.
_INSERT_ALL = crud.insert_all(directory_users)
_INSERT_ADDRESSES = crud.insert_all(directory_emails, or_leave=True)


async def create(call: Call, directory: Directory, document: Mapping[str, Any]) -> DirectoryUser:
    """Create a person of a directory, from what `resources.read_user` made of a payload."""
    user = _new(call.db, directory, document)

    async def attempt(held: Call) -> DirectoryUser:
        if await hold_names(held.db, directory, to_json([user.user_name_key])):
            raise _taken(user)
        left = DeferredWrite()
        after = await _provisioned(held, directory, None, user, left)
        await _write(held.db, left, _CREATE, _params(after))
        return after

    return await _attempted(call, attempt)


async def create_many(
    call: Call, directory: Directory, documents: Sequence[Mapping[str, Any]]
) -> list[DirectoryUser | Fault]:
    """Create many people in one transaction; return each, or why it was refused."""
    users = [_new(call.db, directory, document) for document in documents]

    async def attempt(held: Call) -> list[DirectoryUser | Fault]:
        given = to_json([user.user_name_key for user in users])
        taken = set(await hold_names(held.db, directory, given))
        first = {user.user_name_key: user for user in reversed(users)}
        coming = [user for key, user in first.items() if key not in taken]
        coming.sort(key=lambda user: user.id)
        found = await many_people.people_created(held, directory, coming)
        known = dict(zip((user.id for user in coming), found, strict=True))
        made = [known.get(user.id) or _taken(user) for user in users]
        await _insert_all(held.db, directory, [one for one in made if not isinstance(one, Fault)])
        return made

    return await _attempted(call, attempt)


async def get(db: Session, directory: Directory, id_: str) -> DirectoryUser:
    row = await db.fetch_one(_GET, id=id_, **key(directory))
    if row is None:
        raise not_found(id_)
    return DirectoryUser.with_groups(row)


async def replace(
    call: Call, directory: Directory, id_: str, document: Mapping[str, Any]
) -> DirectoryUser:
    """Replace all attributes of a person (RFC 7644 section 3.5.1)."""
    return await _changed(call, directory, id_, lambda _: document)


async def patch(
    call: Call,
    directory: Directory,
    id_: str,
    operations: Sequence[Operation],
    *,
    custom: Schema | None = None,
) -> DirectoryUser:
    """Make these changes of a person, all or none (RFC 7644 section 3.5.2)."""
    return await _changed(
        call,
        directory,
        id_,
        lambda before: patches.apply_to_user(before, operations, custom=custom, id=id_),
    )


async def remove(call: Call, directory: Directory, id_: str) -> None:
    """Delete a person, and its memberships of groups."""

    async def attempt(held: Call) -> None:
        db = held.db
        groups = await hold_groups_of(db, directory, id_)
        user = await hold_user(db, directory, id_)
        call.expect(user.revision)
        rows = await db.fetch_all(_GROUPS_OF, id=id_, **key(directory))
        left = [row["directory_group_id"] for row in rows]
        if not groups.issuperset(left):
            raise _Again  # it was added while we waited for it, and groups come before people
        if left:
            await db.fetch_all(_LEAVE, given=to_json(left), now=now(), **key(directory))
        gone = prefixed({"id": id_, **key(directory)}, _PREFIX)
        await db.apply(_DELETE, addresses="[]", **gone)
        await provisioning.person_changed(held, directory, user, None)

    await _attempted(call, attempt)


class _Again(Exception):
    """Another transaction was faster: this one is undone, and made again."""


async def _attempted(call: Call, attempt: Callable[[Call], Awaitable[_T]]) -> _T:
    """Make a transaction, again where another one was faster."""
    await catalogue.keep_current(call.db)
    for _ in range(_ATTEMPTS):
        try:
            async with call.db.transaction() as db:
                return await attempt(replaced(call, db=db))
        except (_Again, DuplicateKey):
            continue
    raise ConcurrentChange


async def _changed(
    call: Call,
    directory: Directory,
    id_: str,
    change: Callable[[Mapping[str, Any]], Mapping[str, Any]],
) -> DirectoryUser:
    async def attempt(held: Call) -> DirectoryUser:
        before = await hold_user(held.db, directory, id_)
        call.expect(before.revision)
        document = change(before.document)
        if document == before.document:
            return before
        user = revised(before, document=document, **resources.columns(document))
        left = DeferredWrite()
        after = await _provisioned(held, directory, before, user, left)
        moved = resources.addresses(document) != resources.addresses(before.document)
        renamed = any(
            getattr(after, name) != getattr(before, name) for name in directory_user_search.columns
        )
        try:
            await _write(held.db, left, _UPDATE[moved, renamed], _params(after))
        except DuplicateKey as problem:
            # SQLite does not say which, and there nobody else makes an account meanwhile.
            if held.db.sees_before and problem.field != _u.user_name_key.name:
                raise
            raise _taken(user) from None
        return after

    return await _attempted(call, attempt)


async def _provisioned(
    call: Call,
    directory: Directory,
    before: DirectoryUser | None,
    user: DirectoryUser,
    left: DeferredWrite,
) -> DirectoryUser:
    after = await provisioning.person_changed(call, directory, before, user, left=left)
    assert after is not None  # it was not deleted
    return after


async def _write(
    db: Session, left: DeferredWrite, statement: Statement, params: dict[str, Any]
) -> None:
    """Write a person's row, with what its meaning has left to do."""
    if await left.apply(db, statement, **params) is None:
        raise ConcurrentChange  # the membership has ended meanwhile


def _new(db: Session, directory: Directory, document: Mapping[str, Any]) -> DirectoryUser:
    at = now()
    return DirectoryUser(
        id=db.new_id(ids.DIRECTORY_USER),
        organization_id=directory.organization_id,
        directory_id=directory.id,
        document=document,
        create_time=at,
        update_time=at,
        groups=(),
        **resources.columns(document),
    )


def _params(user: DirectoryUser) -> dict[str, Any]:
    params = prefixed(user.to_row(), _PREFIX)
    params["addresses"] = to_json(resources.addresses(user.document))
    return params


def _taken(user: DirectoryUser) -> Fault:
    return Fault(409, "uniqueness", f"another user has the userName {user.user_name!r}")


async def _insert_all(db: Session, directory: Directory, users: Sequence[DirectoryUser]) -> None:
    if not users:
        return
    rows = [user.to_row() for user in users]
    await db.fetch_all(_INSERT_ALL, given=spelled(list(_u), rows))
    place = directory.organization_id, directory.id
    await note_new(db, place, {user.id: user.document for user in users})


async def note_new(
    db: Session, place: tuple[str, str], documents: Mapping[str, Mapping[str, Any]]
) -> None:
    """Let new people of a directory be found by their addresses, be searched, and be counted.

    ``place`` is the organization and the directory; the documents are by the ids of the people.
    """
    organization_id, directory_id = place
    addresses = [
        {
            "organization_id": organization_id,
            "directory_id": directory_id,
            "directory_user_id": id_,
            "email_key": address,
        }
        for id_, document in documents.items()
        for address in resources.addresses(document)
    ]
    if addresses:
        await db.fetch_all(_INSERT_ADDRESSES, given=spelled(list(_e), addresses))
    await directory_user_search.mark_all(db, documents, *place)
    await user_tally.add(db, {place: len(documents)})
