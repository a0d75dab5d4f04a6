"""`/ui/profile/confirm`: a person that signed in too long ago proves it again, and goes on."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from signed_in_people import Visitor, code_of, heading, text_of

from tenantry.identity.authenticators.passwordless import proofs
from tenantry.identity.authenticators.passwordless import service as passwordless
from tenantry.identity.sessions import service as sessions


async def sent(visitor, way_on="security"):
    """Ask for a mail; the id of its request."""
    answer = await visitor.post("confirm/mail", next=way_on)
    assert answer.status_code == 303, answer.text
    url = urlsplit(answer.headers["location"])
    assert url.path == "/ui/profile/confirm"
    (request_id,) = parse_qs(url.query)["request"]
    page = await visitor.get(f"confirm?{url.query}")
    assert "We sent a code to" in text_of(page)
    return request_id


@pytest.mark.parametrize("way_on", ["security", "passkeys"])
async def test_a_code_by_mail_renews_the_sign_in_and_leads_back_to_where_one_was(
    visitor, person, way_on
):
    await person.signed_in_ago(11)
    page = await visitor.get(way_on)
    assert f'href="/ui/profile/confirm?next={way_on}"' in page.text
    assert (await visitor.post("passkeys/options")).status_code == 403
    page = await visitor.get(f"confirm?next={way_on}")
    assert heading(page) == "Confirm it's you"
    assert f"We'll send a code to {person.email} ." in text_of(page)

    request_id = await sent(visitor, way_on)
    code = proofs.code(person.database, request_id, 1)
    done = await visitor.post("confirm", next=way_on, request=request_id, code=code)
    assert done.headers["location"] == f"/ui/profile/{way_on}"
    assert (await visitor.post("passkeys/options")).status_code == 200
    assert "confirm?next" not in (await visitor.get(way_on)).text
    # Back to the step leads on.
    again = await visitor.get(f"confirm?next={way_on}")
    assert again.headers["location"] == f"/ui/profile/{way_on}"


async def test_a_wrong_code_changes_nothing_and_is_said_at_its_field(visitor, person):
    await person.signed_in_ago(11)
    request_id = await sent(visitor)
    for code in ("", "000000x", "x" * 5000):
        page = await visitor.refused("confirm", next="security", request=request_id, code=code)
        assert "This code is incorrect or has expired." in text_of(page)
        assert 'aria-invalid="true"' in page.text
        assert f'value="{request_id}"' in page.text
    await visitor.refused("security/totp")


async def test_the_code_of_another_session_or_of_a_sign_in_does_not_do(
    visitor, person, new_person, http, server
):
    await person.signed_in_ago(11)
    other = await new_person()
    await other.signed_in_ago(11)
    theirs = await sent(Visitor(http, server.url, other))
    of_application = await passwordless.send(
        person.call, email=person.email, link_uri=None, seconds=300
    )
    of_sign_in = await passwordless.send(
        person.call, email=person.email, link_uri=None, seconds=300, auth_request_id="areq_1"
    )
    for request_id in (theirs, of_application.id, of_sign_in.id, "plr_1", "", "x" * 5000):
        code = proofs.code(person.database, request_id, 1)
        await visitor.refused("confirm", next="security", request=request_id, code=code)
    session = await sessions.find_live(person.database, person.session_id)
    assert session.auth_time < session.create_time


async def test_a_code_works_once(visitor, person):
    await person.signed_in_ago(11)
    request_id = await sent(visitor)
    form = {"request": request_id, "code": proofs.code(person.database, request_id, 1)}
    assert (await visitor.post("confirm", **form)).status_code == 303
    await person.signed_in_ago(11)
    await visitor.refused("confirm", **form)


async def test_who_has_an_app_is_asked_for_its_code_and_not_here(visitor, person):
    app, _ = await person.set_up_app()
    await person.signed_in_ago(11)
    page = await visitor.get("confirm?next=security")
    assert page.headers["location"] == "/ui/profile/security"
    request_id = await sent_blindly(visitor)
    code = proofs.code(person.database, request_id, 1)
    done = await visitor.post("confirm", next="security", request=request_id, code=code)
    assert done.headers["location"] == "/ui/profile/security"
    await visitor.refused("security/totp")
    assert (await visitor.post("security/totp", code=code_of(app))).status_code == 303


async def sent_blindly(visitor):
    answer = await visitor.post("confirm/mail", next="security")
    (request_id,) = parse_qs(urlsplit(answer.headers["location"]).query)["request"]
    return request_id


@pytest.mark.parametrize(
    "way_on", ["", "https://evil.example", "//evil.example", "../../oidc/logout", "security/totp"]
)
async def test_nobody_is_led_anywhere_else(visitor, person, way_on):
    answer = await visitor.post("confirm/mail", next=way_on)
    assert answer.headers["location"].startswith("/ui/profile/confirm?next=passkeys&")
    page = await visitor.get(f"confirm?next={way_on}")
    assert page.headers["location"] == "/ui/profile/passkeys"


async def test_another_sites_form_renews_nothing(visitor, person):
    await person.signed_in_ago(11)
    request_id = await sent(visitor)
    code = proofs.code(person.database, request_id, 1)
    for headers in ({}, {"origin": "https://evil.example"}, {"sec-fetch-site": "same-site"}):
        answer = await visitor.post("confirm", headers, request=request_id, code=code)
        assert answer.status_code == 403
        assert (await visitor.post("confirm/mail", headers)).status_code == 403


async def test_mails_are_limited(visitor, person):
    await person.signed_in_ago(11)
    for _ in range(2):
        await sent(visitor, "security")
    page = await visitor.refused("confirm/mail", next="security", status=429)
    assert "Too many attempts" in text_of(page)
    assert 'name="next" value="security"' in page.text


async def test_who_is_not_signed_in_is_told_so(stranger):
    assert (await stranger.get("confirm")).status_code == 401
    assert re.search("not signed in", text_of(await stranger.post("confirm", code="1")))
