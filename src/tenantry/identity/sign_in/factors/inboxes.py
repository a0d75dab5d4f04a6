"""Mail that a sign-in sends: a code and a link, and how many of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core.addresses import network
from tenantry.i18n import languages
from tenantry.identity.attempts import service as attempts
from tenantry.identity.authenticators.passwordless import service as passwordless
from tenantry.identity.authenticators.passwordless.model import LINK_OTP
from tenantry.identity.known_origins import service as known_origins
from tenantry.net import email_addresses

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.identity.sign_in.dependencies import SignInDependencies
    from tenantry.identity.sign_in.model import AuthRequest

# Of one network that asks us to send mail, to people that have not signed in from there before.
EMAILS_OF_ORIGIN, EMAILS_OF_ORIGIN_SECONDS = 30, 600


async def ask(
    dependencies: SignInDependencies, call: Call, request: AuthRequest, *, email: str, template: str
) -> str:
    """Send a code and a link to an address; return the id of its request."""
    sent = await passwordless.send(
        call,
        email=email,
        type_=LINK_OTP,
        template=template,
        link_uri=f"{dependencies.settings.public_url}/login/{request.id}/link",
        seconds=dependencies.settings.email_code_seconds,
        auth_request_id=request.id,
        language=language(call, request),
        client_id=request.client_id,
    )
    return sent.id


def language(call: Call, request: AuthRequest) -> str | None:
    """Return the language of the page where mail is asked for; None where that is not known."""
    return languages.best("", request.params.ui_locales) or call.language


async def take(call: Call, email: str) -> None:
    # Mails to the people of one network are counted for each of them, as all are.
    key = email_addresses.key(email)
    known = await known_origins.of_mailbox(call.db, call.origin, key)
    if call.origin.address and not known:
        await attempts.take(
            call.db,
            "mails of a sign-in",
            network(call.origin.address),
            most=EMAILS_OF_ORIGIN,
            seconds=EMAILS_OF_ORIGIN_SECONDS,
        )
