"""The Next.js quickstart, where it does more than the others, in a browser."""

from __future__ import annotations

import json
import re
import time
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from browsers import chromium_in_step
from doc_programs import management
from people_at_apps import Mailbox, name_somebody, shorten, sign_up
from playwright.sync_api import expect
from test_quickstarts import EXAMPLES, nextjs, started

HOME = EXAMPLES / "quickstart-nextjs"
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def tenantry(start_server):
    started = start_server("nextjs", background="true", simulator="true")
    yield started
    started.stop()


@pytest.fixture(scope="module")
def app(tenantry, tmp_path_factory):
    with started(nextjs, tenantry, tmp_path_factory.mktemp("nextjs")) as url:
        yield url


@pytest.fixture
def page(tenantry):
    with chromium_in_step(tenantry) as launched:
        context = launched.new_context(locale="en-US")
        yield context.new_page()
        context.close()


@pytest.mark.thorough
def test_a_sign_in_that_the_provider_begins_ends_in_the_application(page, app, tenantry):
    page.goto(f"{tenantry.url}/simulator")
    page.get_by_role("link", name="Test Organization, SAML").click()
    name_somebody(page, "dora", button="Start IdP-initiated sign-in")
    name_somebody(page, "dora")  # as the application asks by itself
    expect(page.get_by_role("heading", name="Test Organization")).to_be_visible()
    expect(page.get_by_text("dora@example.com")).to_be_visible()


@pytest.mark.thorough
def test_what_an_invitation_says_goes_on_to_the_sign_in(app):
    asked = {"organization_id": "org_1", "login_hint": "grace@example.net"}
    begun = httpx.get(f"{app}/login", params={**asked, "idp_initiated_login": "forged"})
    query = parse_qs(urlsplit(begun.headers["location"]).query)
    assert {name: query[name][0] for name in asked} == asked
    assert "connection_id" not in query


@pytest.mark.thorough
def test_a_page_refreshes_a_session_that_is_about_to_end_and_ends_one_that_is_over(
    page, app, tenantry
):
    with management(tenantry) as api:
        listed = api.get("/api/v1/clients", params={"filter.client_type": "WEB_APP"}).json()
        (client,) = [one for one in listed["clients"] if one["initiate_login_uri"].startswith(app)]
        shorten(tenantry, client["id"])
        page.goto(app)
        email = sign_up(page, Mailbox(tenantry), "Short")
        count = re.compile(r"Refreshed [1-9]\d* times")
        page.reload()
        expect(page.get_by_text(count)).to_be_visible()
        (user,) = api.get("/api/v1/users:search", params={"query": email}).json()["users"]
        api.post(f"/api/v1/users/{user['id']}/sessions/revoke").raise_for_status()
    # Until the access token has ended, a refused refresh may be no more than a lost answer.
    page.reload()
    expect(page.get_by_role("heading", name="Short")).to_be_visible()
    until = time.monotonic() + 60
    while page.get_by_role("heading", name="Short").is_visible():
        assert time.monotonic() < until
        page.reload()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    assert not [one for one in page.context.cookies(app) if one["name"] == "session"]


def test_its_packages_are_pinned_and_its_links_lead_somewhere():
    named = json.loads((HOME / "package.json").read_text(encoding="utf-8"))
    express = json.loads((EXAMPLES / "quickstart-express" / "package.json").read_text())
    sdk = "@scalekit-sdk/node"
    assert named["dependencies"][sdk] == express["dependencies"][sdk]
    for version in (named["dependencies"] | named["devDependencies"]).values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    readme = (HOME / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", readme):
        assert (HOME / target).is_file(), target
