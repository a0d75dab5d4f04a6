"""An administrator of an organization sets its sign-in policy and sees whom it affects."""

from __future__ import annotations

import pytest
from widget_people import ORGANIZATION, People, text_of

PATH = f"{ORGANIZATION}/sign-in-policy"


@pytest.fixture
def people(server, database, http, rest, make):
    return People(server, database, http, rest, make)


@pytest.fixture
async def admin(people):
    return await people.member(await people.organization(), "admin")


async def stored(rest, admin):
    found = await rest.organization_policies.get_organization_policy(
        organization_id=admin.person.organization_id
    )
    return found["policy"]


async def test_the_policy_is_saved(admin, rest):
    told = await admin.done(
        f"{PATH}/save",
        second_factor_required="true",
        second_factor_grace_days="14",
        allowed_email_domains="acme.com\r\nExample.ORG",
        allowed_networks="0.0.0.0/0\r\n::/0",
        reauthentication_minutes="10",
    )
    assert "Policy saved." in text_of(told)
    policy = await stored(rest, admin)
    assert policy["second_factor_required"]
    assert policy["second_factor_grace_days"] == 14
    assert policy["allowed_email_domains"] == ["acme.com", "example.org"]
    page = await admin.get(PATH)
    assert 'id="second_factor_required" name="second_factor_required" value="true" checked' in (
        page.text
    )
    # Everything is cleared again.
    await admin.done(f"{PATH}/save", reauthentication_minutes="")
    assert "second_factor_grace_days" not in {
        name for name, value in (await stored(rest, admin)).items() if value
    }


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"allowed_networks": "203.0.113.7/24"}, "CIDR notation"),
        ({"allowed_networks": "203.0.113.0/24"}, "This would lock you out"),
        ({"second_factor_required": "true"}, "This would lock you out"),
        ({"allowed_sign_in_methods-PASSKEY": "on"}, "This would lock you out"),
        ({"sso_required": "true"}, "single sign-on connection first"),
        ({"allowed_email_domains": "acme"}, "Enter domains"),
        ({"second_factor_required": "true", "second_factor_grace_days": "x"}, "from 0 to 90"),
        ({"reauthentication_minutes": "2000"}, "from 0 to 1440"),
        ({"reauthentication_scopes": "invoices:write"}, "and a maximum age"),
        ({"break_glass_user_ids-usr_1": "on"}, "active members"),
        ({"allowed_sign_in_methods-FAX": "on"}, "combined"),
    ],
)
async def test_a_wrong_value_is_named(admin, rest, form, said):
    page = await admin.refused(f"{PATH}/save", **form)
    assert said in page
    assert not (await stored(rest, admin)).get("second_factor_required")


async def test_the_affected_members_are_shown_before_it_is_saved(people, admin, rest, make):
    other = await make.user(admin.person.organization_id)
    page = await admin.post(f"{PATH}/preview", second_factor_required="true")
    assert page.status_code == 200
    text = text_of(page)
    assert "2 members were checked." in text
    assert other["email"] in text
    assert "Must set up a second factor" in text
    assert not (await stored(rest, admin)).get("second_factor_required")
    page = await admin.post(f"{PATH}/preview", allowed_email_domains="acme.com")
    assert "affects none of these members" in text_of(page)


async def test_break_glass_access_is_offered_to_active_members_only(admin, rest, make):
    organization_id = admin.person.organization_id
    member = await make.user(organization_id)
    invited = await rest.users.create_user_and_membership(
        organization_id=organization_id,
        send_invitation_email=True,
        user={"email": "invited@example.com"},
    )
    page = await admin.get(PATH)
    assert f'name="break_glass_user_ids-{member["id"]}"' in page.text
    assert f'name="break_glass_user_ids-{invited["user"]["id"]}"' not in page.text


async def test_members_without_the_permission_do_not_see_it(people, admin):
    member = await people.member(admin.person.organization_id, "member")
    assert (await member.get(PATH)).status_code == 403
    assert (await member.post(f"{PATH}/save")).status_code == 403


async def test_a_session_that_the_policy_refuses_gets_a_page(admin, rest):
    await rest.organization_policies.update_organization_policy(
        organization_id=admin.person.organization_id,
        policy={"allowed_networks": ["203.0.113.0/24"]},
    )
    page = await admin.get(PATH)
    assert page.status_code == 403
    assert "sign-in policy refuses this session" in text_of(page)
