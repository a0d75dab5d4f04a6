"""After a first factor: on to the person's home realm, to the second factor, or to a place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.identity.authenticators.totp import service as totp
from tenantry.identity.sign_in import choosing, login_requirements
from tenantry.identity.sign_in.auth_requests import requests, states

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.identity.sign_in.dependencies import SignInDependencies
    from tenantry.identity.sign_in.model import AuthRequest, Facts
    from tenantry.tenants.users.model import User


async def given(
    means: SignInDependencies,
    call: Call,
    request: AuthRequest,
    *way: str,
    facts: Facts,
    connection_id: str,
    email: str,
    user: User | None,
    is_whole: bool = False,
    is_proof: bool = True,
) -> AuthRequest:
    """Note a first factor, and go on; one that ``is_whole`` stands for both factors.

    Somebody of an organization that signs its people in by itself goes there, and the proofs that
    were given here count for nothing.
    """
    home = await login_requirements.enforced(
        call.db, email if user is None else user.email, request.named
    )
    if home is not None:
        return await login_requirements.send(
            call.db, request, *way, home=home, email=email, is_proof=is_proof
        )
    changes: dict[str, Any] = {
        "facts": facts,
        "email": email,
        "user_id": user.id if user else None,
        "connection_id": connection_id,
        "is_proof": is_proof,
    }
    if user is None and not means.settings.may_sign_up:
        return await requests.move(
            call.db,
            request,
            *way,
            states.FAILED,
            error=requests.problem("there is no account with this e-mail address"),
            **changes,
        )
    if user is not None and not is_whole and await totp.is_enabled(call.db, user.id):
        return await requests.move(call.db, request, *way, states.SECOND_FACTOR_PENDING, **changes)
    return await choosing.proceed(means, call, request, *way, user=user, **changes)
