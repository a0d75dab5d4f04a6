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


async def test_new_defaults_are_new_revisions_of_the_roles(api, make, defaults):
    name = (await make.role())["name"]
    await api.roles.update_default_roles(default_creator_role=name)
    assert (await api.roles.get_role(role_name=name)).etag == '"2"'
    with refused("FAILED_PRECONDITION", error_code="PRECONDITION_FAILED"):
        await api.sending(if_match='"1"').roles.delete_role(role_name=name)


async def test_a_refused_creation_can_be_repeated_with_its_key(api, make):
    mine = api.sending(idempotency_key=fresh("key"))
    name = (await make.role())["name"]
    for _ in range(2):
        with refused("INVALID_ARGUMENT", "name"):
            await mine.roles.create_role(role={"name": name, "display_name": "Again"})
    await api.roles.delete_role(role_name=name)
    await mine.roles.create_role(role={"name": name, "display_name": "Again"})
