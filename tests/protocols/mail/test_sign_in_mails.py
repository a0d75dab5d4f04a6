"""The mails of signing in: complete in every case, whatever a name holds, and good to look at."""

from __future__ import annotations

import itertools
import re
from html import unescape

import looks
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mail_servers import ENDS

from tenantry.events.email import rendering
from tenantry.events.email.rendering import Templates
from tenantry.identity.authenticators.passwordless.emails import (
    NO_ACCOUNT_EMAIL,
    SIGN_IN_CODE,
    SIGN_UP_CODE,
)
from tenantry.identity.security_notices import service as security_notices

HEIGHT = 760
LINK = "https://app.example/magic?next=%2Fhome&link_token=pwl_1575221404796719104.c2VjcmV0"
CODE = "012345"
BRAND = {
    "app_name": "Acme",
    "app_logo_url": "https://cdn.example/logo.png",
    "app_support_email": "help@acme.example",
}
NO_BRAND = dict.fromkeys(BRAND, "")
OF_CODE = {
    "organization_name": None,
    "user_email": "ann@example.com",
    "otp": CODE,
    "link": LINK,
    "expire_time": ENDS,
    "expiry_time": ENDS,
    "expiry_time_relative": "5 minutes",
}
NOT_ME = "https://auth.example/not-me/mail_1575221404796719104.c2VjcmV0c2VjcmV0c2VjcmV0"
HAPPENED = {
    "user_email": "ann@example.com",
    "activity": "passkey_added",
    "change_time": ENDS,
    "name": "Pixel 9",
    "browser": "Chrome",
    "os": "Linux",
    "address": "2001:db8:1234:5678:9abc:def0:1234:5678",
    "not_me_link": NOT_ME,
}
SHOWS = {
    SIGN_IN_CODE: OF_CODE,
    SIGN_UP_CODE: OF_CODE,
    NO_ACCOUNT_EMAIL: OF_CODE,
    **dict.fromkeys(security_notices.TEMPLATES, HAPPENED),
}
WITH_CODE = [SIGN_IN_CODE, SIGN_UP_CODE]
NAMES = st.text(max_size=80) | st.text('=?utf8qb -_\r\n{}%<>"&@,;:\u202e', max_size=80)


def rendered(template, brand=BRAND, **variables: object):
    return Templates(None).render(template, {**SHOWS[template], **brand, **variables})


@pytest.mark.parametrize("template", WITH_CODE)
@pytest.mark.parametrize(
    ("otp", "link", "organization_name", "brand"),
    [*itertools.product([CODE, None], [LINK, None], ["Initech", None], [BRAND, NO_BRAND])],
)
def test_code_and_link_are_there_where_they_are(template, otp, link, organization_name, brand):
    content = rendered(
        template, brand=brand, otp=otp, link=link, organization_name=organization_name
    )
    html, text = unescape(content.html), content.text
    for part, told in ((otp, CODE), (link, LINK)):
        assert (told in html) == (told in text) == (part is not None)
    if otp:
        assert re.search(rf"^{CODE}$", text, re.MULTILINE)
    if link:
        assert re.search(rf"^{re.escape(LINK)}$", text, re.MULTILINE)
        assert f'href="{LINK.replace("&", "&amp;")}"' in content.html
    assert CODE not in content.subject  # which is shown where a telephone lies
    name = organization_name or brand["app_name"]
    assert (name in content.subject) == (name in text) == bool(name) or not name
    for said in (html, text):
        assert "5 minutes" in said
        assert "ignore this email" in said
        assert (BRAND["app_support_email"] in said) == (brand is BRAND)
        assert "None" not in said
    assert ("<img" in html) == (brand is BRAND)


@pytest.mark.parametrize("brand", [BRAND, NO_BRAND])
def test_the_other_mails_say_what_happened(brand):
    content = rendered(NO_ACCOUNT_EMAIL, brand)
    assert content.subject.startswith("No account found for this email address")
    for said in (unescape(content.html), content.text):
        assert "ann@example.com" in said
        assert CODE not in said
        assert "link_token" not in said


@pytest.mark.parametrize("brand", [BRAND, NO_BRAND])
@pytest.mark.parametrize("whence", [True, False])
@pytest.mark.parametrize("activity", security_notices.ACTIVITIES)
def test_mails_about_an_account_say_what_happened_and_how_to_disown_it(activity, whence, brand):
    template = activity if activity in SHOWS else security_notices.ACCOUNT_CHANGED
    given = {} if whence else dict.fromkeys(("browser", "os", "address", "name"), "")
    content = rendered(template, brand, activity=activity, **given)
    for said in (unescape(content.html), content.text):
        assert "5 November 2026, 14:05 UTC" in said
        assert "ann@example.com" in said
        by_support = activity == security_notices.IMPERSONATED  # from where, is not told
        assert ("Chrome on Linux" in said) == (whence and not by_support)
        assert (HAPPENED["address"] in said) == (whence and not by_support)
        named = activity.startswith("passkey") or by_support
        assert ("Pixel 9" in said) == (whence and named)
        assert ("help@acme.example" in said) == (brand is BRAND)
        assert ("If you asked for help" if by_support else "this was you") in said
    assert content.html.count(f'href="{NOT_ME}"') == 2
    assert re.search(rf"^{re.escape(NOT_ME)}$", content.text, re.MULTILINE)
    # One that an older version queued knows of no person.
    assert (
        "sign out of all" not in rendered(template, brand, activity=activity, not_me_link="").text
    )


@pytest.mark.parametrize("template", SHOWS)
@given(name=NAMES, address=NAMES, passkey=NAMES)
def test_whatever_a_name_holds_it_stays_a_name(template, name, address, passkey):
    brand = {**BRAND, "app_name": name}
    usual = rendered(template)
    content = rendered(template, brand, user_email=address, name=passkey)
    assert not re.search(r"[\r\n]", content.subject)
    tags = re.compile(r"<[a-z!/][a-z0-9]*")
    if rendering.one_line(name):
        assert tags.findall(content.html) == tags.findall(usual.html)
    lines = [one.text.splitlines() for one in (content, usual)]
    heading = 0 if rendering.one_line(name) else 2
    assert abs(len(lines[0]) + heading - len(lines[1])) <= 1


@pytest.mark.parametrize("template", SHOWS)
def test_the_first_line_names_the_product_and_there_is_one_button(template):
    content = rendered(template)
    assert content.text.splitlines()[:2] == ["Acme", ""]
    card = content.html.partition('class="card"')[2]
    assert card.index("<bdi>Acme</bdi>") < card.index("<h1")
    assert card.count('class="button"') == (0 if template == NO_ACCOUNT_EMAIL else 1)


@pytest.mark.parametrize("template", SHOWS)
def test_they_are_small_and_load_a_logo_at_most(template):
    content = rendered(template)
    assert len(content.html.encode()) < 15_000
    assert not re.search(r"<(link|script|iframe|table|form)\b|url\(|@import", content.html)
    assert re.findall(r'src="([^"]*)"', content.html) == [BRAND["app_logo_url"]]
    assert 'src="' not in rendered(template, NO_BRAND).html


@pytest.mark.one_of("360", "1200", "light", "dark")
@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (360, "light"),
        (1200, "dark"),
        pytest.param(360, "dark", marks=pytest.mark.thorough),
        pytest.param(1200, "light", marks=pytest.mark.thorough),
    ],
)
@pytest.mark.parametrize("template", SHOWS)
async def test_they_can_be_read(browser, tmp_path, template, width, scheme):
    for brand in (NO_BRAND, {**NO_BRAND, "app_name": "Donaudampfschifffahrtsgesellschaft " * 2}):
        content = rendered(template, brand)
        page = await browser.new_page(
            viewport={"width": width, "height": HEIGHT}, color_scheme=scheme
        )
        await page.set_content(content.html)
        await page.screenshot(path=tmp_path / f"{template}-{width}-{scheme}.png", full_page=True)
        await looks.check(page)
        assert await page.title() == content.subject
        if template in WITH_CODE:
            box = await page.get_by_role("link").first.bounding_box()
            assert box["height"] >= 44  # a thumb
            assert looks.within(box, width, HEIGHT)
        await page.close()
