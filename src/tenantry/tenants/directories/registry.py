"""The rules of directories: making, changing, enabling, deleting; in a transaction each.

A change of people or groups holds the row of their directory by a key share. Changes of the
directory itself wait for each other, and only its removal waits for those of people and groups.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, or_, select, update

from tenantry.core import errors, ids
from tenantry.core.times import SECOND, now
from tenantry.db import crud
from tenantry.db.sql.schema import to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import prefixed, revised
from tenantry.tenants.directories import removal
from tenantry.tenants.directories.model import (
    COMPLETED,
    CUSTOM,
    LDAP,
    OF_DIRECTORY,
    POLL,
    Directory,
    directories,
    directory_role_assignments,
    directory_secrets,
    key,
    of_directory,
)
from tenantry.tenants.memberships import grantable_roles, roles
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.organizations.model import organizations as organizations_table
from tenantry.tenants.organizations.service import OrganizationIdentifier

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from tenantry.call import Call
    from tenantry.core.event import Event
    from tenantry.db.engine import Row, Session
    from tenantry.tenants.memberships.model import NamedRole

MOST = 20  # of one organization
MAX_CONTEXT = 16 * 1024  # bytes, as JSON
# How long the time of the last request stays as it is: it is not worth a change of each.
_SYNC_SECONDS = 30
NAMES = {
    CUSTOM: "Custom provider",
    "OKTA": "Okta",
    "GOOGLE": "Google Workspace",
    "MICROSOFT_AD": "Microsoft Entra ID",
    "AUTH0": "Auth0",
    "ONELOGIN": "OneLogin",
    "JUMPCLOUD": "JumpCloud",
    "PING_IDENTITY": "Ping Identity",
}

_d, _o = directories.c, organizations_table.c
_within = _d.organization_id == bindparam("p_organization_id")
_this = _within & (_d.id == bindparam("p_id"))
_FIND = crud.get(directories)
# The organization is locked first: its deletion does the same.
_kept = (
    select(_o.id)
    .where(_o.id == bindparam("p_organization_id"))
    .with_for_update(read=True, key_share=True)
    .cte("kept_organization")
)
_of_kept = (
    select(directories)
    .select_from(_kept.join(directories, _d.organization_id == _kept.c.id))
    .where(_this)
)
# By: do its people and groups stay as they are, too.
_HOLD = {
    False: Statement(_of_kept.with_for_update(key_share=True, of=directories)),
    True: Statement(_of_kept.with_for_update(of=directories)),
}
_COUNT = crud.count(directories, by=("organization_id",))
_INSERT = crud.insert(directories)
_UPDATE = crud.update(directories)
_DELETE = crud.delete(directories)
_DELETE_SECRETS = crud.delete(directory_secrets, by=OF_DIRECTORY)
_DELETE_ASSIGNMENTS = crud.delete(directory_role_assignments, by=OF_DIRECTORY)
_ROLES = Statement(
    select(directory_role_assignments.c.role_id)
    .where(*of_directory(directory_role_assignments))
    .distinct()
)
_SYNCED = Statement(
    update(directories)
    .where(_this, or_(_d.last_sync_time.is_(None), _d.last_sync_time < bindparam("p_before")))
    .values(last_sync_time=bindparam("p_at"))
    .returning(_d.id)
)


async def create(
    call: Call,
    organization_id: str,
    *,
    directory_type: str,
    directory_provider: str = CUSTOM,
    enabled: bool = False,
) -> Directory:
    """Make a directory; it takes nothing up before it is enabled, which one that is pushed may
    be.
    """
    check_type(directory_type)
    await organizations.get(call, OrganizationIdentifier(organization_id))
    at = now()
    made = Directory(
        id=call.db.new_id(ids.DIRECTORY),
        organization_id=organization_id,
        name=NAMES[directory_provider],
        directory_type=directory_type,
        directory_provider=directory_provider,
        create_time=at,
        update_time=at,
    )
    if enabled and directory_type != POLL:  # without an account there is nothing to poll
        made = switched(made, enabled=True)
    async with call.db.transaction() as db:
        count = await db.fetch_one(_COUNT, p_organization_id=organization_id)
        if count is not None and count["n"] >= MOST:
            raise errors.InvalidArgument(
                f"organization has reached its limit of {MOST} directories"
            )
        told = [event(call, "created", None, made)]
        if made.enabled:
            told.append(event(call, "enabled", None, made))
        await removal.enter(db, [(organization_id, made.id)])
        await db.apply(_INSERT, *told, **prefixed(made.to_row()))
    return made


async def get(call: Call, organization_id: str, directory_id: str) -> Directory:
    _check_visible(call, organization_id)
    row = await call.db.fetch_one(_FIND, p_organization_id=organization_id, p_id=directory_id)
    return _found(row)


async def remove(
    call: Call, organization_id: str, directory_id: str, *, while_enabled: bool = True
) -> None:
    """Delete a directory; the worker deletes all that it has, which nobody finds from then on."""
    async with call.db.transaction() as db:
        before = await hold(call, db, organization_id, directory_id, alone=True)
        if before.enabled and not while_enabled:
            raise errors.InvalidArgument("directory is enabled: disable it before you delete it")
        await db.fetch_all(_DELETE_SECRETS, **prefixed(key(before)))
        await db.fetch_all(_DELETE_ASSIGNMENTS, **prefixed(key(before)))
        where = {"p_organization_id": organization_id, "p_id": before.id}
        await db.apply(_DELETE, event(call, "deleted", before, None), **where)


async def enable(call: Call, organization_id: str, directory_id: str) -> Directory:
    """Take up what arrives; one that is polled is polled soon."""
    async with call.db.transaction() as db:
        before = await hold(call, db, organization_id, directory_id, for_source=True)
        return await save(call, db, before, switched(before, enabled=True), "enabled")


async def disable(call: Call, organization_id: str, directory_id: str) -> Directory:
    """Take nothing up any more."""
    async with call.db.transaction() as db:
        before = await hold(call, db, organization_id, directory_id)
        return await save(call, db, before, switched(before, enabled=False), "disabled")


async def keep_context(
    call: Call, organization_id: str, directory_id: str, context: Mapping[str, Any]
) -> None:
    """Replace what a portal keeps with a directory."""
    if len(to_json(context).encode()) > MAX_CONTEXT:
        raise errors.InvalidArgument.field(
            "context", "max_bytes", f"must be at most {MAX_CONTEXT // 1024} KiB"
        )
    async with call.db.transaction() as db:
        before = await hold(call, db, organization_id, directory_id)
        await save(call, db, before, replace(before, context=context), "updated")


async def connected(call: Call, directory: Directory) -> None:
    """Note that a request of the identity provider was taken; the first one completes the set-up.

    It costs nothing where the directory, as the caller read it, has had one half a minute ago.
    """
    at = now()
    if directory.status == COMPLETED:
        last = directory.last_sync_time
        if last is None or last < at - _SYNC_SECONDS * SECOND:
            where = {"p_organization_id": directory.organization_id, "p_id": directory.id}
            before = at - _SYNC_SECONDS * SECOND
            await call.db.fetch_all(_SYNCED, p_at=at, p_before=before, **where)
        return
    async with call.db.transaction() as db:
        row = await db.fetch_one(
            _HOLD[False], p_organization_id=directory.organization_id, p_id=directory.id
        )
        if row is not None:
            before_ = Directory.from_row(row)
            after = replace(before_, status=COMPLETED, last_sync_time=at)
            if before_.status != COMPLETED:
                await save(call, db, before_, after, "updated")


async def hold(
    call: Call,
    db: Session,
    organization_id: str,
    directory_id: str,
    *,
    alone: bool = False,
    for_source: bool = False,
) -> Directory:
    """Return a directory as nobody else changes it until this transaction ends.

    Its people and groups may change meanwhile, unless it is held ``alone``. It is held
    ``for_source`` where the change decides what its people and groups come from.
    """
    _check_visible(call, organization_id)
    found = _found(
        await db.fetch_one(_HOLD[alone], p_organization_id=organization_id, p_id=directory_id)
    )
    call.expect(found.revision)
    if for_source:
        await check_roles(call, db, found)
    return found


async def save(
    call: Call, db: Session, before: Directory, after: Directory, verb: str, **further: Any
) -> Directory:
    """Write a directory that is held, and record it; without a difference nothing is written.

    ``further`` are members of the event beside those of the directory.
    """
    if after == before and not further:
        return before
    after = revised(after)
    told = event(call, verb, before, after, **further)
    await db.apply(_UPDATE, told, **prefixed(after.to_row()))
    return after


async def write(db: Session, directory: Directory) -> None:
    """Write a directory that is held, and that is the same as before to its readers."""
    await db.fetch_all(_UPDATE, **prefixed(directory.to_row()))


def switched(directory: Directory, *, enabled: bool) -> Directory:
    """Return a directory that is on or off: it is polled while it is on."""
    if directory.enabled == enabled:
        return directory
    polled = enabled and directory.directory_type == POLL
    first = directory.first_enable_time or now() if enabled else directory.first_enable_time
    return replace(
        directory, enabled=enabled, first_enable_time=first, poll_time=now() if polled else None
    )


def event(
    call: Call, verb: str, before: Directory | None, after: Directory | None, **further: Any
) -> Event:
    """Return the event of a change, by its last word; ``further`` are members of ``after``."""
    one = after or before
    assert one is not None
    return call.event(
        f"organization.directory_{verb}",
        organization_id=one.organization_id,
        before=None if before is None else before.to_event(),
        after=None if after is None else after.to_event() | further,
    )


def check_type(directory_type: str) -> None:
    """Refuse a type that no directory is made of."""
    if directory_type == LDAP:
        raise errors.InvalidArgument.field(
            "directory.directory_type",
            "enum.in",
            "LDAP is not supported; connect an identity provider that provisions through SCIM",
        )


def _check_visible(call: Call, organization_id: str) -> None:
    own = call.caller.organization_id
    if own is not None and own != organization_id:
        raise errors.NotFound("directory")


def _found(row: Row | None) -> Directory:
    if row is None:
        raise errors.NotFound("directory")
    return Directory.from_row(row)


async def check_moved_roles(
    call: Call,
    db: Session,
    directory: Directory,
    role_ids: Collection[str],
    named: Sequence[NamedRole],
) -> None:
    """Raise unless the caller may grant these roles, which groups get or lose."""
    if grantable_roles.is_limited(call):
        held = await roles.existing(db, directory.organization_id, ids=role_ids)
        await grantable_roles.check(call, db, directory.organization_id, held, named)


async def check_roles(call: Call, db: Session, directory: Directory) -> None:
    """Raise unless the caller may grant every role that a group of the directory has.

    A caller that decides where a directory gets its people and groups from, by its secrets for
    example, can put anybody into any group.
    """
    if grantable_roles.is_limited(call):
        rows = await db.fetch_all(_ROLES, **key(directory))
        await check_moved_roles(call, db, directory, [row["role_id"] for row in rows], ())
