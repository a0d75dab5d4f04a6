"""`/ui/profile/account` and `/ui/profile/organizations`: a person's name, and where they are."""

from __future__ import annotations

import pytest
from signed_in_people import text_of

HOSTILE = "<img src=x onerror=alert(1)>"


async def done(visitor, path, **form: str):
    """Send a form that is taken: return the words of the page that tells so."""
    sent = await visitor.post(path, **form)
    assert sent.status_code == 303, sent.text
    assert "failed=" not in sent.headers["location"]
    return text_of(await visitor.get(sent.headers["location"].removeprefix("/ui/profile/")))


@pytest.fixture
async def elsewhere(person, make, rest):
    """Another organization of the person, where they are a member already."""
    made = await make.organization(display_name="Elsewhere")
    await rest.users.create_membership(
        organization_id=made["id"],
        id=person.id,
        send_invitation_email=False,
        membership={"roles": [{"name": "member"}]},
    )
    return made["id"]


async def test_a_name_is_changed_and_stays_text(visitor, rest, person):
    told = await done(visitor, "account/name", given_name=HOSTILE, family_name="Lovelace")
    assert "Name saved." in told
    page = await visitor.get("account")
    assert HOSTILE not in page.text
    assert person.email in page.text
    profile = (await rest.users.get_user(id=person.id))["user"]["user_profile"]
    assert (profile["given_name"], profile["family_name"]) == (HOSTILE, "Lovelace")


async def test_a_name_that_is_too_long_is_told_beside_it(visitor):
    page = await visitor.refused("account/name", given_name="x" * 256, family_name="Lovelace")
    assert "up to 255 characters" in page.text


async def test_a_person_goes_over_to_another_organization(visitor, person, elsewhere):
    page = text_of(await visitor.get("organizations"))
    assert "Elsewhere" in page
    told = await done(visitor, f"organizations/{elsewhere}/switch")
    assert "Switched to another organization." in told
    assert "Elsewhere Current" in told
    told = await done(visitor, f"organizations/{person.organization_id}/switch")
    assert "Elsewhere Current" not in told


async def test_nobody_goes_where_they_are_no_member(visitor, make, rest, person):
    theirs = await make.organization()
    assert (await visitor.post(f"organizations/{theirs['id']}/switch")).status_code == 404
    await rest.users.create_membership(
        organization_id=theirs["id"], id=person.id, membership={}
    )  # invited, and not yet there
    assert (await visitor.post(f"organizations/{theirs['id']}/switch")).status_code == 404


async def test_an_organization_with_a_sign_in_of_its_own_asks_for_it(
    visitor, make, rest, person, database
):
    """One that wants a newer session than this one is."""
    made = await make.organization()
    await rest.organizations.update_organization_settings(
        id=made["id"], settings={"features": [{"name": "session_policy", "enabled": True}]}
    )
    await rest.organizations.update_organization_session_policy(
        organization_id=made["id"],
        policy_source="CUSTOM",
        absolute_session_timeout=6,
        absolute_session_timeout_unit="MINUTES",
    )
    await rest.users.create_membership(
        organization_id=made["id"], id=person.id, send_invitation_email=False, membership={}
    )
    await begun_ago(database, person, 7)
    page = await visitor.refused(f"organizations/{made['id']}/switch")
    assert "requires a separate sign-in" in page.text


async def begun_ago(database, person, minutes):
    from sqlalchemy import bindparam, update

    from tenantry.core.times import now
    from tenantry.db.sql.statements import Statement
    from tenantry.identity.sessions.model import sessions

    statement = Statement(
        update(sessions)
        .where(sessions.c.id == bindparam("p_id"))
        .values(create_time=bindparam("p_create_time"))
        .returning(sessions.c.id)
    )
    at = now() - minutes * 60_000_000
    assert await database.fetch_one(statement, p_id=person.session_id, p_create_time=at)


async def test_an_invitation_is_accepted_by_a_button(visitor, make, rest, person):
    made = await make.organization(display_name="Inviting")
    await rest.users.create_membership(organization_id=made["id"], id=person.id, membership={})
    told = await done(visitor, f"organizations/{made['id']}/accept")
    assert "Invitation accepted." in told
    place = (await rest.users.get_user(id=person.id))["user"]["memberships"]
    assert {one["membership_status"] for one in place} == {"ACTIVE"}


async def test_a_person_leaves_and_the_last_administrator_does_not(
    visitor, make, rest, person, elsewhere
):
    told = await done(visitor, f"organizations/{elsewhere}/leave")
    assert "You left the organization." in told
    assert "Elsewhere" not in told
    mine = person.organization_id
    await make.user(mine)
    await rest.users.update_membership(
        organization_id=mine, id=person.id, membership={"roles": [{"name": "admin"}]}
    )
    page = await visitor.refused(f"organizations/{mine}/leave")
    assert "You are the last administrator" in page.text
    assert (await visitor.post("organizations/org_1/leave")).status_code == 404


async def test_a_person_founds_an_organization_and_is_its_administrator(visitor, rest, person):
    told = await done(visitor, "organizations", display_name="Founded <b>")
    assert "Organization created." in told
    found = (await rest.users.get_user(id=person.id))["user"]["memberships"][-1]
    assert found["name"] == "Founded <b>"
    assert [role["name"] for role in found["roles"]] == ["admin"]
    page = await visitor.refused("organizations", display_name="")
    assert "1 to 200 characters" in page.text


async def test_forms_of_elsewhere_do_nothing(visitor, person, elsewhere):
    for path in ("account/name", "organizations", f"organizations/{elsewhere}/leave"):
        answer = await visitor.post(path, {"sec-fetch-site": "cross-site"}, given_name="x")
        assert answer.status_code == 403
