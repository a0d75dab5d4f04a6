"""An operator in a session in place of a person, for support: with a reason, for an hour at most.

The session says so: its tokens name the operator (`act`, RFC 8693 section 4.1), the person sees it
among theirs, and what only the person may do is refused in it (`errors.Impersonated`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.core.caller import Kind
from tenantry.core.times import MINUTE, now, rfc3339
from tenantry.identity.operators.model import READER
from tenantry.identity.operators.service import get
from tenantry.identity.security_notices import service as security_notices
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import Bounds, Impersonation
from tenantry.tenants.users import service as users
from tenantry.tenants.users.model import ACTIVE

if TYPE_CHECKING:
    from tenantry.call import Call

MOST_MINUTES = 60
REASON_MAX = 500  # characters
_REASON_MIN = 5


async def begin(
    call: Call, *, user_id: str, organization_id: str, reason: str, minutes: int
) -> str:
    """Begin a session as a person in one organization; return the secret of its cookie.

    The person is told by mail, whose link ends it. An operator is in one person's place at a time:
    the session that they were in before ends.
    """
    if call.caller.kind is not Kind.OPERATOR or call.caller.reads_only:
        raise errors.PermissionDenied
    reason = " ".join(reason.split())
    if not _REASON_MIN <= len(reason) <= REASON_MAX or not reason.isprintable():
        raise errors.InvalidArgument.field(
            "reason", "string.pattern", f"must be {_REASON_MIN} to {REASON_MAX} characters"
        )
    if not 1 <= minutes <= MOST_MINUTES:
        raise errors.InvalidArgument.field(
            "minutes", "range", f"must be 1 to {MOST_MINUTES} minutes"
        )
    user = await users.get(call, users.UserIdentifier(user_id))
    places = {one.organization_id for one in user.memberships if one.status == ACTIVE}
    if organization_id not in places:
        raise errors.InvalidArgument.field(
            "organization_id",
            "member",
            "must be an organization that the user is an active member of",
        )
    until = now() + minutes * MINUTE
    async with call.db.transaction() as db:
        held = replace(call, db=db)
        # A removal of the operator, or a change to a reader, ends this session too.
        await db.serialize("operators")
        operator = await get(db, call.caller.id)
        if operator.role == READER:
            raise errors.PermissionDenied
        named = operator.name or operator.email or operator.id
        await sessions.end_impersonations(held, operator.id)
        impersonation = Impersonation(operator.id, named, reason, until)
        session, secret = await sessions.begin(
            held,
            user_id=user.id,
            organization_id=organization_id,
            client_id=None,
            amr=(),
            bounds=Bounds(minutes, None),
            custom_claims={},
            until=until,
            sub=user.sub,
            impersonation=impersonation,
        )
        told = {
            "user": user.to_event(),
            "session_id": session.id,
            "operator": operator.to_event(),
            "reason": reason,
            "until": rfc3339(until),
        }
        await db.record(
            call.event("user.impersonated", organization_id=organization_id, after=told)
        )
        await security_notices.queue(held, user.id, security_notices.IMPERSONATED, name=named)
    return secret
