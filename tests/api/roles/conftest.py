"""The environment's default roles, for tests that change them."""

from __future__ import annotations

import pytest


@pytest.fixture
async def defaults(rest):
    """The environment's default roles, put back afterwards."""
    roles = (await rest.roles.list_roles())["roles"]
    (creator,) = [role for role in roles if role["default_creator"]]
    (member,) = [role for role in roles if role["default_member"]]
    yield creator, member
    await rest.roles.update_default_roles(
        default_creator_role=creator["name"], default_member_role=member["name"]
    )
