"""Lists and detail pages of the console show objects by name, with the ID beside it."""

from __future__ import annotations

import re

import lxml.html
import pytest
from apis import unique
from operators_at_work import OPERATOR, enter, texts

from tenantry.call import Call
from tenantry.core import errors
from tenantry.core.caller import SYSTEM, Caller, Kind
from tenantry.identity.object_names import service as object_names
from tenantry.web import avatars


@pytest.fixture
async def browser(http, database):
    return await enter(http, database, OPERATOR)


def named_links(page):
    """The links to objects on a page: their names by the IDs in their titles."""
    found = lxml.html.fromstring(page).xpath("//main//a[@title]")
    return {link.get("title"): link.text_content().strip() for link in found}


async def test_events_name_organization_and_user(browser, make):
    mark = unique()
    acme = await make.organization(f"Acme {mark}")
    user = await make.user(acme["id"], email=f"ada-{mark}@example.com")
    page = await browser.get(f"/console/events?organization_id={acme['id']}")
    links = named_links(page)
    assert links[acme["id"]] == f"Acme {mark}"
    assert f"ada-{mark}@example.com" in links[user["id"]]
    (copied,) = set(re.findall(rf'data-copy="({acme["id"]})"', page))
    assert copied == acme["id"]
    event = re.search(r'href="(/console/events/evt_\d+)"', page)[1]
    assert named_links(await browser.get(event))[acme["id"]] == f"Acme {mark}"
    tab = named_links(await browser.get(f"/console/organizations/{acme['id']}/events"))
    assert tab[user["id"]]


async def test_a_deleted_object_shows_its_id(browser, make, rest):
    acme = await make.organization(f"Acme {unique()}")
    await rest.organizations.delete_organization(id=acme["id"])
    page = await browser.get(f"/console/events?object_id={acme['id']}")
    assert f"{acme['id']} Deleted" in texts(page)
    assert acme["id"] not in named_links(page)


async def test_an_api_key_names_its_organization_and_user(browser, make, rest):
    mark = unique()
    acme = await make.organization(f"Acme {mark}")
    user = await make.user(acme["id"], email=f"ada-{mark}@example.com")
    made = await rest.tokens.create_token(
        token={"organization_id": acme["id"], "user_id": user["id"], "description": "CI"}
    )
    links = named_links(await browser.get(f"/console/api-keys?query={acme['id']}"))
    assert f"ada-{mark}@example.com" in links[user["id"]]
    links = named_links(await browser.get(f"/console/api-keys/{made['token_id']}"))
    assert links[acme["id"]] == f"Acme {mark}"


async def test_the_number_of_queries_does_not_depend_on_the_number_of_rows(
    database, make, monkeypatch
):
    ids = [(await make.organization(f"Acme {unique()}"))["id"] for _ in range(5)]
    sent = []
    fetch_all = type(database).fetch_all

    async def counted(self, statement, **params: object):
        sent.append(statement)
        return await fetch_all(self, statement, **params)

    monkeypatch.setattr(type(database), "fetch_all", counted)
    call = Call(SYSTEM, database, "req_test")
    found = await object_names.load(call, ids)
    assert found.keys() == set(ids)
    assert len(sent) == 1


async def test_names_are_for_operators(database, make):
    acme = await make.organization("Acme")
    user = Caller(Kind.USER_SESSION, "usr_1", acme["id"])
    with pytest.raises(errors.PermissionDenied):
        await object_names.load(Call(user, database, "req_test"), [acme["id"]])


async def test_the_logo_of_an_organization_is_shown(browser, make, rest):
    acme = await make.organization(f"Acme {unique()}")
    logo = f"https://logos-{unique()}.example/acme.png"
    await rest.organizations.update_organization(id=acme["id"], organization={"logo_url": logo})
    headers = {"cookie": browser.cookie}
    for path in ("/console/organizations", f"/console/events?organization_id={acme['id']}"):
        answer = await browser.http.get(path, headers=headers)
        assert f'<img src="{logo}"' in answer.text, path
        assert logo.removesuffix("/acme.png") in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("name", "initials"),
    [
        ("Ada Lovelace", "AL"),
        ("Acme", "A"),
        ("ada.lovelace@example.com", "AL"),
        ("  Jean-Luc de la Tour ", "JT"),
        ("Łukasz Żak", "ŁŻ"),
        ("株式会社", "株"),
        ("@", "·"),
        ("", "·"),
    ],
)
def test_initials_are_of_the_first_and_the_last_word(name, initials):
    assert avatars.initials(name) == initials


def test_the_color_of_an_avatar_follows_from_the_id():
    tones = {avatars.tone(f"usr_{number}") for number in range(200)}
    assert tones == set(range(avatars.TONES))
    assert avatars.tone("usr_1") == avatars.tone("usr_1")
