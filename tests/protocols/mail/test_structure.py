"""Every email: the product first, at most one button, and the same link in its plain text."""

from __future__ import annotations

import re
from html import unescape
from importlib.resources import files

import looks
import pytest

from tenantry.core.times import now
from tenantry.events.email.rendering import Templates
from tenantry.i18n.languages import LANGUAGES

LINK = "https://auth.example.com/l/AbC123?x=1&y=2"
LOGO = "https://cdn.example.com/logo.png"
SHARED = {
    "app_name": "Acme Projects",
    "app_logo_url": LOGO,
    "app_support_email": "help@acme.example",
    "app_organization_meta_name": "workspace",
    "user_email": "ann@example.com",
    "user_name": "Ann Lee",
    "user_language": "en",
    "organization_name": "Hollis Robotics",
    "organization_id": "org_1",
}
CHANGE = {
    "change_time": now(),
    "browser": "Firefox 140",
    "os": "Linux",
    "address": "198.51.100.7",
    "not_me_link": LINK,
}
CODE = {"otp": "042917", "expire_time": now() + 600_000_000, "link": LINK}
EMAILS = {
    "account_changed": {**CHANGE, "activity": "passkey_added", "name": "Laptop"},
    "certificate_expiring": {
        "entity_id": "https://idp.example.com",
        "provider": "OKTA",
        "expires": now(),
        "has_metadata": True,
        "connection_id": "conn_1",
        "console_url": LINK,
    },
    "connection_changed": {
        "change_time": now(),
        "url": LINK,
        "connection_id": "conn_1",
        "operator_id": "opr_1",
    },
    "impersonated": {**CHANGE, "name": "Grace"},
    "invitation": {**CODE, "reminder": False, "inviter_email": "grace@example.com"},
    "new_device": CHANGE,
    "no_account": {"app_url": LINK},
    "password_changed": CHANGE,
    "sign_in_code": CODE,
    "sign_up_code": CODE,
    "webhook_disabled": {
        "url": "https://hooks.example.com",
        "reason": "Every attempt has failed for 5 days.",
        "failing_since": now(),
        "endpoint_id": "whe_1",
        "console_url": LINK,
    },
}
ACCOUNT = "https://auth.example.com/ui/profile/security"


def rendered(name, **variables: object):
    return Templates(None).render(name, {**SHARED, **EMAILS[name], **variables})


def test_all_templates_are_looked_at():
    folder = files("tenantry.events.email").joinpath("templates")
    names = {one.name.partition(".")[0] for one in folder.iterdir() if ".subject." in one.name}
    assert names == EMAILS.keys()


@pytest.mark.parametrize("name", EMAILS)
def test_the_product_is_first_and_one_button_leads_on(name):
    content = rendered(name)
    card = content.html.partition('class="card"')[2]
    first = re.search(r"<p[^>]*>(.*?)</p>", card, re.DOTALL)[1]
    assert f'<img src="{LOGO}" alt=""' in first  # its name stands beside it
    assert "Acme Projects" in first
    assert content.text.startswith("Acme Projects\n")
    buttons = re.findall(r'<a class="button" href="([^"]+)"', content.html)
    assert [unescape(one) for one in buttons] == [LINK]
    assert LINK in content.text.splitlines()
    assert not re.search(
        r"<(script|link|iframe|form|table)\b|url\(|@import|javascript:", content.html
    )
    remote = set(re.findall(r'src="([^"]+)"', content.html))
    assert remote == {LOGO}


@pytest.mark.parametrize("name", [name for name in EMAILS if "not_me_link" in EMAILS[name]])
def test_a_security_notice_links_to_the_account_page(name):
    content = rendered(name, account_url=ACCOUNT)
    assert f'href="{ACCOUNT}"' in content.html
    assert f"Review your security settings: {ACCOUNT}" in content.text
    assert "security settings" not in rendered(name).text


@pytest.mark.parametrize("name", ["certificate_expiring", "no_account", "webhook_disabled"])
def test_without_an_address_there_is_no_button(name):
    assert 'class="button"' not in rendered(name, console_url="", app_url="").html


@pytest.mark.parametrize("name", EMAILS)
def test_a_logo_without_a_name_has_a_text(name):
    assert 'alt="Logo"' in rendered(name, app_name="").html


@pytest.mark.thorough
@pytest.mark.parametrize("name", EMAILS)
async def test_it_fits_phones_and_the_window_of_a_mail_program(browser, tmp_path, name):
    content = rendered(name)
    page = await browser.new_page()
    await page.route("**/*", lambda route: route.abort())
    for width, scheme in ((360, "light"), (600, "dark")):
        await page.set_viewport_size({"width": width, "height": 800})
        await page.emulate_media(color_scheme=scheme)
        await page.set_content(content.html)
        await page.screenshot(path=tmp_path / f"{name}-{width}-{scheme}.png", full_page=True)
        await looks.check(page)
    await page.close()


@pytest.mark.parametrize("name", EMAILS)
def test_every_language_keeps_the_structure(name):
    english = re.findall(r"<(?!/?(?:bdi|strong|span|br))[a-z]\w*", rendered(name).html)
    for language in LANGUAGES:
        spoken = rendered(name, user_language=language)
        assert re.findall(r"<(?!/?(?:bdi|strong|span|br))[a-z]\w*", spoken.html) == english
        assert f'<html lang="{language}">' in spoken.html
