"""The look of pages and mails changes while the server runs."""

from __future__ import annotations

import re

import pytest
from apis import refused, unique
from hosted import deployment

LOGO = "https://cdn.example/logo.png"


@pytest.fixture(scope="module")
async def plain_place(start_server):
    """A deployment whose settings leave the look open, but for its support address."""
    server = start_server("plain-look", support_email="Help <help@acme.example>")
    async with deployment(server) as opened:
        yield opened
    server.stop()


async def replaced(place, look):
    listed = await place.api.environments.list_environment()
    id_ = listed["environments"][0]["id"]
    answer = await place.api.environments.update_portal_customization(
        id=id_, customization_settings=look
    )
    return answer["customization_settings"]


async def sign_in_page(place, **parameters: str):
    application = await place.application()
    async with place.visitor() as visitor:
        page = await visitor.begin(application, **parameters)
        style = re.search(r'href="(/login/style\.css\?v=\w+)"', page.text)[1]
        return page, await visitor.http.get(style)


async def test_pages_change_without_a_restart(plain_place):
    before, plain = await sign_in_page(plain_place)
    assert "<bdi>app-" in before.text  # the application's name
    await replaced(
        plain_place,
        {
            "app_name": "Acme Projects",
            "color": "#0f766e",
            "favicon_url": "https://icons.example/i.png",
            "login": {
                "logo_url": LOGO,
                "border_radius": "L",
                "logo_position": "INSIDE",
                "header_alignment": "CENTER",
                "background_color": "#102030",
            },
        },
    )
    after, style = await sign_in_page(plain_place)
    assert "Acme Projects" in after.text
    assert f'<img src="{LOGO}"' in after.text.partition("<main")[2]
    assert 'rel="icon" href="https://icons.example/i.png"' in after.text
    policy = after.headers["content-security-policy"]
    assert "img-src 'self' https://cdn.example https://icons.example" in policy
    assert "unsafe" not in policy
    assert "--brand:#0f766e" in style.text
    assert "background-color:#102030" in style.text
    assert "color:#ffffff" in style.text
    assert "--heading-at:center" in style.text
    assert "immutable" in style.headers["cache-control"]
    assert style.text != plain.text
    assert "style=" not in after.text
    await replaced(plain_place, {})
    again, _ = await sign_in_page(plain_place)
    assert "<bdi>app-" in again.text


async def test_a_background_stays_within_its_declaration(plain_place):
    ground = "url(/assets/ast_12.png) center / cover no-repeat, linear-gradient(45deg, red, blue)"
    await replaced(plain_place, {"login": {"background_style": ground}})
    _, style = await sign_in_page(plain_place)
    assert f"{{background:{ground}}}" in style.text
    assert style.text.count("{") == style.text.count("}")
    await replaced(plain_place, {})


async def test_the_portal_has_a_look_of_its_own(plain_place):
    await replaced(plain_place, {"color": "#0f766e", "portal": {"accent_color": "#7c3aed"}})
    async with plain_place.visitor() as visitor:
        assert "--brand:#7c3aed" in (await visitor.http.get("/login/portal.css")).text
        assert "--brand:#0f766e" in (await visitor.http.get("/login/style.css")).text
        assert "--brand:#0f766e" in (await visitor.http.get("/login/base.css")).text
    await replaced(plain_place, {})


async def test_an_organization_s_brand_is_shown_while_the_feature_is_on(plain_place):
    organization = await plain_place.make.organization("Globex")
    await plain_place.api.organizations.update_organization_branding(
        organization_id=organization["id"], source="BRANDING_SOURCE_CUSTOM"
    )
    page, _ = await sign_in_page(plain_place, organization_id=organization["id"])
    assert "<bdi>Globex</bdi>" in page.text
    await plain_place.api.settings.update_settings(settings={"organization_branding": "false"})
    page, _ = await sign_in_page(plain_place, organization_id=organization["id"])
    assert "<bdi>Globex</bdi>" not in page.text
    await plain_place.api.settings.update_settings(reset=["organization_branding"])


async def test_sign_up_ends_on_the_page_at_once(plain_place):
    page, _ = await sign_in_page(plain_place)
    assert "page=sign_up" in page.text
    await plain_place.api.settings.update_settings(settings={"sign_up": "false"})
    page, _ = await sign_in_page(plain_place)
    assert "page=sign_up" not in page.text
    await plain_place.api.settings.update_settings(reset=["sign_up"])


async def test_what_a_file_sets_is_fixed(plain_place):
    look = {"support_email": "Help <help@acme.example>", "app_name": "Acme"}
    assert (await replaced(plain_place, look))["support_email"] == look["support_email"]
    with pytest.raises(Exception, match="TENANTRY_SUPPORT_EMAIL") as problem:
        await replaced(plain_place, {"support_email": "other@acme.example"})
    assert problem.value.fields == [problem.value.spelled("customization_settings.support_email")]
    # Left out, it stays.
    assert (await replaced(plain_place, {}))["support_email"] == look["support_email"]


async def test_mail_bears_the_new_name(plain_place):
    await replaced(plain_place, {"app_name": "Initech Cloud"})
    email = f"{unique('ada')}@example.com"
    await plain_place.api.passwordless.send_passwordless_email(email=email)
    assert "Initech Cloud" in await plain_place.mail(email)
    await replaced(plain_place, {})


async def test_the_ways_to_sign_in_and_the_life_of_codes_change_at_once(plain_place):
    api, email = plain_place.api, f"{unique('ada')}@example.com"
    sent = await api.passwordless.send_passwordless_email(email=email)
    assert sent["expires_in"] == 300
    stored = {
        "sign_in_methods": "password,email",
        "email_code_seconds": "120",
        "email_same_browser": "false",
    }
    await api.settings.update_settings(settings=stored)
    sent = await api.passwordless.send_passwordless_email(email=f"{unique('bob')}@example.com")
    assert sent["expires_in"] == 120
    page, _ = await sign_in_page(plain_place)
    assert 'id="passkey"' not in page.text
    await api.settings.update_settings(reset=list(stored))
    page, _ = await sign_in_page(plain_place)
    assert 'id="passkey"' in page.text
    with refused("INVALID_ARGUMENT", "settings.sign_in_methods"):
        await api.settings.update_settings(settings={"sign_in_methods": "telephone"})
