"""The branding page of the console in a browser: the preview follows the form."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsers import chromium_in_step
from doc_programs import management
from operators_with_passkeys import link_of
from playwright.sync_api import expect


@pytest.mark.parametrize(
    ("width", "scheme"), [(1280, "light"), pytest.param(390, "dark", marks=pytest.mark.thorough)]
)
def test_the_preview_follows_the_form_and_saving_keeps_it(own_server, width, scheme):
    with chromium_in_step(own_server) as browser:
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        faults: list[str] = []
        page.on("console", lambda said: said.type == "error" and faults.append(said.text))
        page.goto(link_of(own_server, "--role", "OPERATOR"))
        page.fill("input[name=name]", "Ada")
        if page.locator("input[name=email]").count():
            page.fill("input[name=email]", "ada@example.com")
        with page.expect_navigation():
            page.locator("main button").first.click()
        page.goto(f"{own_server.url}/console/branding")
        page.fill("#app_name", "Acme Projects")
        page.fill("#login_background_style", "linear-gradient(160deg, #f3efe6, #dbeafe)")
        shown = page.frame_locator("iframe")
        expect(shown.locator("h1")).to_have_text("Sign in to Acme Projects")
        ground = shown.locator("body").evaluate("one => getComputedStyle(one).backgroundImage")
        assert ground.startswith("linear-gradient(160deg, rgb(243, 239, 230)")
        page.get_by_role("button", name="Email", exact=True).click()
        expect(shown.locator("body")).to_contain_text("417 029")
        assert Axe().run(page).response["violations"] == []
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("status").first).to_have_text("Branding saved.")
        assert faults == []
    with management(own_server) as api:
        look = api.get("/api/v1/portal_customizations").json()["customization_settings"]
        assert look["app_name"] == "Acme Projects"
        api.patch(
            "/api/v1/settings", json={"reset": ["app_name", "login_background_style"]}
        ).raise_for_status()
