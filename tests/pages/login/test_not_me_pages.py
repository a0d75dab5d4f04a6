"""The page behind "this was not me" in a mail: it asks, acts once, and says what to do next."""

from __future__ import annotations

import re

import pytest
from apis import unique
from hosted import answered, heading

SESSION, DEVICE = "__Host-tenantry_session", "__Host-tenantry_device"
_LINK = re.compile(r"^https://\S+(/not-me/\S+)$", re.MULTILINE)


@pytest.fixture
async def email(place):
    """Somebody's address."""
    organization = await place.make.organization()
    email = f"{unique('told')}@example.com"
    await place.make.user(organization["id"], email=email)
    return email


async def sign_in(visitor, application, email):
    """Sign in by mail; return the tokens of the application."""
    await visitor.begin(application)
    done = await visitor.prove(email)
    return await application.tokens(visitor.http, answered(done)["code"])


@pytest.fixture
async def told(place, visitor, application, email):
    """The link of the mail about a second device, which its visitor has; and its tokens."""
    async with place.visitor() as first:
        await sign_in(first, application, email)
        assert first.cookies[DEVICE]
    tokens = await sign_in(visitor, application, email)
    (path,) = _LINK.findall(await place.mail(email))
    return path, tokens


async def refreshed(application, http, tokens):
    answer = await http.post(
        "/oauth/token",
        data={
            "grant_type": "refresh_token",
            "refresh_token": tokens["refresh_token"],
            "client_id": application.id,
            "client_secret": application.secret,
        },
    )
    return answer.status_code


async def test_not_me_takes_no_sign_in_asks_and_then_ends_sessions_and_refresh_tokens(
    place, visitor, application, told, email
):
    path, tokens = told
    async with place.visitor() as mailbox:
        for _ in range(2):  # opening it changes nothing
            page = await mailbox.get(path)
            assert page.status_code == 200
            assert heading(page) == "Wasn't this you?"
            assert email in page.text
            # As the mail writes it.
            assert re.search(r">\d{1,2} [A-Z][a-z]+ 20\d\d, \d\d:\d\d UTC<", page.text)
            assert "no-store" in page.headers["cache-control"]
        assert (await visitor.get("/ui/profile/security")).status_code == 200
        done = await mailbox.post(path)
        assert done.status_code == 200
        assert heading(done) == "You are signed out everywhere"
        assert "/ui/profile/passkeys" in done.text
        assert (await visitor.get("/ui/profile/security")).status_code == 401
        assert await refreshed(application, mailbox.http, tokens) == 400
        # Once: a person that has signed in again since stays so.
        again = await sign_in(visitor, application, email)
        assert heading(await mailbox.post(path)) == "You are signed out everywhere"
        assert await refreshed(application, mailbox.http, again) == 200
        assert (await visitor.get("/ui/profile/security")).status_code == 200


async def test_no_other_page_presses_the_button(place, visitor, told):
    path, _ = told
    foreign = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    assert (await visitor.post(path, headers=foreign)).status_code == 403
    assert (await visitor.get("/ui/profile/security")).status_code == 200


async def test_a_link_that_there_is_not_says_so(visitor, told):
    path, _ = told
    for token in ("x", path.rpartition("/")[2] + "x", "A" * 43, "%C3%A9", "x" * 3000, "mail_1."):
        for answer in (
            await visitor.get(f"/not-me/{token}"),
            await visitor.post(f"/not-me/{token}"),
        ):
            assert answer.status_code == 410
            assert heading(answer) == "This link is no longer valid"


async def test_the_page_speaks_german_too(place, told):
    path, _ = told
    async with place.visitor(**{"accept-language": "de"}) as mailbox:
        assert heading(await mailbox.get(path)) == "Waren das nicht Sie?"
