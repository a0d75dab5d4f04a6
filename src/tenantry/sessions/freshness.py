"""How long ago a person showed who they are: what an open browser alone must not do asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry import errors
from tenantry.caller import Kind
from tenantry.db.engine import now
from tenantry.sessions import service

if TYPE_CHECKING:
    from tenantry.caller import Call
    from tenantry.sessions.model import Session

FRESH_SECONDS = 600


class Stale(errors.PermissionDenied):
    """The person has to show again who they are."""

    sentence = "the person has to sign in again for this: they did more than 10 minutes ago"


def is_fresh(session: Session) -> bool:
    """Whether the person signed in so lately that nothing more is asked."""
    return now() - session.auth_time <= FRESH_SECONDS * 1_000_000


async def check(call: Call) -> None:
    """Let a person go on who has signed in lately, and every program.

    Raises:
        Stale: the person has not.

    """
    if call.caller.kind is not Kind.USER_SESSION:
        return
    session = await service.find_live(call.db, call.caller.session_id or "")
    if session is None or not is_fresh(session):
        raise Stale
