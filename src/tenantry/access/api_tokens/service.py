"""The rules of API tokens: making, changing, ending."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, cast, insert, or_, select

from tenantry.access.api_tokens import format as format_
from tenantry.access.api_tokens import reading
from tenantry.access.api_tokens.model import ApiToken, api_tokens
from tenantry.core import errors, ids
from tenantry.core.times import now
from tenantry.crypto import vault
from tenantry.db import crud
from tenantry.db.lists import pages
from tenantry.db.sql.schema import from_json, json_list
from tenantry.db.sql.statements import Statement
from tenantry.db.writes import pruning
from tenantry.db.writes.rows import bound, members, prefixed, revised, row_of
from tenantry.tenants.organizations.model import organizations
from tenantry.tenants.users.model import ACTIVE, memberships, users

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement

    from tenantry.access.api_tokens.token_cache import ApiTokenCache
    from tenantry.call import Call
    from tenantry.db.engine import Row

_SUFFIX = 4
_KEPT_MICROSECONDS = 30 * 24 * 3600 * 1_000_000  # after it expired

# Tokens that are kept, of one member and of an organization itself.
MEMBER_MAX, ORGANIZATION_MAX = 1000, pages.MOST_COUNTED

_t, _o, _m, _u = api_tokens.c, organizations.c, memberships.c, users.c
_KEY: ColumnElement[str] = bindparam("p_key", type_=Text)


def _owner(*whose: ColumnElement[bool]) -> Statement:
    held = pages.counted(
        select(_t.id).where(
            _t.organization_id == bindparam("p_organization_id", type_=Text), *whose
        )
    )
    return Statement(
        select(
            _o.external_id,
            select(held.c.total).scalar_subquery().label("held"),
            select(
                json_list(
                    *(_m.status, _u.external_id, _u.email),
                    reading.roles_of(_m.organization_id, _m.user_id),
                )
            )
            .select_from(memberships.join(users, _u.id == _m.user_id))
            .where(
                _m.organization_id == _o.id,
                _m.user_id == bindparam("p_user_id", type_=Text),
            )
            .scalar_subquery()
            .label("member"),
        ).where(_o.id == bindparam("p_organization_id"))
    )


_OWNER_AND_MEMBER = _owner(_t.user_id == bindparam("p_user_id", type_=Text))
_OWNER = _owner(_t.user_id.is_(None))
# The organization is locked before the membership that the token may refer to.
_of_kept = (
    select(*(cast(value, _t[name].type) for name, value in bound(api_tokens).items()))
    .select_from(organizations)
    .where(_o.id == bindparam("p_organization_id", type_=Text))
    .with_for_update(read=True, key_share=True)
)
_INSERT = Statement(
    insert(api_tokens).from_select(list(bound(api_tokens)), _of_kept).returning(_t.id)
)
_this = or_(_t.digest == _KEY, _t.id == _KEY)
_HOLD = crud.hold(api_tokens, by=(_this,), columns=("id",))
_UPDATE = crud.update(api_tokens, set_=("description", "custom_claims", "revision", "update_time"))
_DELETE = crud.delete(api_tokens, by=(_this, reading.UNEXPIRED), whole_row=True)
prune = pruning.Prune(_t.expire_time, keep=_KEPT_MICROSECONDS)


async def create(
    call: Call,
    *,
    prefix: str,
    organization_id: str,
    user_id: str | None,
    custom_claims: Mapping[str, str],
    expire_time: int | None,
    description: str,
) -> tuple[ApiToken, str]:
    """Make a token, and return it with its text, which nobody can show again."""
    at = now()
    if expire_time is not None and expire_time <= at:
        raise errors.InvalidArgument.field(
            "token.expiry", "timestamp.gt_now", "must be in the future"
        )
    find, most, whose = _OWNER, ORGANIZATION_MAX, "organization"
    if user_id is not None:
        find, most, whose = _OWNER_AND_MEMBER, MEMBER_MAX, "user"
    owner = await call.db.fetch_one(find, p_organization_id=organization_id, p_user_id=user_id)
    if owner is None:
        raise errors.NotFound("organization")
    if owner["held"] >= most:
        raise errors.InvalidArgument(
            f"{whose} has reached its limit of {most} API tokens; invalidate one"
        )
    status, user_external_id, email, held = from_json(owner["member"] or "[null,null,null,null]")
    if user_id is not None and status != ACTIVE:
        raise _no_member()
    text = format_.new(prefix)
    new = ApiToken(
        id=call.db.new_id(ids.API_TOKEN),
        organization_id=organization_id,
        organization_external_id=owner["external_id"],
        user_id=user_id,
        user_external_id=user_external_id,
        email=email,
        roles=reading.names_of(held),
        digest=vault.digest(text),
        suffix=text[-_SUFFIX:],
        description=description,
        custom_claims=dict(custom_claims),
        expire_time=expire_time,
        last_used_time=None,
        revision=1,
        create_time=at,
        update_time=at,
    )
    event = call.event("api_token.created", organization_id=organization_id, after=new.to_event())
    row = prefixed(row_of(new, api_tokens))
    if await call.db.apply(_INSERT, event, **row) is None:
        raise errors.NotFound("organization")
    return new, text


async def change(
    call: Call,
    known: ApiTokenCache,
    text: str,
    *,
    description: str | None,
    custom_claims: Mapping[str, str],
) -> ApiToken:
    """Change a token in force; None keeps the description, and no claims keep those there are.

    ``known`` is the cache of this process, which reads the token again.
    """
    key = reading.key_of(text)
    if key is None:
        raise errors.NotFound("token")
    async with call.db.transaction() as db:
        await db.fetch_one(_HOLD, p_key=key)
        before = (await reading.read(db, [key])).get(key)
        if before is None:
            raise errors.NotFound("token")
        after = replace(
            before,
            description=before.description if description is None else description,
            custom_claims=dict(custom_claims) or before.custom_claims,
        )
        if after == before:
            return before
        after = revised(
            after,
        )
        await db.fetch_one(
            _UPDATE,
            **prefixed(row_of(after, api_tokens)),
        )
        await db.record(
            call.event(
                "api_token.updated",
                organization_id=after.organization_id,
                before=before.to_event(),
                after=after.to_event(),
            )
        )
    known.forget(after)
    return after


async def invalidate(call: Call, known: ApiTokenCache, text: str) -> None:
    """End a token for good; one that is unknown or has ended is no error.

    One that rests, because its member does, ends as well. ``known`` is the cache of this process,
    which forgets the token.
    """
    await _invalidate(call, known, reading.key_of(text))


async def invalidate_of(
    call: Call, known: ApiTokenCache, organization_id: str, token_id: str
) -> None:
    """End a token of an organization for good, given by its id; see `invalidate`."""
    found = (await reading.read(call.db, [token_id])).get(token_id)
    if found is None or found.id != token_id or found.organization_id != organization_id:
        raise errors.NotFound("token")
    if not await _invalidate(call, known, token_id):
        raise errors.NotFound("token")


async def _invalidate(call: Call, known: ApiTokenCache, key: str | None) -> bool:
    """End a token; return whether there was one to end. Of its owner only the ids are told."""
    if key is None:
        return False
    async with call.db.transaction() as db:
        row = await db.fetch_one(_DELETE, p_key=key, p_at=now())
        if row is None:
            return False
        gone = _from_row(row)
        await db.record(
            call.event(
                "api_token.invalidated",
                organization_id=gone.organization_id,
                before=gone.to_event(),
            )
        )
    known.forget(gone)
    return True


def _no_member() -> errors.InvalidArgument:
    return errors.InvalidArgument.field(
        "token.user_id", "member", "must be an active member of the organization"
    )


def _from_row(row: Row) -> ApiToken:
    own = members(row, api_tokens)
    return ApiToken(
        organization_external_id=None, user_external_id=None, email=None, roles=(), **own
    )
