"""`/ui/profile/security`, as a browser sees it."""

from __future__ import annotations

import re

import pyotp
from signed_in_people import Visitor, code_of, heading, text_of

from tenantry.identity.authenticators.totp import service as totp
from tenantry.identity.sessions import service as sessions


def key_on(page):
    (key,) = re.findall(r'<code class="key">([A-Z2-7 ]+)</code>', page.text)
    return pyotp.TOTP(key.replace(" ", ""))


async def test_an_app_is_set_up_by_its_key_and_turned_off_by_a_code(visitor, person):
    page = await visitor.get("security")
    assert "Off. You sign in with your email or password only." in text_of(page)
    begun = await visitor.post("security/totp")
    assert begun.status_code == 303
    setup = begun.headers["location"].removeprefix("/ui/profile/")
    page = await visitor.get(setup)
    app = key_on(page)
    assert key_on(await visitor.get(setup)).secret == app.secret

    picture = await visitor.get(f"{setup}/qr.svg")
    assert picture.headers["content-type"] == "image/svg+xml"
    assert picture.headers["cache-control"] == "no-store"
    assert picture.text.startswith("<svg")

    page = await visitor.refused(f"{setup}/enable", code="000000x")
    assert "This code is incorrect" in text_of(page)
    assert key_on(page).secret == app.secret
    assert not await totp.is_enabled(person.database, person.id)

    page = await visitor.post(f"{setup}/enable", code=code_of(app, -1))
    assert page.status_code == 200
    assert heading(page) == "Save your recovery codes"
    codes = re.findall(r"<code>([A-Z2-7-]{19})</code>", page.text)
    assert len(codes) == 10
    assert await totp.is_enabled(person.database, person.id)

    # Neither the codes nor the key are shown once more.
    again = await visitor.post(f"{setup}/enable", code=code_of(app))
    assert again.headers["location"] == "/ui/profile/security"
    for path in (setup, f"{setup}/qr.svg"):
        assert (await visitor.get(path)).status_code == 404
    page = await visitor.get("security")
    assert "Recovery codes left: 10 ." in text_of(page)
    assert codes[0] not in page.text
    assert app.secret not in page.text

    id_ = setup.rpartition("/")[2]
    page = await visitor.refused(f"security/totp/{id_}/disable", code="000")
    assert await totp.is_enabled(person.database, person.id)
    done = await visitor.post(f"security/totp/{id_}/disable", code=codes[0])
    assert done.headers["location"] == "/ui/profile/security?done=disabled"
    assert not await totp.is_enabled(person.database, person.id)
    assert "is off" in text_of(await visitor.get("security?done=disabled"))


async def test_turning_it_off_takes_a_code_however_new_the_sign_in_is(visitor, person):
    await person.set_up_app()
    registration = await totp.of_user(person.database, person.id)
    await visitor.refused(f"security/totp/{registration.id}/disable")
    assert await totp.is_enabled(person.database, person.id)


async def test_setting_up_takes_a_new_sign_in_or_a_code(visitor, person):
    await person.signed_in_ago(11)
    page = await visitor.get("security")
    assert "Confirm it's you" in text_of(page)
    await visitor.refused("security/totp")

    app, _ = await person.set_up_app()
    await visitor.refused("security/totp")
    assert (await visitor.post("security/totp", code=code_of(app))).status_code == 303


async def test_a_new_app_takes_the_place_of_the_old_one(visitor, person):
    old, codes = await person.set_up_app()
    begun = await visitor.post("security/totp")
    setup = begun.headers["location"].removeprefix("/ui/profile/")
    new = key_on(await visitor.get(setup))
    assert await totp.verify(person.call, person.id, code_of(old))
    assert (await visitor.post(f"{setup}/enable", code=code_of(new, -1))).status_code == 200
    assert not await totp.verify(person.call, person.id, code_of(old, 1))
    assert not await totp.verify(person.call, person.id, codes[0])
    assert await totp.verify(person.call, person.id, code_of(new))


async def test_the_registration_of_another_is_not_there(visitor, new_person):
    other = await new_person()
    registration = await totp.register(other.call, user_id=other.id)
    path = f"security/totp/{registration.id}"
    for answer in (
        await visitor.get(path),
        await visitor.get(f"{path}/qr.svg"),
        await visitor.post(f"{path}/enable", code="123456"),
        await visitor.post(f"{path}/disable", code="123456"),
    ):
        assert answer.status_code == 404
        assert heading(answer) == "Not found"


async def test_sessions_are_shown_and_ended(visitor, person, new_person):
    phone = await person.sign_in(
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
        "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
    )
    page = await visitor.get("security")
    said = text_of(page)
    assert "Firefox on Linux This browser" in said
    assert "Mobile Safari on iOS" in said
    assert "from 192.0.2.7" in said
    assert f"/sessions/{person.session_id}/revoke" not in page.text

    done = await visitor.post(f"security/sessions/{phone}/revoke")
    assert done.headers["location"] == "/ui/profile/security?done=revoked"
    assert await sessions.find_live(person.database, phone) is None
    page = await visitor.get("security?done=revoked")
    assert "Mobile Safari" not in page.text
    assert "revoke-others" not in page.text

    other = await new_person()
    answer = await visitor.post(f"security/sessions/{other.session_id}/revoke")
    assert answer.status_code == 404
    assert await sessions.find_live(other.database, other.session_id)
    assert (await visitor.post("security/sessions/nonsense/revoke")).status_code == 404


async def test_everywhere_else_is_signed_out_at_once(visitor, person):
    others = [await person.sign_in() for _ in range(3)]
    done = await visitor.post("security/sessions/revoke-others")
    assert done.headers["location"] == "/ui/profile/security?done=others"
    for session_id in others:
        assert await sessions.find_live(person.database, session_id) is None
    assert (await visitor.get("security")).status_code == 200


async def test_a_browser_that_says_odd_things_is_shown_as_text(visitor, person):
    await person.sign_in("<script>alert(1)</script>/1.0")
    await person.sign_in("")
    page = await visitor.get("security")
    assert page.status_code == 200
    assert "alert(1)" not in page.text
    assert "Unknown browser" in text_of(page)


async def test_german(http, server, person):
    visitor = Visitor(http, server.url, person)
    visitor.headers["accept-language"] = "de"
    assert "Aktive Sitzungen" in text_of(await visitor.get("security"))
