"""After a form that was not taken a browser reads its page again, which says why."""

from __future__ import annotations

import re

import pytest
from hosted import heading, problems

SIGN_IN, CODE = "Sign in to Acme Projects", "Check your email"
DATABASES = ("sqlite",)  # nothing of it is kept in a database


@pytest.fixture
async def refused(place, application, visitor):
    """The address that a browser is sent to after a wrong code."""
    user = await place.make.user()
    await visitor.begin(application)
    await visitor.step("email", email=user["email"])
    sent = await visitor.step("code", code="abcdef")
    assert sent.status_code == 303
    assert sent.headers["cache-control"] == "no-store"
    return sent.headers["location"]


async def test_it_is_said_on_the_page_and_again_when_that_is_loaded_again(visitor, refused):
    for _ in range(3):
        page = await visitor.get(refused)
        assert (page.status_code, heading(page)) == (200, CODE)
        assert problems(page)[0].startswith("This code is incorrect")
    assert problems(await visitor.page()) == []
    assert (await visitor.http.head(refused)).status_code in {200, 410}


async def test_another_tab_and_another_sign_in_show_nothing_of_it(application, visitor, refused):
    assert problems(await visitor.page()) == []
    sealed = refused.partition("failed=")[2]
    await visitor.begin(application)  # a second sign-in in the same browser
    page = await visitor.page(f"?page=sign_in&failed={sealed}")
    assert (heading(page), problems(page)) == (SIGN_IN, [])


async def test_another_page_of_the_same_sign_in_shows_nothing_of_it(visitor, refused):
    page = await visitor.get(refused.replace("page=code", "page=sign_in"))
    assert (heading(page), problems(page)) == (SIGN_IN, [])


async def test_another_browser_shows_nothing_of_it(place, visitor, refused):
    async with place.visitor() as other:
        page = await other.get(refused)
        assert page.status_code == 410
        assert "This code is incorrect" not in page.text


async def test_nobody_makes_a_page_say_anything(visitor, refused):
    address, _, sealed = refused.partition("failed=")
    middle = len(sealed) // 2
    flipped = sealed[:middle] + ("A" if sealed[middle] != "A" else "B") + sealed[middle + 1 :]
    for forged in (
        *("", "x", "=", "%00", "\u00e9", "<b>", "A" * 64, "A" * 20_000),
        *(flipped, sealed[:-4], sealed + "AAAA", sealed * 2, "eyIiOiAicHJvYmxlbS5jb2RlIn0"),
    ):
        page = await visitor.get(f"{address}failed={forged}")
        assert page.status_code == 200
        assert problems(page) == []


async def test_a_proof_ends_it(place, visitor, application):
    """A proof gives the browser a new secret, which the old address does not know."""
    user = await place.make.user()
    await place.second_factor(user["id"])
    await visitor.begin(application)
    await visitor.step("email", email=user["email"])
    wrong = await visitor.step("code", code="abcdef")
    await visitor.step("code", code=await place.code(user["email"]))
    page = await visitor.get(wrong.headers["location"])
    assert (heading(page), problems(page)) == ("Two-step verification", [])


async def test_the_address_comes_again_and_no_password_does(application, visitor):
    await visitor.begin(application)
    email, password = "grace@example.com", "correct horse battery"
    sent = await visitor.step("password", email=email, password=password)
    location = sent.headers["location"]
    assert not re.search("grace|horse", location)
    page = await visitor.get(location)
    assert f'value="{email}"' in page.text
    assert "horse" not in page.text
    # More than an address can be is not carried along.
    long = await visitor.step("email", email="x" * 20_000)
    assert len(long.headers["location"]) < 1000
    assert problems(await visitor.told(long))[0].startswith("Enter a valid email address")
