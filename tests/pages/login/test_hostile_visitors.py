"""Visitors that try to harm others: cross-site posts, injected texts, fixed sessions."""

from __future__ import annotations

import html
import re

import pytest
from apis import unique
from hosted import answered, heading

DATABASES = ("sqlite",)  # it makes no difference here

STEPS = (
    *("email", "password", "passkey", "passkey/options", "code", "second-factor"),
    *(
        "new-password",
        "organization",
        "sign-up",
        "resend",
        "restart",
        "cancel",
        "link",
        "forgotten",
    ),
)
SESSION, BROWSER = "__Host-tenantry_session", "__Host-tenantry_login_"
NAMES = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}{% raw %}",
    "{0}{app}{x.__class__}%(y)s",
    "a&b'c\u2028d",
    "\u202eexe.cod\u202c \u2066x",
    "Ω" * 200,
]


def new_email() -> str:
    return f"{unique('anna')}@example.com"


# 58: forms of other sites, other people's browsers, frames.


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": ""},
        {"sec-fetch-site": "cross-site", "origin": "OURS"},
        {"referer": "OURS/login/x"},
        {"origin": "OURS.evil.example"},
        {"origin": "OURS, https://evil.example"},
    ],
)
async def test_a_form_of_another_site_takes_no_step(place, application, visitor, headers):
    await visitor.begin(application)
    await visitor.step("email", email=new_email())
    sent = {name: value.replace("OURS", place.server.url) for name, value in headers.items()}
    for step in STEPS:
        page = await visitor.post(
            f"{visitor.path}/{step}", sent, code="000000", email="a@b.example"
        )
        assert page.status_code == 403, step
        assert heading(page) == "Request blocked"
        assert "set-cookie" not in page.headers
    assert (await visitor.post("/invitations/x", sent)).status_code == 403
    assert heading(await visitor.page()) == "Check your email"


async def test_an_old_browser_says_its_origin_alone(place, application, visitor):
    await visitor.begin(application)
    ours = {"origin": place.server.url}
    sent = await visitor.post(f"{visitor.path}/email", ours, email=new_email())
    assert sent.status_code == 303


async def test_another_browser_sees_and_does_nothing(place, application, visitor):
    """The address of a sign-in alone opens nothing: it is bound to a cookie."""
    email = new_email()
    await visitor.begin(application)
    await visitor.step("email", email=email)
    code = await place.code(email)
    async with place.visitor() as stranger:
        await stranger.begin(application)  # has a cookie, of its own
        for answer in (
            await stranger.get(visitor.path),
            *[await stranger.post(f"{visitor.path}/{step}", code=code) for step in STEPS],
        ):
            assert answer.status_code in {404, 410}
            assert email not in answer.text
    async with place.visitor() as stranger:
        assert (await stranger.get(visitor.path)).status_code == 410
    assert heading(await visitor.page()) == "Check your email"


@pytest.mark.parametrize("value", ["", "x", "A" * 43, "é".encode(), "a b", "A" * 6000])
async def test_a_made_up_cookie_is_none(visitor, application, value):
    await visitor.begin(application)
    cookie = f"{visitor.login_cookie}=".encode() + (
        value if isinstance(value, bytes) else value.encode()
    )
    answer = await visitor.http.get(visitor.path, headers={"cookie": cookie})
    assert answer.status_code == 410


async def test_a_cookie_tossed_from_a_sibling_is_not_read(visitor, application):
    """Only the __Host- name counts, which no other host can set (RFC 6265bis)."""
    await visitor.begin(application)
    name = visitor.login_cookie
    secret, bare = visitor.cookies[name], name.removeprefix("__Host-")
    for name in (bare, f"__Secure-{bare}", f"__host-{bare}", BROWSER, f"{BROWSER}1"):
        answer = await visitor.http.get(visitor.path, headers={"cookie": f"{name}={secret}"})
        assert answer.status_code == 410


async def test_who_signs_in_gets_a_fresh_session(place, application, visitor):
    """A session cookie that somebody planted does not become that of the person signing in."""
    user = await place.make.user()
    async with place.visitor() as attacker:
        await attacker.begin(application)
        answered(await attacker.prove((await place.make.user())["email"]))
        planted = attacker.cookies[SESSION]
    visitor.cookies[SESSION] = planted
    await visitor.begin(application, prompt="login")
    answered(await visitor.prove(user["email"]))
    assert visitor.cookies[SESSION] not in {planted, ""}


async def test_a_planted_login_cookie_gives_nothing_to_who_planted_it(place, application):
    """A sign-in that one person began, and has somebody else go on with."""
    user = await place.make.user()
    async with place.visitor() as thief, place.visitor() as victim:
        await thief.begin(application)
        victim.path = thief.path
        victim.cookies[thief.login_cookie] = thief.cookies[thief.login_cookie]
        answered(await victim.prove(user["email"]))
        assert SESSION in victim.cookies
        for _ in range(2):
            assert (await thief.page()).status_code == 410
        assert SESSION not in thief.cookies


async def test_a_copied_login_cookie_is_worth_nothing_once_somebody_proved_who_they_are(
    place, application, visitor
):
    first, second = [(await place.make.organization())["id"] for _ in range(2)]
    user = await place.make.user(first)
    await place.api.users.create_membership(
        organization_id=second, id=user["id"], membership={}, send_invitation_email=False
    )
    await visitor.begin(application)
    async with place.visitor() as thief:
        thief.path = visitor.path
        thief.cookies |= visitor.cookies
        assert (await thief.page()).status_code == 200
        await visitor.prove(user["email"])
        assert heading(await visitor.page()) == "Choose an organization"
        assert visitor.cookies[visitor.login_cookie] != thief.cookies[visitor.login_cookie]
        assert (await thief.page()).status_code == 410
        taken = await thief.step("organization", organization_id=first)
        assert taken.status_code == 410
        assert SESSION not in thief.cookies
    answered(await visitor.step("organization", organization_id=first))


async def test_two_tabs_sign_in_side_by_side(place, application, visitor):
    """And each of them as somebody else, or as the same person again."""
    users = [await place.make.user() for _ in range(2)]
    await visitor.begin(application)
    first = visitor.path
    await visitor.step("email", email=users[0]["email"])
    await visitor.begin(application)
    second = visitor.path
    assert first != second
    await visitor.step("email", email=users[1]["email"])
    for path, user in ((first, users[0]), (second, users[1])):
        visitor.path = path
        assert user["email"] in (await visitor.page()).text
    for path, user in ((first, users[0]), (second, users[1])):
        visitor.path = path
        answered(await visitor.step("code", code=await place.code(user["email"])))
        # Back shows that it is over, and does no harm.
        assert (await visitor.page()).status_code == 410


async def test_the_cookies_are_out_of_reach_of_scripts_and_other_sites(place, application, visitor):
    user = await place.make.user()
    sent = await visitor.get(application.path())
    assert re.fullmatch(
        rf"{BROWSER}\d+=[\w-]{{43}}; Max-Age=3600; Path=/; HttpOnly; SameSite=Lax; Secure",
        sent.headers["set-cookie"],
    )
    visitor.path = sent.headers["location"]
    done = await visitor.prove(user["email"])
    assert re.fullmatch(
        rf"{SESSION}=[\w-]{{43}}; Max-Age=28800; Path=/; HttpOnly; SameSite=Lax; Secure",
        done.headers.get_list("set-cookie")[0],
    )


async def test_every_page_is_framed_by_nobody_and_kept_by_nobody(place, application, visitor):
    await visitor.begin(application)
    for answer in (
        await visitor.page(),
        await visitor.page("?page=sign_up"),
        await visitor.page("?page=reset"),
        await visitor.step("email", email="no address"),
        await visitor.step("email", email=new_email()),
        await visitor.page(),
        await visitor.post(f"{visitor.path}/email", {}, email="x"),
        await visitor.get("/login/areq_1"),
        await visitor.get("/login/error/err_1"),
        await visitor.get(f"{visitor.path}/link?link_token=x"),
        await visitor.get("/login/areq_1/link?link_token=x"),
        await visitor.get("/invitations/x"),
    ):
        headers = answer.headers
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] in {"same-origin", "no-referrer"}
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers
        if answer.status_code == 303:
            continue
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy == {
            "default-src": "'none'",
            "font-src": "'self'",
            "style-src": "'self'",
            "script-src": "'self'",
            "connect-src": "'self'",
            "img-src": "'self'",
            "base-uri": "'none'",
            "frame-ancestors": "'none'",
        }
        assert not re.search(r"<script(?! src=)|<style| style=| on[a-z]+=", answer.text)
        assert {
            urls.partition("?")[0] for urls in re.findall(r'(?:src|href)="(/[^"]*)"', answer.text)
        } <= {
            "/login/style.css",
            "/login/login.js",
            "/login/icon.svg",
            "/login/inter.woff2",
            visitor.path,
        }


# 54: our addresses come from the public URL alone.


async def test_a_host_header_does_not_get_into_pages_or_mail(place, application, visitor):
    email = new_email()
    await visitor.begin(application)
    forged = {
        "host": "evil.example",
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "http",
        "forwarded": "host=evil.example",
        "x-original-url": "/evil.example",
    }
    page = await visitor.get(visitor.path, **forged)
    assert page.status_code == 200
    assert "evil" not in page.text + str(page.headers)
    ours = {"origin": place.server.url, "sec-fetch-site": "same-origin"}
    sent = await visitor.post(f"{visitor.path}/email", {**ours, **forged}, email=email)
    assert sent.headers["location"] == visitor.path
    text = await place.mail(email)
    assert "evil" not in text
    assert f"{place.server.url}{visitor.path}/link?link_token=" in text
    # And the origin of a forged host is not ours.
    forged["origin"] = "https://evil.example"
    refused = await visitor.post(f"{visitor.path}/resend", forged)
    assert refused.status_code == 403


@pytest.mark.parametrize(
    "path",
    ["/login/../oauth/token", "//evil.example/login", "/login//", "/login/%2e%2e", "/login/a%00"],
)
async def test_odd_paths_lead_nowhere(visitor, path):
    answer = await visitor.get(path)
    assert answer.status_code in {400, 404, 405, 410}
    assert "location" not in answer.headers


# 55: names are text.


@pytest.mark.parametrize("name", NAMES)
async def test_a_name_is_text_wherever_it_stands(place, application, visitor, name):
    named = await place.make.organization(name)
    other = await place.make.organization("Other")
    user = await place.make.user(named["id"])
    await place.api.users.create_membership(
        organization_id=other["id"], id=user["id"], membership={}, send_invitation_email=False
    )
    await visitor.begin(application)
    await visitor.prove(user["email"])
    page = await visitor.page()
    assert heading(page) == "Choose an organization"
    escaped = html.escape(name).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
    assert f'<bdi class="name">{escaped}</bdi>' in page.text
    assert name == escaped or name not in page.text
    # And in the head of the page where its organization is branded, which titles it as well.
    await place.api.organizations.update_organization_branding(
        organization_id=named["id"], source="BRANDING_SOURCE_CUSTOM"
    )
    async with place.visitor() as browser:
        page = await browser.begin(application, organization_id=named["id"])
        assert page.status_code == 200
        assert f"<bdi>{escaped}</bdi>" in page.text
        assert name == escaped or name not in page.text


async def test_what_was_typed_is_text_when_it_comes_again(application, visitor):
    await visitor.begin(application)
    for typed in NAMES[:5]:
        page = await visitor.refused("email", email=f"{typed} x")
        assert typed not in page.text or "<" not in typed + '"'
        assert "<script>" not in page.text
        assert "onerror=alert(1)>" not in html.unescape(page.text).replace(typed, "")


async def test_a_login_hint_is_text(application, visitor):
    page = await visitor.begin(application, login_hint='"><script>alert(1)</script>')
    assert "<script>alert" not in page.text


@pytest.mark.parametrize(
    ("logo_url", "origin"),
    [
        ("https://cdn.example.com/logo.svg", "https://cdn.example.com"),
        ("https://cdn.example.com:8443/a?b=c", "https://cdn.example.com:8443"),
        ("https://evil.example;script-src;/x.png", None),
        ("https://evil.example,*/x.png", None),
        ("https://user@evil.example/x.png", None),
        ("https://exämple.com/x.png", None),
        ("https://*/x.png", None),
    ],
)
async def test_a_logo_adds_its_origin_to_the_policy_and_nothing_else(
    place, application, visitor, logo_url, origin
):
    named = await place.make.organization("Branded", logo_url=logo_url)
    await place.api.organizations.update_organization_branding(
        organization_id=named["id"], source="BRANDING_SOURCE_CUSTOM"
    )
    page = await visitor.begin(application, organization_id=named["id"])
    policy = page.headers["content-security-policy"]
    if origin is None:
        assert "evil" not in policy
        assert policy.endswith("img-src 'self'")
        assert logo_url not in html.unescape(page.text)
    else:
        assert policy.endswith(f"img-src 'self' {origin}")
        assert (
            f'<img src="{html.escape(logo_url)}" alt="" referrerpolicy="no-referrer">' in page.text
        )


async def test_free_styles_of_a_tenant_get_onto_no_page(place, application, visitor):
    named = await place.make.organization("Branded")
    await place.api.organizations.update_organization_branding(
        organization_id=named["id"],
        source="BRANDING_SOURCE_CUSTOM",
        customization_settings={"background": "url(https://evil.example/x) } body { display:none"},
    )
    page = await visitor.begin(application, organization_id=named["id"])
    assert "evil" not in page.text


async def test_without_branding_of_its_own_the_deployment_is_shown(place, application, visitor):
    named = await place.make.organization("Unbranded", logo_url="https://cdn.example.com/x.png")
    page = await visitor.begin(application, organization_id=named["id"])
    assert "Unbranded" not in page.text
    assert heading(page) == "Sign in to Acme Projects"
    page = await visitor.begin(application, organization_id="org_1234567890")
    assert heading(page) == "Sign in to Acme Projects"


async def test_odd_forms_cost_no_error(application, visitor, place):
    await visitor.begin(application)
    ours = {"origin": place.server.url, "sec-fetch-site": "same-origin"}
    cookie = {"cookie": "; ".join(f"{k}={v}" for k, v in visitor.cookies.items())}
    for content, media_type, status in (
        (b"email=a&email=b", "application/x-www-form-urlencoded", 400),
        (b"email=\xff", "application/x-www-form-urlencoded", 400),
        (b"email=%00", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"x%d=1" % n for n in range(99)), "application/x-www-form-urlencoded", 400),
        (b'{"email":"a"}', "application/json", 415),
        (b"", "multipart/form-data; boundary=x", 415),
        (b"email=a", "text/plain", 415),
    ):
        answer = await visitor.http.post(
            f"{visitor.path}/email",
            content=content,
            headers={**ours, **cookie, "content-type": media_type},
        )
        assert answer.status_code == status, (content, answer.text)
        assert heading(answer) == "Couldn't complete this request"
