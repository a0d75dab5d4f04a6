"""Members who invite, change and remove members: no further than what they may do themselves."""

from __future__ import annotations

import pytest
from apis import refused, unique

HR = ["sk_org_users_read", "sk_org_users_invite", "sk_org_users_delete", "sk_org_users_role_change"]


@pytest.fixture
async def hr(rest):
    """A role that manages members, and nothing else."""
    return await _role(rest, HR)


async def _role(rest, permissions):
    name = f"role_{unique()}".replace("-", "_")
    role = {"name": name, "display_name": "A role", "permissions": permissions}
    await rest.roles.create_role(role=role)
    return name


async def member_of(make, organization_id, *roles: str):
    membership = {"roles": [{"name": name} for name in roles]}
    return await make.user(organization_id, membership=membership)


def roles_of(user):
    return sorted(role["name"] for role in user["memberships"][0]["roles"])


async def test_an_admin_invites_changes_and_removes(wire, rest, by_cookie):
    api, organization_id = await by_cookie(wire, "admin")
    me = (await api.users.get_current_user())["user"]
    email = f"{unique()}@new.example"
    answer = await api.users.create_user_and_membership(
        organization_id=organization_id,
        user={"email": email, "membership": {"roles": [{"name": "member"}]}},
    )
    user = answer["user"]
    (place,) = user["memberships"]
    assert (place["membership_status"], place["inviter_email"]) == ("PENDING_INVITE", me["email"])
    await api.users.resend_invite(organization_id=organization_id, id=user["id"])
    answer = await api.users.update_membership(
        organization_id=organization_id, id=user["id"], membership={"roles": [{"name": "admin"}]}
    )
    assert roles_of(answer["user"]) == ["admin"]
    listed = await api.users.list_organization_users(organization_id=organization_id)
    assert {one["email"] for one in listed["users"]} == {email, me["email"]}
    await api.users.delete_membership(organization_id=organization_id, id=user["id"])
    kept = (await rest.users.get_user(id=user["id"]))["user"]
    assert not kept.get("memberships")


async def test_somebody_of_another_organization_is_invited_by_address_and_nothing_else_is_told(
    wire, make, by_cookie
):
    api, organization_id = await by_cookie(wire, "admin")
    known = await make.user(
        external_id=unique(),
        user_profile={"given_name": "Grace", "phone_number": "+14155550123"},
        membership={"roles": [{"name": "admin"}]},
    )
    answer = await api.users.create_user_and_membership(
        organization_id=organization_id, user={"email": known["email"].upper()}
    )
    user = answer["user"]
    assert user["id"] == known["id"]
    assert [one["organization_id"] for one in user["memberships"]] == [organization_id]
    listed = await api.users.list_organization_users(organization_id=organization_id)
    (found,) = (one for one in listed["users"] if one["id"] == known["id"])
    for shown in (user, found):
        assert "Grace" not in str(shown)
        assert "+14155550123" not in str(shown)
        assert known["external_id"] not in str(shown)
        # Nor how old the account is: its times are those of the membership.
        (place,) = shown["memberships"]
        assert shown["create_time"] == shown["update_time"] == place["created_at"]
        assert known["create_time"] not in str(shown)
    with refused("INVALID_ARGUMENT", says="already exists"):
        await api.users.create_user_and_membership(
            organization_id=organization_id, user={"email": known["email"]}
        )


@pytest.mark.parametrize("known", [False, True])
async def test_an_invitation_tells_no_revision_of_an_account(wire, make, by_cookie, known):
    api, organization_id = await by_cookie(wire, "admin")
    email = (await make.user())["email"] if known else f"{unique()}@new.example"
    answer = await api.users.create_user_and_membership(
        organization_id=organization_id, user={"email": email}
    )
    user = answer["user"]
    assert "etag" not in answer.headers
    assert user["create_time"] == user["memberships"][0]["created_at"]


async def test_members_see_names_of_each_other_and_no_more(wire, make, by_cookie):
    api, organization_id = await by_cookie(wire, "member")
    await make.user(
        organization_id,
        external_id="crm-1-" + unique(),
        user_profile={
            "given_name": "Grace",
            "phone_number": "+14155550123",
            "custom_attributes": {"salary": "100000"},
            "groups": ["board"],
        },
    )
    listed = await api.users.list_organization_users(organization_id=organization_id)
    told = str(listed)
    assert "Grace" in told
    assert not [hidden for hidden in ("+1415", "100000", "board", "crm-1-") if hidden in told]


@pytest.mark.parametrize("change", ["invite", "update", "assign"])
async def test_nobody_gives_a_role_that_may_more_than_they(wire, make, by_cookie, hr, change):
    api, organization_id = await by_cookie(wire, hr)
    me = (await api.users.get_current_user())["user"]
    for user_id in (me["id"], (await member_of(make, organization_id, hr))["id"]):
        says = "permits more than the caller may"
        with refused("PERMISSION_DENIED", says=says):
            if change == "invite":
                await api.users.create_user_and_membership(
                    organization_id=organization_id,
                    user={
                        "email": f"{unique()}@new.example",
                        "membership": {"roles": [{"name": hr}, {"name": "admin"}]},
                    },
                )
            elif change == "update":
                await api.users.update_membership(
                    organization_id=organization_id,
                    id=user_id,
                    membership={"roles": [{"name": "admin"}]},
                )
            else:
                await api.users.assign_user_roles(
                    organization_id=organization_id,
                    user_id=user_id,
                    roles=[{"role_name": "admin"}],
                )
    listed = await api.users.list_organization_users(organization_id=organization_id)
    assert all(roles_of(one) == [hr] for one in listed["users"])


async def test_nor_the_default_role_where_that_is_one(wire, rest, by_cookie, hr):
    api, organization_id = await by_cookie(wire, hr)
    await rest.roles.update_default_organization_roles(
        org_id=organization_id, default_member_role="admin"
    )
    with refused("PERMISSION_DENIED", says="permits more"):
        await api.users.create_user_and_membership(
            organization_id=organization_id, user={"email": f"{unique()}@new.example"}
        )


async def test_nor_takes_a_role_or_removes_somebody_who_may_more(wire, make, by_cookie, hr):
    api, organization_id = await by_cookie(wire, hr)
    admins = [await member_of(make, organization_id, "admin") for _ in range(2)]
    for call in (
        api.users.delete_membership(organization_id=organization_id, id=admins[0]["id"]),
        api.users.remove_user_role(
            organization_id=organization_id, user_id=admins[0]["id"], role_name="admin"
        ),
        api.users.update_membership(
            organization_id=organization_id,
            id=admins[0]["id"],
            membership={"roles": [{"name": hr}]},
        ),
    ):
        with refused("PERMISSION_DENIED", says="permits more"):
            await call
    equal = await member_of(make, organization_id, hr)
    await api.users.delete_membership(organization_id=organization_id, id=equal["id"])


async def test_the_last_administrator_stays_and_a_member_forces_nothing(wire, make, by_cookie):
    api, organization_id = await by_cookie(wire, "admin")
    await member_of(make, organization_id, "member")
    me = (await api.users.get_current_user())["user"]
    with refused("INVALID_ARGUMENT", says="last admin"):
        await api.users.delete_membership(organization_id=organization_id, id=me["id"])
    with refused("PERMISSION_DENIED", "cascade"):
        await api.users.delete_membership(
            organization_id=organization_id, id=me["id"], cascade=True
        )


@pytest.mark.parametrize("role", ["member", ""])
async def test_each_call_takes_its_own_permission(wire, rest, make, by_cookie, role):
    name = role or await _role(rest, ["sk_org_settings_manage"])
    api, organization_id = await by_cookie(wire, name)
    other = await member_of(make, organization_id, name)
    named = {"organization_id": organization_id, "id": other["id"]}
    calls = [
        api.users.create_user_and_membership(
            organization_id=organization_id, user={"email": f"{unique()}@new.example"}
        ),
        api.users.update_membership(**named, membership={"roles": [{"name": name}]}),
        api.users.delete_membership(**named),
        api.users.resend_invite(**named),
    ]
    if not role:
        calls.append(api.users.list_organization_users(organization_id=organization_id))
    for call in calls:
        with refused("PERMISSION_DENIED", says="needs one of the permissions"):
            await call


async def test_another_organization_is_out_of_reach(wire, make, by_cookie):
    api, _ = await by_cookie(wire, "admin")
    theirs = await make.user(membership={"roles": [{"name": "member"}]})
    elsewhere = theirs["memberships"][0]["organization_id"]
    named = {"organization_id": elsewhere, "id": theirs["id"]}
    for call in (
        api.users.list_organization_users(organization_id=elsewhere),
        api.users.create_user_and_membership(
            organization_id=elsewhere, user={"email": f"{unique()}@new.example"}
        ),
        api.users.update_membership(**named, membership={"roles": [{"name": "admin"}]}),
        api.users.delete_membership(**named),
        api.users.resend_invite(**named),
    ):
        with refused("NOT_FOUND"):
            await call


async def test_nobody_floods_somebody_with_invitations(wire, by_cookie):
    api, organization_id = await by_cookie(wire, "admin")
    email = f"{unique()}@new.example"
    answer = await api.users.create_user_and_membership(
        organization_id=organization_id, user={"email": email}
    )
    named = {"organization_id": organization_id, "id": answer["user"]["id"]}
    for _ in range(5):
        await api.users.resend_invite(**named)
    with refused("RESOURCE_EXHAUSTED", error_code="RATE_LIMITED"):
        await api.users.resend_invite(**named)


async def test_of_an_object_elsewhere_its_id_is_not_told(wire, rest, make, by_cookie):
    api, organization_id = await by_cookie(wire, "admin")
    elsewhere = await make.organization()
    name = f"{unique()}.example"
    domain = {"domain": name, "domain_type": "ORGANIZATION_DOMAIN"}
    made = await rest.domains.create_domain(organization_id=elsewhere["id"], domain=domain)
    with refused("INVALID_ARGUMENT", "domain", says="already exists$") as it:
        await api.domains.create_domain(organization_id=organization_id, domain=domain)
    assert not it.value.resource
    assert made["domain"]["id"] not in it.value.message
    with refused("INVALID_ARGUMENT", "domain") as it:
        await rest.domains.create_domain(organization_id=organization_id, domain=domain)
    assert it.value.resource == made["domain"]["id"]


async def test_nobody_sends_an_invitation_again_that_gives_more_than_they_hold(
    wire, rest, hr, by_cookie
):
    api, organization_id = await by_cookie(wire, hr)
    for role, refusal in (("admin", "PERMISSION_DENIED"), (hr, None)):
        answer = await rest.users.create_user_and_membership(
            organization_id=organization_id,
            user={
                "email": f"{unique()}@new.example",
                "membership": {"roles": [{"name": role}]},
            },
        )
        call = api.users.resend_invite(organization_id=organization_id, id=answer["user"]["id"])
        if refusal is None:
            await call
            continue
        with refused(refusal, says="'admin'"):
            await call
