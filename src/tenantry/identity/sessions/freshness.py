"""The age of a sign-in: a step that an open browser alone must not take asks for a fresh one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, select

from tenantry.core import errors
from tenantry.core.caller import Kind
from tenantry.core.times import MINUTE, now
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.identity.connections import environment
from tenantry.identity.sessions import service
from tenantry.tenants.organizations.model import organizations
from tenantry.tenants.organizations.policy import OrganizationPolicy

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.db import engine
    from tenantry.identity.sessions.model import Session
    from tenantry.settings import Settings


_POLICIES = Statement(
    select(organizations.c.policy).where(
        organizations.c.id.in_(json_values(bindparam("p_ids", type_=Text))),
        organizations.c.policy.is_not(None),
    )
)


@dataclass(frozen=True, slots=True)
class Freshness:
    """For how many minutes after a sign-in nothing more is asked of a person."""

    minutes: int

    @classmethod
    def of(cls, settings: Settings) -> Freshness:
        """Return that of the settings."""
        return cls(settings.fresh_sign_in_minutes)

    async def within(self, db: engine.Session, session: Session) -> Freshness:
        """Return the shorter limit, if the policy of an organization of a session sets one."""
        if not session.organizations:
            return self
        rows = await db.fetch_all(_POLICIES, p_ids=to_json(list(session.organizations)))
        policies = [OrganizationPolicy.read(row["policy"]) for row in rows]
        limits = [one.reauthentication_minutes for one in policies if one is not None]
        return Freshness(min([self.minutes, *(limit for limit in limits if limit)]))

    def has(self, session: Session) -> bool:
        """Whether the person of a session authenticated so lately."""
        return now() - session.auth_time <= self.minutes * MINUTE

    async def check(self, call: Call) -> None:
        """Let a person with a fresh sign-in go on, and every program."""
        if call.caller.kind is not Kind.USER_SESSION:
            return
        session = await service.find_live(call.db, call.caller.session_id or "")
        if session is None or not (await self.within(call.db, session)).has(session):
            raise errors.ReauthenticationRequired
        await check_account(call.db, session)


class ByProviderAlone(errors.PermissionDenied):
    """The account is shared by organizations: the provider of one is not sufficient."""

    sentence = (
        "a sign-in with an organization's identity provider is not sufficient: sign in with "
        "another method"
    )


async def check_account(db: engine.Session, session: Session) -> None:
    """Let the ways to sign in to an account be changed by its person, and by no provider."""
    if session.impersonation is not None:
        raise errors.Impersonated
    if not await environment.any_of(db, session.amr):
        raise ByProviderAlone
