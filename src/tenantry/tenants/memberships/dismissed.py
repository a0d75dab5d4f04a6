"""People whom a directory of an organization has as inactive: they do not become members again.

By any address that the directory knows of them, so that neither a new account nor one that lost its
membership is a way in. The room `directories` keeps its tables. It stands above this one, so those
of their columns that are read here are named anew, and nothing is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Boolean, Text, bindparam, case, column, func, or_, select, table, union_all

from tenantry import email_addresses, errors
from tenantry.db.statements import Statement

if TYPE_CHECKING:
    from sqlalchemy import TableClause

    from tenantry.db.engine import Session


def _named(name: str, *texts: str, flag: str = "") -> TableClause:
    flags = [column(flag, Boolean)] if flag else []
    return table(name, *(column(text, Text) for text in texts), *flags)


DIRECTORIES = _named("directories", "organization_id", "id", flag="enabled")
USERS = _named(
    "directory_users", "organization_id", "directory_id", "id", "email_key", flag="active"
)
EMAILS = _named(
    "directory_emails", "organization_id", "directory_id", "email_key", "directory_user_id"
)

_d, _u, _e = DIRECTORIES.c, USERS.c, EMAILS.c
_ORGANIZATION_ID = bindparam("organization_id", type_=Text)
_KEY = bindparam("key", type_=Text)
_of_directory = (_u.organization_id == _d.organization_id) & (_u.directory_id == _d.id)
_by_name = (
    select(_u.active, _d.enabled)
    .join_from(DIRECTORIES, USERS, _of_directory)
    .where(_d.organization_id == _ORGANIZATION_ID, _u.email_key == _KEY)
)
_by_any = (
    select(_u.active, _d.enabled)
    .join_from(
        DIRECTORIES,
        EMAILS,
        (_e.organization_id == _d.organization_id) & (_e.directory_id == _d.id),
    )
    .join(USERS, _of_directory & (_u.id == _e.directory_user_id))
    .where(_d.organization_id == _ORGANIZATION_ID, _e.email_key == _KEY)
)
_known = union_all(_by_name, _by_any).subquery("known")
# Active in one directory is enough, while that is enabled. 0 is inactive, NULL unknown.
_ACTIVITY = Statement(
    select(func.max(case((_known.c.active, 1), else_=0)).label("activity")).where(
        or_(
            _known.c.enabled,
            ~_known.c.active & bindparam("also_disabled", type_=Boolean),
        )
    )
)


async def is_dismissed(
    db: Session, organization_id: str, address: str, *, also_disabled: bool
) -> bool:
    """Whether a directory of an organization has the person of an address as inactive.

    ``also_disabled`` for one that is disabled, too: where nobody of the organization has asked for
    the person since.
    """
    if not address:
        return False  # of somebody whom a provider alone knows
    row = await db.fetch_one(
        _ACTIVITY,
        organization_id=organization_id,
        key=email_addresses.key(address),
        also_disabled=also_disabled,
    )
    return row is not None and row["activity"] == 0


async def check(
    db: Session, organization_id: str, address: str, *, also_disabled: bool = False
) -> None:
    """Refuse to make such a person a member.

    Raises:
        errors.InvalidArgument: a directory has them as inactive.

    """
    if await is_dismissed(db, organization_id, address, also_disabled=also_disabled):
        raise errors.InvalidArgument(
            "the organization's directory has this person as inactive: the identity provider has "
            "to make them active there"
        )
