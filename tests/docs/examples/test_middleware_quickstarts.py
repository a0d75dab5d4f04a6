"""The quickstarts with sessions of the SDK's middleware, as people use them in a browser."""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from importlib.metadata import version

import httpx
import pytest
from browsers import chromium_in_step
from doc_programs import management
from people_at_apps import CODE, Mailbox, name_somebody, sign_up
from playwright.sync_api import expect
from quickstart_projects import init, running
from repository import ROOT
from servers import free_port

EXAMPLES = ROOT / "examples"
COMMANDS = {
    "flask": ("-m", "flask", "run"),
    "django": ("manage.py", "runserver", "--noreload"),
}
COOKIE = "sk_session"
pytestmark = [
    pytest.mark.one_of("flask", "django"),
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def tenantry(start_server):
    """A server as a developer starts it: mail goes into its sink, providers are simulated."""
    started = start_server("middleware-quickstarts", background="true", simulator="true")
    yield started
    started.stop()


@pytest.fixture(scope="module")
def browser(tenantry):
    with chromium_in_step(tenantry) as launched:
        yield launched


@pytest.fixture(scope="module")
def mailbox(tenantry):
    return Mailbox(tenantry)


@contextmanager
def started(framework, tenantry, folder):
    """Write a project with `tenantry init` and start it: its URL."""
    port, project = free_port(), folder / framework
    url = f"http://localhost:{port}"
    made = init(tenantry, framework, project, url)
    command = [sys.executable, "-W", "ignore", *COMMANDS[framework]]
    command += ["--port", str(port)] if framework == "flask" else [str(port)]
    try:
        with running(tenantry, project, command, url):
            yield url
    finally:
        # The oldest application is where a sign-in that begins elsewhere goes on.
        with management(tenantry) as api:
            api.delete(f"/api/v1/clients/{made['client_id']}").raise_for_status()


@pytest.fixture(scope="module", params=list(COMMANDS))
def app(request, tenantry, tmp_path_factory):
    with started(request.param, tenantry, tmp_path_factory.mktemp(request.param)) as url:
        yield url


@pytest.fixture
def page(browser):
    context = browser.new_context(locale="en-US")
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def role(tenantry):
    """A role with a permission of the product."""
    permission = {"name": "invoices:read", "description": "Read invoices"}
    with management(tenantry) as api:
        api.post("/api/v1/permissions", json=permission).raise_for_status()
        made = {"name": "reader", "display_name": "Reader", "permissions": [permission["name"]]}
        api.post("/api/v1/roles", json=made).raise_for_status()
    return made["name"]


def member(api, email, name):
    """Make somebody a member of one more organization; return both ids."""
    (user,) = api.get("/api/v1/users:search", params={"query": email}).json()["users"]
    made = api.post("/api/v1/organizations", json={"display_name": name}).raise_for_status().json()
    path = f"/api/v1/memberships/organizations/{made['id']}/users/{user['id']}"
    api.post(path, params={"send_invitation_email": "false"}, json={}).raise_for_status()
    return made["id"], user["id"]


@pytest.mark.thorough
def test_a_person_signs_up_switches_signs_out_and_in_again(page, app, tenantry, mailbox):
    page.goto(app)
    email = sign_up(page, mailbox, "Analytical <Engines> & Co")
    assert page.url == f"{app}/account"
    expect(page.get_by_text(email)).to_be_visible()
    expect(page.get_by_role("list", name="Roles")).to_have_text("admin")
    (cookie,) = [one for one in page.context.cookies(app) if one["name"] == COOKIE]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")

    with management(tenantry) as api:
        member(api, email, "Second")
    page.reload()
    page.locator(".switcher summary").click()
    page.get_by_role("link", name="Second").click()
    expect(page.get_by_role("heading", name="Second")).to_be_visible()
    assert page.url == f"{app}/account"

    page.get_by_role("link", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    assert page.url == f"{app}/"
    page.go_back()
    expect(page.get_by_text(email)).to_be_hidden()
    # Signed out at Tenantry, too: it asks who it is, and comes back to the page that was wanted.
    page.goto(f"{app}/invoices?of=may")
    page.get_by_label("Email address").fill(email)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Code").fill(CODE.findall(mailbox.newest(email))[0])  # goes by itself
    page.get_by_role("button", name="Second").click()
    page.wait_for_url(f"{app}/invoices?of=may")


@pytest.mark.thorough
def test_a_page_takes_the_permission_that_it_needs(page, app, tenantry, mailbox, role):
    page.goto(app)
    email = sign_up(page, mailbox, "Invoicing")
    assert page.goto(f"{app}/invoices").status == 403
    with management(tenantry) as api:
        organization_id, user_id = member(api, email, "Readers")
        path = f"/api/v1/memberships/organizations/{organization_id}/users/{user_id}"
        api.patch(path, json={"roles": [{"name": role}]}).raise_for_status()
    page.goto(f"{app}/switch")
    page.get_by_role("button", name="Readers").click()
    page.get_by_role("link", name="Invoices").click()
    expect(page.get_by_role("heading", name="Invoices")).to_be_visible()


@pytest.mark.thorough
def test_a_sign_in_that_the_provider_begins_comes_to_the_account(page, app, tenantry):
    page.goto(f"{tenantry.url}/simulator")
    page.get_by_role("link", name="Test Organization, SAML").click()
    name_somebody(page, "dora", button="Start IdP-initiated sign-in")
    name_somebody(page, "dora")  # as the application asks by itself
    expect(page.get_by_role("heading", name="Test Organization")).to_be_visible()
    expect(page.get_by_text("dora@example.com")).to_be_visible()
    assert page.url == f"{app}/account"


def test_a_forged_answer_signs_nobody_in(page, app, tenantry):
    page.goto(f"{app}/login")
    page.wait_for_url(f"{tenantry.url}/login/*")
    page.goto(f"{app}/callback?state=forged&code=abc")
    page.goto(app)
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


@pytest.mark.parametrize("path", ["/account", "/invoices"])
@pytest.mark.parametrize("cookie", ["", f"{COOKIE}=", f"{COOKIE}=forged"])
def test_who_is_not_signed_in_is_sent_to_sign_in(app, path, cookie):
    answer = httpx.get(f"{app}{path}", headers={"cookie": cookie})
    assert answer.status_code == 302
    assert answer.headers["location"].startswith("/login?returnTo=%2F")
    assert "no-store" in answer.headers["cache-control"]


@pytest.mark.parametrize("framework", COMMANDS)
def test_the_requirements_and_links_of_the_examples_are_right(framework):
    home = EXAMPLES / f"quickstart-{framework}"
    for line in (home / "requirements.txt").read_text(encoding="utf-8").splitlines():
        name, _, pinned = line.partition("==")
        assert version(name) == pinned, name
    readme = (home / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", readme):
        assert (home / target).is_file(), target
    started = " ".join(one for one in COMMANDS[framework] if not one.startswith("-"))
    assert started in readme
