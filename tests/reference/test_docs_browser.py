"""The page as people use it, in a browser."""

from __future__ import annotations

import pytest
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

    def visit(anchor="", width=1280, **options: object):
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{site}/docs{anchor}")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert complaints == []


def listed(page):
    return page.locator("#sidebar [data-words]:visible a span:last-child").all_inner_texts()


def test_typing_finds_an_operation(visit):
    page = visit()
    everything = listed(page)
    page.keyboard.press("/")
    expect(page.locator("#filter")).to_be_focused()
    page.keyboard.type("portal delete by")
    assert listed(page) == ["Delete portal link by id"]
    page.keyboard.press("Enter")
    page.wait_for_url("**/docs#DeletePortalLinkByID")
    expect(page.locator("#DeletePortalLinkByID")).to_be_in_viewport()

    page.keyboard.press("/")
    page.keyboard.type("/api/v1/organizations:search")
    assert listed(page) == ["Search organizations"]
    page.locator("#filter").fill("nothing of the kind")
    expect(page.locator("#nothing")).to_be_visible()
    page.locator("#filter").press("Escape")
    assert listed(page) == everything


def test_arrows_walk_through_what_was_found(visit):
    page = visit()
    page.locator("#filter").fill("session policy")
    page.locator("#filter").press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.hash") == "#GetOrganizationSessionPolicy"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#filter")).to_be_focused()


def test_the_language_is_switched_everywhere_and_kept(visit):
    page = visit("#UpdateOrganization")
    sample = page.locator("#UpdateOrganization .sample")
    expect(sample.get_by_text("curl", exact=True)).to_be_visible()
    sample.get_by_label("Go", exact=True).check()
    expect(sample.get_by_text("sc.Organization().UpdateOrganization")).to_be_visible()
    elsewhere = page.locator("#CreateOrganization .sample")
    expect(elsewhere.locator("[data-language=go] pre")).to_be_visible()
    expect(elsewhere.locator("[data-language=sh] pre")).to_be_hidden()

    page.reload()
    expect(page.locator("#UpdateOrganization input[value=go]")).to_be_checked()
    expect(page.locator("#UpdateOrganization [data-language=go] pre")).to_be_visible()
    expect(page.locator("#UpdateOrganization [data-language=sh] pre")).to_be_hidden()


def test_the_language_is_switched_by_keyboard(visit):
    page = visit("#GetOrganization")
    page.locator("#GetOrganization input[value=sh]").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#GetOrganization [data-language=js] pre")).to_be_visible()
    assert page.evaluate("document.documentElement.dataset.language") == "js"


def test_switching_keeps_the_place(visit):
    page = visit("#DeleteOrganization")
    chosen = page.locator("#DeleteOrganization .languages label").nth(4)
    before = chosen.bounding_box()["y"]
    chosen.click()
    assert abs(chosen.bounding_box()["y"] - before) < 2


def test_a_call_that_an_sdk_lacks_shows_the_request(visit):
    page = visit("#SearchOrganization")
    sample = page.locator("#SearchOrganization .sample")
    sample.get_by_label("Java", exact=True).check()
    expect(sample.get_by_text("The official Java SDK has no such call")).to_be_visible()
    expect(sample.locator("[data-language=java] pre")).to_contain_text("curl --get")


def test_code_is_copied(visit):
    page = visit("#GetOrganization", permissions=["clipboard-read", "clipboard-write"])
    block = page.locator("#GetOrganization [data-language=sh] .code")
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
def test_the_page_never_scrolls_sideways(visit, width, language):
    page = visit(width=width)
    page.evaluate("language => localStorage.setItem('tenantry.language', language)", language)
    page.reload()
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_phone_has_the_list_in_a_menu(visit):
    page = visit(width=360, has_touch=True, is_mobile=True)
    expect(page.locator("#sidebar")).to_be_hidden()
    page.get_by_role("button", name="Menu").tap()
    page.locator("#filter").fill("branding put")
    page.locator("#sidebar").get_by_text("Update organization branding").tap()
    expect(page.locator("#sidebar")).to_be_hidden()
    expect(page.locator("#UpdateOrganizationBranding")).to_be_in_viewport()


def test_light_and_dark_follow_the_system(visit):
    ground = "getComputedStyle(document.body).backgroundColor"
    assert visit(color_scheme="light").evaluate(ground) == "rgb(251, 252, 253)"
    assert visit(color_scheme="dark").evaluate(ground) == "rgb(18, 22, 28)"


def test_the_list_follows_the_reading(visit):
    page = visit()
    page.locator("#GetPortalLinks h3").scroll_into_view_if_needed()
    page.evaluate("document.getElementById('GetPortalLinks').scrollIntoView()")
    expect(page.locator("#sidebar [aria-current]")).to_have_text("GET Get portal links")


def test_without_script_everything_can_be_read(visit):
    page = visit("#UpdateOrganization", java_script_enabled=False)
    sample = page.locator("#UpdateOrganization .sample")
    for language in ("sh", "js", "python", "go", "java"):
        expect(sample.locator(f"[data-language={language}] pre")).to_be_visible()
    expect(page.locator("#filter")).to_be_hidden()
