"""The context of a sign-in for interceptors and events (the published members)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.core import ids
from tenantry.core.times import rfc3339
from tenantry.identity.connections import environment as connections
from tenantry.identity.connections import reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.identity.sign_in.model import AuthRequest
    from tenantry.tenants.users.model import User


async def amr_of(db: Session, proofs: Sequence[str]) -> list[str]:
    """Return the ids of the connections by which somebody has signed in, each once."""
    known = await connections.of_environment(db)
    return list(
        dict.fromkeys(
            known[proof].id if proof in known else proof
            for proof in proofs
            if proof in known or proof.startswith(ids.CONNECTION)
        )
    )


async def connection_details(db: Session, proofs: Sequence[str]) -> list[dict[str, str]]:
    """Return the connections by which somebody has signed in, as interceptors see them."""
    known = dict(await connections.of_environment(db))
    for proof in proofs:
        if proof.startswith(ids.CONNECTION):
            found = await reading.find(db, proof)
            if found is not None:
                known[proof] = found
    return [
        {"id": known[proof].id, "type": known[proof].type, "provider": known[proof].provider}
        for proof in dict.fromkeys(proofs)
        if proof in known
    ]


def context_of(
    call: Call, request: AuthRequest, details: Sequence[dict[str, str]]
) -> dict[str, Any]:
    context: dict[str, Any] = {
        "user_email": request.email or "",
        "connection_details": list(details),
        "ip_address": call.origin.address,
    }
    if request.user_id is not None:
        context["user_id"] = request.user_id
    if request.organization_id:
        context["organization_id"] = request.organization_id
    return context


def person(user: User) -> dict[str, Any]:
    """Return a user with its memberships, as interceptors see it."""
    profile = user.profile
    given, family = profile.get("given_name", ""), profile.get("family_name", "")
    return {
        "id": user.id,
        "name": profile.get("name") or f"{given} {family}".strip(),
        "email": user.email,
        "email_verified": user.email_verified,
        "created_at": rfc3339(user.create_time),
        "updated_at": rfc3339(user.update_time),
        "given_name": given,
        "family_name": family,
        # Two names for one value, as everywhere.
        "first_name": given,
        "last_name": family,
        "metadata": user.metadata,
        "memberships": [
            {
                "organization_id": place.organization_id,
                "organization_name": place.organization_name,
                "status": place.status,
                "roles": [role.name for role in place.roles],
                "metadata": place.metadata,
            }
            for place in user.memberships
        ],
    }
