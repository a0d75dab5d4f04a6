"""User-management settings: how many members an organization may have."""

from __future__ import annotations

import pytest
from apis import refused
from wires import Text


async def limit(api, organization, **settings: int | None):
    answer = await api.organizations.upsert_user_management_settings(
        organization_id=organization["id"], settings=settings
    )
    read = await api.organizations.get_organization_user_management_setting(
        organization_id=organization["id"]
    )
    assert read == answer
    return answer["settings"]


async def test_a_new_organization_has_none(api, make):
    made = await make.organization()
    answer = await api.organizations.get_organization_user_management_setting(
        organization_id=made["id"]
    )
    assert answer == {"settings": {}}


@pytest.mark.parametrize("maximum", [0, 1, 2_147_483_647])
async def test_what_was_given_comes_back_a_present_0_too(api, make, maximum):
    made = await make.organization()
    assert await limit(api, made, max_allowed_users=maximum) == {"max_allowed_users": maximum}


@pytest.mark.parametrize("none", [{}, {"max_allowed_users": None}])
async def test_an_absent_limit_takes_it_away(api, make, none):
    made = await make.organization()
    await limit(api, made, max_allowed_users=5)
    assert await limit(api, made, **none) == {}


async def test_a_negative_limit_is_refused(api, make):
    made = await make.organization()
    await limit(api, made, max_allowed_users=5)
    with refused("INVALID_ARGUMENT", "settings.max_allowed_users"):
        await limit(api, made, max_allowed_users=-1)
    assert await limit(api, made, max_allowed_users=5) == {"max_allowed_users": 5}


@pytest.mark.wires("rest", "connect")
@pytest.mark.parametrize(
    "text", ["2147483648", "1.5", "1e400", "-1e400", "1e308", "9" * 30, '"ten"', "true", "[1]"]
)
async def test_what_is_no_number_of_32_bits_is_refused(api, make, text):
    made = await make.organization()
    with refused("INVALID_ARGUMENT"):
        await api.organizations.upsert_user_management_settings(
            organization_id=made["id"], settings=Text(f'{{"max_allowed_users":{text}}}')
        )


@pytest.mark.wires("connect", "grpc", "grpc-web")
async def test_the_settings_are_needed(api, make):
    with refused("INVALID_ARGUMENT", "settings"):
        await api.organizations.upsert_user_management_settings(
            organization_id=(await make.organization())["id"]
        )
