"""The page as people use it, in a browser."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsers import chromium_in_step
from playwright.sync_api import expect


@pytest.fixture(scope="module")
def browser():
    with chromium_in_step() as launched:
        yield launched


@pytest.fixture
def visit(browser, site):
    """Open the page; what the browser complains of fails the test."""
    contexts, complaints = [], []

    def visit(path="/docs", width=1280, **options: object):
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{site}{path}")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert complaints == []


def found(page, text):
    """The titles that a search shows."""
    page.locator("#search").fill("")
    expect(page.locator("#found")).to_have_text("")
    page.locator("#search").fill(text)
    expect(page.locator("#found")).to_have_text(re.compile(r"found|No page"))
    return page.locator("#results .title").all_inner_texts()


def test_typing_finds_an_operation(visit):
    page = visit()
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("portal delete id")
    titles = page.locator("#results .title")  # the first search waits until the index is made
    expect(titles.first).to_have_text("Delete portal link by id")
    page.keyboard.press("Enter")
    page.wait_for_url("**/docs/api/DeletePortalLinkByID")
    expect(page.locator("h1")).to_have_text("Delete portal link by id")
    page.go_back()
    expect(page.locator("h1")).to_have_text("API reference")

    assert found(page, "/api/v1/organizations:search")[0] == "Search organizations"
    assert found(page, "webhook retention zebra") == []
    expect(page.locator("#found")).to_have_text("No page has all of these words.")
    page.locator("#search").press("Escape")
    expect(page.locator("#results")).to_be_hidden()
    expect(page.locator("#contents")).to_be_visible()


@pytest.mark.thorough
def test_fields_errors_and_events_are_found(visit):
    page = visit("/docs/api/GetUser")
    assert "Create organization" in found(page, "slug")
    expect(page.locator("#results .line").first).to_contain_text("slug")
    assert "Create user and membership" in found(page, "external id")
    expect(page.locator("#results li", has_text="Create organization")).to_contain_text(
        "external_id"
    )
    assert found(page, "check the mappings")[0].endswith("Check the mappings")
    expect(page.locator("#results .kind").first).to_contain_text("Microsoft Entra ID")
    assert found(page, "idempotency key reused")[0] == "IDEMPOTENCY_KEY_REUSED"
    page.locator("#search").press("Enter")
    page.wait_for_url("**/docs/errors#422.IDEMPOTENCY_KEY_REUSED")
    expect(page.locator(":target")).to_be_in_viewport()
    assert "organization.domain_created" in found(page, "domain_created")
    assert found(page, "introspect token")[0] == "Introspect a token"
    assert found(page, "429")[0] == "RATE_LIMITED"
    assert found(page, "sign out")[0] == "Sign out"
    assert "Enable TOTP" in found(page, "mfa")
    assert found(page, "create organisation")[0] == "Create organization"


@pytest.mark.thorough
def test_titles_rank_before_headings_and_text(visit):
    page = visit()
    for typed, first in {
        "iframe": "6. Embed pages",
        "webhooks": "Receive events",
        "docker": "Containers",
        "backup": "Backups",
        "sso": "Single sign-on",
        "single sign on": "Single sign-on",
        "logout": "Sign out",
        "rbac": "Create role",
        "tenants": "Manage tenants",
        "delete user": "Delete user",
        "refresh tok": "1. Refresh tokens",
        "password": "Passwords",
    }.items():
        assert found(page, typed)[0] == first, typed
    assert "Passkeys and second factors" in found(page, "2fa")[:5]


def test_a_result_links_to_the_section_that_matched(visit):
    page = visit()
    found(page, "iframe")
    expect(page.locator("#results .kind").first).to_have_text("Get started › Self-service")
    page.locator("#search").press("Enter")
    page.wait_for_url("**/docs/guides/self-service#*embed-pages*")
    expect(page.locator(":target")).to_have_text(re.compile("Embed pages"))


def test_arrows_walk_through_what_was_found(visit):
    page = visit()
    titles = found(page, "session policy")
    page.locator("#search").press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.children[1].textContent") == titles[1]
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#search")).to_be_focused()


def test_a_link_to_where_an_operation_was_leads_to_its_page(visit):
    """All operations were on one page once, each at an anchor of its name."""
    page = visit("/docs#UpdateOrganization")
    page.wait_for_url("**/docs/api/UpdateOrganization")
    page = visit("/docs#Changes")
    expect(page.locator("#Changes")).to_be_in_viewport()
    assert page.url.endswith("/docs#Changes")


@pytest.mark.thorough
def test_the_language_is_switched_everywhere_and_kept(visit):
    page = visit("/docs/api/UpdateOrganization")
    sample = page.locator(".sample")
    expect(sample.get_by_text("curl", exact=True)).to_be_visible()
    tab(sample, "Go").click()
    expect(sample.get_by_text("sc.Organization().UpdateOrganization")).to_be_visible()
    page.locator("#contents").get_by_text("Create organization").click()
    elsewhere = page.locator(".sample")
    expect(elsewhere.locator("[data-language=go] pre")).to_be_visible()
    expect(elsewhere.locator("[data-language=sh] pre")).to_be_hidden()

    page.reload()
    expect(tab(page, "Go")).to_have_attribute("aria-current", "true")
    expect(page.locator("body [data-language=go] pre")).to_be_visible()
    expect(page.locator("body [data-language=sh] pre")).to_be_hidden()

    # In a guide, too: also where an example has no Java.
    page.goto(page.url.replace("/docs/api/CreateOrganization", "/docs/guides/directories"))
    first = page.locator(".sample").first
    expect(first.locator("[data-language=go] pre")).to_be_visible()
    expect(first.locator("[data-language=js] pre")).to_be_hidden()
    assert tab(first, "Java").count() == 0
    page.goto(page.url.replace("directories", "model-your-tenants"))
    tab(page.locator(".sample").first, "Java").click()
    page.goto(page.url.replace("model-your-tenants", "directories"))
    expect(first.locator("[data-language~=sh] pre")).to_be_visible()
    expect(tab(first, "cURL")).to_have_attribute("aria-current", "true")


def tab(place, language):
    return place.locator(".languages").get_by_role("link", name=f"{language} sample", exact=True)


def test_the_language_is_the_same_in_a_page_from_the_cache(visit):
    page = visit("/docs/api/GetOrganization")
    page.locator("#contents").get_by_text("Update organization", exact=True).click()
    tab(page, "Python").click()
    page.go_back()
    expect(page.locator("h1")).to_have_text("Get organization")
    expect(tab(page, "Python")).to_have_attribute("aria-current", "true")
    expect(page.locator("body [data-language=python] pre")).to_be_visible()


def test_the_language_is_switched_by_keyboard(visit):
    page = visit("/docs/api/GetOrganization")
    tab(page, "cURL").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("body [data-language=js] pre")).to_be_visible()
    assert page.evaluate("document.documentElement.dataset.language") == "js"


def test_switching_keeps_the_place(visit):
    page = visit("/docs/api/DeleteOrganization")
    chosen = page.locator(".languages a").nth(4)
    before = chosen.bounding_box()["y"]
    chosen.click()
    assert abs(chosen.bounding_box()["y"] - before) < 2


def test_a_call_that_an_sdk_lacks_shows_the_request(visit):
    page = visit("/docs/api/SearchOrganization")
    sample = page.locator(".sample")
    tab(sample, "Java").click()
    expect(sample.get_by_text("The official Java SDK does not support this call")).to_be_visible()
    expect(sample.locator("[data-language=java] pre")).to_contain_text("curl --get")


def test_code_is_copied(visit):
    page = visit("/docs/api/GetOrganization", permissions=["clipboard-read", "clipboard-write"])
    block = page.locator("body [data-language=sh] .code")
    block.hover()
    block.get_by_role("button").click()
    expect(block.get_by_role("button")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith('curl "$SCALEKIT_ENVIRONMENT_URL/')
    assert copied == block.locator("code").inner_text()


@pytest.mark.parametrize(
    ("width", "language"),
    [
        *((320, "java"), (1280, "sh")),
        *(
            pytest.param(width, language, marks=pytest.mark.thorough)
            for width in (320, 360, 768, 1280)
            for language in ("sh", "java")
            if (width, language) not in {(320, "java"), (1280, "sh")}
        ),
    ],
)
def test_no_page_scrolls_sideways(visit, width, language):
    page = visit("/docs/api/CreateConnection", width=width)
    page.goto(f"{page.url}?language={language}")
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    guides = ("/guides", "/settings", "/guides/sign-people-in", "/guides/api-keys", "/runbooks")
    for path in (
        *guides,
        "",
        "/errors",
        "/events",
        "/api/oauth-and-openid-connect",
        "/api/Authorize",
    ):
        page.goto(f"{page.url.partition('/docs')[0]}/docs{path}")
        assert page.evaluate("document.documentElement.scrollWidth") == width, path


@pytest.mark.parametrize("path", ["/api/CreateConnection", "/guides/api-keys", "/guides/nextjs"])
def test_no_code_is_cut_off(visit, path):
    """On a phone lines wrap; on a screen an edge beyond which there is more has a shadow."""
    page = visit(f"/docs{path}?language=java", width=390)
    cut = """each => [each.scrollWidth - each.clientWidth, each.scrollHeight - each.clientHeight]"""
    for code in page.locator(".code pre:visible").all():
        assert code.evaluate(cut) == [0, 0]
    page.set_viewport_size({"width": 1280, "height": 800})
    code = page.locator(".code pre:visible").first
    assert code.evaluate("each => getComputedStyle(each).overflowX") == "auto"
    assert code.evaluate("each => getComputedStyle(each).backgroundAttachment").count("local") == 4


def test_a_phone_has_the_list_in_a_menu(visit):
    page = visit(width=360, has_touch=True, is_mobile=True)
    expect(page.locator("#sidebar")).to_be_hidden()
    page.get_by_role("button", name="Menu").tap()
    assert found(page, "branding put")[0] == "Update organization branding"
    page.locator("#results a").first.tap()
    page.wait_for_url("**/docs/api/UpdateOrganizationBranding")
    expect(page.locator("#sidebar")).to_be_hidden()
    page.get_by_role("button", name="Menu").tap()
    page.locator("#contents").get_by_text("Conditional and repeated requests").tap()
    expect(page.locator("#sidebar")).to_be_hidden()
    expect(page.locator("#Changes")).to_be_in_viewport()


def test_light_and_dark_follow_the_system(visit):
    ground = "getComputedStyle(document.body).backgroundColor"
    assert visit(color_scheme="light").evaluate(ground) == "rgb(251, 252, 253)"
    assert visit(color_scheme="dark").evaluate(ground) == "rgb(18, 22, 28)"


def test_the_list_follows_the_reading(visit):
    page = visit("/docs/events")
    page.evaluate("document.getElementById('Audit').scrollIntoView()")
    expect(page.locator("#contents [aria-current]")).to_have_text("Audit log events")


def test_the_list_shows_where_one_is(visit):
    page = visit("/docs/api/ListLastSignIns")
    expect(page.locator("#contents [aria-current=page]")).to_have_text("GET List last sign-ins")
    expect(page.locator("#contents [aria-current=page]")).to_be_in_viewport()


@pytest.mark.one_of("390", "1280", "light", "dark")
@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        *((390, "dark"), (1280, "light")),
        *(
            pytest.param(*each, marks=pytest.mark.thorough)
            for each in ((390, "light"), (1280, "dark"))
        ),
    ],
)
def test_everybody_can_read_it(visit, width, scheme):
    guides = ("/guides", "/guides/single-sign-on", "/settings")
    for path in (*guides, "", "/errors", "/events", "/api/sessions", "/api/UpdateOrganization"):
        page = visit(f"/docs{path}", width=width, color_scheme=scheme)
        if width > 1000:
            assert found(page, "session")
        assert Axe().run(page).response["violations"] == [], path


@pytest.mark.thorough
def test_without_script_everything_can_be_read(visit):
    page = visit("/docs/api/UpdateOrganization", java_script_enabled=False)
    sample = page.locator(".sample")
    for key, label in (("go", "Go"), ("java", "Java"), ("sh", "cURL")):
        tab(page, label).click()
        expect(sample.locator(f"[data-language={key}] pre")).to_be_visible()
        assert sample.locator("pre:visible").count() == 1
        expect(tab(page, label)).to_have_attribute("aria-current", "true")
    tab(page, "Python").click()
    page.locator("#contents").get_by_text("Create organization").click()  # a cookie keeps it
    expect(sample.locator("[data-language=python] pre")).to_be_visible()
    assert page.url.endswith("/docs/api/CreateOrganization")
    expect(page.locator("#search")).to_be_hidden()


@pytest.mark.thorough
def test_without_script_a_phone_finds_the_list_below(visit):
    page = visit("/docs/api/UpdateOrganization", width=320, java_script_enabled=False)
    expect(page.get_by_role("button", name="Menu")).to_be_hidden()
    assert page.locator("main").bounding_box()["y"] < 100
    page.locator("#contents").get_by_text("Conditional and repeated requests").click()
    page.wait_for_url("**/docs#Changes")
    page.locator(".top").get_by_role("link", name="Guides").click()
    expect(page.locator("h1")).to_have_text("Guides")
    right = page.locator(".top .sections a").last.bounding_box()
    assert right["x"] + right["width"] <= 320
