"""The sign-in pages as people use them, in a browser."""

from __future__ import annotations

import base64
import re
import threading
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest
from apis import unique
from axe_playwright_python.async_playwright import Axe
from browsers import chromium
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hosted import Deployment, deployment, password
from playwright.async_api import expect
from software_authenticator import Authenticator

from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.identity.authenticators.passkeys import service as passkeys
from tenantry.identity.authenticators.passkeys.relying_party import RelyingParty
from tenantry.tenants.users import reading

if TYPE_CHECKING:
    from pathlib import Path

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
}


class App:
    """An application of somebody else: it keeps what browsers bring to its redirect_uri."""

    def __init__(self) -> None:
        self.answers: list[dict[str, str]] = []
        app = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.startswith("/callback"):
                    app.answers.append(dict(parse_qsl(urlsplit(self.path).query)))
                self._welcome()

            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                app.answers.append(dict(parse_qsl(self.rfile.read(length).decode())))
                self._welcome()

            def _welcome(self) -> None:
                self.send_response(200)
                self.send_header("content-type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(b"<!doctype html><title>App</title><h1>Welcome</h1>")

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
async def place(start_server):
    """A deployment on SQLite with all ways to sign in."""
    server = start_server(
        "browsed",
        app_name="Acme Projects",
        support_email="help@acme.example",
        sign_in_methods="email,passkey,password",
        trusted_proxies="127.0.0.0/8",
    )
    async with deployment(server) as opened:
        yield opened
    server.stop()


@pytest.fixture(scope="module")
async def browser(place):
    async with chromium(place.server) as launched:
        yield launched


@pytest.fixture
def app():
    opened = App()
    yield opened
    opened.close()


@pytest.fixture
async def application(place, app):
    return await place.application(f"{app.url}/callback")


_ADDRESSES = iter(f"198.51.100.{n}" for n in range(1, 255))


@pytest.fixture
async def visit(browser, place, application):
    """Come from the application; what the browser complains of fails the test."""
    contexts, complaints = [], []

    async def visit(
        context=None, *, width: int = 1280, query: str = "", script: str = "", **options: object
    ):
        if context is None:
            context = await browser.new_context(
                viewport={"width": width, "height": 800},
                extra_http_headers={"x-forwarded-for": next(_ADDRESSES)},
                locale=options.pop("locale", "en-US"),
                **options,
            )
            contexts.append(context)
            await context.add_init_script(script or ";")
        page = await context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(place.server.url + application.path() + query)
        return page

    yield visit
    for context in contexts:
        await context.close()
    # A step that is refused is answered with 400 or more, which is told there as well; and so is
    # that the first key was pressed before the page had given a field the focus.
    told = re.compile(
        r"Failed to load resource: the server responded with a status of 4\d\d"
        r"|Autofocus processing was blocked"
    )
    assert [one for one in complaints if not told.match(one)] == []


def new_email() -> str:
    return f"{unique('anna')}@example.com"


async def welcomed(page, app, *, count: int = 1) -> dict[str, str]:
    """The application's parameters, once its page is there."""
    await expect(page.get_by_role("heading", name="Welcome")).to_be_visible()
    assert len(app.answers) == count
    return app.answers[-1]


async def test_somebody_signs_up_by_the_code_and_the_keyboard_alone(place, visit, app, application):
    page = await visit()
    email = new_email()
    await expect(page.get_by_label("Email address")).to_be_focused()
    await page.keyboard.type(email)
    await page.keyboard.press("Tab")
    await expect(page.get_by_label("Password")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Send me a code")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Check your email")).to_be_visible()
    await expect(page.get_by_label("Code")).to_be_focused()
    await page.keyboard.type("000000")  # goes by itself, and the field is empty afterwards
    await expect(page.get_by_role("alert")).to_contain_text("This code is incorrect")
    await expect(page.get_by_label("Code")).to_be_focused()
    await expect(page.get_by_label("Code")).to_have_value("")
    await page.keyboard.type(await place.code(email))
    await expect(page.get_by_label("Organization name")).to_be_focused()
    await page.keyboard.type("Globex")
    await page.keyboard.press("Enter")
    answer = await welcomed(page, app)
    assert answer["iss"] == place.server.url
    async with place.visitor() as program:
        tokens = await application.tokens(program.http, answer["code"])
    assert tokens["refresh_token"]


@pytest.mark.thorough
async def test_back_and_reload_work_after_a_wrong_code(place, visit, app):
    user = await place.make.user()
    page = await visit()
    await page.get_by_label("Email address").fill(user["email"])
    await page.get_by_role("button", name="Send me a code").click()
    await page.get_by_label("Code").fill("000000")
    await expect(page.get_by_role("alert")).to_contain_text("This code is incorrect")
    await page.reload()  # a form would have been sent again
    await expect(page.get_by_role("alert")).to_contain_text("This code is incorrect")
    await page.go_back()
    await expect(page.get_by_role("heading", name="Check your email")).to_be_visible()
    await expect(page.get_by_role("alert")).to_have_count(0)
    await page.go_forward()
    await expect(page.get_by_role("alert")).to_contain_text("This code is incorrect")
    other = await page.context.new_page()
    await other.goto(page.url.partition("?")[0])
    await expect(other.get_by_role("alert")).to_have_count(0)
    await other.close()
    await page.get_by_label("Code").fill(await place.code(user["email"]))
    assert "code" in await welcomed(page, app)
    await page.go_back()
    await expect(page.get_by_role("heading", name="You are signed in")).to_be_visible()


@pytest.mark.thorough
async def test_a_link_from_the_mail_signs_in(place, visit, app):
    user = await place.make.user()
    page = await visit()
    await page.get_by_label("Email address").fill(user["email"])
    await page.get_by_role("button", name="Send me a code").click()
    await expect(page.get_by_role("heading", name="Check your email")).to_be_visible()
    other = await page.context.new_page()
    link = await place.link(user["email"])
    await other.goto(link)
    await other.get_by_role("button", name="Sign in").click()
    assert "code" in await welcomed(other, app)
    # The first tab goes on by itself.
    await page.bring_to_front()
    await expect(page.get_by_role("heading", name="You are signed in")).to_be_visible()
    await expect(page.get_by_role("link", name="Continue to")).to_have_attribute(
        "href", f"{app.url}/"
    )
    assert (await Axe().run(page)).violations_count == 0
    await other.goto(link)
    await expect(other.get_by_role("heading", name="This link was already used")).to_be_visible()
    stranger = await visit()
    await stranger.goto(link)
    await expect(stranger.get_by_role("heading", name="This link was already used")).to_be_visible()


@pytest.mark.thorough
async def test_a_link_is_opened_where_one_began_and_the_old_tab_follows(place, visit, app):
    email = new_email()
    page = await visit(query="&prompt=create")
    await page.clock.install()
    await page.get_by_label("Email address").fill(email)
    await page.get_by_role("button", name="Continue").click()
    link = await place.link(email)
    elsewhere = await visit()
    await elsewhere.goto(link)
    await expect(
        elsewhere.get_by_role("heading", name="Open this link in the browser where")
    ).to_be_visible()
    other = await page.context.new_page()
    await other.goto(link)
    await other.get_by_role("button", name="Sign in").click()
    await expect(other.get_by_role("heading", name="Create your organization")).to_be_visible()
    await page.bring_to_front()
    await page.clock.fast_forward(4_000)
    await expect(page.get_by_role("heading", name="Create your organization")).to_be_visible()


async def test_a_forgotten_password_is_chosen_anew_and_then_used(place, visit, app):
    user, chosen = await place.make.user(), password()
    page = await visit()
    await page.get_by_label("Email address").fill(user["email"])
    await page.get_by_role("button", name="Forgot password?").click()
    await expect(page.get_by_role("heading", name="Reset your password")).to_be_visible()
    await expect(page.get_by_label("Email address")).to_have_value(user["email"])
    assert user["email"].partition("@")[0] not in page.url
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_label("Code").fill(await place.code(user["email"]))
    await page.get_by_label("New password").fill(chosen)
    await page.get_by_role("button", name="Save and continue").click()
    await welcomed(page, app)
    page = await visit()  # another browser
    await page.get_by_label("Email address").fill(user["email"])
    await page.get_by_label("Password").fill("wrong password")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_have_text("Incorrect email address or password.")
    await expect(page.get_by_label("Password")).to_be_focused()
    await expect(page.get_by_label("Password")).to_have_attribute("aria-invalid", "true")
    error = await page.get_by_role("alert").evaluate("each => getComputedStyle(each).color")
    for side in ("outline-color", "border-top-color"):  # red, also while the field has the focus
        await expect(page.get_by_label("Password")).to_have_css(side, error)
    await page.get_by_label("Password").fill(chosen)
    await page.keyboard.press("Enter")
    await welcomed(page, app, count=2)


async def new_passkey(place: Deployment, user: dict[str, str]):
    """Register a passkey of somebody, as its authenticator keeps it."""
    call, known = Call(SYSTEM, place.database, "test"), RelyingParty.of(place.settings)
    found = await reading.find(place.database, id_=user["id"], external_id=None)
    assert found is not None
    _, options = await passkeys.begin_registration(call, found, known)
    device = Authenticator(place.server.url)
    await passkeys.finish_registration(call, user["id"], known, device.create(options))
    return device.keys[0]


async def plug_in(page, key=None, **options: object):
    """Give a browser a virtual authenticator, which holds this passkey."""
    session = await page.context.new_cdp_session(page)
    await session.send("WebAuthn.enable")
    made = await session.send(
        "WebAuthn.addVirtualAuthenticator", {"options": {**AUTHENTICATOR, **options}}
    )
    if key is not None:
        private = key.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        credential = {
            "credentialId": base64.b64encode(key.id).decode(),
            "isResidentCredential": True,
            "rpId": "localhost",
            "privateKey": base64.b64encode(private).decode(),
            "userHandle": base64.b64encode(key.user_handle).decode(),
            "signCount": key.count + 1,
        }
        await session.send(
            "WebAuthn.addCredential",
            {"authenticatorId": made["authenticatorId"], "credential": credential},
        )
    return session


# A virtual authenticator answers the field's request at once: nobody could press a button.
BUTTON_ALONE = "PublicKeyCredential.isConditionalMediationAvailable = async () => false"


async def test_a_passkey_signs_in(place, visit, app):
    user = await place.make.user()
    key = await new_passkey(place, user)
    page = await visit(script=BUTTON_ALONE)
    await plug_in(page, key)
    await page.get_by_role("button", name="Use a passkey").click()
    assert "code" in await welcomed(page, app)


@pytest.mark.thorough
async def test_a_passkey_is_among_what_the_field_suggests(place, browser, visit, application, app):
    """A virtual authenticator answers every request, so nobody has to choose it."""
    user = await place.make.user()
    key = await new_passkey(place, user)
    page = await visit()
    await page.goto("about:blank")
    await plug_in(page, key)
    await page.goto(place.server.url + application.path())
    assert "code" in await welcomed(page, app)


@pytest.mark.thorough
async def test_without_a_passkey_the_page_says_so_and_other_ways_go_on(place, visit, app):
    user = await place.make.user()
    page = await visit(script=BUTTON_ALONE)
    await plug_in(page)  # it holds none
    await page.get_by_role("button", name="Use a passkey").click()
    await expect(page.get_by_role("alert")).to_contain_text("No passkey was used")
    await page.get_by_label("Email address").fill(user["email"])
    await page.get_by_role("button", name="Send me a code").click()
    await page.get_by_label("Code").fill(await place.code(user["email"]))
    await welcomed(page, app)


@pytest.mark.thorough
async def test_a_passkey_that_is_not_known_here_is_refused(place, visit, app):
    user = await place.make.user()
    key = await new_passkey(place, user)
    for passkey in await passkeys.list_of(place.database, user["id"]):
        await place.database.fetch_all(_forget(), p_id=passkey.id)
    page = await visit(script=BUTTON_ALONE)
    await plug_in(page, key)
    await page.get_by_role("button", name="Use a passkey").click()
    await expect(page.get_by_role("alert").first).to_contain_text("can't be used here")
    assert app.answers == []


def _forget():
    from sqlalchemy import bindparam, delete

    from tenantry.db.sql.statements import Statement
    from tenantry.identity.authenticators.passkeys.model import passkeys as table

    return Statement(delete(table).where(table.c.id == bindparam("p_id")).returning(table.c.id))


async def test_a_second_factor_is_given(place, visit, app):
    user = await place.make.user()
    codes = await place.second_factor(user["id"])
    page = await visit()
    await page.get_by_label("Email address").fill(user["email"])
    await page.get_by_role("button", name="Send me a code").click()
    await page.get_by_label("Code").fill(await place.code(user["email"]))
    await expect(page.get_by_role("heading", name="Two-step verification")).to_be_visible()
    await page.get_by_label("Code").fill("000000")
    await expect(page.get_by_role("alert")).to_contain_text("This code is incorrect")
    await page.get_by_role("link", name="Use a recovery code").click()
    await page.get_by_label("Recovery code").fill(codes[0])
    await page.keyboard.press("Enter")
    await welcomed(page, app)


@pytest.mark.thorough
async def test_somebody_switches_organization_with_a_session(place, visit, app, application):
    first, second = [await place.make.organization(name) for name in ("First", "Second")]
    user = await place.make.user(first["id"])
    await place.api.users.create_membership(
        organization_id=second["id"], id=user["id"], membership={}, send_invitation_email=False
    )
    page = await visit()
    await page.get_by_label("Email address").fill(user["email"])
    await page.get_by_role("button", name="Send me a code").click()
    await page.get_by_label("Code").fill(await place.code(user["email"]))
    await page.get_by_role("button", name="First").click()
    one = await welcomed(page, app)
    page = await visit(page.context, query="&prompt=select_account")
    await expect(page.get_by_role("heading", name="Choose an organization")).to_be_visible()
    await page.get_by_role("button", name="Second").click()
    other = await welcomed(page, app, count=2)
    async with place.visitor() as program:
        seen = [
            claims_of((await application.tokens(program.http, answer["code"]))["id_token"])
            for answer in (one, other)
        ]
    assert [claims["oid"] for claims in seen] == [first["id"], second["id"]]
    assert seen[0]["sid"] == seen[1]["sid"]
    # It marks where one is; without a choice one comes back to there, with a code.
    page = await visit(page.context, query="&prompt=select_account")
    here = page.get_by_role("button", name="Second Current organization")
    await expect(here).to_have_attribute("aria-current", "true")
    await expect(page.get_by_role("link", name="Create an organization")).to_be_visible()
    await page.get_by_role("button", name="Cancel and stay in Second").click()
    stayed = await welcomed(page, app, count=3)
    async with place.visitor() as program:
        tokens = await application.tokens(program.http, stayed["code"])
    assert claims_of(tokens["id_token"])["oid"] == second["id"]


@pytest.mark.thorough
async def test_somebody_with_a_session_founds_another_organization(place, visit, app, application):
    first = await place.make.organization("Solo")
    user = await place.make.user(first["id"])
    page = await visit()
    await page.get_by_label("Email address").fill(user["email"])
    await page.get_by_role("button", name="Send me a code").click()
    await page.get_by_label("Code").fill(await place.code(user["email"]))
    await welcomed(page, app)
    page = await visit(page.context, query="&prompt=select_account")
    await expect(page.get_by_role("heading", name="Your organization")).to_be_visible()
    await expect(page.get_by_text("and belong to one organization")).to_be_visible()
    await page.get_by_role("link", name="Create an organization").click()
    await expect(page.get_by_role("heading", name="Create an organization")).to_be_visible()
    await expect(page.get_by_label("First name")).to_have_count(0)
    await page.go_back()
    await page.get_by_role("button", name="Solo Current organization").click()
    await welcomed(page, app, count=2)
    page = await visit(page.context, query="&prompt=create")
    await expect(page.get_by_text("and remain a member of Solo")).to_be_visible()
    for width in (1280, 390):
        await page.set_viewport_size({"width": width, "height": 800})
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
    assert (await Axe().run(page)).violations_count == 0
    await page.get_by_role("button", name="Cancel and stay in Solo").click()
    stayed = await welcomed(page, app, count=3)
    page = await visit(page.context, query="&prompt=create")
    await page.get_by_label("Organization name").fill("Another")
    await page.get_by_role("button", name="Create organization").click()
    founded = await welcomed(page, app, count=4)
    async with place.visitor() as program:
        here, there = [
            claims_of((await application.tokens(program.http, answer["code"]))["id_token"])
            for answer in (stayed, founded)
        ]
    assert here["oid"] == first["id"] != there["oid"]
    assert (here["sid"], here["sub"]) == (there["sid"], there["sub"])
    page = await visit(page.context, query="&prompt=create")
    await page.get_by_role("button", name="Use a different account").click()
    await expect(page.get_by_role("heading", name="Sign up for")).to_be_visible()


def claims_of(token: str) -> dict[str, str]:
    import json

    body = token.split(".")[1]
    claims: dict[str, str] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims


async def test_without_script_the_way_by_mail_works(place, visit, app):
    page = await visit(java_script_enabled=False)
    email = new_email()
    await expect(page.get_by_role("button", name="Use a passkey")).to_be_hidden()
    await page.get_by_role("link", name="Sign up").click()
    await page.get_by_label("Email address").fill(email)
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_role("button", name="Resend email").click()
    await expect(page.get_by_role("status")).to_contain_text("We sent the email again")
    await page.get_by_label("Code").fill(await place.code(email))
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_label("Organization name").fill("Globex")
    await page.get_by_role("button", name="Create organization").click()
    await welcomed(page, app)


@pytest.mark.thorough
@pytest.mark.parametrize("script", [True, False])
async def test_an_answer_by_a_form_arrives(place, visit, app, script):
    user = await place.make.user()
    page = await visit(query="&response_mode=form_post", java_script_enabled=script)
    await page.get_by_label("Email address").fill(user["email"])
    await page.get_by_role("button", name="Send me a code").click()
    await page.get_by_label("Code").fill(await place.code(user["email"]))
    if not script:
        await page.get_by_role("button", name="Continue").click()
        await page.get_by_role("button", name="Continue").click()
    answer = await welcomed(page, app)
    assert set(answer) == {"code", "state", "iss"}


@pytest.mark.thorough
async def test_an_invitation_leads_to_the_application(place, visit, app):
    organization, email = await place.make.organization("Globex"), new_email()
    await place.api.users.create_user_and_membership(
        organization_id=organization["id"], send_invitation_email=True, user={"email": email}
    )
    page = await visit()
    await page.goto(await place.link(email))
    await page.get_by_role("button", name="Accept invitation").click()
    await expect(page.get_by_role("heading", name="You have joined")).to_be_visible()
    # A person that has just joined is signed in: the application gets its code at once.
    page = await visit(page.context)
    assert "code" in await welcomed(page, app)


# The rules of every page.


@pytest.mark.thorough
async def test_the_step_counts_down_until_it_may_be_tried_again(place, visit):
    user = await place.make.user()
    page = await visit()
    await page.get_by_label("Email address").fill(user["email"])
    await page.get_by_role("button", name="Send me a code instead").click()
    await expect(page.get_by_role("heading", name="Check your email")).to_be_visible()
    await page.clock.install()
    limited = page.get_by_role("alert").filter(has_text="Too many emails")
    for _ in range(3):
        if await limited.count():
            break
        await page.get_by_role("button", name="Resend email").click()
        await page.wait_for_load_state()
    await expect(limited).to_be_focused()
    note = page.locator("[data-wait]")
    await expect(note).to_be_hidden()
    await expect(note).to_have_attribute("aria-live", "off")
    await page.clock.fast_forward(5_000)
    off = page.get_by_role("button", name=re.compile(r"Try again in 0:\d\d"))
    await expect(off).to_be_disabled()
    # The other forms go on meanwhile.
    await expect(page.get_by_role("button", name="Continue")).to_be_enabled()
    await page.clock.fast_forward(61_000)
    await expect(page.get_by_role("button", name="Resend email")).to_be_enabled()
    over = page.get_by_text("You can try again now.")
    await expect(over).to_be_visible()
    await expect(over).to_have_attribute("aria-live", "polite")


@pytest.mark.thorough
async def test_after_too_many_wrong_codes_one_starts_again(place, visit, app):
    user = await place.make.user()
    page = await visit(query="&prompt=create")
    await page.get_by_label("Email address").fill(user["email"])
    await page.get_by_role("button", name="Continue").click()
    await expect(page.get_by_text(f"We sent a code to {user['email']}.")).to_be_visible()
    link = page.get_by_role("link", name="Use a different email address")
    await expect(link).to_have_attribute("href", re.compile("page=sign_up"))
    for n in range(6):
        async with page.expect_navigation():
            await page.get_by_label("Code").fill(f"00000{n}")
    await expect(page.get_by_role("alert")).to_contain_text("Too many incorrect codes")
    await expect(
        page.get_by_role("button", name=re.compile(r"Try again in 9:\d\d"))
    ).to_be_disabled()
    await page.get_by_role("link", name="Start over").click()
    await expect(page.get_by_role("heading", name="Sign up")).to_be_visible()
    await expect(page.get_by_label("Email address")).to_have_value(user["email"])
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_label("Code").fill(await place.code(user["email"]))
    await page.locator(".choices button").first.click()
    assert "code" in await welcomed(page, app)


@pytest.mark.thorough
async def test_after_too_many_wrong_second_factors_one_starts_again(place, visit, app):
    user = await place.make.user()
    await place.second_factor(user["id"])
    page = await visit()
    await Walk.mail(Walk(place, visit, None), page, user["email"])
    await expect(page.get_by_role("heading", name="Two-step verification")).to_be_visible()
    former = page.url
    for n in range(6):
        async with page.expect_navigation():
            await page.get_by_label("Code").fill(f"00000{n}")
    await expect(page.get_by_role("alert")).to_contain_text("Too many incorrect codes")
    await page.get_by_role("button", name="Start over").click()
    await expect(page.get_by_role("heading", name="Sign in to")).to_be_visible()
    # The proof of before counts no more.
    await page.goto(former)
    await expect(page.get_by_role("heading", name="This sign-in has ended")).to_be_visible()
    assert app.answers == []


@pytest.mark.thorough
async def test_only_who_has_been_here_is_welcomed_back(place, visit, app):
    user = await place.make.user()
    page = await visit()
    await expect(page.get_by_text("Use your work email address.")).to_be_visible()
    await expect(page.get_by_text("Welcome back.")).to_have_count(0)
    await page.get_by_label("Email address").fill(user["email"])
    await page.get_by_role("button", name="Send me a code").click()
    await page.get_by_label("Code").fill(await place.code(user["email"]))
    await welcomed(page, app)
    page = await visit(page.context, query="&prompt=login")
    await expect(page.get_by_text("Welcome back.")).to_be_visible()


@pytest.mark.thorough
async def test_the_brand_is_the_application_until_one_is_set(start_server, browser):
    server = start_server("unnamed")
    async with deployment(server) as place:
        application = await place.application(name="Zebra Board")
        page = await browser.new_page(ignore_https_errors=True)
        await page.goto(server.url + application.path())
        await expect(page.get_by_role("heading")).to_have_text("Sign in to Zebra Board")
        await expect(page.get_by_role("banner")).to_have_text(re.compile(r"Z\s*Zebra Board"))
        assert (await Axe().run(page)).violations_count == 0
        await page.close()
    server.stop()


class Walk:
    """A walk through all pages, which looks at each of them."""

    def __init__(self, place: Deployment, visit, folder: Path, **options: object) -> None:
        self.place = place
        self.visit = visit
        self.folder = folder
        self.options = options
        self.seen: list[str] = []

    async def look(self, page, name: str) -> None:
        """Check what every page must have."""
        for width in (1280, 360):
            await page.set_viewport_size({"width": width, "height": 800})
            wide = await page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{name} scrolls sideways at {width} px"
            await page.screenshot(path=self.folder / f"{name}-{width}.png")
        found = await Axe().run(page)
        assert found.violations_count == 0, f"{name}: {found.generate_report()}"
        assert await page.locator("h1").count() == 1, name
        for landmark in ("banner", "main"):
            assert await page.get_by_role(landmark).count() == 1, name
        assert await page.locator("html").get_attribute("lang") in {"en", "de"}
        small = await page.evaluate(
            """[...document.querySelectorAll('button, input:not([type=hidden])')]
            .filter((each) => each.offsetParent && each.getBoundingClientRect().height < 24)
            .map((each) => each.outerHTML)"""
        )
        assert small == [], name
        self.seen.append(name)

    async def step(self, page, label: str, value: str, button: str) -> None:
        await page.get_by_label(label, exact=True).fill(value)
        if label != "Code":  # which goes by itself
            await page.get_by_role("button", name=button, exact=True).click()

    async def mail(self, page, email: str) -> None:
        """Prove an inbox."""
        await self.step(page, "Email address", email, "Send me a code instead")
        await self.step(page, "Code", await self.place.code(email), "Continue")

    @asynccontextmanager
    async def page(self, query: str = ""):
        page = await self.visit(query=query, **self.options)
        yield page
        await page.context.close()


@pytest.mark.thorough
@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.thorough)])
async def test_every_page_can_be_used_by_everybody(place, visit, application, tmp_path, scheme):
    walk = Walk(place, visit, tmp_path, color_scheme=scheme, reduced_motion="reduce")
    long = "Donaudampfschifffahrtsgesellschaft" * 5
    first = await place.make.organization(long)
    user = await place.make.user(first["id"])
    for name in ("Second", "Third"):
        made = await place.make.organization(name)
        await place.api.users.create_membership(
            organization_id=made["id"],
            id=user["id"],
            membership={"inviter_email": "ben@globex.example"},
            send_invitation_email=name == "Third",
        )
    async with walk.page() as page:
        await walk.look(page, "sign-in")
        await page.evaluate("document.forms[0].noValidate = true")
        await walk.step(page, "Email address", "anna@", "Send me a code instead")
        await expect(page.get_by_role("alert")).to_be_visible()
        await walk.look(page, "wrong-address")
        await page.get_by_role("link", name="Sign up").click()
        await walk.look(page, "sign-up")
        await page.get_by_role("link", name="Sign in").click()
        await page.get_by_role("button", name="Forgot password?").click()
        await walk.look(page, "reset")
        await page.get_by_role("link", name="Back").click()
        await page.get_by_label("Email address").fill("x@example.com")
        await page.get_by_label("Password", exact=True).fill("wrong password")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_be_visible()
        await walk.look(page, "wrong-password")
        path = urlsplit(page.url).path.removesuffix("/password")
        await page.goto(f"{place.server.url}{path}")
        long_email = f"{'x' * 60}@example.com"
        await walk.step(page, "Email address", long_email, "Send me a code instead")
        await expect(page.get_by_role("heading", name="Check your email")).to_be_visible()
        await walk.look(page, "code")
        await page.get_by_role("button", name="Resend email").click()
        await walk.look(page, "sent-again")
        await walk.step(page, "Code", "000000", "Continue")
        await expect(page.get_by_role("alert")).to_be_visible()
        await walk.look(page, "wrong-code")
        await page.goto(f"{place.server.url}{path}/link?link_token=x")
        await walk.look(page, "wrong-link")
        await page.goto(await place.link(long_email))
        await walk.look(page, "link")
        await page.goto(f"{place.server.url}{path}")
        await page.get_by_role("button", name="Resend email").click()
        await expect(page.get_by_role("alert")).to_contain_text("Too many emails")
        await walk.look(page, "limited")
    async with walk.page("&prompt=create") as page:
        email = new_email()
        await walk.step(page, "Email address", email, "Continue")
        await walk.step(page, "Code", await place.code(email), "Continue")
        await expect(page.get_by_role("heading", name="Create your")).to_be_visible()
        await walk.look(page, "organization")
        await walk.step(page, "Organization name", " ", "Create organization")
        await expect(page.get_by_role("alert")).to_be_visible()
        await walk.look(page, "wrong-organization")
    async with walk.page() as page:
        await walk.mail(page, user["email"])
        await expect(page.get_by_role("heading", name="Choose an")).to_be_visible()
        await walk.look(page, "organizations")
    await place.second_factor(user["id"])
    async with walk.page() as page:
        await walk.mail(page, user["email"])
        await expect(page.get_by_role("heading", name="Two-step verification")).to_be_visible()
        await walk.look(page, "second-factor")
        await page.get_by_role("link", name="Use a recovery code").click()
        await walk.look(page, "recovery")
        await walk.step(page, "Recovery code", "wrong", "Continue")
        await expect(page.get_by_role("alert")).to_be_visible()
        await walk.look(page, "wrong-recovery")
    async with walk.page() as page:
        user = await place.make.user()
        await page.get_by_role("button", name="Forgot password?").click()
        await walk.step(page, "Email address", user["email"], "Continue")
        await walk.step(page, "Code", await place.code(user["email"]), "Continue")
        await expect(page.get_by_role("heading", name="Choose a password")).to_be_visible()
        await walk.look(page, "new-password")
        await walk.step(page, "New password", user["email"], "Save and continue")
        await expect(page.get_by_role("alert")).to_be_visible()
        await walk.look(page, "wrong-new-password")
    email = new_email()
    await place.api.users.create_user_and_membership(
        organization_id=first["id"],
        send_invitation_email=True,
        user={"email": email, "membership": {"inviter_email": "ben@globex.example"}},
    )
    async with walk.page() as page:
        await page.goto(await place.link(email))
        await walk.look(page, "invitation")
        await page.get_by_role("button", name="Accept").click()
        await expect(page.get_by_role("heading", name="You have joined")).to_be_visible()
        await walk.look(page, "joined")
        for name, path in (
            ("invitation-over", "/invitations/x"),
            ("gone", "/login/areq_1"),
            ("other-browser", "/login/areq_1/link?link_token=x"),
            ("refused", application.path(redirect_uri="https://evil.example/")),
            ("not-me-over", "/not-me/x"),
        ):
            await page.goto(place.server.url + path)
            await walk.look(page, name)
        await place.second_factor(user["id"])
        mail = await place.mail(user["email"])
        await page.goto(re.findall(r"^https://\S+/not-me/\S+$", mail, re.MULTILINE)[0])
        await walk.look(page, "not-me")
        await page.get_by_role("button", name="Sign out everywhere").click()
        await expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
        await walk.look(page, "not-me-done")
    assert len(walk.seen) == 28


async def test_a_phone_in_german_fits(place, visit, tmp_path):
    page = await visit(width=360, locale="de-DE", has_touch=True, is_mobile=True)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Bei Acme Projects anmelden")
    assert await page.evaluate("document.documentElement.scrollWidth") == 360
    await page.screenshot(path=tmp_path / "german.png")
    assert await page.locator("html").get_attribute("lang") == "de"


async def test_what_has_the_focus_can_be_seen(visit):
    page = await visit()
    for _ in range(8):
        await page.keyboard.press("Tab")
        outline = await page.evaluate(
            """(() => { const style = getComputedStyle(document.activeElement);
            return [document.activeElement.tagName, style.outlineStyle, style.outlineWidth]; })()"""
        )
        if outline[0] == "BODY":
            break
        assert outline[1] == "solid", outline
        assert float(outline[2].removesuffix("px")) >= 2, outline
