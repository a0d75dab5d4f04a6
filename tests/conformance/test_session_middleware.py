"""Applications that leave sessions to the official SDK's middleware, in a browser.

`scalekit.frameworks` for FastAPI, Flask and Django: sign in, refresh, sign out, and be sent to
`/login` by Tenantry, which is the application's initiate_login_uri.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from apis import unique
from browsers import chromium_in_step
from doc_programs import management
from people_at_apps import CODE, LINK, Mailbox, answers, name_somebody, shorten, sign_up
from playwright.sync_api import expect
from servers import free_port

HERE = Path(__file__).parent / "frameworks"
COOKIE = "sk_session"
TARGET = 3400  # bytes; the middleware refuses more than 3,800
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def tenantry(start_server):
    """A running server that sends mail into its sink, with a provider that is simulated."""
    started = start_server("middleware", background="true", simulator="true")
    yield started
    started.stop()


@pytest.fixture(scope="module")
def browser(tenantry):
    with chromium_in_step(tenantry) as launched:
        yield launched


@pytest.fixture(scope="module")
def mailbox(tenantry):
    return Mailbox(tenantry)


class App:
    """One of the applications, running."""

    def __init__(self, framework, tenantry, folder) -> None:
        port, self._log, self._tenantry = free_port(), folder / "log", tenantry
        self.url = f"http://localhost:{port}"
        with management(tenantry) as api:
            new = {
                "name": framework,
                "client_type": "WEB_APP",
                "post_login_uris": [f"{self.url}/callback"],
                "post_logout_redirect_uris": [f"{self.url}/"],
                "initiate_login_uri": f"{self.url}/login",
            }
            made = api.post("/api/v1/clients", json=new).raise_for_status().json()["client"]
            secret = api.post(f"/api/v1/clients/{made['id']}/secrets").raise_for_status().json()
        self.client_id = made["id"]
        shorten(tenantry, self.client_id)
        variables = {
            "SCALEKIT_CLIENT_ID": made["id"],
            "SCALEKIT_CLIENT_SECRET": secret["plain_secret"],
            "APP_URL": self.url,
            "PORT": str(port),
        }
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "ignore", HERE / f"{framework}_app.py"],
                env=tenantry.environment | tenantry.env | variables,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait(self) -> None:
        until = time.monotonic() + 60
        while not answers(self.url):
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < until, self._log.read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(60)
        with management(self._tenantry) as api:
            api.delete(f"/api/v1/clients/{self.client_id}").raise_for_status()


@pytest.fixture(
    scope="module",
    params=[
        "fastapi",
        pytest.param("flask", marks=pytest.mark.thorough),
        pytest.param("django", marks=pytest.mark.thorough),
    ],
)
def app(request, tenantry, tmp_path_factory):
    """One of the applications: its URL."""
    running = App(request.param, tenantry, tmp_path_factory.mktemp(request.param))
    try:
        running.wait()
        yield running.url
    finally:
        running.stop()


@pytest.fixture
def page(browser):
    """A browser of this test's own."""
    context = browser.new_context(locale="en-US")
    yield context.new_page()
    context.close()


def person_of(page):
    """The application's view of the signed-in person."""
    expect(page.get_by_text(re.compile(r"\bsub\b"))).to_be_visible()
    return json.loads(json.loads(page.inner_text("body"))["user"])


def session_of(page, app):
    (cookie,) = [one for one in page.context.cookies(app) if one["name"] == COOKIE]
    return cookie["value"]


def test_a_person_signs_in_refreshes_and_signs_out(page, app, mailbox):
    page.goto(app)
    email = sign_up(
        page, mailbox, "Middle & Ware", arrived=page.get_by_role("link", name="Sign out")
    )
    assert page.url == f"{app}/"
    page.goto(f"{app}/account")
    person = person_of(page)
    assert person["roles"] == ["admin"]
    assert len(session_of(page, app)) <= TARGET

    until = time.monotonic() + 60
    refreshed = person
    while refreshed["jti"] == person["jti"]:
        assert time.monotonic() < until
        page.reload()
        assert page.url == f"{app}/account"
        refreshed = person_of(page)
    assert refreshed["sid"] == person["sid"]
    assert len(session_of(page, app)) <= TARGET

    page.goto(app)
    page.get_by_role("link", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    assert page.url == f"{app}/"
    # Signed out at Tenantry, too: it asks who it is, and comes back to the page that was wanted.
    page.goto(f"{app}/account")
    page.get_by_label("Email address").fill(email)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Code").fill(CODE.findall(mailbox.newest(email))[0])  # goes by itself
    assert person_of(page)["sub"] == person["sub"]
    assert page.url == f"{app}/account"


@pytest.mark.thorough
def test_an_accepted_invitation_goes_on_at_the_login_of_the_application(
    page, app, tenantry, mailbox
):
    email = f"{unique('grace')}@example.net"
    with management(tenantry) as api:
        organization = api.post("/api/v1/organizations", json={"display_name": "Navy"}).json()
        path = f"/api/v1/organizations/{organization['id']}/users"
        made = api.post(path, json={"email": email, "membership": {}}).raise_for_status().json()
    page.goto(LINK.findall(mailbox.newest(email))[0])
    page.get_by_role("button", name=re.compile("Accept|Join")).click()
    expect(page.get_by_role("link", name="Sign out")).to_be_visible()
    # The oldest application that says where a sign-in begins is where it goes on.
    page.goto(page.url.rstrip("/") + "/account")
    assert person_of(page)["sub"] == made["user"]["id"]


@pytest.mark.thorough
@pytest.mark.parametrize("protocol", ["SAML", "OpenID Connect"])
def test_a_sign_in_that_the_provider_begins_goes_on_at_the_login_of_the_application(
    page, app, tenantry, protocol
):
    """The middleware reads `idp_initiated_login`, and asks for its organization and connection."""
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{tenantry.url}/simulator")
    page.get_by_role("link", name=f"Test Organization, {protocol}").click()
    name_somebody(page, "dora", button="Start IdP-initiated sign-in")
    name_somebody(page, "dora")  # as the application asks by itself
    expect(page.get_by_role("link", name="Sign out")).to_be_visible()
    assert page.url == f"{app}/"
    (authorize,) = [url for url in asked if "/oauth/authorize?" in url]
    query = parse_qs(urlsplit(authorize).query)
    assert query["login_hint"] == ["dora@example.com"]
    assert query["connection_id"][0].startswith("conn_")

    page.goto(f"{app}/account")
    person = person_of(page)
    assert query["organization_id"] == [person["oid"]]
    with management(tenantry) as api:
        user = api.get(f"/api/v1/users/{person['sub']}").raise_for_status().json()["user"]
    assert user["email"] == "dora@example.com"
    assert len(session_of(page, app)) <= TARGET


@pytest.mark.thorough
def test_a_forged_sign_in_of_a_provider_is_one_that_begins_anew(page, app, tenantry):
    page.goto(f"{app}/login?idp_initiated_login=e30.e30.e30")
    page.wait_for_url(f"{tenantry.url}/login/*")
    expect(page.get_by_label("Email address")).to_have_value("")
