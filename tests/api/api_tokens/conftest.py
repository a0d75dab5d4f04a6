"""Tokens that a test needs, and what it does to them behind the API's back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import bindparam, update

from tenantry.access.api_tokens.model import api_tokens
from tenantry.db.sql.statements import Statement
from tenantry.tenants.users.model import memberships

if TYPE_CHECKING:
    from wires import Answer

_REST = Statement(
    update(memberships)
    .where(memberships.c.user_id == bindparam("p_user_id"))
    .values(status=bindparam("p_status"))
    .returning(memberships.c.id)
)
_EXPIRE = Statement(
    update(api_tokens)
    .where(api_tokens.c.id == bindparam("p_id"))
    .values(expire_time=bindparam("p_expire_time"))
    .returning(api_tokens.c.id)
)


@pytest.fixture
def make_token(rest, make):
    """Makes a token of an organization; of a new one if none is named."""

    async def made(organization_id: str = "", **members: Any) -> Answer:
        organization_id = organization_id or (await make.organization())["id"]
        return await rest.tokens.create_token(token={"organization_id": organization_id, **members})

    return made


@pytest.fixture
def set_status(database):
    """Sets the status of all memberships of a user."""

    async def set_(user_id, status):
        assert await database.fetch_all(_REST, p_user_id=user_id, p_status=status)

    return set_


@pytest.fixture
def expire(database):
    """Has a token expire at a time, in microseconds."""

    async def expired(token_id, at):
        assert await database.fetch_one(_EXPIRE, p_id=token_id, p_expire_time=at)

    return expired
