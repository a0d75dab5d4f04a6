"""Reading users with their memberships and accounts at providers: one statement in any case.

A user's memberships come as one JSON column that the database builds, with the ids of the roles
in it. Their names and permissions are remembered by `tenantry.tenants.roles.catalogue`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, select

from tenantry.core import errors
from tenantry.core.times import now
from tenantry.db.sql.schema import from_json, json_list, json_rows, json_values, to_json
from tenantry.db.sql.statements import Batch, Statement
from tenantry.net import email_addresses
from tenantry.tenants.organizations.model import organizations
from tenantry.tenants.roles import catalogue
from tenantry.tenants.roles.model import role_holders
from tenantry.tenants.users import external_identities
from tenantry.tenants.users.model import (
    INVITE_EXPIRED,
    PENDING_INVITE,
    Membership,
    User,
    memberships,
    users,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ScalarSelect, Select

    from tenantry.call import Call
    from tenantry.db.engine import Row, Session
    from tenantry.tenants.roles.catalogue import HeldRole

MOST_MEMBERSHIPS = 10_000  # of one user that is shown by itself
MOST_MEMBERSHIPS_LISTED = 100  # of each user of a list
_AT_ONCE = 500  # memberships that are read without a pause

_m, _h = memberships.c, role_holders.c
# These are read of a user: never the password's hash.
COLUMNS = [column for column in users.c if column is not users.c.password_hash]


def with_memberships(*, of_one: bool) -> Select[Any]:
    """Return all users, to be narrowed, with the columns `memberships` and `external_identities`.

    Memberships are the oldest `most` of the user, or that of one `organization_id`: parameters.
    """
    return select(
        *COLUMNS,
        places(of_one=of_one).label("memberships"),
        external_identities.listed(of_one=of_one).label("external_identities"),
        catalogue.version.label("version"),
    )


def places(*, of_one: bool) -> ScalarSelect[str]:
    """Return the first of these columns, of a statement that reads `users`."""
    narrowed = select(memberships).where(_m.user_id == users.c.id).correlate(users)
    if of_one:
        narrowed = narrowed.where(_m.organization_id == bindparam("organization_id", type_=Text))
    else:
        narrowed = narrowed.order_by(_m.id).limit(bindparam("most"))
    m = narrowed.subquery("m").c
    held = (
        select(json_rows(_h.role_id))
        .where(_h.organization_id == m.organization_id, _h.user_id == m.user_id)
        .scalar_subquery()
    )
    return (
        select(
            json_rows(
                json_list(
                    *(m.id, m.organization_id, organizations.c.display_name, m.status),
                    *(m.metadata, m.inviter_email, m.provisioning_method, m.create_time),
                    *(m.accept_time, m.join_time, m.expire_time, m.invite_resend_time),
                    *(m.invite_resend_count, held),
                )
            )
        )
        .where(organizations.c.id == m.organization_id)
        .correlate(users)
        .scalar_subquery()
    )


_FIND = {
    (key, of_one): Statement(
        with_memberships(of_one=of_one).where(users.c[key] == bindparam("key")),
        batch=Batch("key", key),
    )
    for key in ("id", "external_id")
    for of_one in (False, True)
}

_FIND_BY_KEY = Statement(
    with_memberships(of_one=False).where(users.c.email_key == bindparam("key", type_=Text))
)


async def find(
    db: Session, *, id_: str | None, external_id: str | None, organization_id: str | None = None
) -> User | None:
    """Return a user by one of its ids, with all memberships or with that of one organization."""
    if not id_ and not external_id:
        raise errors.InvalidArgument.field("id", "required", "id or external_id is required")
    statement = _FIND["id" if id_ else "external_id", organization_id is not None]
    rows = await db.fetch_all(
        statement,
        key=id_ or external_id,
        organization_id=organization_id,
        most=MOST_MEMBERSHIPS,
    )
    found = await users_of(db, rows)
    return found[0] if found else None


async def find_by_email(db: Session, address: str) -> User | None:
    """Return the user of an e-mail address, with all memberships."""
    return await _find_by_key(db, email_addresses.key(address))


async def find_by_sub(db: Session, sub: str) -> User | None:
    """Return somebody whom a provider alone knows, with all memberships."""
    return await _find_by_key(db, sub)


async def _find_by_key(db: Session, key: str) -> User | None:
    rows = await db.fetch_all(_FIND_BY_KEY, key=key, most=MOST_MEMBERSHIPS)
    found = await users_of(db, rows)
    return found[0] if found else None


_ADDRESSES = Statement(
    select(users.c.id, users.c.email)
    .join(memberships, _m.user_id == users.c.id)
    .where(
        _m.organization_id == bindparam("organization_id", type_=Text),
        _m.user_id.in_(json_values(bindparam("ids", type_=Text))),
    )
)


async def addresses(db: Session, organization_id: str, ids: Iterable[str]) -> dict[str, str]:
    """Return the e-mail addresses of the members among these users, by their ids."""
    rows = await db.fetch_all(_ADDRESSES, organization_id=organization_id, ids=to_json(sorted(ids)))
    return {row["id"]: row["email"] for row in rows}


async def users_of(db: Session, rows: Sequence[Row]) -> list[User]:
    """Return the users of the rows of `with_memberships`."""
    if not rows:
        return []
    places = [from_json(row["memberships"] or "[]") for row in rows]
    wanted = {role_id for of_user in places for place in of_user for role_id in place[-1] or ()}
    known = await catalogue.look_up(db, wanted, rows[0]["version"])
    at = now()
    found = []
    for row, of_user in zip(rows, places, strict=True):
        user = User.from_row(row)
        for start in range(0, len(of_user), _AT_ONCE):
            if start:
                await asyncio.sleep(0)  # other calls get their turn
            some = of_user[start : start + _AT_ONCE]
            user.memberships += [_membership(user.id, place, known, at) for place in some]
        user.memberships.sort(key=_by_id)
        if known_there := row["external_identities"]:
            user.external_identities = external_identities.read(from_json(known_there))
        found.append(user)
    return found


def in_order(roles: Iterable[HeldRole]) -> tuple[HeldRole, ...]:
    """Return roles as every answer lists them: the oldest first."""
    return tuple(sorted(roles, key=_by_id))


def check_scope(call: Call, organization_id: str | None = None) -> None:
    """Let the caller see an organization, or without one, all of them."""
    bound = call.caller.organization_id
    if bound is None or bound == organization_id:
        return
    if organization_id is None:
        raise errors.PermissionDenied
    raise errors.NotFound("organization")


def _membership(user_id: str, place: list[Any], known: dict[str, HeldRole], at: int) -> Membership:
    id_, organization_id, name, status, metadata, *rest, held = place
    inviter_email, method, created, accepted, joined, expires, resent, resent_count = rest
    if status == PENDING_INVITE and expires is not None and expires <= at:
        status = INVITE_EXPIRED
    return Membership(
        id=id_,
        organization_id=organization_id,
        organization_name=name,
        user_id=user_id,
        status=status,
        metadata=metadata,
        inviter_email=inviter_email,
        provisioning_method=method,
        create_time=created,
        accept_time=accepted,
        join_time=joined,
        expire_time=expires,
        resend_time=resent,
        resend_count=resent_count,
        roles=in_order(known[role_id] for role_id in held or () if role_id in known),
    )


def _by_id(one: Membership | HeldRole) -> str:
    return one.id
