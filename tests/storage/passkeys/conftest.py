"""Databases with people who register passkeys."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from databases import call_from
from software_authenticator import Authenticator

from tenantry.core.caller import Caller, Kind, Origin
from tenantry.identity.authenticators.passkeys import service
from tenantry.identity.authenticators.passkeys.relying_party import RelyingParty
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import Bounds
from tenantry.tenants.memberships import joining
from tenantry.tenants.memberships.model import Rules, Terms
from tenantry.tenants.organizations import service as organizations

MAC = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.4 Safari/605.1.15"
)
_RULES = Rules(invitation_days=15, block_disposable_emails=False, block_public_emails=False)


@pytest.fixture
def relying_party():
    return RelyingParty(
        id="app.example.com",
        name="Acme",
        origins=("https://app.example.com", "https://acme.example.net"),
    )


@pytest.fixture
def new_person(db):
    """Make a user, and a call by them."""
    numbers = itertools.count(1)

    async def made():
        call = call_from(db)
        founded = await organizations.create(call, region_code="US", display_name="Acme")
        terms = Terms()
        user = await joining.create(
            call,
            founded.id,
            terms,
            rules=_RULES,
            email=f"ana{next(numbers)}@example.com",
            profile={"name": "Ana Roe"},
        )
        session, _ = await sessions.begin(
            call,
            user_id=user.id,
            organization_id=founded.id,
            client_id=None,
            amr=[],
            bounds=Bounds(480, None),
            custom_claims={},
        )
        caller = Caller(Kind.USER_SESSION, user.id, founded.id, frozenset(), session_id=session.id)
        return user, replace(call, caller=caller, origin=Origin("192.0.2.7", MAC))

    return made


@pytest.fixture
def authenticator(relying_party):
    return Authenticator(relying_party.origins[0])


@pytest.fixture
def register(relying_party, authenticator):
    """Register one more passkey of a person."""

    async def registered(person, device=None, key=None, **bent: object):
        user, call = person
        _, options = await service.begin_registration(call, user, relying_party)
        credential = (device or authenticator).create(options, key, **bent)
        return await service.finish_registration(call, user.id, relying_party, credential)

    return registered


@pytest.fixture
def sign_in(db, relying_party, authenticator):
    """Sign in by a passkey, as somebody not known before."""

    async def signed_in(device=None, key=None, **bent: object):
        call = call_from(db)
        challenge_id, options = await service.begin_authentication(call, relying_party)
        credential = (device or authenticator).get(options, key, **bent)
        return await service.finish_authentication(call, relying_party, challenge_id, credential)

    return signed_in
