"""The person of a sign-in as the caller of a change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.identity.sign_in.model import AuthRequest


def as_person(call: Call, db: Session, request: AuthRequest, user_id: str) -> Call:
    """Return the call as one that the person of a sign-in makes, to change something.

    Every change that a sign-in makes goes through this function, except for its session and grants.
    """
    if request.impersonator:
        raise errors.Impersonated
    return call.as_user(db, user_id)
