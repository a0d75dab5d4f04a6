"""Shared by the tests of users and memberships: short ways to make members."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from apis import unique
from sqlalchemy import bindparam, select, update
from wires import ApiError

from tenantry.db.sql.statements import Statement
from tenantry.events.email.model import mail
from tenantry.tenants.users.model import memberships

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

EXPIRE = Statement(
    update(memberships)
    .where(memberships.c.user_id == bindparam("p_user_id"))
    .values(expire_time=1)
    .returning(memberships.c.id)
)
_MAIL = Statement(
    select(mail).where(mail.c.recipient == bindparam("recipient")).order_by(mail.c.id)
)


def address() -> str:
    """An e-mail address that no other test uses."""
    return f"{unique('ada')}@example.com"


async def invited(api: Any, organization: dict[str, Any], **members: Any) -> dict[str, Any]:
    """A new user, invited by mail."""
    answer = await api.users.create_user_and_membership(
        organization_id=organization["id"], user={"email": address(), **members}
    )
    user: dict[str, Any] = answer["user"]
    return user


async def expire(database: Any, user: dict[str, Any]) -> None:
    """Let a user's invitations run out."""
    assert await database.fetch_all(EXPIRE, p_user_id=user["id"])


async def mail_to(database: Any, user: dict[str, Any]) -> list[dict[str, Any]]:
    """The outbox's rows for a user, the oldest first."""
    rows = await database.fetch_all(_MAIL, recipient=user["email"])
    return [dict(row) for row in rows]


async def names(api: Any, organization: dict[str, Any], user: dict[str, Any]) -> list[str]:
    """The names of the roles that a member holds."""
    answer = await api.users.list_user_roles(organization_id=organization["id"], user_id=user["id"])
    return [role["name"] for role in answer["roles"]]


# Refusals of a server that has too much to do: clients send these requests again.
BUSY = {"BUSY", "DATABASE_LOCKED"}


async def outcomes(calls: Iterable[Awaitable[Any]]) -> tuple[list[Any], list[ApiError]]:
    """Make these calls at once: the answers, and the refusals."""
    answers = await asyncio.gather(*calls, return_exceptions=True)
    refusals = [answer for answer in answers if isinstance(answer, BaseException)]
    assert all(isinstance(one, ApiError) for one in refusals), refusals
    return [answer for answer in answers if not isinstance(answer, BaseException)], refusals


def ids_of(page: Any) -> list[str]:
    """The ids of a page's users, in order."""
    return [user["id"] for user in page["users"]]


def key_of(user: dict[str, Any], by: str) -> dict[str, str]:
    """How a request names a user: by `id` or by `external_id`."""
    return {by: user[by]}
