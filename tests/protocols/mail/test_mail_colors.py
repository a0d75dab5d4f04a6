"""Buttons in mail have the product's colour, or that of the organization, and can be read."""

from __future__ import annotations

from dataclasses import replace

import looks
import pytest
from apis import unique
from hypothesis import given
from hypothesis import strategies as st
from mail_servers import LINK, VARIABLES
from members import invited, mail_to
from sqlalchemy import bindparam, update

from tenantry.core import colors
from tenantry.db.sql.statements import Statement
from tenantry.events.email import branding
from tenantry.events.email.model import Email
from tenantry.events.email.rendering import BUTTON, Templates
from tenantry.identity.authenticators.passwordless import emails
from tenantry.identity.authenticators.passwordless.model import passwordless_requests
from tenantry.settings import load
from tenantry.tenants.memberships import invitations

PLAIN = load({"TENANTRY_CONFIG": "/dev/null"})
GREEN = load({"TENANTRY_APP_COLOR": "#0f766e", "TENANTRY_CONFIG": "/dev/null"})
_OF_ORGANIZATION = Statement(
    update(passwordless_requests)
    .where(passwordless_requests.c.email == bindparam("p_email"))
    .values(organization_id=bindparam("p_id"))
    .returning(passwordless_requests.c.id)
)
# Of a page in light and in dark: base.html.
CARDS = {"button": "#ffffff", "button_dark": "#1a2029"}


@given(st.from_regex(r"#[0-9a-f]{6}", fullmatch=True))
def test_every_colour_can_be_read_and_stands_out(color):
    made = branding.button(color)
    for name, card in CARDS.items():
        parsed = {part: colors.parse(made[f"{name}_{part}"]) for part in ("color", "text", "edge")}
        assert colors.contrast(parsed["color"], parsed["text"]) >= 4.5
        ground = colors.parse(card)
        outlines = (colors.contrast(parsed[part], ground) for part in ("color", "edge"))
        assert max(outlines) >= 3


@pytest.mark.one_of("360", "1200", "light", "dark")
@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1200, "dark")])
@pytest.mark.parametrize("color", ["#ffe94a", "#ffffff", "#0b1220", "#7c3aed"])
async def test_a_button_has_the_colour_and_can_be_read(browser, color, width, scheme):
    variables = {**VARIABLES, "link": LINK, **branding.button(color)}
    content = Templates(None).render("invitation", variables)
    page = await browser.new_page(viewport={"width": width, "height": 700}, color_scheme=scheme)
    await page.set_content(content.html)
    await looks.check(page)
    button = page.get_by_role("link", name="Accept invitation")
    shown = await button.evaluate("one => getComputedStyle(one).backgroundColor")
    red, green, blue = colors.parse(color)
    assert shown == f"rgb({red}, {green}, {blue})"
    await page.close()


def test_without_a_colour_buttons_are_ours():
    assert branding.button(PLAIN.app_color) == BUTTON
    html = Templates(None).render("invitation", {**VARIABLES, "link": LINK}).html
    assert "background:#1b55d9;color:#ffffff" in html
    assert html == Templates(None).render("invitation", VARIABLES | {"link": LINK} | BUTTON).html


async def brand(rest, organization, source="BRANDING_SOURCE_CUSTOM", **look: object):
    await rest.organizations.update_organization_branding(
        organization_id=organization["id"], source=source, customization_settings=look
    )


async def invitation(rest, _database, organization):
    return await invited(rest, organization)


async def sign_in(rest, database, organization):
    email = f"{unique('ann')}@example.com"
    await rest.passwordless.send_passwordless_email(
        email=email, magiclink_auth_uri="https://app.example/magic"
    )
    await database.fetch_all(_OF_ORGANIZATION, p_email=email, p_id=organization["id"])
    return {"email": email}


@pytest.mark.parametrize(
    ("reason", "prepare"),
    [(invitation, invitations.email_variables), (sign_in, emails.email_variables)],
)
async def test_an_organization_s_own_colour_goes_first(rest, database, make, reason, prepare):
    organization = await make.organization()
    (row,) = await mail_to(database, await reason(rest, database, organization))

    async def color(settings=GREEN):
        return (await prepare(database, Email.from_row(row), settings))["button_color"]

    assert await color() == "#0f766e"
    assert await color(PLAIN) == BUTTON["button_color"]
    await brand(rest, organization, color="#7C3AED")
    assert await color() == "#7C3AED"
    assert await color(replace(GREEN, organization_branding=False)) == "#0f766e"
    for wrong in ("red;}", "#fff", "", 7, None, "#0f766e\n"):
        await brand(rest, organization, color=wrong)
        assert await color() == "#0f766e"
    await brand(rest, organization, "BRANDING_SOURCE_ENVIRONMENT", color="#7c3aed")
    assert await color() == "#0f766e"


async def test_previews_and_drafts_have_the_colour_in_effect(api):
    async def shown():
        made = await api.email_previews.preview_email_template(use_case="USER_INVITE")
        cases = (await api.emails.get_template_use_cases())["use_cases"]
        (case,) = [one for one in cases if one["use_case"] == "USER_INVITE"]
        return made["html_content"], case["default_template"]["html_content"]

    assert all("background:#1b55d9;color:#ffffff" in html for html in await shown())
    await api.settings.update_settings(settings={"app_color": "#ffe94a"})
    try:
        for html in await shown():
            assert "background:#ffe94a;color:#000000;border:1px solid #5a6675" in html
    finally:
        await api.settings.update_settings(reset=["app_color"])
