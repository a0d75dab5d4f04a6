"""The quickstarts, each with its official SDK, as a person uses them in a browser."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from importlib.metadata import version

import httpx
import pytest
from browsers import chromium_in_step
from doc_programs import management, need
from people_at_apps import LINK, Mailbox, sign_up
from playwright.sync_api import expect
from quickstart_projects import init, running
from repository import ROOT
from servers import free_port
from turns import install_node_packages, turn

EXAMPLES = ROOT / "examples"
STYLE = "quickstart-fastapi/static/style.css"
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
pytestmark = pytest.mark.timeout(600)


def fastapi(port, _project):
    return [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port)]


def express(_port, project):
    need("node", "npm")
    link_node_packages(project)
    return ["node", "app.js"]


def go(_port, project):
    need("go")
    install(project, "go", "build", "-o", "quickstart", ".")
    return ["./quickstart"]


def nextjs(port, project):
    need("node", "npm")
    link_node_packages(project)
    next_ = str(project / "node_modules" / ".bin" / "next")
    with turn("quickstart-nextjs"):
        install(project, next_, "build")
    return [next_, "start", "--port", str(port)]


def link_node_packages(project):
    """Install the packages that a project names: those of its example, which are the same."""
    example = EXAMPLES / project.name
    assert (project / "package.json").read_bytes() == (example / "package.json").read_bytes()
    install_node_packages(example)
    copied = project / "node_modules"
    shutil.copytree(example / "node_modules", copied, symlinks=True, copy_function=link)


def link(source, target):
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


def install(project, *command: str):
    done = subprocess.run(
        command,
        cwd=project,
        env=os.environ | {"NEXT_TELEMETRY_DISABLED": "1"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def tenantry(start_server):
    """A running server that sends mail, into its sink, and takes passkeys."""
    started = start_server("quickstarts", background="true", sign_in_methods="email,passkey")
    yield started
    started.stop()


@pytest.fixture(scope="module")
def browser(tenantry):
    with chromium_in_step(tenantry) as launched:
        yield launched


# Its build alone takes a minute.
NEXTJS = pytest.param(nextjs, id="nextjs", marks=pytest.mark.thorough)
# The rest is another way through the same code of an SDK.
THE_REST = pytest.mark.parametrize(
    "app",
    [
        pytest.param(fastapi, id="fastapi"),
        pytest.param(express, id="express", marks=pytest.mark.thorough),
        pytest.param(go, id="go", marks=pytest.mark.thorough),
        NEXTJS,
    ],
    indirect=True,
)


ONE_APP = pytest.mark.one_of("fastapi", "express", "go")


@pytest.fixture(
    scope="module",
    params=[
        *(pytest.param(one, id=one.__name__, marks=ONE_APP) for one in (fastapi, express, go)),
        NEXTJS,
    ],
)
def app(request, tenantry, tmp_path_factory):
    """One of the quickstarts, running: its URL."""
    with started(request.param, tenantry, tmp_path_factory.mktemp("quickstart")) as url:
        yield url


@contextmanager
def started(command, tenantry, folder):
    """Write a project with `tenantry init`, install it and start it: its URL."""
    port = free_port()
    url = f"http://localhost:{port}"
    project = folder / f"quickstart-{command.__name__}"
    init(tenantry, command.__name__, project, url)
    with running(tenantry, project, command(port, project), url):
        yield url


@pytest.fixture(scope="module")
def mailbox(tenantry):
    return Mailbox(tenantry)


@pytest.fixture
def visit(browser, app):
    """Open the application in a browser of its own."""
    contexts = []

    def visit():
        context = browser.new_context(locale="en-US")
        contexts.append(context)
        page = context.new_page()
        page.goto(app)
        return page

    yield visit
    for context in contexts:
        context.close()


def switch(page, organization):
    """Select an organization in the menu of the application."""
    page.locator(".switcher summary").click()
    page.get_by_role("link", name=organization).click()


def is_signed_out(page, app):
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    assert page.url == f"{app}/"


def test_a_person_signs_up_refreshes_signs_out_and_in_again(visit, app, mailbox):
    page = visit()
    email = sign_up(page, mailbox, "Analytical <Engines> & Co")
    assert page.url == f"{app}/"
    expect(page.get_by_text(email)).to_be_visible()
    cookies = {one["name"]: one for one in page.context.cookies(app)}
    assert (cookies["session"]["httpOnly"], cookies["session"]["sameSite"]) == (True, "Lax")
    for count in (1, 2):
        page.get_by_role("button", name="Refresh").click()
        expect(page.get_by_text(f"Refreshed {count} times")).to_be_visible()

    page.get_by_role("button", name="Sign out").click()
    is_signed_out(page, app)
    # Signed out at Tenantry, too: it asks who it is.
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Email address").fill(email)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_label("Code")).to_be_visible()
    page.goto(LINK.findall(mailbox.newest(email))[0])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Analytical <Engines> & Co")).to_be_visible()
    expect(page.get_by_text(email)).to_be_visible()


@pytest.mark.thorough
@THE_REST
def test_who_is_signed_in_already_is_not_asked_again(visit, app, mailbox):
    page = visit()
    sign_up(page, mailbox, "Silent")
    former = page.context.cookies(app)
    page.context.clear_cookies(name="session", domain="localhost", path="/")
    page.context.add_cookies([one for one in former if one["name"] not in {"session", "sign_in"}])
    page.goto(app)
    page.get_by_role("link", name="Sign in").click()
    expect(page.get_by_role("heading", name="Silent")).to_be_visible()
    assert page.url == f"{app}/"


@pytest.mark.thorough
@THE_REST
def test_a_person_goes_from_one_organization_to_another(visit, tenantry, mailbox):
    page = visit()
    email = sign_up(page, mailbox, "First")
    with management(tenantry) as api:
        users = api.post("/api/v1/users:search", params={"query": email})
        if users.status_code != 200:
            users = api.get("/api/v1/users:search", params={"query": email})
        (user,) = users.raise_for_status().json()["users"]
        other = api.post("/api/v1/organizations", json={"display_name": "Second"}).json()
        path = f"/api/v1/memberships/organizations/{other['id']}/users/{user['id']}"
        query = {"send_invitation_email": "false"}
        api.post(path, params=query, json={}).raise_for_status()
    page.reload()
    switch(page, "Second")
    expect(page.get_by_role("heading", name="Second")).to_be_visible()
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_text("Refreshed 1 times")).to_be_visible()
    expect(page.get_by_role("heading", name="Second")).to_be_visible()
    switch(page, "First")
    expect(page.get_by_role("heading", name="First")).to_be_visible()


@pytest.mark.thorough
@THE_REST
def test_a_person_signs_in_by_a_passkey(visit, app, tenantry, mailbox):
    page = visit()
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    email = sign_up(page, mailbox, "Keys")
    page.goto(f"{tenantry.url}/ui/profile/passkeys")
    page.get_by_role("button", name="Add passkey").click()
    expect(page.get_by_role("status")).to_contain_text("added")
    page.goto(app)
    page.get_by_role("button", name="Sign out").click()
    is_signed_out(page, app)
    page.get_by_role("link", name="Sign in").click()
    # A suggestion of the address field answers by itself here; or the button is pressed.
    found = page.get_by_role("heading", name="Keys")
    page.get_by_role("button", name="passkey").or_(found).click()
    expect(found).to_be_visible()
    expect(page.get_by_text(email)).to_be_visible()


@pytest.mark.thorough
@THE_REST
def test_a_session_that_has_ended_there_is_over_here_with_the_next_refresh(
    visit, app, tenantry, mailbox
):
    page = visit()
    email = sign_up(page, mailbox, "Ended")
    page.context.new_page().goto(f"{tenantry.url}/oidc/logout")
    other = page.context.pages[-1]
    other.get_by_role("button").first.click()
    expect(other.get_by_role("heading").first).to_be_visible()
    page.bring_to_front()
    page.get_by_role("button", name="Refresh").click()
    is_signed_out(page, app)
    assert email not in page.content()


def test_a_forged_answer_signs_nobody_in(visit, app):
    page = visit()
    page.get_by_role("link", name="Sign in").click()
    expect(page.get_by_label("Email address")).to_be_visible()
    callback = f"{app}/callback?state=forged&code=abc"
    page.goto(callback)
    expect(page.get_by_text("not started in this browser")).to_be_visible()
    page.goto(app)
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


@pytest.mark.parametrize("query", ["", "?state=", "?state=&code=x", "?state=a&code=x", "?code=x"])
def test_only_a_sign_in_that_began_here_ends_here(app, query):
    begun = httpx.get(f"{app}/login")
    assert begun.status_code == 303
    assert "code_challenge_method=S256" in begun.headers["location"]
    for cookie in ("", "sign_in=", "sign_in=.", "sign_in=|", "sign_in=b.c", "sign_in=b|c"):
        headers = {"cookie": cookie}
        answer = httpx.get(f"{app}/callback{query}", headers=headers, verify=False)
        assert answer.status_code == 400, cookie
        assert "session=" not in answer.headers.get("set-cookie", "")


def test_two_sign_ins_have_nothing_in_common(app):
    first, second = (httpx.get(f"{app}/login").headers for _ in range(2))
    assert first["location"] != second["location"]
    for headers in (first, second):
        assert "httponly" in headers["set-cookie"].lower()
        assert "samesite=lax" in headers["set-cookie"].lower()


def test_an_error_is_shown_and_never_run(app):
    """The description comes from the query, so anybody may have written it."""
    with httpx.Client(base_url=app) as http:
        location = http.get("/login").headers["location"]
        state = httpx.URL(location).params["state"]
        why = "<script>alert(1)</script>"
        query = {"state": state, "error": "access_denied", "error_description": why}
        answer = http.get("/callback", params=query)
    assert answer.status_code == 403
    assert "access_denied" in answer.text or "alert(1)" in answer.text
    assert why not in answer.text or answer.headers["content-type"].startswith("text/plain")


def test_each_is_short():
    for path in ("fastapi/app.py", "express/app.js", "go/main.go"):
        source = (EXAMPLES / f"quickstart-{path}").read_text()
        assert source.count("\n") <= 160, path


def test_all_have_the_same_style_sheet():
    quickstarts = [*EXAMPLES.glob("quickstart-*")]
    for path in quickstarts:
        places = [path, *(path / folder for folder in ("static", "public", "app"))]
        (sheet,) = [place / "style.css" for place in places if (place / "style.css").exists()]
        assert sheet.read_text() == (EXAMPLES / STYLE).read_text(), path


def test_the_requirements_are_what_is_tested():
    needed = (EXAMPLES / "quickstart-fastapi" / "requirements.txt").read_text()
    for line in needed.splitlines():
        name, _, pinned = line.partition("==")
        assert version(name) == pinned, name
