"""The application with single sign-on, as people use it in a browser, by the simulator."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from importlib.metadata import version

import pytest
from browsers import chromium_in_step
from doc_programs import management
from people_at_apps import answers, name_somebody
from playwright.sync_api import expect
from repository import ROOT
from servers import free_port

EXAMPLE = ROOT / "examples" / "sso-fastapi"
README = (EXAMPLE / "README.md").read_text(encoding="utf-8")
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def tenantry(start_server):
    """A server as a developer starts it."""
    started = start_server("sso-example", simulator="true")
    yield started
    started.stop()


@pytest.fixture(scope="module")
def browser(tenantry):
    with chromium_in_step(tenantry) as launched:
        yield launched


@pytest.fixture(scope="module")
def app(tenantry, tmp_path_factory):
    """The application, running: its URL."""
    port, log = free_port(), tmp_path_factory.mktemp("sso-example") / "log"
    url = f"http://localhost:{port}"
    (registration,) = re.findall(r"--json '(\{.*?\})'", README, re.DOTALL)
    client = json.loads(registration.replace("http://localhost:8000", url))
    with management(tenantry) as api:
        made = api.post("/api/v1/clients", json=client).raise_for_status().json()["client"]
        secret = api.post(f"/api/v1/clients/{made['id']}/secrets").raise_for_status().json()
    variables = {
        "APP_URL": url,
        "SCALEKIT_CLIENT_ID": made["id"],
        "SCALEKIT_CLIENT_SECRET": secret["plain_secret"],
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port)],
            cwd=EXAMPLE,
            env=tenantry.environment | tenantry.env | variables,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        until = time.monotonic() + 60
        while not answers(url):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        yield url
    finally:
        process.kill()
        process.wait(60)


@pytest.fixture
def page(browser):
    context = browser.new_context(locale="en-US")
    yield context.new_page()
    context.close()


def continue_as(page, app, email):
    page.goto(app)
    page.get_by_label("Email address").fill(email)
    page.get_by_role("button", name="Continue").click()


def is_signed_in(page, app, email):
    expect(page.get_by_role("heading", name="Test Organization")).to_be_visible()
    expect(page.get_by_text(email)).to_be_visible()
    assert page.url == f"{app}/"


def test_somebody_of_the_organization_signs_in_at_its_provider(page, app):
    continue_as(page, app, "ann@example.com")
    expect(page.get_by_label("Email address")).to_have_value("ann")  # the hint goes along
    name_somebody(page, "ann")
    is_signed_in(page, app, "ann@example.com")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Email address")).to_be_visible()


@pytest.mark.thorough
def test_the_organization_enforces_it_on_our_own_page(page, app, tenantry):
    page.goto(f"{app}/login")
    page.wait_for_url(f"{tenantry.url}/login/*")
    page.get_by_label("Email address").fill("bob@example.org")
    page.get_by_role("button", name="Continue").click()
    name_somebody(page, "bob")
    is_signed_in(page, app, "bob@example.org")


def test_everybody_else_signs_in_as_always(page, app, tenantry):
    continue_as(page, app, "carol@globex.example")
    page.wait_for_url(f"{tenantry.url}/login/*")
    expect(page.get_by_label("Email address")).to_have_value("carol@globex.example")


@pytest.mark.thorough
def test_a_sign_in_can_begin_at_the_provider(page, app, tenantry):
    page.goto(f"{tenantry.url}/simulator")
    page.get_by_role("link", name="Test Organization, SAML").click()
    name_somebody(page, "dora", button="Start IdP-initiated sign-in")
    name_somebody(page, "dora")  # as the application asks by itself
    is_signed_in(page, app, "dora@example.com")


def test_an_error_of_the_provider_comes_to_the_application(page, app):
    continue_as(page, app, "ann@example.com")
    page.get_by_label("User not found").check()
    page.get_by_role("button", name="Return error").click()
    expect(page.get_by_text("User not found")).to_be_visible()
    assert page.url.startswith(f"{app}/callback?")


def test_the_requirements_and_links_of_the_example_are_right():
    for line in (EXAMPLE / "requirements.txt").read_text(encoding="utf-8").splitlines():
        name, _, pinned = line.partition("==")
        assert version(name) == pinned, name
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (EXAMPLE / target).is_file(), target
