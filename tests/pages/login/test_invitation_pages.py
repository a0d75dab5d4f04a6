"""The page that the link of an invitation opens."""

from __future__ import annotations

import re

import pytest
from apis import unique
from hosted import heading

SESSION = "__Host-tenantry_session"


@pytest.fixture
async def invited(place):
    """An invited person, and the path of the link that they got."""
    organization = await place.make.organization("Globex <Ltd>")
    email = f"{unique('invited')}@example.com"
    await place.api.users.create_user_and_membership(
        organization_id=organization["id"],
        send_invitation_email=True,
        user={"email": email, "membership": {"inviter_email": "ben@globex.example"}},
    )
    link = await place.link(email)
    return organization, email, link.removeprefix(place.server.url)


async def status(place, organization, email):
    found = await place.api.users.list_organization_users(organization_id=organization["id"])
    (user,) = [user for user in found["users"] if user["email"] == email]
    return user["memberships"][0]["membership_status"]


async def test_it_says_whose_it_is_and_waits_for_a_button(place, visitor, invited):
    organization, email, path = invited
    for _ in range(2):
        page = await visitor.get(path)
        assert page.status_code == 200
        assert heading(page) == "Join Globex <Ltd>"
        assert email in page.text
    assert await status(place, organization, email) == "PENDING_INVITE"
    done = await visitor.post(path)
    assert done.status_code in {200, 303}
    assert await status(place, organization, email) == "ACTIVE"
    assert SESSION in visitor.cookies  # a person new to sign-ins need not prove the inbox again


async def test_it_is_good_once(place, visitor, invited):
    _, _, path = invited
    await visitor.post(path)
    async with place.visitor() as other:
        for answer in (await other.get(path), await other.post(path)):
            assert answer.status_code == 410
            assert heading(answer) == "This invitation is no longer valid"
        assert SESSION not in other.cookies


async def test_an_invitation_that_there_is_not_looks_like_one_that_is_over(visitor):
    for token in ("x", "A" * 43, "%C3%A9", "x" * 3000, "<script>"):
        for answer in (
            await visitor.get(f"/invitations/{token}"),
            await visitor.post(f"/invitations/{token}"),
        ):
            assert answer.status_code == 410
            assert heading(answer) == "This invitation is no longer valid"
            assert not re.search("<script>", answer.text)


async def test_an_invitation_ends_with_its_organization(place, visitor, invited):
    organization, _, path = invited
    await place.api.organizations.delete_organization(id=organization["id"])
    assert (await visitor.get(path)).status_code == 410
    assert (await visitor.post(path)).status_code == 410


async def test_where_there_is_no_place_left_it_says_so(place, visitor, invited):
    """An invitation has a seat, unless there have become fewer of them since."""
    organization, email, path = invited
    await place.make.user(organization["id"])
    await place.api.organizations.upsert_user_management_settings(
        organization_id=organization["id"], settings={"max_allowed_users": 1}
    )
    page = await visitor.told(await visitor.post(path))
    assert heading(page).startswith("Join ")
    assert "This organization has reached its member limit" in page.text
    assert await status(place, organization, email) == "PENDING_INVITE"
