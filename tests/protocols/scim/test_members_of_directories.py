"""People of a directory over HTTP, as the API shows them: in, out, and in again."""

from __future__ import annotations

from apis import refused
from providers import patch, says_error


async def shown(api, provider, user_id):
    """The status of a member, by the user itself and by the organization's list."""
    user = (await api.users.get_user(id=user_id))["user"]
    organization_id = provider.directory.organization_id
    listed = await api.users.list_organization_users(organization_id=organization_id)
    (same,) = [one for one in listed["users"] if one["id"] == user_id]
    found = {
        place["membership_status"]
        for one in (user, same)
        for place in one["memberships"]
        if place["organization_id"] == organization_id
    }
    assert len(found) == 1
    return found.pop()


async def test_a_member_goes_off_and_on_and_the_api_shows_it(api, provider):
    person = await provider.create("ada")
    organization_id = provider.directory.organization_id
    listed = await api.users.list_organization_users(organization_id=organization_id)
    (user,) = listed["users"]
    assert user["memberships"][0]["provisioning_method"] == "direct_provision"
    assert await shown(api, provider, user["id"]) == "ACTIVE"
    path = f"/Users/{person['id']}"
    off = {"op": "Replace", "path": "active", "value": "False"}
    assert (await provider("PATCH", path, patch(off))).status_code == 200
    assert await shown(api, provider, user["id"]) == "INACTIVE"
    for invited in (True, False):
        with refused("INVALID_ARGUMENT", says="has this user as inactive"):
            await api.users.create_membership(
                organization_id=organization_id,
                id=user["id"],
                membership={},
                send_invitation_email=invited,
            )
    on = {"op": "replace", "value": {"active": True}}
    assert (await provider("PATCH", path, patch(on))).status_code == 200
    assert await shown(api, provider, user["id"]) == "ACTIVE"
    assert (await provider("DELETE", path)).status_code == 204
    assert await shown(api, provider, user["id"]) == "INACTIVE"
    # Nobody there manages the person any more: the application may.
    with refused("INVALID_ARGUMENT", says="send_invitation_email=false"):
        await api.users.create_membership(
            organization_id=organization_id, id=user["id"], membership={}
        )
    await api.users.create_membership(
        organization_id=organization_id,
        id=user["id"],
        membership={},
        send_invitation_email=False,
    )
    assert await shown(api, provider, user["id"]) == "ACTIVE"
    await api.users.delete_membership(organization_id=organization_id, id=user["id"], cascade=False)


async def test_what_is_refused_says_why(api, provider):
    person = await provider.create("ada")
    stranger = provider.user("eve", userName="eve@victim.example", emails=[])
    says = says_error(await provider("POST", "/Users", stranger), 400, "invalidValue")
    assert "victim.example" in says
    other = {"op": "replace", "path": "emails", "value": [{"value": f"eve@{provider.domain}"}]}
    name = {"op": "replace", "path": "userName", "value": f"eve@{provider.domain}"}
    path = f"/Users/{person['id']}"
    says_error(await provider("PATCH", path, patch(other, name)), 400, "mutability")
    await api.organizations.upsert_user_management_settings(
        organization_id=provider.directory.organization_id, settings={"max_allowed_users": 1}
    )
    full = await provider("POST", "/Users", provider.user("grace"))
    assert says_error(full, 403) == "organization has reached its limit of 1 users"
