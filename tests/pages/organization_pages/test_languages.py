"""The portal and the pages of members speak the language that a browser accepts."""

from __future__ import annotations

import re

import pytest
from browsers import chromium
from signed_in_people import COOKIE
from sso_pages import Pages
from widget_people import ORGANIZATION, PROFILE, People, text_of

from tenantry.i18n.languages import DEFAULT
from tenantry.web import words

LANGUAGES = [language for language in words.languages("organization") if language != DEFAULT]
PORTAL = ("sso", "sso/new", "scim", "scim/new", "domains")
MEMBERS = (
    *(f"{ORGANIZATION}/{area}" for area in ("general", "users", "users/invite", "sso", "scim")),
    *(f"{ORGANIZATION}/{area}" for area in ("domains", "session-policy", "programs", "audit")),
    *(f"{PROFILE}/{area}" for area in ("account", "organizations", "passkeys", "security")),
)
_TOLD = 12  # letters of a sentence that no other text holds by chance


@pytest.fixture
def people(server, database, http, rest, make):
    return People(server, database, http, rest, make)


@pytest.fixture
async def visits(people, http, make):
    """Asks for a page of the portal, or of an administrator, in a language."""
    organization_id = await people.organization()
    admin = await people.member(organization_id, "admin")
    portal = Pages(http, await make.portal_session(http, organization_id), "/portal/")

    async def get(page, accepted):
        if page.startswith("/"):
            return await admin.get(page, **{"accept-language": accepted})
        portal.headers["accept-language"] = accepted
        return await portal.get(page)

    return get


def left_in_english(site, language, text):
    """The sentences of the English catalogue that a text in another language holds."""
    ours = words.of(site, language).sentences
    said = " ".join(ours.values())
    return [
        sentence
        for sentence in words.of(site, "en").sentences.values()
        if len(sentence) >= _TOLD
        and "{" not in sentence
        and sentence not in said
        and re.search(rf"(?<!\w){re.escape(sentence)}(?!\w)", text)
    ]


def test_the_pages_of_an_organization_and_of_a_person_speak_the_same_languages():
    assert words.languages("account") == words.languages("organization")
    assert {"de", "fr", "es", "pt", "it", "nl"} <= set(LANGUAGES)


@pytest.mark.one_of("portal", "members")
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("pages", [PORTAL, MEMBERS], ids=["portal", "members"])
async def test_a_browser_gets_its_language(visits, pages, language):
    for path in pages:
        page = await visits(path, f"{language};q=0.9, en;q=0.5")
        assert page.status_code == 200, path
        assert f'<html lang="{language}">' in page.text, path
        site = "account" if path.startswith(PROFILE) else "organization"
        assert not left_in_english(site, language, text_of(page)), path


async def test_the_pages_hold_sentences_of_the_catalogue(visits):
    for path in (*PORTAL, *MEMBERS):
        page = await visits(path, "en")
        site = "account" if path.startswith(PROFILE) else "organization"
        assert left_in_english(site, LANGUAGES[0], text_of(page)), path


@pytest.mark.thorough
@pytest.mark.process
@pytest.mark.parametrize("language", LANGUAGES)
async def test_no_page_is_wider_than_a_phone(language, people, server, make):
    organization_id = await people.organization()
    admin = await people.member(organization_id, "admin")
    link = await make.portal_link(organization_id)
    cookie = {"name": COOKIE, "value": admin.person.secret, "url": server.url}
    phone = {"width": 390, "height": 844}
    async with chromium(server) as browser:
        context = await browser.new_context(viewport=phone, locale=language)
        await context.add_cookies([{**cookie, "secure": True, "httpOnly": True}])
        page = await context.new_page()
        await page.goto(link["location"])
        for path in (*(f"/portal/{area}" for area in PORTAL), *MEMBERS):
            await page.goto(f"{server.url}{path}")
            assert await page.locator("html").get_attribute("lang") == language, path
            wide = await page.evaluate("document.documentElement.scrollWidth")
            assert wide <= phone["width"], path
