"""Reauthentication of a signed-in user on the account pages, within the session that they have.

By a code that is sent to their address, or by their password, as people sign in here. Neither is
enough for a user who has a second factor: its code is asked for where it is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.identity.authenticators.passwordless import service as passwordless
from tenantry.identity.authenticators.passwordless.model import OTP
from tenantry.identity.authenticators.totp import service as totp
from tenantry.identity.sessions import service as sessions

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.identity.sessions.model import Session
    from tenantry.identity.sign_in.dependencies import SignInDependencies
    from tenantry.tenants.users.model import User


async def send_code(
    dependencies: SignInDependencies, call: Call, session: Session, user: User, language: str
) -> str:
    """Send a code to the user of a session, good in that session alone; return the mail's id."""
    _check_method(dependencies, "email")
    sent = await passwordless.send(
        call,
        email=user.email,
        type_=OTP,
        link_uri=None,
        seconds=dependencies.settings.email_code_seconds,
        auth_request_id=session.id,
        language=language,
    )
    return sent.id


async def confirm_by_code(call: Call, session: Session, request_id: str, code: str) -> None:
    """Use up a code that was sent for a session, whose user has authenticated by it."""
    await _check_no_second_factor(call, session)
    sent = await passwordless.find(call.db, request_id)
    if sent is None or sent.auth_request_id != session.id:
        raise errors.NotFound("mail")
    await passwordless.verify_code(call, request_id, code)
    await sessions.authenticated(call, session)


async def confirm_by_password(
    dependencies: SignInDependencies, call: Call, session: Session, user: User, password: str
) -> None:
    """Check the password of the user of a session, who has authenticated by it."""
    await _check_no_second_factor(call, session)
    _check_method(dependencies, "password")
    found = await dependencies.passwords.sign_in(call, email=user.email, password=password)
    if found != user.id:
        raise errors.InvalidArgument("this password belongs to another user")
    await sessions.authenticated(call, session)


async def _check_no_second_factor(call: Call, session: Session) -> None:
    if await totp.is_enabled(call.db, session.user_id):
        raise errors.ReauthenticationRequired


def _check_method(dependencies: SignInDependencies, method: str) -> None:
    if method not in dependencies.settings.own_methods:
        raise errors.InvalidArgument(f"sign-in with {method} is not enabled")
