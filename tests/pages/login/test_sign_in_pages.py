"""Signing in and up by the pages, as a browser without scripts does it."""

from __future__ import annotations

import re

import pytest
from apis import unique
from hosted import answered, heading, password, problems
from sqlalchemy import bindparam, update

from tenantry.core.times import now
from tenantry.db.sql.statements import Statement
from tenantry.identity.authenticators.passwordless.model import passwordless_requests

SIGN_IN, SIGN_UP = "Sign in to Acme Projects", "Sign up for Acme Projects"
CODE, CHOOSE, CREATE = "Check your email", "Choose an organization", "Create your organization"
SESSION = "__Host-tenantry_session"
_EXPIRE_MAIL = Statement(
    update(passwordless_requests)
    .where(passwordless_requests.c.id == bindparam("p_id"))
    .values(expire_time=bindparam("p_at"))
    .returning(passwordless_requests.c.id)
)


def new_email() -> str:
    return f"{unique('anna')}@example.com"


@pytest.fixture
async def member(place):
    """A member of one organization, with a password that they have chosen."""
    user = await place.make.user()
    async with place.visitor() as browser:
        chosen = password()
        await browser.begin(await place.application())
        await browser.prove(user["email"], intent="reset_password")
        answered(await browser.step("new-password", password=chosen))
    return user, chosen


async def test_somebody_new_signs_up_by_a_code(place, application, visitor):
    email = new_email()
    page = await visitor.begin(application)
    assert page.status_code == 200
    assert heading(page) == SIGN_IN
    sent = await visitor.step("email", email=email)
    assert (sent.status_code, sent.headers["location"]) == (303, visitor.path)
    page = await visitor.page()
    assert heading(page) == CODE
    assert email in page.text
    sent = await visitor.step("code", code=await place.code(email))
    assert (sent.status_code, sent.headers["location"]) == (303, visitor.path)
    assert heading(await visitor.page()) == CREATE
    done = await visitor.step("sign-up", organization_name="Globex", first_name="Anna")
    answer = answered(done)
    assert set(answer) == {"code", "state", "iss"}
    assert answer["state"] == "a state"
    assert SESSION in visitor.cookies
    tokens = await application.tokens(visitor.http, answer["code"])
    assert {"access_token", "id_token", "refresh_token"} <= set(tokens)


async def test_the_pages_take_what_the_contracts_email_rule_takes(place, application, visitor):
    domain = f"{unique('kelvin')}.example"
    await place.make.user(email=f"mike@{domain}")
    await visitor.begin(application)
    typed = ("mi\u212ae@{}", "{}\u212a", "ann@stra\u00dfe-{}", "j\u00fcrgen@{}", "a@b@{}")
    for address in (*typed, "a" * 65 + "@{}"):
        for step in ("email", "password"):
            refused = await visitor.refused(step, email=address.format(domain), password="any")
            assert problems(refused) == ["Enter a valid email address, such as name@example.com."]
    assert heading(await visitor.page()) == SIGN_IN


async def test_mail_goes_to_the_stored_address_and_never_to_what_was_typed(
    place, application, visitor
):
    stored = f"{unique('Mike')}@Example.com"
    await place.make.user(email=stored)
    await visitor.begin(application)
    typed = stored.swapcase()
    await visitor.step("email", email=typed)
    page = await visitor.page()
    assert typed in page.text
    assert stored not in page.text
    answered(await visitor.step("code", code=await place.code(stored)))


async def test_a_link_waits_for_a_button(place, application, visitor):
    """Scanners of mail follow links: only the button takes it for a proof."""
    user = await place.make.user()
    await visitor.begin(application)
    await visitor.step("email", email=user["email"])
    link = (await place.link(user["email"])).removeprefix(place.server.url)
    for _ in range(3):
        page = await visitor.get(link)
        assert page.status_code == 200
        assert (await visitor.http.head(link)).status_code == 200
    assert heading(await visitor.page()) == CODE
    (token,) = re.findall(r'name="token" value="([^"]+)"', page.text)
    answered(await visitor.step("link", token=token))
    # And it is good once.
    assert heading(await visitor.page()) == "You are signed in"
    used = await visitor.get(link)
    assert (used.status_code, heading(used)) == (410, "This link was already used")


async def test_a_link_that_is_too_old_says_so_and_is_sent_anew(place, application, visitor):
    user = await place.make.user()
    await visitor.begin(application)
    await visitor.step("email", email=user["email"])
    link = (await place.link(user["email"])).removeprefix(place.server.url)
    sent = link.rpartition("=")[2].partition(".")[0]
    at = {"p_id": sent, "p_at": now() - 1}
    assert await place.database.fetch_one(_EXPIRE_MAIL, **at)
    page = await visitor.get(link)
    assert heading(page) == "This link has expired"
    assert user["email"] in page.text
    async with place.visitor() as other:
        page = await other.get(link)
        assert (page.status_code, heading(page)) == (410, "This link has expired")
        assert user["email"] not in page.text
    assert (await visitor.step("resend")).headers["location"] == f"{visitor.path}?sent=again"
    # The former link stays dead, and the new one is good.
    assert heading(await visitor.get(link)) == "This link has expired"
    new = (await place.link(user["email"])).removeprefix(place.server.url)
    assert heading(await visitor.get(new)) == "Sign in to Acme Projects"


async def test_a_link_of_a_sign_in_that_has_ended_is_too_old(place, application, visitor):
    user = await place.make.user()
    await visitor.begin(application)
    await visitor.step("email", email=user["email"])
    link = (await place.link(user["email"])).removeprefix(place.server.url)
    await visitor.step("cancel")
    assert heading(await visitor.get(link)) == "This link has expired"


async def test_a_stranger_learns_nothing_of_a_sign_in_from_a_link(place, application, visitor):
    """Without the token of a mail all links are the same, in any state of the sign-in."""
    user = await place.make.user()
    await visitor.begin(application)
    await visitor.step("email", email=user["email"])
    token = (await place.link(user["email"])).rpartition("=")[2]
    made_up = f"{token.partition('.')[0]}.{'A' * 24}"
    async with place.visitor() as stranger:
        before = await stranger.get(f"{visitor.path}/link?link_token={made_up}")
        waits = await stranger.get(f"{visitor.path}/waits")
        assert waits.json() == {"waits": True}
        answered(await visitor.step("code", code=await place.code(user["email"])))
        after = await stranger.get(f"{visitor.path}/link?link_token={made_up}")
        assert (await stranger.get(f"{visitor.path}/waits")).json() == {"waits": True}
        # Nor is the token of another sign-in of use.
        other = await stranger.get(f"/login/areq_1/link?link_token={token}")
    assert {heading(page) for page in (before, after, other)} == {"This link is incomplete"}
    assert before.status_code == after.status_code == other.status_code == 410
    assert (await visitor.get(f"{visitor.path}/waits")).json() == {"waits": False}


async def test_a_link_opens_in_the_browser_that_asked_for_it_alone(place, application, visitor):
    user = await place.make.user()
    await visitor.begin(application)
    await visitor.step("email", email=user["email"])
    link = (await place.link(user["email"])).removeprefix(place.server.url)
    async with place.visitor() as other:
        page = await other.get(link)
        assert heading(page) == "Open this link in the browser where you started"
        token = link.rpartition("=")[2]
        refused = await other.post(f"{visitor.path}/link", token=token)
        assert refused.status_code == 410
        assert SESSION not in other.cookies
    answered(await visitor.step("code", code=await place.code(user["email"])))


async def test_a_wrong_link_is_said_to_be_wrong(place, application, visitor):
    user = await place.make.user()
    await visitor.begin(application)
    await visitor.step("email", email=user["email"])
    sent = await visitor.step("link", token="areq_1.wrong")
    page = await visitor.get(sent.headers["location"])
    assert heading(page) == "This link is incomplete"
    assert f'href="{visitor.path}"' in page.text
    assert heading(await visitor.page()) == CODE


async def test_a_wrong_code_is_said_beside_the_field(place, application, visitor):
    user = await place.make.user()
    await visitor.begin(application)
    await visitor.step("email", email=user["email"])
    right = await place.code(user["email"])
    wrong = f"{(int(right) + 1) % 10**6:06}"
    page = await visitor.refused("code", code=wrong)
    assert heading(page) == CODE
    assert problems(page)[0].startswith("This code is incorrect")
    field = re.search(r'<input id="code"[^>]*>', page.text)[0]
    assert 'aria-invalid="true"' in field
    assert 'aria-describedby="code-problem code-hint"' in field
    assert "autofocus" in field
    assert wrong not in page.text
    answered(await visitor.step("code", code=right))


async def test_after_five_wrong_codes_there_is_a_pause(place, application, visitor):
    user = await place.make.user()
    await visitor.begin(application)
    await visitor.step("email", email=user["email"])
    right = int(await place.code(user["email"]))
    for number in range(1, 6):
        page = await visitor.refused("code", code=f"{(right + number) % 10**6:06}")
    page = await visitor.refused("code", code=f"{(right + 6) % 10**6:06}", status=429)
    assert heading(page) == "Check your email"
    assert f'data-wait="{page.headers["retry-after"]}"' in page.text
    await visitor.refused("code", code=f"{right:06}", status=429)


async def test_the_mail_is_sent_again(place, application, visitor):
    user = await place.make.user()
    await visitor.begin(application)
    await visitor.step("email", email=user["email"])
    sent = await visitor.step("resend")
    assert sent.headers["location"] == f"{visitor.path}?sent=again"
    assert "We sent the email again" in (await visitor.get(sent.headers["location"])).text
    limited = await visitor.refused("resend", status=429)  # two a minute
    assert heading(limited) == CODE
    assert f'data-wait="{limited.headers["retry-after"]}"' in limited.text
    answered(await visitor.step("code", code=await place.code(user["email"])))


async def test_another_address_can_be_used(place, application, visitor):
    user = await place.make.user()
    await visitor.begin(application)
    await visitor.step("email", email="typo@example.com")
    page = await visitor.page("?page=sign_in")
    assert heading(page) == SIGN_IN
    assert 'value="typo@example.com"' in page.text
    answered(await visitor.prove(user["email"]))


@pytest.mark.parametrize(
    "email", ["", " ", "anna", "anna@", "@example.com", "a b@example.com", "a\n@b.c"]
)
async def test_what_is_no_address_is_said_beside_the_field(application, visitor, email):
    await visitor.begin(application)
    page = await visitor.refused("email", email=email, intent="sign_in")
    assert heading(page) == SIGN_IN
    assert problems(page)[0].startswith("Enter a valid email address")


async def test_known_and_unknown_addresses_see_the_same(place, application):
    pages = []
    known = (await place.make.user())["email"]
    for email in (known, new_email()):
        async with place.visitor() as browser:
            await browser.begin(application)
            sent = await browser.step("email", email=email)
            assert sent.status_code == 303
            page = await browser.page()
            wrong = await browser.refused("code", code="000000")
            told = await browser.refused("password", email=email, password="wrong password")
            pages.append(
                [
                    (answer.status_code, re.sub(f"{email}|areq_[0-9]+", "_", answer.text))
                    for answer in (page, wrong, told)
                ]
            )
    assert pages[0] == pages[1]


async def test_a_password_is_chosen_and_used(place, application, visitor, member):
    user, chosen = member
    page = await visitor.begin(application)
    assert 'type="password"' in page.text
    page = await visitor.refused("password", email=user["email"], password="not " + chosen)
    assert problems(page) == ["Incorrect email address or password."]
    assert user["email"] in page.text
    assert "not " + chosen not in page.text
    answered(await visitor.step("password", email=user["email"], password=chosen))


@pytest.mark.parametrize(
    ("chosen", "says"),
    [("short", "at least 8"), ("x" * 129, "at most 128"), ("", "at least 8")],
)
async def test_a_weak_password_is_refused(place, application, visitor, chosen, says):
    user = await place.make.user()
    await visitor.begin(application)
    await visitor.prove(user["email"], intent="reset_password")
    assert heading(await visitor.page()) == "Choose a password"
    page = await visitor.refused("new-password", password=chosen)
    assert says in problems(page)[0]
    page = await visitor.refused("new-password", password=user["email"])
    assert "can't be your email address" in problems(page)[0]
    page = await visitor.refused("new-password", password="password1")
    assert "too common" in problems(page)[0]
    page = await visitor.refused("new-password", password=f"{user['email'].partition('@')[0]}!")
    assert "based on your email address" in problems(page)[0]
    answered(await visitor.step("new-password", password=password()))


async def test_a_typed_address_is_kept_where_the_password_is_forgotten(application, visitor):
    await visitor.begin(application)
    done = await visitor.step("forgotten", email="ann@x.example", password="not to be kept")
    assert done.status_code == 303
    location = done.headers["location"]
    assert "ann" not in location
    page = (await visitor.get(location)).text
    assert 'value="ann@x.example"' in page
    assert "not to be kept" not in page
    assert "alert" not in page
    await visitor.begin(application)
    await visitor.step("forgotten", email='"><script>' + "x" * 5000)
    assert "<script>x" not in (await visitor.page()).text


async def test_many_wrong_passwords_point_to_the_code(place, application, visitor):
    user = await place.make.user()
    await visitor.begin(application)
    for _ in range(10):
        await visitor.refused("password", email=user["email"], password="wrong password")
    page = await visitor.refused("password", email=user["email"], password="wrong", status=429)
    assert "Request a code instead" in problems(page)[0]
    answered(await visitor.prove(user["email"]))


async def test_a_second_factor_is_asked_for(place, application, visitor):
    user = await place.make.user()
    recovery_codes = await place.second_factor(user["id"])
    await visitor.begin(application)
    await visitor.prove(user["email"])
    assert heading(await visitor.page()) == "Two-step verification"
    page = await visitor.refused("second-factor", code="000000")
    assert problems(page)[0].startswith("This code is incorrect")
    assert heading(await visitor.page("?page=recovery")) == "Use a recovery code"
    page = await visitor.refused("second-factor", code="wrong", page="recovery")
    assert heading(page) == "Use a recovery code"
    answered(await visitor.step("second-factor", code=recovery_codes[0], page="recovery"))


async def test_one_of_several_organizations_is_chosen(place, application, visitor):
    first = await place.make.organization("First <b>Ltd</b>")
    second = await place.make.organization("Second")
    third = await place.make.organization("Third")
    user = await place.make.user(first["id"])
    for one, invited in ((second, False), (third, True)):
        await place.api.users.create_membership(
            organization_id=one["id"],
            id=user["id"],
            membership={"inviter_email": "ben@third.example"} if invited else {},
            send_invitation_email=invited,
        )
    await visitor.begin(application)
    await visitor.prove(user["email"])
    page = await visitor.page()
    assert heading(page) == CHOOSE
    assert re.findall(r'value="(org_[0-9]+)"', page.text) == [
        each["id"] for each in (first, second, third)
    ]
    assert "First &lt;b&gt;Ltd&lt;/b&gt;" in page.text
    assert "Choose it to accept" in page.text
    other = await place.make.organization("Not theirs")
    for refused in (other["id"], "", "org_1"):
        page = await visitor.refused("organization", organization_id=refused)
        assert problems(page)[0].startswith("This organization isn't available")
    answered(await visitor.step("organization", organization_id=third["id"]))
    joined = (await place.api.users.get_user(id=user["id"]))["user"]
    statuses = {one["organization_id"]: one["membership_status"] for one in joined["memberships"]}
    assert statuses[third["id"]] == "ACTIVE"


async def test_the_names_of_a_new_organization_are_kept_when_one_is_wrong(application, visitor):
    await visitor.begin(application)
    await visitor.prove(new_email())
    page = await visitor.refused(
        "sign-up", organization_name="  ", first_name="Anna", last_name="L"
    )
    assert problems(page) == ["Enter a name of 1 to 200 characters."]
    assert 'value="Anna"' in page.text
    page = await visitor.refused("sign-up", organization_name="Globex", first_name="x" * 201)
    assert problems(page) == ["This name is too long."]
    assert 'value="Globex"' in page.text
    answered(await visitor.step("sign-up", organization_name="Globex"))


async def test_prompt_create_opens_the_sign_up_page(application, visitor):
    page = await visitor.begin(application, prompt="create")
    assert heading(page) == SIGN_UP
    assert 'name="password"' not in page.text
    assert heading(await visitor.page("?page=sign_in")) == SIGN_IN
    assert heading(await visitor.page("?page=sign_up")) == SIGN_UP
    assert heading(await visitor.page("?page=nonsense")) == SIGN_IN


async def test_a_login_hint_is_filled_in(application, visitor):
    page = await visitor.begin(application, login_hint="anna@example.com")
    assert 'value="anna@example.com"' in re.search(r'<input id="email"[^>]*>', page.text)[0]


async def test_it_can_be_cancelled(application, visitor):
    await visitor.begin(application)
    answer = answered(await visitor.step("cancel"))
    assert answer["error"] == "access_denied"
    assert answer["state"] == "a state"
    assert (await visitor.page()).status_code == 410


async def test_an_answer_may_go_by_a_form(place, application, visitor):
    user = await place.make.user()
    await visitor.begin(application, response_mode="form_post", ui_locales="de")
    done = await visitor.prove(user["email"])
    assert done.status_code == 200
    assert '<html lang="de">' in done.text
    assert f'action="{application.redirect_uri}"' in done.text
    assert 'name="code"' in done.text
    assert SESSION in visitor.cookies


async def test_a_step_that_was_taken_leads_on(place, application, visitor):
    """A second click, or another tab: it shows how far the sign-in has come."""
    await visitor.begin(application)
    email = new_email()
    await visitor.prove(email)
    for step, form in (
        ("code", {"code": "123456"}),
        ("email", {"email": email}),
        ("password", {"email": email, "password": "x"}),
        ("resend", {}),
        ("second-factor", {"code": "1"}),
        ("new-password", {"password": password()}),
        ("organization", {"organization_id": "org_1"}),
        ("link", {"token": "x"}),
        ("passkey", {"credential": "{}", "challenge_id": "x"}),
    ):
        taken = await visitor.step(step, **form)
        assert (taken.status_code, taken.headers["location"]) == (303, visitor.path), step
    assert heading(await visitor.page()) == CREATE
