"""`/ui/profile/passkeys`, as a browser sees it."""

from __future__ import annotations

import json

import pytest
from signed_in_people import Visitor, code_of, heading, text_of

NOBODY = {"sec-fetch-site": "cross-site", "origin": "https://evil.example.com"}


async def added(visitor, authenticator, **form: str):
    """The page after a passkey was added as the script does it."""
    asked = await visitor.post("passkeys/options", **form)
    assert asked.status_code == 200, asked.text
    credential = authenticator.create(asked.json()["options"])
    return await visitor.post("passkeys", credential=json.dumps(credential))


async def test_the_way_there(http):
    for path, onward in (
        ("/ui", "/ui/organization"),
        ("/ui/", "/ui/organization"),
        ("/ui/profile", "/ui/profile/account"),
    ):
        answer = await http.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, onward)


@pytest.mark.parametrize("page", ["passkeys", "security", "security/totp/totp_1"])
async def test_who_is_not_signed_in_is_told_so(stranger, page):
    answer = await stranger.get(page)
    assert answer.status_code == 401
    assert heading(answer) == "You are not signed in"


async def test_of_several_applications_a_stranger_is_sent_to_none(stranger, rest):
    for name in ("one", "other"):
        uri = f"https://{name}.example.com/login"
        application = {"name": name, "client_type": "WEB_APP", "initiate_login_uri": uri}
        await rest.clients.create_client(client=application)
    page = await stranger.get("passkeys")
    assert heading(page) == "You are not signed in"
    assert "example.com/login" not in page.text


async def test_a_session_that_ended_opens_nothing(visitor, person, rest):
    assert (await visitor.get("passkeys")).status_code == 200
    await rest.users.delete_user(id=person.id)
    assert (await visitor.get("passkeys")).status_code == 401


async def test_pages_are_in_nobody_s_frame_and_run_nobody_s_script(visitor, stranger):
    for answer in (
        await visitor.get("passkeys"),
        await visitor.get("security"),
        await stranger.get("passkeys"),
        await visitor.post("passkeys/options"),
        await visitor.post("passkeys", NOBODY),
    ):
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "same-origin"
        policy = answer.headers.get("content-security-policy", "")
        assert "unsafe" not in policy
        assert answer.headers["content-type"] == "application/json" or "script-src 'self'" in policy
        assert " style=" not in answer.text
        assert "<style" not in answer.text


async def test_a_passkey_is_added_shown_renamed_and_deleted(visitor, person, authenticator):
    assert "no passkeys yet" in text_of(await visitor.get("passkeys"))
    answer = await added(visitor, authenticator)
    assert answer.headers["location"] == "/ui/profile/passkeys?done=added"
    (passkey,) = await person.passkeys()
    page = await visitor.get("passkeys?done=added")
    assert "Passkey added." in text_of(page)
    assert passkey.display_name in text_of(page)

    answer = await visitor.post(f"passkeys/{passkey.id}/rename", display_name="<b>Mine</b>")
    assert answer.headers["location"] == "/ui/profile/passkeys?done=renamed"
    page = await visitor.get("passkeys?done=renamed")
    assert "&lt;b&gt;Mine&lt;/b&gt;" in page.text
    assert "<b>Mine" not in page.text

    answer = await visitor.post(f"passkeys/{passkey.id}/delete")
    assert answer.headers["location"] == "/ui/profile/passkeys?done=deleted"
    assert await person.passkeys() == []


async def test_what_was_done_is_only_one_of_ours(visitor):
    page = await visitor.get("passkeys?done=<script>")
    assert "<script>" not in page.text.replace("<script src", "")
    assert 'role="status"' not in page.text


async def test_a_name_that_cannot_be_is_said_beside_it(visitor, person, authenticator):
    passkey = await person.add_passkey(authenticator)
    for name in (" ", "x" * 121):
        page = await visitor.refused(f"passkeys/{passkey.id}/rename", display_name=name)
        assert "Enter a name of 1 to 120 characters." in text_of(page)
        assert "<title>Error: Passkeys" in page.text
    longest = "x" * 120
    answer = await visitor.post(f"passkeys/{passkey.id}/rename", display_name=f" {longest} ")
    assert answer.headers["location"] == "/ui/profile/passkeys?done=renamed"
    assert [one.display_name for one in await person.passkeys()] == [longest]
    assert (await visitor.post("passkeys/nonsense/rename", display_name="x")).status_code == 404


@pytest.mark.parametrize(
    "credential", ["", "7", "[]", "{}", "{", "[" * 20_000, '{"response": {"clientDataJSON": 1}}']
)
async def test_nonsense_adds_nothing_and_breaks_nothing(visitor, person, credential):
    page = await visitor.refused("passkeys", credential=credential)
    assert "Couldn't add" in text_of(page)
    assert await person.passkeys() == []


async def test_an_id_that_differs_from_the_raw_id_adds_nothing(visitor, person, authenticator):
    asked = await visitor.post("passkeys/options")
    credential = authenticator.create(asked.json()["options"]) | {"id": "AAAA"}
    page = await visitor.refused("passkeys", credential=json.dumps(credential))
    assert "Couldn't add" in text_of(page)
    assert await person.passkeys() == []


async def test_the_passkey_of_another_is_not_there(visitor, new_person, authenticator):
    other = await new_person()
    passkey = await other.add_passkey(authenticator)
    for step, form in (("rename", {"display_name": "x"}), ("delete", {})):
        answer = await visitor.post(f"passkeys/{passkey.id}/{step}", **form)
        assert answer.status_code == 404
        assert 'href="/ui/profile/passkeys"' in answer.text
    assert [one.display_name for one in await other.passkeys()] == [passkey.display_name]


@pytest.mark.parametrize(
    "headers",
    [
        NOBODY,
        {"sec-fetch-site": "same-site", "origin": "https://localhost"},
        {"sec-fetch-site": "none"},
        {"origin": "null"},
        {"origin": "https://evil.example.com"},
        {},
    ],
)
async def test_a_form_of_another_page_does_nothing(visitor, person, authenticator, headers):
    passkey = await person.add_passkey(authenticator)
    for path in (
        "passkeys",
        "passkeys/options",
        f"passkeys/{passkey.id}/rename",
        f"passkeys/{passkey.id}/delete",
        "security/totp",
        "security/totp/totp_1/enable",
        "security/totp/totp_1/disable",
        f"security/sessions/{person.session_id}/revoke",
        "security/sessions/revoke-others",
    ):
        answer = await visitor.post(path, headers, display_name="x")
        assert answer.status_code == 403, path
    assert await person.passkeys() == [passkey]


async def test_an_older_browser_says_it_by_origin(visitor, server):
    answer = await visitor.post("passkeys/options", {"origin": server.url})
    assert answer.status_code == 200


async def test_ten_minutes_after_the_sign_in_it_takes_a_new_one(visitor, person, authenticator):
    passkey = await person.add_passkey(authenticator)
    await person.signed_in_ago(11)
    page = await visitor.get("passkeys")
    assert "Confirm it's you" in text_of(page)
    assert 'id="add"' not in page.text
    assert "/delete" not in page.text
    asked = await visitor.post("passkeys/options")
    assert asked.status_code == 403
    assert "Confirm it's you" in asked.json()["problem"]
    await visitor.refused(f"passkeys/{passkey.id}/delete")
    # A name is no secret.
    renamed = await visitor.post(f"passkeys/{passkey.id}/rename", display_name="Mine")
    assert renamed.status_code == 303
    assert [one.display_name for one in await person.passkeys()] == ["Mine"]


async def test_or_a_code_of_the_second_factor(visitor, person, authenticator):
    app, codes = await person.set_up_app()
    await person.signed_in_ago(11)
    assert 'id="add-code"' in (await visitor.get("passkeys")).text
    for code in ("", "000"):
        asked = await visitor.post("passkeys/options", code=code)
        assert asked.status_code == (400 if code else 403)
        assert "options" not in asked.json()
    answer = await added(visitor, authenticator, code=code_of(app))
    assert answer.status_code == 303
    (passkey,) = await person.passkeys()

    page = await visitor.refused(f"passkeys/{passkey.id}/delete", code="000")
    assert "incorrect or was already used" in text_of(page)
    assert (await visitor.post(f"passkeys/{passkey.id}/delete", code=codes[0])).status_code == 303
    assert await person.passkeys() == []


async def test_wrong_codes_are_limited(visitor, person):
    await person.set_up_app()
    await person.signed_in_ago(11)
    for _ in range(10):
        assert (await visitor.post("passkeys/options", code="12345")).status_code == 400
    asked = await visitor.post("passkeys/options", code="12345")
    assert asked.status_code == 429
    assert "Wait" in asked.json()["problem"]
    page = await visitor.refused("security/totp", code="12345", status=429)
    assert heading(page) == "Security"
    assert "Too many attempts" in text_of(page)
    assert f'data-wait="{page.headers["retry-after"]}"' in page.text


async def test_who_has_twenty_may_add_no_more(visitor, person, authenticator):
    for _ in range(20):
        await person.add_passkey(authenticator)
    page = await visitor.get("passkeys")
    assert "limit of 20 passkeys" in text_of(page)
    assert 'id="add"' not in page.text
    asked = await visitor.post("passkeys/options")
    assert asked.status_code == 400
    assert "limit of 20 passkeys" in asked.json()["problem"]


async def test_german(http, server, person):
    visitor = Visitor(http, server.url, person)
    visitor.headers["accept-language"] = "de-AT,de;q=0.9,en;q=0.8"
    page = await visitor.get("passkeys")
    assert '<html lang="de">' in page.text
    assert "Sie haben noch keine Passkeys." in text_of(page)
