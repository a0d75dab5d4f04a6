"""The consent that a client of a resource needs before it gets a code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.identity.consents import service as consents
from tenantry.identity.sessions.model import NO_ORGANIZATION

if TYPE_CHECKING:
    from tenantry.db.engine import Session
    from tenantry.identity.sign_in.model import Params


@dataclass(frozen=True, slots=True)
class Problem:
    """The error that the client gets instead of a code."""

    error: str
    description: str


async def problem(
    db: Session,
    client_id: str,
    params: Params,
    *,
    user_id: str,
    organization_id: str,
    impersonator: str,
) -> Problem | None:
    """Return why a client of a resource gets no code; None if it gets one."""
    if params.resource_id is None:
        return None
    if organization_id == NO_ORGANIZATION:
        return Problem("access_denied", "the user does not belong to an organization")
    if impersonator:
        return Problem("access_denied", "operators cannot grant access to a user's data")
    missing = await consents.missing_scopes(
        db,
        client_id,
        params.resource_id,
        user_id=user_id,
        organization_id=organization_id,
        scopes=params.scope.split(),
    )
    if missing is None:
        return None
    return Problem("consent_required", "the user has not granted the client these scopes")
