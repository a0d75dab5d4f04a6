"""Before a change that an open browser alone must not make: the person has just authenticated.

By signing in, a few minutes ago at most, or by a code of their second factor now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.identity.authenticators.totp import service
from tenantry.identity.sessions.freshness import check_account

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.identity.authenticators.totp.model import Registration
    from tenantry.identity.sessions.freshness import Freshness
    from tenantry.identity.sessions.model import Session


async def check(call: Call, session: Session, freshness: Freshness, code: str = "") -> None:
    """Let the person of a session make such a change."""
    await check_account(call.db, session)
    if (await freshness.within(call.db, session)).has(session):
        return
    if not code or not await service.is_enabled(call.db, session.user_id):
        raise errors.ReauthenticationRequired
    if not await service.verify(call, session.user_id, code):
        raise service.wrong_code()


async def register(call: Call, session: Session, freshness: Freshness, code: str) -> Registration:
    """Begin to register an authenticator app of the user of a session."""
    await check(call, session, freshness, code)
    return await service.register(call, user_id=session.user_id)
