"""Members of an organization on its pages: they invite, change roles, remove, and no more."""

from __future__ import annotations

import re

import pytest
from apis import unique
from providers import USER, connect
from widget_people import HOSTILE, ORGANIZATION, People, links, text_of

USERS = f"{ORGANIZATION}/users"
HR = ("sk_org_users_read", "sk_org_users_invite", "sk_org_users_delete", "sk_org_users_role_change")


@pytest.fixture
def people(server, database, http, rest, make):
    return People(server, database, http, rest, make)


@pytest.fixture
async def admin(people):
    return await people.member(await people.organization(), "admin")


def user_id(page, email):
    """The id of the one member on a page."""
    ids = set(re.findall(r"/users/(usr_\d+)", page.text))
    assert len(ids) == 1, (email, ids)
    return ids.pop()


async def test_somebody_is_invited_joins_gets_another_role_and_is_removed(people, admin):
    email = f"{unique()}@new.example"
    told = await admin.done(f"{USERS}/invite", email=email, role="member")
    assert "Invitation sent." in text_of(told)
    found = await admin.get(f"{USERS}?q={email}")
    assert "Invited" in text_of(found)
    id_ = user_id(found, email)
    told = text_of(await admin.done(f"{USERS}/{id_}/resend"))
    assert "Invitation resent." in told
    assert f"Invited by {admin.person.email}" in told
    joined = await people.accept(admin.person.organization_id, id_)
    assert joined.status_code in {200, 303}
    assert "Active" in text_of(await admin.get(f"{USERS}/{id_}"))
    told = text_of(await admin.done(f"{USERS}/{id_}/roles", **{"role-admin": "true"}))
    assert "Roles saved." in told
    assert "Roles Admin" in told
    told = text_of(await admin.done(f"{USERS}/{id_}/remove"))
    assert "User removed." in told
    assert email not in told
    assert "No users found" in text_of(await admin.get(f"{USERS}?q={email}"))


async def test_the_list_pages_and_finds_by_address(people):
    admin = await people.member(await people.organization(), "admin")
    for _ in range(21):
        await people.make.user(admin.person.organization_id)
    page = await admin.get(USERS)
    assert "22 members" in text_of(page)
    (onward,) = re.findall(r'rel="next" href="([^"]+)"', page.text)
    second = await admin.get(onward.replace("&amp;", "&"))
    assert len(set(re.findall(r"/users/(usr_\d+)", second.text))) == 2
    assert 'rel="prev"' in second.text
    found = await admin.get(f"{USERS}?q={admin.person.email.partition('@')[0]}")
    assert user_id(found, admin.person.email) == admin.person.id
    assert "three characters" in text_of(await admin.get(f"{USERS}?q=a"))


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"email": "nonsense", "role": "member"}, "This email address can't be invited."),
        ({"email": "", "role": "member"}, "This email address can't be invited."),
        ({"email": "a@b.example", "role": "nonsense"}, "Choose an existing role."),
    ],
)
async def test_wrong_input_is_told_beside_its_field(admin, form, says):
    assert says in await admin.refused(f"{USERS}/invite", **form)


async def test_a_member_is_not_invited_twice(admin):
    said = await admin.refused(f"{USERS}/invite", email=admin.person.email, role="member")
    assert "already a member" in said
    assert admin.person.email in said


async def test_nobody_gives_themselves_or_others_more_than_they_have(people):
    hr = await people.role(*HR)
    one = await people.member(await people.organization(), hr)
    page = await one.get(f"{USERS}/{one.person.id}")
    assert 'name="role-admin"' not in page.text
    said = await one.refused(f"{USERS}/{one.person.id}/roles", **{"role-admin": "true"})
    assert "permissions that you don't have" in said
    assert 'value="admin"' not in (await one.get(f"{USERS}/invite")).text
    said = await one.refused(f"{USERS}/invite", email=f"{unique()}@new.example", role="admin")
    assert "permissions that you don't have" in said
    admin = await people.member(one.person.organization_id, "admin")
    said = await one.refused(f"{USERS}/{admin.person.id}/remove")
    assert "permissions that you don't have" in said
    assert "Admin" in text_of(await admin.get(f"{USERS}/{admin.person.id}"))


async def test_roles_that_are_beyond_somebody_stay_when_they_change_others(people):
    hr, small = await people.role(*HR), await people.role("sk_org_users_read")
    one = await people.member(await people.organization(), hr)
    admin = await people.member(one.person.organization_id, "admin")
    told = text_of(await one.done(f"{USERS}/{admin.person.id}/roles", **{f"role-{small}": "true"}))
    assert f"Role {small}" in told
    assert "permissions that you don't have: Admin" in told


async def test_a_member_may_hold_more_roles_than_a_form_has_fields(people, admin, rest):
    organization_id = admin.person.organization_id
    start = unique("many").replace("-", "_")
    names = [f"{start}_{number}" for number in range(60)]
    for name in names:
        await rest.roles.create_organization_role(
            org_id=organization_id, role={"name": name, "display_name": f"The role {name}"}
        )
    one = await people.member(organization_id, "member")
    path = f"{USERS}/{one.person.id}"
    told = await admin.done(f"{path}/roles", **{f"role-{name}": "on" for name in names})
    assert len(re.findall(r'id="role-many_[^"]*"[^>]* checked', told.text)) == 60
    assert all(f"The role {name}" in text_of(told) for name in names)


async def test_the_last_administrator_is_kept(people, admin):
    await people.member(admin.person.organization_id, "member")
    said = await admin.refused(f"{USERS}/{admin.person.id}/roles", **{"role-member": "true"})
    assert "the last administrator" in said
    said = await admin.refused(f"{USERS}/{admin.person.id}/remove")
    assert "the last administrator" in said


async def test_each_permission_opens_its_own(people):
    organization = await people.organization()
    reader = await people.member(organization, await people.role("sk_org_users_read"))
    page = await reader.get(USERS)
    assert links(page)[:1] == ["Users"]
    assert "Invite user" not in page.text
    for path in (
        f"{USERS}/invite",
        *(f"{USERS}/usr_1/{do}" for do in ("roles", "resend", "remove")),
    ):
        assert (await reader.post(path)).status_code == 403
    assert (await reader.get(f"{USERS}/invite")).status_code == 403
    nobody = await people.member(organization, await people.role("sk_org_settings_read"))
    for path in (USERS, f"{USERS}?q=abc", f"{USERS}/{reader.person.id}"):
        assert (await nobody.get(path)).status_code == 403
    assert "Users" not in links(await nobody.get(f"{ORGANIZATION}/general"))


async def test_members_of_another_organization_are_not_there(people, admin):
    other = await people.member(await people.organization(), "admin")
    path = f"{USERS}/{other.person.id}"
    assert (await admin.get(path)).status_code == 404
    for do in ("roles", "resend", "remove"):
        form = {"role-member": "true"} if do == "roles" else {}
        assert (await admin.post(f"{path}/{do}", **form)).status_code == 404
    assert other.person.email not in (
        await admin.get(f"{USERS}?q={other.person.email}")
    ).text.replace(f'value="{other.person.email}"', "")


async def test_forms_of_elsewhere_do_nothing(people, admin):
    other = await people.member(admin.person.organization_id, "member")
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {},
    ):
        answer = await admin.post(f"{USERS}/{other.person.id}/remove", headers)
        assert answer.status_code == 403
        assert "submitted from another site" in text_of(answer)
    assert other.person.email in (await admin.get(USERS)).text


async def test_hostile_texts_stay_text(people):
    organization = await people.organization(display_name=HOSTILE[:200])
    admin = await people.member(
        organization, "admin", user_profile={"given_name": HOSTILE, "family_name": HOSTILE}
    )
    for path in (USERS, f"{USERS}/{admin.person.id}", f"{USERS}?q=%22%3E%3Cscript%3E"):
        page = await admin.get(path)
        assert page.status_code == 200
        assert "<img src=x" not in page.text
        assert "<script>alert" not in page.text
        assert "62615533" not in text_of(page).replace(admin.person.id, "").replace(
            organization, ""
        )
    assert page.headers["x-frame-options"] == "DENY"


async def test_a_person_of_elsewhere_keeps_their_name_until_they_join(people, admin):
    theirs = await people.make.user(user_profile={"given_name": "Hidden", "family_name": "Name"})
    await admin.done(f"{USERS}/invite", email=theirs["email"], role="member")
    for path in (USERS, f"{USERS}/{theirs['id']}", f"{USERS}?q={theirs['email']}"):
        page = await admin.get(path)
        assert theirs["email"] in page.text
        assert "Hidden" not in page.text


async def test_whom_a_directory_has_is_marked(people, database, server, make):
    provider = await connect(database, server, make)
    email = f"{unique()}@{provider.domain}"
    made = await provider("POST", "/Users", {"schemas": [USER], "userName": email, "active": True})
    assert made.status_code == 201, made.text
    await provider.aclose()
    admin = await people.member(provider.directory.organization_id, "admin")
    page = await admin.get(f"{USERS}?q={email}")
    assert "Active Directory" in text_of(page)
    told = text_of(await admin.get(f"{USERS}/{user_id(page, email)}"))
    assert "A directory manages this user" in told
    assert "Directory" not in text_of(await admin.get(f"{USERS}?q={admin.person.email}"))
    theirs = await people.rest.users.get_user(id=user_id(page, email))
    person = await people.signed_in(theirs["user"])
    path = f"/ui/profile/organizations/{provider.directory.organization_id}/leave"
    assert "manages your membership" in await person.refused(path)


async def test_an_invitation_is_not_sent_again_and_again(admin):
    email = f"{unique()}@new.example"
    await admin.done(f"{USERS}/invite", email=email, role="member")
    id_ = user_id(await admin.get(f"{USERS}?q={email}"), email)
    for _ in range(5):
        await admin.done(f"{USERS}/{id_}/resend")
    sent = await admin.post(f"{USERS}/{id_}/resend")
    told = await admin.get(sent.headers["location"])
    assert told.status_code == 429
    assert int(told.headers["retry-after"]) > 0
    assert "Too many attempts" in text_of(told)
