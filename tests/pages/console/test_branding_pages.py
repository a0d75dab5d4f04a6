"""The branding page of the console: the form, its previews and their security."""

from __future__ import annotations

import re

import pytest
from operators_at_work import FORM, OPERATOR, OWN, enter, texts
from pictures_of_tests import png

from tenantry.identity.operators.model import READER


@pytest.fixture
async def browser(http, database):
    """An operator with the role that changes things."""
    return await enter(http, database, OPERATOR)


@pytest.fixture(autouse=True)
async def _as_before(api):
    """Leave the look as it is by itself: other tests use the server too."""
    yield
    listed = await api.settings.list_settings()
    stored = [one["name"] for one in listed["settings"] if one["source"] == "STORED"]
    if stored:
        await api.settings.update_settings(reset=stored)


async def look(api):
    return (await api.environments.get_portal_customization())["customization_settings"]


async def previewed(browser, page="sign-in", **fields: str):
    answer = await browser.post(f"/console/branding/preview/{page}", **fields)
    assert answer.status_code == 200, answer.text
    return answer


async def test_the_form_is_saved_and_shown(browser, api):
    page = await browser.send(
        "/console/branding/save", app_name="Acme <b>", color="#0f766e", login_border_radius="L"
    )
    assert "Branding saved." in texts(page)
    assert 'value="Acme &lt;b&gt;"' in page
    found = await look(api)
    assert (found["app_name"], found["login"]["border_radius"]) == ("Acme <b>", "L")
    # A member that a form does not have stays.
    await browser.send("/console/branding/save", color="#1f5eff")
    assert (await look(api))["app_name"] == "Acme <b>"


async def test_an_invalid_value_is_reported_at_its_field(browser, api):
    page = await browser.send(
        "/console/branding/save", login_background_style="red;}", color="#0f766e"
    )
    assert 'id="login_background_style-problem"' in page
    assert 'value="red;}"' in page
    assert (await look(api))["color"] == "#1f5eff"


async def test_the_preview_of_mail_has_the_colour_of_the_form(browser):
    answer = await previewed(browser, "mail", color="#ffe94a")
    assert "background:#ffe94a;color:#000000" in answer.text
    assert "background:#1b55d9;color:#ffffff" in (await previewed(browser, "mail")).text


async def test_a_preview_shows_what_is_not_saved(browser, api):
    ground = "linear-gradient(red, blue)"
    answer = await previewed(
        browser, app_name="Initech", color="#7c3aed", login_background_style=ground
    )
    assert "Initech" in answer.text
    style = re.search(r'href="(/console/branding/preview/[\w-]+/style\.css\?v=\w+)"', answer.text)[
        1
    ]
    sheet = await browser.http.get(style)
    assert "--brand:#7c3aed" in sheet.text
    assert f"background:{ground}" in sheet.text
    assert (await look(api))["app_name"] == ""


async def test_the_preview_shows_the_methods_in_use(browser, api):
    await api.settings.update_settings(settings={"sign_in_methods": "email", "sign_up": "false"})
    page = (await previewed(browser)).text
    before = page.count("GitHub")  # of other tests
    assert "passkey" not in page
    assert "Sign up" not in page
    made = await api.connections.create_environment_connection(
        connection={"provider": "GITHUB", "type": "OAUTH"}
    )
    id_ = made["connection"]["id"]
    try:
        assert (await previewed(browser)).text.count("GitHub") == before
        await api.connections.update_environment_connection(
            connection_id=id_,
            connection={
                "provider": "GITHUB",
                "oauth_config": {"client_id": "us", "client_secret": "a-secret-of-some-length"},
            },
        )
        await api.connections.enable_environment_connection(connection_id=id_)
        assert (await previewed(browser)).text.count("GitHub") > before
    finally:
        await api.connections.delete_environment_connection(connection_id=id_)


async def test_a_preview_is_framed_only_by_this_site_and_runs_no_script(browser):
    for page in ("sign-in", "portal", "mail"):
        answer = await previewed(browser, page, app_name="Initech")
        policy = answer.headers["content-security-policy"]
        assert "frame-ancestors 'self'" in policy
        assert "form-action 'none'" in policy
        assert "script-src" not in policy
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"
        assert "Initech" in answer.text
    page = await browser.http.get("/console/branding", headers={"cookie": browser.cookie})
    assert "frame-src 'self'" in page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize(
    "hostile",
    ["red;}body{display:none}", "</style><script>alert(1)</script>", "\\72 ed", "x" * 9000],
)
async def test_a_preview_ignores_invalid_values(browser, hostile):
    answer = await previewed(browser, login_background_style=hostile, color="#0f766e")
    assert hostile not in answer.text
    style = re.search(r'href="(/console/branding/preview/[^"]+\.css[^"]*)"', answer.text)[1]
    sheet = await browser.http.get(style)
    assert hostile not in sheet.text
    assert "--brand:#0f766e" in sheet.text


async def test_a_forged_preview_is_rejected(browser):
    for token in ("x", "A" * 200, "-_" * 40):
        answer = await browser.http.get(f"/console/branding/preview/{token}/style.css")
        assert answer.status_code == 404


async def test_a_picture_comes_with_the_form(browser, api):
    boundary = "x-boundary"
    body = (
        (
            f"--{boundary}\r\ncontent-disposition: form-data; name=color\r\n\r\n#0f766e\r\n"
            f"--{boundary}\r\n"
            "content-disposition: form-data; name=logo_url_file; filename=l.png\r\n"
            "content-type: image/png\r\n\r\n"
        ).encode()
        + png(20, 10)
        + f"\r\n--{boundary}--\r\n".encode()
    )
    headers = {
        "cookie": browser.cookie,
        "content-type": f"multipart/form-data; boundary={boundary}",
        **OWN,
    }
    answer = await browser.http.post("/console/branding/save", content=body, headers=headers)
    assert answer.status_code == 303, answer.text
    logo = (await look(api))["logo_url"]
    served = await browser.http.get(logo)
    assert served.headers["content-type"] == "image/png"


async def test_a_picture_is_removed(browser, api):
    first, second = "https://cdn.example/logo.png", "https://cdn.example/icon.png"
    page = await browser.get("/console/branding")
    assert "_off" not in page
    page = await browser.send("/console/branding/save", logo_url=first, login_favicon_url=second)
    assert re.findall(r'name="(\w+)_off"', page) == ["logo_url", "login_favicon_url"]
    fields = {"logo_url": first, "login_favicon_url": second, "logo_url_off": "true"}
    shown = await previewed(browser, **fields)
    assert (first in shown.text, second in shown.text) == (False, True)
    assert (await look(api))["logo_url"] == first
    await browser.send("/console/branding/save", **fields)
    found = await look(api)
    assert (found["logo_url"], found["login"]["favicon_url"]) == ("", second)
    # The same by the API: a member that is empty, or left out.
    await api.environments.update_portal_customization(
        id=(await api.environments.list_environment())["environments"][0]["id"],
        customization_settings={"logo_url": "", "login": {}},
    )
    assert (await look(api))["login"]["favicon_url"] == ""
    listed = (await api.settings.list_settings())["settings"]
    sources = {one["name"]: one["source"] for one in listed}
    assert sources["app_logo_url"] == sources["login_icon_url"] == "DEFAULT"


async def test_a_reader_sees_and_saves_nothing(http, database):
    reader = await enter(http, database, READER)
    page = await reader.get("/console/branding")
    assert "Save</button>" not in page
    assert (await reader.post("/console/branding/save", color="#0f766e")).status_code == 403


async def test_a_form_of_another_site_is_refused(browser):
    headers = {"cookie": browser.cookie, "content-type": FORM, "sec-fetch-site": "cross-site"}
    for path in ("save", "preview/sign-in"):
        answer = await browser.http.post(
            f"/console/branding/{path}", content="color=%23000000", headers=headers
        )
        assert answer.status_code == 403
