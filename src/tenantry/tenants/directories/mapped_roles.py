"""The roles that the groups of a directory have, and whether a caller may grant them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories.model import directory_role_assignments, key, of_directory
from tenantry.tenants.memberships import grantable_roles, roles

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.tenants.directories.model import Directory
    from tenantry.tenants.memberships.model import NamedRole

_ROLES = Statement(
    select(directory_role_assignments.c.role_id)
    .where(*of_directory(directory_role_assignments))
    .distinct()
)


async def check_moved(
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


async def check_all(call: Call, db: Session, directory: Directory) -> None:
    """Raise unless the caller may grant every role that a group of the directory has.

    A caller that decides where a directory gets its people and groups from, by its secrets for
    example, can put anybody into any group.
    """
    if grantable_roles.is_limited(call):
        rows = await db.fetch_all(_ROLES, **key(directory))
        await check_moved(call, db, directory, [row["role_id"] for row in rows], ())
