"""ETag, If-Match and Idempotency-Key of roles and permissions."""

from __future__ import annotations

import pytest
from apis import refused
from role_names import fresh


@pytest.fixture
async def role(make):
    """A role that extends another and has a permission, and another permission."""
    given, other = [(await make.permission())["name"] for _ in range(2)]
    base = (await make.role())["name"]
    made = await make.role(extends=base, permissions=[given])
    return made["name"], base, given, other


def changes(api, name, base, given, other):
    """Each change of a role of the environment."""
    return {
        "update_role": lambda: api.roles.update_role(role_name=name, role={"display_name": "New"}),
        "add_permissions_to_role": lambda: api.roles.add_permissions_to_role(
            role_name=name, permission_names=[other]
        ),
        "remove_permission_from_role": lambda: api.roles.remove_permission_from_role(
            role_name=name, permission_name=given
        ),
        "delete_role_base": lambda: api.roles.delete_role_base(role_name=name),
        "delete_role": lambda: api.roles.delete_role(role_name=name),
    }


async def test_an_etag_comes_with_a_role_and_grows_with_every_change(api, role):
    name = role[0]
    assert (await api.roles.get_role(role_name=name)).etag == '"1"'
    made = changes(api, *role)
    for revision, rpc in enumerate(list(made)[:4], 2):
        answer = await made[rpc]()
        if rpc in {"update_role", "add_permissions_to_role"}:
            assert answer.etag == f'"{revision}"'
        assert (await api.roles.get_role(role_name=name)).etag == f'"{revision}"'


@pytest.mark.parametrize("rpc", list(changes(None, *"abcd")))
async def test_every_change_of_a_role_heeds_if_match(api, role, rpc):
    with refused("FAILED_PRECONDITION", error_code="PRECONDITION_FAILED") as it:
        await changes(api.sending(if_match='"2"'), *role)[rpc]()
    assert it.value.headers["etag"] == '"1"'
    assert (await api.roles.get_role(role_name=role[0])).etag == '"1"'
    await changes(api.sending(if_match='"1"'), *role)[rpc]()


@pytest.mark.parametrize(
    ("rpc", "request_"),
    [
        ("update_organization_role", {"role": {"display_name": "New"}}),
        ("delete_organization_role_base", {}),
        ("delete_organization_role", {}),
    ],
)
async def test_every_change_of_an_organizations_role_heeds_it(api, make, rpc, request_):
    organization = (await make.organization())["id"]
    name = (await make.organization_role(organization, extends="member"))["name"]
    named = {"org_id": organization, "role_name": name, **request_}
    with refused("FAILED_PRECONDITION", error_code="PRECONDITION_FAILED") as it:
        await getattr(api.sending(if_match='"7"').roles, rpc)(**named)
    assert it.value.headers["etag"] == '"1"'
    await getattr(api.sending(if_match='"1"').roles, rpc)(**named)


async def test_every_change_of_a_permission_heeds_it(api, make):
    name = (await make.permission())["name"]
    change = {"permission_name": name, "permission": {"name": name, "description": "New"}}
    assert (await api.roles.get_permission(permission_name=name)).etag == '"1"'
    answer = await api.sending(if_match='"1"').roles.update_permission(**change)
    assert answer.etag == '"2"'
    stale = api.sending(if_match='"1"').roles
    for call in (stale.update_permission(**change), stale.delete_permission(permission_name=name)):
        with refused("FAILED_PRECONDITION", error_code="PRECONDITION_FAILED") as it:
            await call
        assert it.value.headers["etag"] == '"2"'
    await api.sending(if_match='"2"').roles.delete_permission(permission_name=name)


async def test_what_is_not_there_is_not_found_whatever_was_seen(api):
    mine = api.sending(if_match='"1"').roles
    with refused("NOT_FOUND"):
        await mine.update_role(role_name="nobody", role={"display_name": "New"})
    with refused("NOT_FOUND"):
        await mine.delete_permission(permission_name="nobody")


async def test_new_defaults_are_new_revisions_of_the_roles(api, make, defaults):
    name = (await make.role())["name"]
    await api.roles.update_default_roles(default_creator_role=name)
    assert (await api.roles.get_role(role_name=name)).etag == '"2"'
    with refused("FAILED_PRECONDITION", error_code="PRECONDITION_FAILED"):
        await api.sending(if_match='"1"').roles.delete_role(role_name=name)


async def test_a_repeated_creation_is_made_once(api, make, events):
    permission = (await make.permission())["name"]
    organization = (await make.organization())["id"]
    role = {"name": fresh(), "display_name": "Role", "permissions": [permission]}
    await events.new()
    for rpc, request in (
        ("create_role", {"role": role}),
        ("create_organization_role", {"org_id": organization, "role": role | {"name": fresh()}}),
        ("create_permission", {"permission": {"name": fresh()}}),
        (
            "add_permissions_to_role",
            {"role_name": role["name"], "permission_names": ["sk_org_sso_read"]},
        ),
    ):
        mine = api.sending(idempotency_key=fresh("key"))
        first = await getattr(mine.roles, rpc)(**request)
        again = await getattr(mine.roles, rpc)(**request)
        assert again == first
        assert again.etag == first.etag
        assert len(await events.new()) == 1, rpc


async def test_a_refused_creation_can_be_repeated_with_its_key(api, make):
    mine = api.sending(idempotency_key=fresh("key"))
    name = (await make.role())["name"]
    for _ in range(2):
        with refused("INVALID_ARGUMENT", "name"):
            await mine.roles.create_role(role={"name": name, "display_name": "Again"})
    await api.roles.delete_role(role_name=name)
    await mine.roles.create_role(role={"name": name, "display_name": "Again"})
