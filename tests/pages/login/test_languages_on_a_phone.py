"""Every step of a sign-in in every language: no English is left, and a phone is wide enough."""

from __future__ import annotations

import re
from html import unescape

import pytest
from browsers import chromium
from hosted import Application, password

from tenantry.i18n.languages import DEFAULT, LANGUAGES
from tenantry.web import words

OTHERS = [language for language in LANGUAGES if language != DEFAULT]
SITES = ("login", "oauth", "sso")
PHONE = {"width": 390, "height": 844}
_TOLD = 12  # letters of a sentence that no other text holds by chance
# Texts that do not fit: whole elements that scroll or stick out, and buttons that cut their text.
CUT = """() => {
  const wide = document.documentElement.clientWidth;
  const cut = [];
  for (const element of document.querySelectorAll("body *")) {
    const box = element.getBoundingClientRect();
    if (!element.checkVisibility() || !box.width) continue;
    const hides = getComputedStyle(element).overflowX !== "visible" && element.matches("button, a");
    const out = box.right > wide + 1 || box.left < -1;
    if ((out || (hides && element.scrollWidth > element.clientWidth)) && !element.closest("svg"))
      cut.push(element.outerHTML.slice(0, 200));
  }
  return cut;
}"""


def sentences(site, language):
    """The longer sentences of a catalogue that hold no values, with none of English in another."""
    ours = words.of(site, language).sentences.values()
    return {one for one in ours if len(one) >= _TOLD and "{" not in one}


def said(site, html):
    """The sentences of the English catalogue that a page holds."""
    text = " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())
    return {
        one
        for one in sentences(site, DEFAULT)
        if re.search(rf"(?<!\w){re.escape(one)}(?!\w)", text)
    }


async def steps(visitor, application: Application, place):
    """Go through the steps of a sign-in, and yield each page with its name."""
    organizations = [await place.make.organization(name) for name in ("Acme", "Globex")]
    user = await place.make.user(organizations[0]["id"])
    await place.api.users.create_membership(
        organization_id=organizations[1]["id"],
        id=user["id"],
        membership={},
        send_invitation_email=False,
    )
    yield "sign-in", await visitor.begin(application)
    yield "sign-up", await visitor.page("?page=sign_up")
    yield "reset", await visitor.page("?page=reset")
    failed = await visitor.step("password", email=user["email"], password=password())
    yield "wrong password", await visitor.get(failed.headers["location"])
    failed = await visitor.step("email", email="nobody")
    yield "no address", await visitor.get(failed.headers["location"])
    await visitor.step("email", email=user["email"])
    yield "code", await visitor.page()
    failed = await visitor.step("code", code="000000")
    yield "wrong code", await visitor.get(failed.headers["location"])
    link = await place.link(user["email"])
    yield "link", await visitor.get(link.removeprefix(place.server.url))
    await visitor.step("code", code=await place.code(user["email"]))
    yield "organizations", await visitor.page()
    yield "gone", await visitor.get("/login/areq_1")
    yield "not me", await visitor.get("/not-me/mail_1.x")
    yield "invitation", await visitor.get("/invitations/x")
    yield "sign-out", await visitor.get("/oidc/logout")
    failed = await visitor.get(application.path(redirect_uri="https://x.example/"))
    yield "failed", await visitor.get(failed.headers["location"])
    yield "no such connection", await visitor.get("/sso/v1/oidc/conn_1/test")


@pytest.mark.parametrize("language", OTHERS)
async def test_no_step_is_left_in_english(application, place, language):
    async with place.visitor(**{"accept-language": f"{language}, en;q=0.5"}) as visitor:
        async for name, page in steps(visitor, application, place):
            assert f'<html lang="{language}">' in page.text, name
            for site in SITES:
                assert not said(site, page.text) - sentences(site, language), name
            assert "Connection not found" not in page.text


async def test_each_step_holds_a_sentence_of_the_catalogue(application, place, visitor):
    async for name, page in steps(visitor, application, place):
        assert any(said(site, page.text) for site in SITES), name


@pytest.mark.thorough
@pytest.mark.process
@pytest.mark.parametrize("language", LANGUAGES)
async def test_no_step_is_wider_than_a_phone(application, place, tmp_path, language):
    async with (
        place.visitor(**{"accept-language": language}) as visitor,
        chromium(place.server) as browser,
    ):
        context = await browser.new_context(viewport=PHONE, locale=language)
        page = await context.new_page()
        async for name, step in steps(visitor, application, place):
            await context.add_cookies(
                [
                    {"name": key, "value": value, "url": place.server.url, "secure": True}
                    for key, value in visitor.cookies.items()
                ]
            )
            await page.goto(str(step.url))
            assert await page.locator("html").get_attribute("lang") == language, name
            path = tmp_path / f"{language}-{name.replace(' ', '-')}.png"
            await page.screenshot(path=path, full_page=True)
            assert await page.evaluate(CUT) == [], name
            for line in await page.locator("footer span").all():
                assert await line.evaluate("each => each.offsetHeight < 30"), name  # of one line
