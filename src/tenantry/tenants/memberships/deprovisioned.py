"""Users that a directory of the organization lists as inactive: they cannot become members again.

They are compared by every email address in the directory, so that neither a new account nor one
that lost its membership can join.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Boolean,
    Column,
    Text,
    bindparam,
    case,
    false,
    func,
    or_,
    select,
    union_all,
)

from tenantry.core import errors
from tenantry.db.sql.records import records, spelled
from tenantry.db.sql.statements import Statement
from tenantry.net import email_addresses
from tenantry.tenants.tables.directories import directories, directory_emails, directory_users

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import ColumnElement, FromClause, ScalarSelect

    from tenantry.db.engine import Session


_d, _u, _e = directories.c, directory_users.c, directory_emails.c
_of_directory = (_u.organization_id == _d.organization_id) & (_u.directory_id == _d.id)
_in_directory = (_e.organization_id == _d.organization_id) & (_e.directory_id == _d.id)


def _activity(
    organization_id: ColumnElement[str],
    key: ColumnElement[str],
    also_disabled: ColumnElement[bool],
    *outside: FromClause,
) -> ScalarSelect[int]:
    """Return 0 where a person of this address is inactive, 1 where active, NULL where unknown.

    Active in one directory is enough, while that is enabled.
    """
    by_name = (
        select(_u.active, _d.enabled)
        .join_from(directories, directory_users, _of_directory)
        .where(_d.organization_id == organization_id, _u.email_key == key)
        .correlate(*outside)
    )
    by_any = (
        select(_u.active, _d.enabled)
        .join_from(directories, directory_emails, _in_directory)
        .join(directory_users, _of_directory & (_u.id == _e.directory_user_id))
        .where(_d.organization_id == organization_id, _e.email_key == key)
        .correlate(*outside)
    )
    known = union_all(by_name, by_any).subquery("known").c
    return (
        select(func.max(case((known.active, 1), else_=0)))
        .where(or_(known.enabled, ~known.active & also_disabled))
        .scalar_subquery()
    )


_ACTIVITY = Statement(
    select(
        _activity(
            bindparam("organization_id", type_=Text),
            bindparam("key", type_=Text),
            bindparam("also_disabled", type_=Boolean),
        ).label("activity")
    )
)
_PLACE: list[Column[Any]] = [Column("organization_id", Text), Column("email_key", Text)]
_given = records("given", _PLACE)
_AMONG = Statement(
    select(_given.c.organization_id, _given.c.email_key).where(
        _activity(_given.c.organization_id, _given.c.email_key, false(), _given) == 0
    )
)


async def is_deprovisioned(
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
    """Refuse to make such a person a member."""
    if await is_deprovisioned(db, organization_id, address, also_disabled=also_disabled):
        raise refusal()


async def among(db: Session, places: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return those of these organizations and keys of addresses that are of such people."""
    if not places:
        return set()
    given = ({"organization_id": of, "email_key": key} for of, key in sorted(places))
    rows = await db.fetch_all(_AMONG, given=spelled(_PLACE, given))
    return {(row["organization_id"], row["email_key"]) for row in rows}


def refusal() -> errors.InvalidArgument:
    """Return the error for somebody whom a directory has as inactive."""
    return errors.InvalidArgument(
        "the organization's directory has this user as inactive; activate the user in the "
        "identity provider"
    )
