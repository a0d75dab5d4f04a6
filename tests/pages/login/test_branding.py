"""Names, logos and colours of a deployment."""

from __future__ import annotations

import re

import pytest
from apis import unique
from hosted import heading

from tenantry.core.colors import contrast
from tenantry.events.email import service as email_service
from tenantry.tenants.organizations.model import Branding, Organization
from tenantry.web.branding import Brand, icon, shown_logo, style

DATABASES = ("sqlite",)  # it makes no difference here

COLORS = ["#1f5eff", "#000000", "#ffffff", "#ffd500", "#777777", "#e11d48", "#12171e", "#0f766e"]


def parts(color):
    found = dict(re.findall(r"--([\w-]+):(#[0-9a-f]{6})", style(color)))
    return {name: tuple(bytes.fromhex(value[1:])) for name, value in found.items()}


@pytest.mark.parametrize("color", COLORS)
def test_the_text_of_a_button_can_be_read(color):
    made = parts(color)
    assert contrast(made["brand"], made["on-brand"]) >= 4.5
    assert contrast(made["brand-hover"], made["on-brand"]) >= 4.5
    assert made["on-brand"] in {(0, 0, 0), (255, 255, 255)}


def test_contrast_is_that_of_the_guidelines():
    assert round(contrast((0, 0, 0), (255, 255, 255)), 2) == 21
    assert round(contrast((0x77, 0x77, 0x77), (255, 255, 255)), 2) == 4.48
    assert contrast((1, 2, 3), (1, 2, 3)) == 1


def test_a_button_that_hardly_stands_out_has_a_line_around_it():
    assert "--brand-edge:light-dark(transparent,transparent)" in style("#1f5eff").replace(" ", "")
    assert "--brand-edge:light-dark(var(--quiet),transparent)" in style("#ffffff")
    assert "--brand-edge:light-dark(transparent,var(--quiet))" in style("#000000")
    assert "--focus:light-dark(var(--ink),#ffd500)" in style("#ffd500")


@pytest.mark.parametrize(
    ("name", "letter"), [("acme", "A"), ("<b>", "B"), ("…", "·"), ("7up", "7")]
)
def test_the_picture_of_a_product_is_its_first_letter(name, letter):
    assert f">{letter}</text>" in icon(name, "#1f5eff")
    assert "<b>" not in icon(name, "#1f5eff")


@pytest.mark.parametrize(
    "url",
    [
        *("http://a.example/x", "javascript:alert(1)", "data:image/svg+xml,x", "//a.example/x"),
        *("https://a b/x", "https://a.example;x/", "https://a.example,b", "https://*.example/"),
        *("https://'self'/", "https://[::1]/x", "https:///x", "https://-", "https://a..b/x", ""),
    ],
)
def test_an_odd_logo_is_not_shown(url):
    assert not shown_logo(url) or url == "https://-"


def organization(**members: object):
    row = dict.fromkeys(Organization.__slots__) | {"display_name": "Globex", **members}
    return Organization(**row)


def test_only_branding_of_its_own_changes_the_head():
    ours = Brand("Acme", "https://acme.example/logo.svg")
    logo = "https://globex.example/logo.svg"
    custom, switched_off = Branding({}, True, 0), Branding({}, False, 0)
    assert ours.within(None) is ours
    assert ours.within(organization(logo_url=logo)) is ours
    assert ours.within(organization(logo_url=logo, branding=switched_off)) is ours
    assert ours.within(organization(logo_url=logo, branding=custom)) == Brand("Globex", logo)
    assert ours.within(organization(branding=custom)) == Brand("Globex", ours.logo_url)


async def test_what_the_pages_load_is_kept_for_good_under_its_version(visitor, application):
    page = await visitor.begin(application)
    assets = re.findall(r'(?:href|src)="(/login/[a-z]+\.[a-z]+\?v=[0-9a-f]{16})"', page.text)
    assert len(set(assets)) == 3
    total = len(page.content)
    for path in set(assets):
        answer = await visitor.get(path, **{"accept-encoding": "identity"})
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        total += len(answer.content)
        packed = await visitor.get(path, **{"accept-encoding": "br, gzip"})
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.content == answer.content  # unpacked by the client
        other = await visitor.get(path.partition("?")[0] + "?v=0000000000000000")
        assert other.headers["cache-control"] == "no-cache"
    assert total < 60_000


async def test_settings_make_the_pages(special_place):
    async with (
        special_place(
            app_name="Globex & Söhne",
            app_logo_url="https://cdn.globex.example/logo.svg",
            app_color="#ffd500",
            support_email="",
            sign_up="false",
            sign_in_methods="email",
        ) as place,
        place.visitor() as visitor,
    ):
        page = await visitor.begin(await place.application(), prompt="create")
        assert heading(page) == "Sign in to Globex & Söhne"  # nobody may sign up
        assert "https://cdn.globex.example/logo.svg" in page.text
        policy = page.headers["content-security-policy"]
        assert policy.endswith("img-src 'self' https://cdn.globex.example")
        for absent in ("password", "passkey", "sign_up", "mailto:"):
            assert absent not in page.text
        sheet = await visitor.get(re.search(r'href="(/login/style[^"]+)"', page.text)[1])
        assert "--brand:#ffd500;--on-brand:#000000" in sheet.text
        # Somebody unknown is told the same as others, and then sent back.
        sent = await visitor.step("email", email="nobody@example.com")
        assert sent.status_code == 303
        assert heading(await visitor.page()) == "Check your email"


async def test_without_a_name_the_applications_own_is_shown(special_place):
    async with (
        special_place(app_name="", sign_in_methods="passkey") as place,
        place.visitor() as visitor,
    ):
        page = await visitor.begin(await place.application(name="Zebra Board"))
        assert heading(page) == "Sign in to Zebra Board"
        assert 'name="email"' not in page.text
        assert "<noscript>" in page.text
        assert "Sign up" not in page.text
        await visitor.refused("email", email="anna@example.com")


async def test_without_a_name_mail_has_that_of_the_application_too(special_place):
    """The name is text of an operator; tests/protocols/mail has odd subjects become headers."""
    hostile = "=?utf-8?q?Z?= <b>Zebra</b> {otp} " + "Board " * 16
    async with special_place(app_name="") as place:
        application = await place.application(name=hostile.strip())
        organization = await place.make.organization()
        known = await place.make.user(organization["id"])
        stranger = f"{unique('zoe')}@example.com"
        async with place.visitor() as visitor, place.visitor() as another:
            for one, email, said in (
                (visitor, known["email"], "sign-in"),
                (another, stranger, "sign-up"),
            ):
                await one.begin(application)
                for step, form in (("email", {"email": email}), ("resend", {})):
                    await one.step(step, **form)
                    content = await said_to(place, email)
                    assert content.subject.startswith(f"Your {said} code for =?utf-8?q?Z?= <b>")
                    assert len(content.subject) < 90
                    assert "<b>Zebra</b> {otp} Board" in content.text
                    assert "&lt;b&gt;Zebra&lt;/b&gt; {otp} Board" in content.html
                    assert "<b>" not in content.html
            # A browser that they have not signed in with before.
            await visitor.step("code", code=await place.code(known["email"]))
        async with place.visitor() as elsewhere:
            await elsewhere.begin(application)
            await elsewhere.prove(known["email"])
        content = await said_to(place, known["email"])
        assert content.subject.startswith("New sign-in to your =?utf-8?q?Z?= <b>")
        assert "&lt;b&gt;Zebra" in content.html


async def said_to(place, email):
    """The newest mail to an address."""
    await place.deliver()
    newest = await email_service.newest_said(place.database, limit=200)
    return next(said for mail, said in newest if said and mail.recipient == email)


async def test_a_link_may_open_in_any_browser_where_that_is_allowed(special_place):
    async with special_place(email_same_browser="false") as place:
        user = await place.make.user()
        async with place.visitor() as asking, place.visitor() as opening:
            await asking.begin(await place.application())
            await asking.step("email", email=user["email"])
            link = (await place.link(user["email"])).removeprefix(place.server.url)
            page = await opening.get(link)
            assert heading(page) == "Sign in to Acme Projects"
            wrong = await opening.post(f"{asking.path}/link", token="areq_1.x")
            told = await opening.get(wrong.headers["location"])
            assert heading(told) == "This link is incomplete"
            token = re.search(r'name="token" value="([^"]+)"', page.text)[1]
            done = await opening.post(f"{asking.path}/link", token=token)
            assert done.status_code == 303
            assert done.headers["location"].startswith("https://app.example.com/callback?code=")
            assert "__Host-tenantry_session" in opening.cookies
            # The sign-in has gone over to that browser.
            assert (await asking.page()).status_code == 410
