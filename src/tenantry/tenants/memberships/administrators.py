"""The last admin of an organization, which may not go while others stay behind.

An admin is an active member with the environment's default creator role.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, and_, bindparam, exists, select

from tenantry.core import errors
from tenantry.db.sql.schema import from_json, json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.tenants.organizations.model import organizations
from tenantry.tenants.roles.model import role_holders, roles
from tenantry.tenants.users.model import ACTIVE, memberships, users

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlalchemy import ColumnElement, Select

    from tenantry.db.engine import Session

_USER_ID = bindparam("user_id", type_=Text)
_ORGANIZATION_ID = bindparam("organization_id", type_=Text)

_creator = (
    select(roles.c.id)
    .where(roles.c.organization_id.is_(None), roles.c.default_creator)
    .scalar_subquery()
)
_mine, _theirs, _held = memberships.alias("mine"), memberships.alias("theirs"), role_holders


def _admin_in() -> Select[Any]:
    return select(_mine.c.organization_id).where(
        _mine.c.user_id == _USER_ID,
        _mine.c.status == ACTIVE,
        exists().where(
            _held.c.organization_id == _mine.c.organization_id,
            _held.c.user_id == _mine.c.user_id,
            _held.c.role_id == _creator,
            _held.c.role_id.not_in(json_values(bindparam("kept", type_=Text))),
        ),
    )


def _last_in(*besides: ColumnElement[bool]) -> Select[Any]:
    others = (
        _theirs.c.organization_id == _mine.c.organization_id,
        _theirs.c.user_id != _USER_ID,
        _theirs.c.status == ACTIVE,
    )
    other_admin = exists().where(
        *others,
        _held.c.organization_id == _theirs.c.organization_id,
        _held.c.user_id == _theirs.c.user_id,
        _held.c.role_id == _creator,
        *besides,
    )
    return _admin_in().where(exists().where(*others), ~other_admin).limit(1)


_LAST = Statement(_last_in())
_LAST_IN_ONE = Statement(_last_in().where(_mine.c.organization_id == _ORGANIZATION_ID))
_LAST_BESIDES = Statement(
    _last_in(_held.c.user_id.not_in(json_values(bindparam("demoted", type_=Text)))).where(
        _mine.c.organization_id == _ORGANIZATION_ID
    )
)
_ADMIN_IN = Statement(_admin_in())
_ADDRESSES = Statement(
    select(users.c.email, users.c.profile)
    .join(_held, _held.c.user_id == users.c.id)
    .join(
        _mine,
        and_(
            _mine.c.organization_id == _held.c.organization_id,
            _mine.c.user_id == _held.c.user_id,
        ),
    )
    .where(
        _held.c.organization_id == _ORGANIZATION_ID,
        _held.c.role_id == _creator,
        _mine.c.status == ACTIVE,
    )
    .order_by(users.c.id)
    .limit(bindparam("most"))
)
_HOLD_ALL = Statement(
    select(organizations.c.id)
    .where(organizations.c.id.in_(_admin_in()))
    .order_by(organizations.c.id)
    .with_for_update(key_share=True)
)


async def check(
    db: Session,
    user_id: str,
    organization_id: str,
    *,
    kept: Iterable[str] = (),
    demoted: Collection[str] = (),
) -> None:
    """Let a member of an organization that is held keep these roles only, or none and go.

    ``demoted`` are the ids of users that the transaction is yet to make admins no more.

    Raises:
        errors.InvalidArgument: other members would stay behind without an admin.

    """
    given = {"user_id": user_id, "organization_id": organization_id, "kept": to_json(list(kept))}
    if demoted:
        row = await db.fetch_one(_LAST_BESIDES, **given, demoted=to_json(sorted(demoted)))
    else:
        row = await db.fetch_one(_LAST_IN_ONE, **given)
    if row is not None:
        raise _refused(organization_id)


async def addresses(db: Session, organization_id: str, *, most: int) -> list[tuple[str, str]]:
    """Return the email addresses of the admins of an organization, each with its locale or ""."""
    rows = await db.fetch_all(_ADDRESSES, organization_id=organization_id, most=most)
    return [(row["email"], from_json(row["profile"]).get("locale") or "") for row in rows]


async def is_last(
    db: Session, user_id: str, organization_id: str, *, demoted: Collection[str] = ()
) -> bool:
    """Whether others would stay behind without an admin if this member went.

    ``demoted`` as for `check`.
    """
    try:
        await check(db, user_id, organization_id, demoted=demoted)
    except errors.InvalidArgument:
        return True
    return False


async def check_everywhere(db: Session, user_id: str) -> set[str]:
    """Let a user go from all organizations; return those whose admin it is: held from here on.

    Raises:
        errors.InvalidArgument: other members of one would stay behind without an admin.

    """
    held = await db.fetch_all(_HOLD_ALL, user_id=user_id, kept="[]")
    row = await db.fetch_one(_LAST, user_id=user_id, kept="[]")
    if row is not None:
        raise _refused(row["organization_id"])
    return {row["id"] for row in held}


async def organizations_of(db: Session, user_id: str) -> set[str]:
    """Return the organizations whose admin a user is."""
    rows = await db.fetch_all(_ADMIN_IN, user_id=user_id, kept="[]")
    return {row["organization_id"] for row in rows}


def _refused(organization_id: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(
        f"user is the last admin of {organization_id}, which has other members: make one of them "
        "an admin first, or add force=true"
    )
