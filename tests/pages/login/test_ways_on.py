"""No page is a dead end: each leads to an application, back to a step, or says what to do."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from apis import unique
from hosted import REDIRECT_URI, heading

ORIGIN = "https://app.example.com/"
HOME = "https://app.example.com/login?from=here"


def button(page) -> tuple[str, str]:
    """Where the button of a page leads, and what it says."""
    found = re.search(r'<a class="button" href="([^"]*)">(.*?)</a>', page.text, re.DOTALL)
    assert found, page.text
    said = re.sub(r"<[^>]*>", "", found[2]).strip()
    return found[1].replace("&amp;", "&"), said


@pytest.fixture(scope="module")
async def own_place(special_place):
    """A deployment without other applications."""
    async with special_place() as opened:
        yield opened


@pytest.fixture(scope="module", params=["", HOME], ids=["origin", "initiate-login-uri"])
async def way(request, own_place):
    """Where people go on: to where a sign-in begins, else to the origin of the redirect URI."""
    named = {"initiate_login_uri": request.param} if request.param else {}
    app = await own_place.application(REDIRECT_URI, name="Acme Board", **named)
    yield own_place, app, request.param or ORIGIN
    await own_place.api.clients.delete_client(client_id=app.id)


@pytest.fixture
async def guest(own_place):
    async with own_place.visitor() as opened:
        yield opened


async def test_an_ended_sign_in_leads_on(way, guest):
    place, app, uri = way
    await guest.begin(app)
    await place.expire(guest.path.removeprefix("/login/"))
    page = await guest.step("code", code="1")
    said = "Start over" if uri == HOME else "Continue to Acme Board"
    assert (page.status_code, *button(page)) == (410, uri, said)
    for path in ("/login/areq_1", "/login/nonsense", "/login/error/err_1"):
        page = await guest.get(path)
        assert button(page) == (uri, said), path


async def test_a_refused_request_leads_on(way, guest):
    _, app, uri = way
    sent = await guest.get(app.path(redirect_uri="https://evil.example/"))
    page = await guest.get(sent.headers["location"])
    assert button(page)[0] == uri
    # In English whatever the page speaks: a screen reader is told so.
    assert '<p class="note" lang="en"><bdi>this redirect_uri' in page.text
    sent = await guest.get(app.path(client_id="skc_1"))
    assert button(await guest.get(sent.headers["location"]))[0] == uri


async def test_who_is_not_signed_in_is_led_to_where_they_can_be(way, guest):
    _, _, uri = way
    page = await guest.get("/ui/profile/security")
    said = "Sign in" if uri == HOME else "Continue to Acme Board"
    assert (page.status_code, *button(page)) == (401, uri, said)


async def test_who_has_signed_out_is_led_on(way, guest):
    _, app, uri = way
    assert button(await guest.get("/oidc/logout"))[0] == uri
    page = await guest.get(f"/oidc/logout?client_id={app.id}")
    assert button(page) == (uri, "Continue to Acme Board")
    page = await guest.get(f"/oidc/logout?client_id={app.id}&post_logout_redirect_uri=x")
    assert (page.status_code, *button(page)) == (400, uri, "Continue to Acme Board")


async def test_an_accepted_invitation_leads_on(way, guest):
    place, _, uri = way
    email = f"{unique('guest')}@example.com"
    await place.api.users.create_user_and_membership(
        organization_id=(await place.make.organization())["id"],
        send_invitation_email=True,
        user={"email": email},
    )
    link = urlsplit(await place.link(email)).path
    page = await guest.post(link)
    if uri == HOME:
        assert page.status_code == 303
        assert page.headers["location"].startswith(f"{HOME}&organization_id=org_")
    else:
        assert button(page) == (uri, "Continue to Acme Board")
    page = await guest.get(link)
    assert (page.status_code, *button(page)) == (410, uri, "Continue to Acme Board")


@pytest.fixture
async def several(own_place):
    """Two applications, of which a guess would take the older."""
    apps = [
        await own_place.application(
            f"https://{name}.example.com/callback",
            name=name,
            initiate_login_uri=f"https://{name}.example.com/login",
        )
        for name in ("older", "newer")
    ]
    yield apps
    for app in apps:
        await own_place.api.clients.delete_client(client_id=app.id)


PAGES_OF_NO_APPLICATION = (
    *("/login/areq_1", "/login/error/err_1", "/invitations/x", "/not-me/x", "/oidc/logout"),
    *(
        "/oidc/logout?post_logout_redirect_uri=x",
        "/ui/profile/security",
        "/ui/organization/general",
    ),
    "/sso/v1/oauth/conn_1/start?login=areq_1",
)


@pytest.mark.parametrize("path", PAGES_OF_NO_APPLICATION)
async def test_a_page_that_belongs_to_none_of_several_applications_links_to_none(
    several, guest, path
):
    page = await guest.get(path)
    assert "<h1" in page.text
    assert not re.search(r"(older|newer)\.example\.com", page.text), page.text


async def test_a_page_that_belongs_to_one_of_several_applications_links_to_that(
    own_place, several, guest
):
    newer = several[1]
    uri = "https://newer.example.com/login"
    await guest.begin(newer)
    request_id = guest.path.removeprefix("/login/")
    await own_place.expire(request_id)
    assert button(await guest.step("code", code="1")) == (uri, "Start over")
    for path in (
        f"/sso/v1/oauth/conn_1/start?login={request_id}",
        f"/oidc/logout?client_id={newer.id}",
    ):
        assert button(await guest.get(path)) == (uri, "Continue to newer"), path
    organization = await own_place.make.organization()
    user = await own_place.make.user(organization["id"])
    await guest.begin(newer)
    await guest.prove(user["email"])
    for path in ("/ui/profile/account", "/ui/profile/organizations"):
        assert f'href="{uri}"' in (await guest.get(path)).text, path
    # Signed out here, from no application that says who it is.
    page = await guest.post("/oidc/logout", confirm="yes")
    assert button(page) == (uri, "Continue to newer")


@pytest.mark.parametrize("remembers", [True, False])
async def test_an_accepted_invitation_leads_to_its_application_or_says_what_to_do(
    own_place, several, guest, remembers
):
    email = f"{unique('guest')}@example.com"
    organization = await own_place.make.organization("Globex <Ltd>")
    named = {"x_client_id": several[1].id} if remembers else {}
    await own_place.api.sending(**named).users.create_user_and_membership(
        organization_id=organization["id"], user={"email": email}
    )
    page = await guest.post(urlsplit(await own_place.link(email)).path)
    if remembers:
        assert page.status_code == 303
        assert page.headers["location"].startswith("https://newer.example.com/login?organization")
        return
    assert page.status_code == 200
    assert heading(page) == "You have joined Globex <Ltd>"
    assert f"sign in as {email}" in re.sub(r"<[^>]*>", "", page.text)
    assert (await guest.get("/ui/profile/organizations")).status_code == 200


async def test_a_step_that_was_not_taken_leads_back_to_it(way, guest):
    _, app, _ = way
    await guest.begin(app)
    page = await guest.post(f"{guest.path}/email", headers={"sec-fetch-site": "cross-site"})
    assert (page.status_code, *button(page)) == (403, guest.path, "Back")
    page = await guest.post(f"{guest.path}/email", {"sec-fetch-site": "same-origin"}, email="\0")
    assert (page.status_code, *button(page)) == (400, guest.path, "Back")


@pytest.mark.parametrize("development", ["true", "false"])
async def test_a_redirect_uri_that_is_not_registered_is_shown_in_development_only(
    special_place, development
):
    wrong = "https://app.example.com/callback/<b>"
    async with special_place(development=development) as place, place.visitor() as visitor:
        app = await place.application(REDIRECT_URI)
        sent = await visitor.get(app.path(redirect_uri=wrong))
        page = await visitor.get(sent.headers["location"])
        long = await visitor.get(app.path(redirect_uri=f"https://evil.example/{'x' * 5000}"))
    assert page.status_code == 400
    assert "<b>" not in page.text
    shown = f"<code>{REDIRECT_URI}</code>" in page.text
    assert shown == (development == "true")
    assert ("<code>https://app.example.com/callback/&lt;b&gt;</code>" in page.text) == shown
    assert len(long.headers["location"]) < 1000
