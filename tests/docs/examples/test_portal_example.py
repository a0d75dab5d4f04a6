"""The admin portal in a frame of the example's pages, in a browser, from another origin."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from importlib.metadata import version

import pytest
from browsers import chromium_in_step
from doc_programs import management, need
from people_at_apps import answers
from playwright.sync_api import expect
from repository import ROOT
from servers import free_port
from turns import install_node_packages, turn

EXAMPLE = ROOT / "examples" / "portal-embedding"
README = (EXAMPLE / "README.md").read_text(encoding="utf-8")
pytestmark = pytest.mark.timeout(300)
FEATURES = ("sso", "dir_sync", "domain_verification")


@pytest.fixture(scope="module")
def tenantry(start_server):
    """A server of its own: nobody else registers a callback there."""
    started = start_server("portal-example")
    yield started
    started.stop()


@pytest.fixture(scope="module")
def port(tenantry, tmp_path_factory):
    """The application, running, and registered at 127.0.0.1: its port."""
    need("node", "npm")
    port, log = free_port(), tmp_path_factory.mktemp("portal-example") / "log"
    react = EXAMPLE / "react"
    install_node_packages(react)
    with turn(f"build {react}"):
        npm = shutil.which("npm")
        subprocess.run([npm, "run", "build"], cwd=react, check=True, capture_output=True)
    with management(tenantry) as api:
        made = api.post("/api/v1/organizations", json={"display_name": "Acme"}).json()
        organization = made["organization"]["id"]
        features = [{"name": name, "enabled": True} for name in FEATURES]
        path = f"/api/v1/organizations/{organization}/settings"
        api.patch(path, json={"features": features}).raise_for_status()
        uri = {"redirect_uri": f"http://127.0.0.1:{port}/callback"}
        api.post("/api/v1/environment/redirect-uris", json=uri).raise_for_status()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port)],
            cwd=EXAMPLE,
            env=tenantry.environment | tenantry.env | {"ORGANIZATION_ID": organization},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        until = time.monotonic() + 60
        while not answers(f"http://127.0.0.1:{port}"):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait(60)


@pytest.fixture(scope="module")
def browser(tenantry):
    with chromium_in_step(tenantry) as launched:
        yield launched


@pytest.fixture
def page(browser):
    context = browser.new_context(locale="en-US")
    yield context.new_page()
    context.close()


@pytest.fixture(params=["", "react"], ids=["plain", "react"])
def opened(request, page, port):
    """A page of the example with the portal in its frame."""
    page.clock.install()
    page.goto(f"http://127.0.0.1:{port}/{request.param}")
    return page


@pytest.mark.thorough
@pytest.mark.one_of("plain", "react")
def test_the_portal_opens_in_a_frame_of_another_site_and_works(opened):
    portal = opened.frame_locator("iframe")
    expect(portal.get_by_text("Acme admin portal")).to_be_visible()
    tabs = portal.get_by_role("navigation").get_by_role("link")
    expect(tabs).to_have_text(
        ["Overview", "Single sign-on", "SCIM provisioning", "Domain verification"]
    )
    # The cookie came with the frame, and forms are sent from within it.
    portal.get_by_role("link", name="Domain verification").click()
    domain = f"a{time.monotonic_ns()}.com"
    portal.get_by_label("Domain", exact=True).fill(domain)
    portal.get_by_role("button", name="Add domain").click()
    expect(portal.get_by_role("heading", name=domain)).to_be_visible()
    # Once, though many pages were opened.
    expect(opened.locator("#events")).to_have_text("PORTAL_LOAD_SUCCESS")


@pytest.mark.one_of("plain", "react")
def test_the_page_around_it_hears_before_the_session_ends(opened):
    portal = opened.frame_locator("iframe")
    expect(portal.get_by_text("Acme admin portal")).to_be_visible()
    opened.clock.run_for((6 * 3600 - 290) * 1000)
    expect(portal.get_by_text("Your session ends in less than five minutes")).to_be_visible()
    expect(opened.locator("#events")).to_have_text("PORTAL_LOAD_SUCCESS PORTAL_SESSION_WARNING")


def test_a_page_of_another_origin_cannot_hold_it(page, port, tenantry):
    refused = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(f"http://localhost:{port}/")
    page.wait_for_function("document.querySelector('iframe').contentDocument === null")
    expect(page.frame_locator("iframe").get_by_text("admin portal")).to_have_count(0)
    assert any("frame-ancestors" in said for said in refused), refused
    expect(page.locator("#events")).to_be_empty()
    assert tenantry.url.startswith("https://localhost")


def test_a_link_that_was_used_tells_so(page, port, tenantry):
    page.goto(f"http://127.0.0.1:{port}/")
    expect(page.frame_locator("iframe").get_by_text("admin portal")).to_be_visible()
    page.evaluate(
        """used => {
          window.heard = [];
          addEventListener("message", ({data, origin}) => heard.push([origin, data]));
          document.querySelector("iframe").src = used;
        }""",
        page.locator("iframe").get_attribute("src"),
    )
    page.wait_for_function("heard.length > 0")
    assert page.evaluate("heard") == [
        [
            tenantry.url,
            {
                "event_type": "PORTAL_LOAD_FAILURE",
                "object": "session",
                "message": "The admin portal could not be opened",
                "data": {"error_code": "LINK_EXPIRED"},
            },
        ]
    ]


@pytest.mark.thorough
def test_the_end_of_a_session_is_told_and_shown(page, port):
    page.clock.install()
    page.goto(f"http://127.0.0.1:{port}/react")  # which leaves the frame as it is
    portal = page.frame_locator("iframe")
    expect(portal.get_by_text("Acme admin portal")).to_be_visible()
    page.clock.run_for((6 * 3600 + 10) * 1000)
    expect(portal.get_by_role("heading", name="Session expired")).to_be_visible()
    expect(portal.get_by_role("main")).to_be_hidden()
    told = "PORTAL_LOAD_SUCCESS PORTAL_SESSION_WARNING PORTAL_SESSION_EXPIRY"
    expect(page.locator("#events")).to_have_text(told)


def test_the_origins_are_told_before_a_link_is_opened(port, tenantry):
    with management(tenantry) as api:
        del api.headers["authorization"]
        answer = api.get("/api/v1/domains/x", params={"link_id": "lnk_1"}).json()
    assert answer == {"domains": [f"http://127.0.0.1:{port}"]}


def test_the_requirements_and_links_of_the_example_are_right():
    for line in (EXAMPLE / "requirements.txt").read_text(encoding="utf-8").splitlines():
        name, _, pinned = line.partition("==")
        assert version(name) == pinned, name
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (EXAMPLE / target).is_file(), target
