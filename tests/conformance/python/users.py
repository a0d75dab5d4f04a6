"""Drive UserService with the official Python SDK and print each step's answer.

Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET. Prints one line of
JSON per step of ../steps.json; the first step that fails ends the program.
"""

from __future__ import annotations

import time

from scalekit import ScalekitClient
from scalekit.v1.commons.commons_pb2 import MembershipStatus, Role
from scalekit.v1.organizations.organizations_pb2 import CreateOrganization
from scalekit.v1.roles.roles_pb2 import CreatePermission, CreateRole
from scalekit.v1.users.users_pb2 import (
    CreateMembership,
    CreateUser,
    CreateUserProfile,
    UpdateMembership,
    UpdateUser,
    UpdateUserProfile,
)
from steps import (
    CLIENT_ID,
    CLIENT_SECRET,
    RUN,
    UNKNOWN,
    URL,
    expect_bad_field,
    expect_bad_request,
    expect_duplicate,
    expect_not_found,
    expect_refused,
    read_pages,
    step,
)

DAY = 24 * 60 * 60
NOBODY = f"usr_{UNKNOWN}"
NOWHERE = f"org_{UNKNOWN}"

client = ScalekitClient(URL, CLIENT_ID, CLIENT_SECRET)
users = client.users


def create_organization(name):
    request = CreateOrganization(display_name=f"{name} {RUN}")
    return client.organization.create_organization(request)[0].organization.id


def email(name):
    return f"{name}.{RUN}@example.com"


def create(organization_id, name, *, invite=False, **fields):  # noqa: ANN003
    user = CreateUser(email=email(name), **fields)
    return users.create_user_and_membership(organization_id, user, invite)[0].user


def get(user_id):
    return users.get_user(user_id)[0].user


def membership(user, organization_id):
    return next(each for each in user.memberships if each.organization_id == organization_id)


def role_names(roles):
    return sorted(role.name for role in roles)


def held(organization_id, user_id):
    return role_names(users.list_user_roles(organization_id, user_id)[0].roles)


def member_ids(organization_id):
    return [user.id for user in users.list_organization_users(organization_id)[0].users]


acme = create_organization("Acme")
globex = create_organization("Globex")
environment_roles = client.roles.list_roles()[0].roles
default_role = next(role.name for role in environment_roles if role.default_member)

with step("create_active") as seen:
    profile = {
        "given_name": "Ada",
        "family_name": "Lovelace",
        "name": "Ada Lovelace",
        "locale": "en-GB",
        "phone_number": "+442071234567",
        "preferred_username": "ada",
        "picture": "https://example.com/ada.png",
        "gender": "female",
        "groups": ["engineering", "mathematics"],
        "metadata": {"source": "payroll"},
        "custom_attributes": {"desk": "4b"},
    }
    ada = create(
        acme,
        "ada",
        external_id=f"ada-{RUN}",
        metadata={"plan": "gold", "team": "engines"},
        user_profile=CreateUserProfile(**profile),
    )
    assert ada.id.startswith("usr_")
    assert ada.email == email("ada")
    assert ada.external_id == f"ada-{RUN}"
    assert ada.metadata == {"plan": "gold", "team": "engines"}
    assert ada.environment_id.startswith("env_")
    assert ada.create_time.seconds > 0
    assert ada.update_time.seconds > 0
    assert {name: getattr(ada.user_profile, name) for name in profile} == profile
    assert ada.user_profile.email_verified
    (place,) = ada.memberships
    assert place.organization_id == acme
    assert place.membership_status == MembershipStatus.ACTIVE
    assert role_names(place.roles) == [default_role]
    assert place.display_name == f"Acme {RUN}"
    assert place.join_time.seconds > 0
    assert place.provisioning_method == "direct_provision"
    seen["id"] = ada.id

with step("create_invited") as seen:
    bob = create(
        acme,
        "bob",
        invite=True,
        membership=CreateMembership(
            roles=[Role(name=default_role)],
            metadata={"desk": "5a"},
            inviter_email=email("ada"),
        ),
    )
    assert not bob.user_profile.email_verified
    (place,) = bob.memberships
    assert place.membership_status == MembershipStatus.PENDING_INVITE
    assert role_names(place.roles) == [default_role]
    assert place.metadata == {"desk": "5a"}
    assert place.inviter_email == email("ada")
    assert place.provisioning_method == "invitation"
    assert place.HasField("created_at")
    assert place.HasField("join_time")
    assert not place.HasField("accepted_at")
    assert place.expires_at.seconds > time.time() + DAY
    seen["expires_in_days"] = (place.expires_at.seconds - place.created_at.seconds) / DAY

with step("get"):
    assert get(ada.id) == ada
    assert get(bob.id) == bob

with step("get_by_external_id"):
    assert users.get_user_by_external_id(f"ada-{RUN}")[0].user == ada

with step("profile_names"):
    names = ("given_name", "first_name", "family_name", "last_name")
    older = CreateUserProfile(first_name="Carl", last_name="Gauss")
    carl = create(acme, "carl", external_id=f"carl-{RUN}", user_profile=older)
    assert [getattr(carl.user_profile, name) for name in names] == ["Carl"] * 2 + ["Gauss"] * 2
    newer = UpdateUserProfile(given_name="C. F.", first_name="Karl")
    carl = users.update_user(carl.id, UpdateUser(user_profile=newer))[0].user
    assert [getattr(carl.user_profile, name) for name in names] == ["C. F."] * 2 + ["Gauss"] * 2

with step("update_by_id"):
    change = UpdateUser(
        external_id=f"ada-two-{RUN}",
        user_profile=UpdateUserProfile(given_name="Augusta", locale="en-US"),
        metadata={"plan": "silver"},
    )
    updated = users.update_user(ada.id, change)[0].user
    assert updated.id == ada.id
    assert updated.email == ada.email
    assert updated.external_id == f"ada-two-{RUN}"
    assert updated.metadata == {"plan": "silver"}
    for name, value in (profile | {"given_name": "Augusta", "locale": "en-US"}).items():
        assert getattr(updated.user_profile, name) == value, name
    assert get(ada.id) == updated
    expect_not_found(users.get_user_by_external_id, f"ada-{RUN}")

with step("update_by_external_id"):
    change = UpdateUser(user_profile=UpdateUserProfile(family_name="King"))
    updated = users.update_user_by_external_id(f"ada-two-{RUN}", change)[0].user
    assert updated.id == ada.id
    assert updated.user_profile.given_name == "Augusta"
    assert updated.user_profile.family_name == "King"
    assert updated.metadata == {"plan": "silver"}
    assert get(ada.id) == updated

dora = create(acme, "dora")
eve = create(acme, "eve", external_id=f"eve-{RUN}")
ours = [user.id for user in (ada, bob, carl, dora, eve)]

with step("list_pages") as seen:

    def page(token):
        answer = users.list_users(page_size=2, page_token=token)[0]
        assert all(user.environment_id for user in answer.users)
        return answer.users, answer

    seen["listed"] = len(read_pages(page, ours))

with step("list_organization_pages"):

    def page(token):
        answer = users.list_organization_users(acme, page_size=2, page_token=token)[0]
        assert answer.total_size == len(ours)
        assert all(user.environment_id and len(user.memberships) == 1 for user in answer.users)
        return answer.users, answer

    assert read_pages(page, ours) == ours[::-1]
    first = page("")[1]
    second = page(first.next_page_token)[1]
    assert not first.prev_page_token
    assert page(second.prev_page_token)[1].users == first.users
    assert member_ids(acme) == ours[::-1]
    assert member_ids(globex) == []

with step("create_membership"):
    admin = CreateMembership(roles=[Role(name="admin")], metadata={"team": "board"})
    joined = users.create_membership(globex, ada.id, admin, False)[0].user
    assert joined.id == ada.id
    assert {each.organization_id for each in joined.memberships} == {acme, globex}
    place = membership(joined, globex)
    assert place.membership_status == MembershipStatus.ACTIVE
    assert role_names(place.roles) == ["admin"]
    assert place.metadata == {"team": "board"}
    assert get(ada.id) == joined
    invited = users.create_membership(globex, bob.id, CreateMembership())[0].user
    place = membership(invited, globex)
    assert place.membership_status == MembershipStatus.PENDING_INVITE
    assert place.HasField("join_time")
    assert role_names(place.roles) == [default_role]
    role = environment_roles[1]
    for user, named in ((carl, Role(id=role.id)), (dora, Role(id=role.id, name=role.name))):
        users.create_membership(globex, user.id, CreateMembership(roles=[named]), False)
        assert held(globex, user.id) == [role.name]

with step("create_membership_refused"):
    expect_bad_request(users.create_membership, globex, ada.id, admin)
    expect_refused(
        users.create_membership,
        globex,
        eve.id,
        CreateMembership(roles=[Role(name=f"nobody_{RUN}")]),
    )
    expect_not_found(users.create_membership, globex, NOBODY, CreateMembership())
    expect_not_found(users.create_membership, NOWHERE, eve.id, CreateMembership())
    assert eve.id not in member_ids(globex)

initech = create_organization("Initech")

with step("update_membership"):
    users.create_membership(initech, ada.id, admin, False)
    change = UpdateMembership(roles=[Role(name=default_role)])
    updated = users.update_membership(initech, ada.id, change)[0].user
    assert len(updated.memberships) == 3
    assert role_names(membership(updated, initech).roles) == [default_role]
    assert membership(updated, initech).metadata == {"team": "board"}
    assert held(initech, ada.id) == [default_role]
    assert held(globex, ada.id) == ["admin"]
    change = UpdateMembership(metadata={"floor": "two"})
    place = membership(users.update_membership(initech, ada.id, change)[0].user, initech)
    assert place.metadata == {"floor": "two"}
    assert role_names(place.roles) == [default_role]

with step("membership_by_external_id"):
    external_id = f"eve-{RUN}"
    joined = users.create_membership_by_external_id(initech, external_id, CreateMembership(), False)
    assert joined[0].user.id == eve.id
    assert membership(joined[0].user, initech).membership_status == MembershipStatus.ACTIVE
    change = UpdateMembership(metadata={"level": "senior"}, roles=[Role(name="admin")])
    updated = users.update_membership_by_external_id(initech, external_id, change)[0].user
    assert membership(updated, initech).metadata == {"level": "senior"}
    assert held(initech, eve.id) == ["admin"]
    # The last admin among others may not go, so ada becomes one too.
    change = UpdateMembership(roles=[Role(name="admin")])
    users.update_membership_by_external_id(initech, f"ada-two-{RUN}", change)
    users.delete_membership_by_external_id(initech, external_id)
    expect_refused(users.delete_membership_by_external_id, initech, external_id)
    assert get(eve.id).id == eve.id

with step("roles_and_permissions"):
    reads, writes = f"docs:read_{RUN}", f"docs:write_{RUN}"
    for name in (reads, writes):
        client.permissions.create_permission(CreatePermission(name=name))
    reader, writer = f"reader_{RUN}", f"writer_{RUN}"
    client.roles.create_role(CreateRole(name=reader, display_name="Reader", permissions=[reads]))
    client.roles.create_role(
        CreateRole(name=writer, display_name="Writer", extends=reader, permissions=[writes])
    )
    for user in (dora, bob):  # active and invited
        change = UpdateMembership(roles=[Role(name=writer)])
        place = membership(users.update_membership(globex, user.id, change)[0].user, globex)
        assert sorted(place.permissions) == [reads, writes]
        (role,) = users.list_user_roles(globex, user.id)[0].roles
        assert role.id.startswith("role_")
        assert (role.name, role.display_name) == (writer, "Writer")
        permissions = users.list_user_permissions(globex, user.id)[0].permissions
        assert sorted(each.name for each in permissions) == [reads, writes]
        assert all(each.id.startswith("perm_") for each in permissions)
    assert writer not in held(acme, dora.id)

with step("resend_invite") as seen:
    before = membership(get(bob.id), acme)
    for count in (1, 2):
        invite = users.resend_invite(acme, bob.id)[0].invite
        assert (invite.organization_id, invite.user_id) == (acme, bob.id)
        assert invite.status == "PENDING_INVITE"
        assert invite.inviter_email == email("ada")
        assert invite.created_at == before.created_at
        assert invite.expires_at == before.expires_at
        assert invite.HasField("resent_at")
        assert invite.resent_count == count
    seen["message"] = expect_bad_request(users.resend_invite, acme, ada.id).message
    expect_not_found(users.resend_invite, initech, bob.id)

with step("seat_limit") as seen:
    small = create_organization("Small")
    client.organization.upsert_user_management_settings(small, max_allowed_users=1)
    first = create(small, "first", invite=True)
    refused = expect_bad_request(create, small, "second")
    assert "limit" in refused.message
    expect_bad_request(users.create_membership, small, ada.id, CreateMembership(), False)
    assert member_ids(small) == [first.id]
    client.organization.upsert_user_management_settings(small, max_allowed_users=0)
    second = create(small, "second")
    assert member_ids(small) == [second.id, first.id]
    seen["message"] = refused.message

with step("delete_membership"):
    users.delete_membership(globex, carl.id)
    assert carl.id not in member_ids(globex)
    assert [each.organization_id for each in get(carl.id).memberships] == [acme]
    expect_not_found(users.delete_membership, globex, carl.id)
    users.delete_membership(acme, carl.id)
    assert not get(carl.id).memberships

with step("duplicate_email") as seen:
    error = expect_duplicate("email", create, globex, "eve")
    expect_duplicate(
        "email",
        users.create_user_and_membership,
        globex,
        CreateUser(email=email("eve").upper()),
    )
    seen["message"] = error.message

with step("duplicate_external_id") as seen:
    error = expect_duplicate("external_id", create, acme, "twin", external_id=f"eve-{RUN}")
    change = UpdateUser(external_id=f"eve-{RUN}")
    expect_duplicate("external_id", users.update_user, dora.id, change)
    seen["message"] = error.message

with step("bad_field") as seen:
    seen["violations"] = expect_bad_field(
        "email", users.create_user_and_membership, acme, CreateUser(email="nobody")
    )
    expect_bad_field("metadata", create, acme, "mallory", metadata={"k": "too short a key"})
    expect_bad_field(
        "given_name",
        users.update_user,
        eve.id,
        UpdateUser(user_profile=UpdateUserProfile(given_name="x" * 256)),
    )

with step("not_found") as seen:
    seen["message"] = expect_not_found(get, NOBODY).message
    expect_not_found(users.get_user_by_external_id, f"nobody-{RUN}")
    expect_not_found(users.update_user, NOBODY, UpdateUser(metadata={"plan": "gold"}))
    expect_not_found(users.delete_user, NOBODY)
    expect_not_found(users.delete_user_by_external_id, f"nobody-{RUN}")
    expect_not_found(create, NOWHERE, "mallory")
    expect_not_found(users.list_organization_users, NOWHERE)
    expect_not_found(users.update_membership, globex, eve.id, UpdateMembership())
    expect_not_found(users.list_user_roles, globex, eve.id)
    expect_not_found(users.list_user_permissions, globex, eve.id)

with step("delete"):
    users.delete_user(carl.id)  # without a membership by now
    users.delete_user(dora.id)
    for user in (carl, dora):
        expect_not_found(get, user.id)
        expect_not_found(users.delete_user, user.id)
        assert user.id not in member_ids(acme)
    expect_not_found(users.get_user_by_external_id, f"carl-{RUN}")

with step("delete_by_external_id"):
    users.delete_user_by_external_id(f"eve-{RUN}")
    expect_not_found(get, eve.id)
    expect_not_found(users.delete_user_by_external_id, f"eve-{RUN}")

with step("email_and_external_id_are_free_again"):
    heir = create(acme, "eve", external_id=f"eve-{RUN}")
    assert heir.id != eve.id

with step("delete_organization"):
    client.organization.delete_organization(acme)
    expect_not_found(get, heir.id)  # was nowhere else
    assert {each.organization_id for each in get(ada.id).memberships} == {globex, initech}
    for organization_id in (globex, initech, small):
        client.organization.delete_organization(organization_id)
    for user in (ada, bob, first, second):
        expect_not_found(get, user.id)
    client.roles.delete_role(writer)
    client.roles.delete_role(reader)
    for name in (reads, writes):
        client.permissions.delete_permission(name)
