"""People with passwords and sessions, on a database without a server."""

from __future__ import annotations

from typing import Any

from databases import call_from
from sqlalchemy import bindparam, select, update

from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.db.sql.statements import Statement
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import Bounds
from tenantry.tenants.memberships import joining
from tenantry.tenants.memberships.model import Rules, Terms
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.users.model import User, users

RULES = Rules(invitation_days=15, block_disposable_emails=False, block_public_emails=False)
EMAIL = "Ann@Example.com"
PASSWORD = "correct horse"
HOME = "192.0.2.1"
_SET = Statement(
    update(users)
    .where(users.c.id == bindparam("p_id"))
    .values(password_hash=bindparam("p_hash"))
    .returning(users.c.id)
)
_ROW = Statement(select(users).where(users.c.id == bindparam("p_id")))


async def person(db, email: str = EMAIL) -> User:
    """A member of a new organization."""
    call = Call(SYSTEM, db, request_id="req_test")
    organization = await organizations.create(call, region_code="US", display_name="Acme")
    terms = Terms()
    return await joining.create(call, organization.id, terms, rules=RULES, email=email)


async def imported(db, hash_: str | None, email: str = EMAIL) -> User:
    """A member with this hash."""
    user = await person(db, email)
    await db.fetch_all(_SET, p_id=user.id, p_hash=hash_)
    return user


async def row(db, user: User) -> Any:
    """The stored row of a user."""
    return await db.fetch_one(_ROW, p_id=user.id)


async def session(db, user: User) -> str:
    """The secret of a new session."""
    _, secret = await sessions.begin(
        call_from(db),
        user_id=user.id,
        organization_id=user.memberships[0].organization_id,
        client_id=None,
        amr=["conn_1"],
        bounds=Bounds(480, None),
        custom_claims={},
    )
    return secret
