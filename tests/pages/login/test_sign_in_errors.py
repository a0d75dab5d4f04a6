"""Sign-ins that ended, were refused or happen twice, by the pages."""

from __future__ import annotations

import asyncio

from hosted import heading, problems

SIGN_IN, SIGN_UP = "Sign in to Acme Projects", "Sign up for Acme Projects"


async def test_of_ten_clicks_at_once_one_signs_in(place, application, visitor):
    user = await place.make.user()
    await visitor.begin(application)
    await visitor.step("email", email=user["email"])
    code = await place.code(user["email"])
    done = await asyncio.gather(*(visitor.step("code", code=code) for _ in range(10)))
    codes = [one for one in done if one.headers.get("location", "").startswith("https://app")]
    assert len(codes) == 1
    assert {one.status_code for one in done} <= {303, 410}


async def test_what_has_ended_says_so(place, application, visitor):
    await visitor.begin(application)
    await place.expire(visitor.path.removeprefix("/login/"))
    for answer in (
        await visitor.page(),
        await visitor.step("email", email="anna@example.com"),
        await visitor.step("resend"),
        await visitor.step("cancel"),
        await visitor.get("/login/areq_1"),
        await visitor.get("/login/nonsense"),
    ):
        assert answer.status_code == 410
        assert heading(answer) == "This sign-in has ended"


async def test_what_has_ended_leads_back_to_where_the_application_begins(place, visitor):
    uri = "https://app.example.com/login?from=here"
    application = await place.application(initiate_login_uri=uri)
    await visitor.begin(application)
    await place.expire(visitor.path.removeprefix("/login/"))
    sent = await visitor.page()
    assert (sent.status_code, sent.headers["location"]) == (303, uri)
    # A typed text is not lost without a word; and without cookies there would be no end to it.
    for page in (await visitor.step("code", code="1"), await visitor.http.get(visitor.path)):
        assert page.status_code == 410
        assert f'<a class="button" href="{uri}"><span>Start over</span></a>' in page.text
    sent = await visitor.get(application.path(redirect_uri="https://evil.example/"))
    page = await visitor.get(sent.headers["location"])
    assert f'<a class="button" href="{uri}"><span>Start over</span></a>' in page.text


async def test_a_request_that_was_refused_says_why(place, application, visitor):
    sent = await visitor.get(application.path(redirect_uri="https://evil.example/"))
    page = await visitor.get(sent.headers["location"])
    error_id = sent.headers["location"].rpartition("/")[2]
    assert page.status_code == 400
    assert error_id in page.text
    assert "redirect_uri" in page.text
    assert "help@acme.example" in page.text
    for unknown in ("err_1", "nonsense"):
        assert (await visitor.get(f"/login/error/{unknown}")).status_code == 404


async def test_a_passkey_that_proves_nothing_is_refused(application, visitor):
    page = await visitor.begin(application)
    assert f'action="{visitor.path}/passkey"' in page.text
    options = await visitor.step("passkey/options")
    assert options.status_code == 200
    challenge = options.json()["challenge_id"]
    for credential in ("", "[]", "{", "null", "{}", '{"id":"x","response":{}}', "[" * 10_000):
        page = await visitor.refused("passkey", challenge_id=challenge, credential=credential)
        assert heading(page) == SIGN_IN
        assert problems(page)[0].startswith("This passkey can't be used")


async def test_no_page_needs_more_than_a_get(application, visitor):
    """HEAD is answered like GET, and takes no step."""
    await visitor.begin(application)
    for path in (visitor.path, "/login/error/err_1", "/login/style.css", "/invitations/x"):
        assert (await visitor.http.head(path)).status_code in {200, 404, 410}


async def test_the_page_is_in_the_language_of_who_reads_it(application, place):
    async with place.visitor(**{"accept-language": "de-CH, en;q=0.5"}) as visitor:
        page = await visitor.begin(application)
        assert '<html lang="de">' in page.text
        assert "Bei <bdi>Acme Projects</bdi> anmelden" in page.text
        page = await visitor.begin(application, ui_locales="sv en de")
        assert '<html lang="en">' in page.text
        page = await visitor.begin(application, ui_locales="pt-BR en")
        assert '<html lang="pt">' in page.text
        assert "Iniciar sessão em <bdi>Acme Projects</bdi>" in page.text
        page = await visitor.get("/login/areq_1")
        assert "Diese Anmeldung ist zu Ende" in page.text
