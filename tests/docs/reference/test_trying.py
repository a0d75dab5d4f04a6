"""Try it: an operation is sent from its page, in development, to this server alone."""

from __future__ import annotations

import json

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from browsers import chromium_in_step
from playwright.sync_api import expect


@pytest.fixture(scope="module")
def served(start_server):
    return start_server("trying")


@pytest.fixture(scope="module")
def browser(served):
    with chromium_in_step(served) as launched:
        yield launched


@pytest.fixture
def visit(browser, served):
    """Open the page of an operation and its form; what the browser asks for is kept."""
    contexts = []

    def visit(name, *, own_token=False, **options: object):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.asked = []
        page.on("request", lambda request: page.asked.append(request))  # noqa: PLW0108
        if not own_token:
            page.add_init_script("sessionStorage['tenantry.try'] ??= 'forgotten'")
        page.goto(f"{served.url}/docs/api/{name}")
        page.get_by_text("Try it", exact=True).click()
        return page

    yield visit
    for context in contexts:
        context.close()


def credentials(page, server):
    page.get_by_label("Client ID").fill(server.client_id)
    page.get_by_label("Client secret").fill(server.client_secret)


def test_an_operation_is_sent(visit, served):
    page = visit("CreateOrganization")
    credentials(page, served)
    page.get_by_label("Body").fill('{"display_name": "Tried <b>Acme</b>"}')
    page.get_by_role("button", name="Send POST").click()
    expect(page.locator(".said")).to_contain_text("201")
    expect(page.locator(".said")).to_contain_text("ETag")
    expect(page.locator(".answer")).to_contain_text('"display_name": "Tried <b>Acme</b>"')
    made = page.locator(".answer code").inner_text().partition('"id": "')[2].partition('"')[0]

    # The tab keeps the token, and nothing keeps the secret.
    page.goto(f"{served.url}/docs/api/GetOrganization")
    page.get_by_text("Try it", exact=True).click()
    expect(page.locator(".credentials")).to_be_hidden()
    page.locator('[data-name="id"]').fill(made)
    page.get_by_role("button", name="Send GET").click()
    expect(page.locator(".answer")).to_contain_text(made)
    kept = page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])")
    assert served.client_secret not in kept
    assert not page.context.cookies()
    assert {request.url.partition("/docs")[0].partition("/api")[0] for request in page.asked} <= {
        served.url,
        f"{served.url}/oauth/token",
    } | {request.url for request in page.asked if "/login/inter.woff2?" in request.url}
    assert all("cookie" not in request.headers for request in page.asked)

    page.get_by_role("button", name="Use another client").click()
    expect(page.locator(".credentials")).to_be_visible()
    assert page.evaluate("Object.values(sessionStorage)") == ["forgotten"]
    page.get_by_role("button", name="Send GET").click()
    expect(page.locator(".said")).to_contain_text("401")


@pytest.mark.thorough
def test_a_local_server_has_a_token_for_its_own_pages(visit, served):
    page = visit("CreateOrganization", own_token=True)
    expect(page.locator(".caller")).to_contain_text(served.client_id)
    expect(page.locator(".credentials")).to_be_hidden()
    page.get_by_label("Body").fill('{"display_name": "With the own token"}')
    page.get_by_role("button", name="Send POST").click()
    expect(page.locator(".said")).to_contain_text("201")
    page.get_by_role("button", name="Use another client").click()
    expect(page.locator(".credentials")).to_be_visible()
    page.reload()
    page.get_by_text("Try it", exact=True).click()
    expect(page.locator(".credentials")).to_be_visible()  # it stays forgotten
    page.get_by_role("button", name="Send POST").click()
    expect(page.locator(".said")).to_contain_text("401")


def test_wrong_input_is_answered(visit, served):
    page = visit("UpdateOrganization")
    page.get_by_role("button", name="Send PATCH").click()  # the id is a must
    assert page.locator('[data-name="id"]').evaluate("each => each.matches(':invalid')")
    page.locator('[data-name="id"]').fill("org_1/../x")
    page.get_by_label("Client ID").fill(served.client_id)
    page.get_by_label("Client secret").fill("wrong")
    page.get_by_role("button", name="Send PATCH").click()
    expect(page.locator(".said.failed")).not_to_be_empty()
    page.get_by_label("Client secret").fill(served.client_secret)
    page.get_by_role("button", name="Send PATCH").click()
    expect(page.locator(".said.failed")).to_contain_text("404")
    sent = page.asked[-1]
    assert sent.url == f"{served.url}/api/v1/organizations/org_1%2F..%2Fx"
    page.get_by_label("Body").fill("{")
    page.get_by_role("button", name="Send PATCH").click()
    expect(page.locator(".said.failed")).to_contain_text("400")


def test_queries_are_sent_and_the_whole_of_env_is_pasted(visit, served):
    page = visit("ListOrganization", permissions=["clipboard-read", "clipboard-write"])
    printed = (
        f"export SCALEKIT_ENVIRONMENT_URL='{served.url}'\n"
        f"export SCALEKIT_CLIENT_ID='{served.client_id}'\n"
        f"export SCALEKIT_CLIENT_SECRET='{served.client_secret}'\n"
    )
    page.evaluate("text => navigator.clipboard.writeText(text)", printed)
    page.get_by_label("Client ID").focus()
    page.keyboard.press("Control+V")
    expect(page.get_by_label("Client secret")).to_have_value(served.client_secret)
    page.locator('[data-name="page_size"]').fill("1")
    page.keyboard.press("Enter")
    expect(page.locator(".said")).to_contain_text("200")
    assert page.asked[-1].url == f"{served.url}/api/v1/organizations?page_size=1"


def field(page, name):
    return page.locator(f'[data-name="{name}"]')


def shown(page):
    """The answer that is on the page."""
    expect(page.locator(".answer")).to_be_visible()
    return json.loads(page.locator(".answer code").inner_text())


@pytest.mark.thorough
def test_tokens_are_got_explained_and_taken_back(visit, served):
    page = visit("Token")
    expect(field(page, "grant_type")).to_have_value("client_credentials")
    field(page, "client_id").fill(served.client_id)
    field(page, "client_secret").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.locator(".said.failed")).to_contain_text("401")
    assert shown(page)["error"] == "invalid_client"
    field(page, "client_secret").fill(served.client_secret)
    page.keyboard.press("Enter")
    expect(page.locator(".said:not(.failed)")).to_contain_text("200")
    token = shown(page)["access_token"]
    assert page.asked[-1].headers["content-type"].startswith("application/x-www-form-urlencoded")

    def active():
        page.goto(f"{served.url}/docs/api/Introspect")
        page.get_by_text("Try it", exact=True).click()
        explain(page, "Send POST")
        return shown(page)["active"]

    def explain(page, button):
        field(page, "token").fill(token)
        field(page, "client_id").fill(served.client_id)
        field(page, "client_secret").fill(served.client_secret)
        page.get_by_role("button", name=button).click()
        expect(page.locator(".said:not(.failed)")).to_contain_text("200")

    assert active()
    page.goto(f"{served.url}/docs/api/Revoke")
    page.get_by_text("Try it", exact=True).click()
    explain(page, "Send POST")
    expect(page.locator(".answer")).to_be_hidden()  # it has no body
    page.go_back()
    page.go_forward()
    assert field(page, "client_secret").input_value() == ""
    assert not active()
    kept = page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])")
    assert served.client_secret not in kept
    assert token not in kept
    assert not page.context.cookies()
    assert all(request.url.startswith(served.url) for request in page.asked)
    assert all(served.client_secret not in request.url for request in page.asked)
    assert all("cookie" not in request.headers for request in page.asked)


@pytest.mark.thorough
def test_an_endpoint_is_sent_what_its_fields_hold_alone(visit, served):
    """The token of a client, which the tab keeps for operations, does not go along."""
    page = visit("ListOrganization")
    credentials(page, served)
    page.get_by_role("button", name="Send GET").click()
    expect(page.locator(".said")).to_contain_text("200")
    for name, answer in (("Discovery", served.url), ("Keys", "keys")):
        page.goto(f"{served.url}/docs/api/{name}")
        page.get_by_text("Try it", exact=True).click()
        page.get_by_role("button", name="Send GET").click()
        assert answer in json.dumps(shown(page))
        assert "authorization" not in page.asked[-1].headers
    page.goto(f"{served.url}/docs/api/UserInfo")
    page.get_by_text("Try it", exact=True).click()
    field(page, "Authorization").fill("nobodys")
    page.get_by_role("button", name="Send GET").click()
    expect(page.locator(".said.failed")).to_contain_text("401")
    assert shown(page)["error"] == "invalid_token"
    assert page.asked[-1].headers["authorization"] == "Bearer nobodys"
    page.goto(f"{served.url}/docs/api/ListOrganization")
    page.get_by_text("Try it", exact=True).click()
    expect(page.locator(".caller")).to_contain_text(served.client_id)  # still


@pytest.mark.thorough
@pytest.mark.one_of("390", "1280", "light", "dark")
@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_everybody_can_use_it(visit, width, scheme):
    for name in ("CreateConnection", "Token"):
        page = visit(name, viewport={"width": width, "height": 900}, color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert Axe().run(page).response["violations"] == []


def test_without_a_script_there_is_nothing_to_try(browser, served):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{served.url}/docs/api/Token")
        expect(page.get_by_text("Try it", exact=True)).to_be_hidden()


def test_calls_of_a_cookie_alone_are_not_tried(served):
    with httpx.Client(base_url=served.url, verify=served.trust) as client:
        assert "Try it" in client.get("/docs/api/ListAuthMethods").text
        assert "Try it" not in client.get("/docs/api/GetCurrentUser").text
        assert "Try it" not in client.get("/docs/api/Authorize").text  # a browser goes there itself
        assert client.get("/docs/try.js").status_code == 200
