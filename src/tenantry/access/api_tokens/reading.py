"""Reading API tokens: which are in force, whose they are, and how one is found.

A token is dead when it is unknown, expired or invalidated, and while its member is not an active
one of its organization. With the membership or the organization the database deletes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, bindparam, or_, select

from tenantry.access.api_tokens import format as format_
from tenantry.access.api_tokens.model import ApiToken, api_tokens
from tenantry.core import ids
from tenantry.core.times import now
from tenantry.crypto import vault
from tenantry.db.sql.schema import from_json, json_list, json_rows, json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.tenants.organizations.model import organizations
from tenantry.tenants.organizations.policy import OrganizationPolicy
from tenantry.tenants.roles.model import role_holders, roles
from tenantry.tenants.users.model import ACTIVE, memberships, users

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement, ScalarSelect

    from tenantry.db.engine import Session

_t, _o, _m, _u = api_tokens.c, organizations.c, memberships.c, users.c
AT: ColumnElement[int] = bindparam("p_at", type_=BigInteger)

UNEXPIRED = or_(_t.expire_time.is_(None), _t.expire_time > AT)
LIVE = (
    UNEXPIRED,
    or_(
        _t.user_id.is_(None),
        select(_m.id)
        .where(
            _m.organization_id == _t.organization_id,
            _m.user_id == _t.user_id,
            _m.status == ACTIVE,
        )
        .exists(),
    ),
)
"""What a token must keep at the time `p_at` to be in force."""


def roles_of(organization_id: ColumnElement[str], user_id: ColumnElement[Any]) -> ScalarSelect[str]:
    return (
        select(json_rows(json_list(roles.c.id, roles.c.name)))
        .select_from(role_holders.join(roles, roles.c.id == role_holders.c.role_id))
        .where(
            role_holders.c.organization_id == organization_id,
            role_holders.c.user_id == user_id,
        )
        .scalar_subquery()
    )


def whole(*conditions: ColumnElement[bool]) -> ScalarSelect[str]:
    """Return a subquery for the one token that keeps the conditions, to be read by `from_whole`.

    As one JSON value it correlates with a row outside, and is found by index for each of these,
    however many the planner expects.
    """
    return (
        select(
            json_list(
                *_t,
                *(
                    _o.external_id,
                    _u.external_id,
                    _u.email,
                    roles_of(_t.organization_id, _t.user_id),
                    _o.policy,
                ),
            )
        )
        .select_from(
            api_tokens.join(organizations, _o.id == _t.organization_id).outerjoin(
                users, _u.id == _t.user_id
            )
        )
        .where(*conditions)
        .scalar_subquery()
    )


def from_whole(text: str) -> ApiToken:
    """Return the token of a value of `whole`."""
    *own, organization_external_id, user_external_id, email, held, policy = from_json(text)
    return ApiToken(
        **dict(zip(_t.keys(), own, strict=True)),
        organization_external_id=organization_external_id,
        user_external_id=user_external_id,
        email=email,
        roles=names_of(held),
        policy=None if policy is None else OrganizationPolicy.read(to_json(policy)),
    )


_given = json_values(bindparam("keys", type_=Text)).subquery("given")
# Hot path, written by hand: the verification of API tokens.
_READ = Statement(
    select(
        _given.c.value,
        whole(or_(_t.digest == _given.c.value, _t.id == _given.c.value), *LIVE).label("token"),
    )
)


def key_of(text: str) -> str | None:
    """Return what a token is found by, given as it was shown or by its id; None for anything else.

    So a mistyped token takes no look.
    """
    if ids.well_formed(ids.API_TOKEN, text):
        return text
    return vault.digest(text) if format_.well_formed(text) else None


async def read(db: Session, keys: Iterable[str]) -> dict[str, ApiToken]:
    """Return the tokens in force of these keys, each by its key, in one statement."""
    rows = await db.fetch_all(_READ, keys=to_json(list(keys)), p_at=now())
    return {row["value"]: from_whole(row["token"]) for row in rows if row["token"] is not None}


def names_of(held: Iterable[tuple[str, str]] | None) -> tuple[str, ...]:
    """Return the names of roles, the oldest first."""
    return tuple(name for _, name in sorted(held or ()))
