"""Databases with people who register an authenticator app."""

from __future__ import annotations

import itertools

import pyotp
import pytest
from databases import call_from

from tenantry.identity.authenticators.totp import service
from tenantry.tenants.memberships import joining
from tenantry.tenants.memberships.model import Rules, Terms
from tenantry.tenants.organizations import service as organizations

_RULES = Rules(invitation_days=15, block_disposable_emails=False, block_public_emails=False)


@pytest.fixture(autouse=True)
def _one_step(monkeypatch):
    """No time step ends while a test runs."""
    at = service.now()
    monkeypatch.setattr(service, "now", lambda: at)


@pytest.fixture
def call(db):
    """A call of the operator's program."""
    return call_from(db)


@pytest.fixture
def new_user(call):
    """Make a user."""
    numbers = itertools.count(1)

    async def made():
        founded = await organizations.create(call, region_code="US", display_name="Acme")
        terms = Terms()
        email = f"ana{next(numbers)}@example.com"
        return await joining.create(call, founded.id, terms, rules=_RULES, email=email)

    return made


class App:
    """The authenticator app of a registration, with a clock that may differ."""

    def __init__(self, db, registration) -> None:
        uri = service.uri(db, registration, "Acme")
        self.totp = pyotp.parse_uri(uri)

    def code(self, steps: int = 0) -> str:
        return self.totp.at(service.now() // 1_000_000, counter_offset=steps)

    def wrong(self) -> str:
        """A code of no step around now."""
        good = {self.code(steps) for steps in range(-3, 4)}
        return next(f"{n:06}" for n in range(10) if f"{n:06}" not in good)


@pytest.fixture
def app_of(db):
    """The app that scanned a registration's QR code."""
    return lambda registration: App(db, registration)


@pytest.fixture
def enabled(db, call, new_user, app_of):
    """Make a user with a registration in force: it, the app, the recovery codes."""

    async def made(user_id=""):
        user_id = user_id or (await new_user()).id
        registration = await service.register(call, user_id=user_id)
        app = app_of(registration)
        # The code of the step before, so that those of this one and the next are free.
        registration, codes = await service.enable(call, registration.id, app.code(-1))
        return registration, app, codes

    return made
