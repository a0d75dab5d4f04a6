"""Modular mode with the official SDK's session middleware: a sign-in that the provider begins."""

from __future__ import annotations

import time

import pytest
from browsers import chromium_in_step
from people_at_apps import name_somebody
from playwright.sync_api import expect
from test_session_middleware import App, person_of, session_of

MOST = 3780  # bytes: with a long `sub` in both tokens there is less room than in the other mode

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def tenantry(start_server):
    started = start_server(
        "modular-middleware", simulator="true", authentication_mode="MODULAR_AUTH"
    )
    yield started
    started.stop()


@pytest.fixture
def page(tenantry):
    with chromium_in_step(tenantry) as launched:
        context = launched.new_context(locale="en-US")
        yield context.new_page()
        context.close()


@pytest.fixture
def app(tenantry, tmp_path):
    running = App("fastapi", tenantry, tmp_path)
    try:
        running.wait()
        yield running.url
    finally:
        running.stop()


def test_a_person_comes_from_the_provider_refreshes_and_signs_out(page, app, tenantry):
    page.goto(f"{tenantry.url}/simulator")
    page.get_by_role("link", name="Test Organization, SAML").click()
    name_somebody(page, "dora", button="Start IdP-initiated sign-in")
    name_somebody(page, "dora")
    expect(page.get_by_role("link", name="Sign out")).to_be_visible()
    page.goto(f"{app}/account")
    person = person_of(page)
    connection_id, _, subject = person["sub"].partition(";")
    assert connection_id.startswith("conn_")
    assert subject
    assert len(session_of(page, app)) <= MOST, person

    until = time.monotonic() + 60
    refreshed = person
    while refreshed["jti"] == person["jti"]:
        assert time.monotonic() < until
        page.reload()
        refreshed = person_of(page)
    assert (refreshed["sub"], refreshed["sid"]) == (person["sub"], person["sid"])

    page.goto(app)
    page.get_by_role("link", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
