"""Proving one's identity: by e-mail, password or passkey, and by a second factor if one is set.

Answers are alike for addresses that are known and unknown, in text and in time: the same rows are
looked up and written, and only the mail differs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tenantry.core import errors
from tenantry.core.addresses import network
from tenantry.db import crud
from tenantry.identity.attempts import service as attempts
from tenantry.identity.authenticators.passkeys import service as passkeys
from tenantry.identity.authenticators.passwordless import service as passwordless
from tenantry.identity.authenticators.passwordless.model import (
    EXPIRED,
    GOOD,
    NO_ACCOUNT,
    SIGNIN,
    SIGNUP,
)
from tenantry.identity.authenticators.totp import service as totp
from tenantry.identity.connections import environment as connections
from tenantry.identity.connections.model import PASSWORD as PASSWORD_CONNECTION
from tenantry.identity.connections.model import PASSWORDLESS, WEBAUTHN
from tenantry.identity.known_origins import service as known_origins
from tenantry.identity.sign_in import choosing, login_requirements
from tenantry.identity.sign_in.auth_requests import counting, requests, states
from tenantry.identity.sign_in.factors import inboxes
from tenantry.identity.sign_in.factors.methods import EMAIL, PASSKEY, PASSWORD
from tenantry.identity.sign_in.federated import completion
from tenantry.identity.sign_in.model import INTENTS, RESET_PASSWORD, SIGN_IN, SIGN_UP
from tenantry.net import email_addresses
from tenantry.tenants.users import reading
from tenantry.tenants.users.model import users

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.identity.authenticators.passwordless.model import Request
    from tenantry.identity.sign_in.dependencies import SignInDependencies
    from tenantry.identity.sign_in.model import AuthRequest
    from tenantry.settings import Settings
    from tenantry.tenants.users.model import User

TOTP = "TOTP"
# Of one request, and of one network for one person: more guesses need a new first factor.
SECOND_FACTORS, SECOND_FACTORS_SECONDS = 5, 1800
SECOND_FACTORS_OF_ORIGIN, SECOND_FACTORS_OF_ORIGIN_SECONDS = 20, 3600

# Further states of a link, of which one is only for the browser where somebody began.
FOREIGN, WRONG = "FOREIGN", "WRONG"
# A mail is on its way.
SENT = (states.LINK_OTP_SENT, states.VERIFICATION_SENT)
_KNOWN = crud.get(users, by=("email_key",), columns=("id",))


async def start_email(
    dependencies: SignInDependencies,
    call: Call,
    request: AuthRequest,
    *,
    email: str,
    intent: str = "",
) -> AuthRequest:
    """Send a code and a link to an address, whether anybody has it or not.

    An address of a domain that has its own provider sends its person there instead.

    ``intent`` is one of `model.INTENTS`; "" stands for SIGN_IN.
    """
    _expect_unproved(request)
    address = email_addresses.checked(email.strip())
    intent = intent or SIGN_IN
    home = await login_requirements.enforced(call.db, address, request.named)
    if home is not None:
        return await login_requirements.send(call.db, request, home=home, email=address)
    _check_intent(dependencies.settings, intent)
    key = email_addresses.key(address)
    await inboxes.take(call, address)
    if await call.db.fetch_one(_KNOWN, p_email_key=key) is not None:
        template = SIGNIN
    elif dependencies.settings.may_sign_up and intent != RESET_PASSWORD:
        template = SIGNUP
    else:
        template = NO_ACCOUNT
    sent = await inboxes.ask(dependencies, call, request, email=address, template=template)
    return await requests.move(
        call.db,
        request,
        states.LINK_OTP_SENT,
        email=address,  # as it was typed: the stored spelling would show that there is an account
        facts=replace(request.facts, intent=intent, passwordless=sent),
    )


async def resend_email(call: Call, request: AuthRequest) -> AuthRequest:
    states.expect(request, *SENT)
    assert request.email is not None
    await inboxes.take(call, request.email)
    await passwordless.resend(
        call,
        request.facts.passwordless,
        language=inboxes.language(call, request),
        client_id=request.client_id,
    )
    return await requests.move(call.db, request, request.state)


async def verify_code(
    dependencies: SignInDependencies, call: Call, request: AuthRequest, code: str
) -> AuthRequest:
    """Prove the inbox by the code of the mail."""
    states.expect(request, *SENT)
    with counting.proof(counting.EMAIL):
        proof = await passwordless.verify_code(call, request.facts.passwordless, code)
    return await _inbox_proved(dependencies, call, request, states.OTP_VERIFIED, proof)


async def verify_link(
    dependencies: SignInDependencies, call: Call, request: AuthRequest, link_token: str
) -> AuthRequest:
    """Prove the inbox by the link of the mail, in the browser that asked for it."""
    states.expect(request, *SENT)
    with counting.proof(counting.EMAIL):
        proof = await passwordless.verify_link(call, link_token, request.facts.passwordless)
    return await _inbox_proved(dependencies, call, request, states.LINK_VERIFIED, proof)


async def verify_link_elsewhere(
    dependencies: SignInDependencies, call: Call, request_id: str, link_token: str
) -> AuthRequest | None:
    """Prove the inbox by the link, in another browser, which the sign-in then goes over to.

    None where that is not allowed, or there is no such sign-in. Nor where a provider's word waits
    for it: the account would go over to a stranger that came from there in another browser.
    """
    if dependencies.settings.email_same_browser:
        return None
    request = await requests.find_of_any(call.db, request_id)
    if request is None or request.state != states.LINK_OTP_SENT:
        return None
    with counting.proof(counting.EMAIL):
        proof = await passwordless.verify_link(call, link_token, request.facts.passwordless)
    return await _inbox_proved(dependencies, call, request, states.LINK_VERIFIED, proof)


async def look_at_link(
    dependencies: SignInDependencies,
    db: Session,
    request_id: str,
    request: AuthRequest | None,
    link_token: str,
) -> str:
    """Return how a link would be taken: `GOOD`, `USED`, `EXPIRED`, `FOREIGN`, or `WRONG`.

    ``request`` is the sign-in of this id, where it goes on in the browser that asks. Of a token
    that is not ours it is only said that it is wrong.
    """
    found = await passwordless.look_at_link(db, link_token)
    if found is None or found[0].auth_request_id != request_id:
        return WRONG
    sent, state = found
    if state != GOOD:
        return state
    goes_on = request or await requests.find_of_any(db, request_id)
    if goes_on is None or goes_on.state not in SENT or goes_on.facts.passwordless != sent.id:
        return EXPIRED
    is_ours = request is not None or (
        not dependencies.settings.email_same_browser and goes_on.state == states.LINK_OTP_SENT
    )
    return GOOD if is_ours else FOREIGN


async def verify_password(
    dependencies: SignInDependencies, call: Call, request: AuthRequest, *, email: str, password: str
) -> AuthRequest:
    _expect_unproved(request)
    _check_method(dependencies.settings, PASSWORD)
    address = email_addresses.checked(email.strip())
    home = await login_requirements.enforced(call.db, address, request.named)
    if home is not None:
        return await login_requirements.send(call.db, request, home=home, email=address)
    with counting.proof(PASSWORD):
        user_id = await dependencies.passwords.sign_in(call, email=address, password=password)
    user = await _user(call, user_id)
    return await _proved(
        dependencies,
        call,
        request,
        states.PASSWORD_VERIFIED,
        proof=PASSWORD_CONNECTION,
        email=user.email,
        user=user,
        intent=SIGN_IN,
    )


async def passkey_options(
    dependencies: SignInDependencies, call: Call, request: AuthRequest, *, email: str | None = None
) -> tuple[str, dict[str, Any]]:
    """Return a challenge's id, and the options that a browser hands to an authenticator."""
    _expect_unproved(request)
    _check_method(dependencies.settings, PASSKEY)
    return await passkeys.begin_authentication(
        call, dependencies.relying_party, email=email, auth_request_id=request.id
    )


async def verify_passkey(
    dependencies: SignInDependencies,
    call: Call,
    request: AuthRequest,
    challenge_id: str,
    credential: Mapping[str, Any],
) -> AuthRequest:
    """Prove one's identity by a passkey; one that verified its user is both factors at once."""
    _expect_unproved(request)
    _check_method(dependencies.settings, PASSKEY)
    with counting.proof(counting.PASSKEY):
        passkey = await passkeys.finish_authentication(
            call, dependencies.relying_party, challenge_id, credential, auth_request_id=request.id
        )
    user = await _user(call, passkey.user_id)
    return await _proved(
        dependencies,
        call,
        request,
        states.WEBAUTHN_VERIFIED,
        proof=WEBAUTHN,
        email=user.email,
        user=user,
        intent=SIGN_IN,
        is_whole=passkey.user_verified,
    )


async def verify_second_factor(
    dependencies: SignInDependencies, call: Call, request: AuthRequest, code: str
) -> AuthRequest:
    """Give the second factor: a code of an authenticator app, or one to recover without."""
    states.expect(request, states.SECOND_FACTOR_PENDING)
    user_id, db = request.user_id, call.db
    assert user_id is not None
    with counting.proof(counting.SECOND_FACTOR):
        # Counted for the guesser, not for the owner of the code: nobody locks anybody out.
        await attempts.take(
            db,
            "second factor of a sign-in",
            request.id,
            most=SECOND_FACTORS,
            seconds=SECOND_FACTORS_SECONDS,
        )
        known = await known_origins.of_user(db, call.origin, user_id)
        origin = f"{user_id} {known or network(call.origin.address)}"
        await attempts.take(
            db,
            "second factor of a person from a network",
            origin,
            most=SECOND_FACTORS_OF_ORIGIN,
            seconds=SECOND_FACTORS_OF_ORIGIN_SECONDS,
        )
        if not await totp.verify(call, user_id, code):
            raise errors.InvalidArgument.field("code", "valid", "is incorrect or was already used")
    await attempts.clear(db, "second factor of a person from a network", origin)
    user = await _user(call, user_id)
    facts = replace(request.facts, proofs=(*request.facts.proofs, TOTP), has_second_factor=True)
    return await choosing.proceed(
        dependencies,
        call,
        request,
        states.SECOND_FACTOR_VERIFIED,
        user=user,
        facts=facts,
        is_proof=True,
    )


async def choose_password(
    dependencies: SignInDependencies, call: Call, request: AuthRequest, password: str
) -> AuthRequest:
    """Choose a password, once the inbox was proved; all other sessions of the person end."""
    states.expect(request, states.PASSWORD_CHOICE)
    user_id = request.user_id
    assert user_id is not None
    user = await _user(call, user_id)
    held = requests.as_person(call, call.db, request, user_id)
    await dependencies.passwords.choose(
        held, user_id, password, settings=dependencies.effective.settings
    )
    if request.organization_id is None:
        return await choosing.proceed(
            dependencies, call, request, states.PASSWORD_CHOSEN, user=user
        )
    return await requests.move(
        call.db, request, states.PASSWORD_CHOSEN, states.ORGANIZATION_SELECTED
    )


async def _inbox_proved(
    dependencies: SignInDependencies,
    call: Call,
    request: AuthRequest,
    state: str,
    proof: Request,
) -> AuthRequest:
    if request.state == states.VERIFICATION_SENT:
        return await completion.inbox_proved(dependencies, call, request, proof.email)
    return await _proved(
        dependencies,
        call,
        request,
        state,
        proof=PASSWORDLESS,
        email=proof.email,
        user=await reading.find_by_email(call.db, proof.email),
        intent=request.facts.intent,
        email_proved=True,
    )


async def _proved(
    dependencies: SignInDependencies,
    call: Call,
    request: AuthRequest,
    state: str,
    *,
    proof: str,
    email: str,
    user: User | None,
    intent: str,
    is_whole: bool = False,
    email_proved: bool = False,
) -> AuthRequest:
    known = await connections.of_environment(call.db)
    facts = replace(
        request.facts,
        intent=intent,
        proofs=(proof,),
        email_proved=email_proved,
        has_second_factor=is_whole,
        sso="",
        identity="",
        inbox_proved=False,
    )
    return await choosing.after_first_factor(
        dependencies,
        call,
        request,
        state,
        facts=facts,
        connection_id=known[proof].id,
        email=email,
        user=user,
        is_whole=is_whole,
    )


async def _user(call: Call, user_id: str) -> User:
    user = await reading.find(call.db, id_=user_id, external_id=None)
    if user is None:
        raise errors.InvalidArgument("this account was deleted")
    return user


def _expect_unproved(request: AuthRequest) -> None:
    """Make sure that somebody may still sign in, and in any way that they like."""
    states.expect(request, *states.UNPROVED)
    if request.state == states.SSO_PENDING and request.params.connection_id is not None:
        raise states.OutOfStep(
            "this sign-in must use the connection that the application requested"
        )


def _check_method(settings: Settings, method: str) -> None:
    if settings.is_modular:
        raise errors.Modular
    if method not in settings.own_methods:
        raise errors.InvalidArgument(f"sign-in with {method} is not enabled")


def _check_intent(settings: Settings, intent: str) -> None:
    """Let mail be sent where it is a way to sign in, or proves the inbox for a password."""
    methods = settings.own_methods
    if settings.is_modular:
        raise errors.Modular
    if intent not in INTENTS:
        raise errors.InvalidArgument.field("intent", "in", f"must be one of {INTENTS}")
    if intent == RESET_PASSWORD:
        _check_method(settings, PASSWORD)
    elif EMAIL not in methods and not (intent == SIGN_UP and PASSWORD in methods):
        raise errors.InvalidArgument("sign-in with email is not enabled")
