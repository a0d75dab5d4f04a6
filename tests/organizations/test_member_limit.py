"""User-management settings: how many members an organization may have."""

from __future__ import annotations

import pytest
from apis import refused


async def limit(api, organization, **settings):
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
async def test_a_number_that_is_none_is_refused(api, make, text):
    from json import loads  # noqa: PLC0415 - it reads 1e400 as an infinity

    made = await make.organization()
    with refused("INVALID_ARGUMENT"):
        await limit(api, made, max_allowed_users=Literal(text) if loads("1") else None)


class Literal(int):
    """A number that json writes as this text."""

    def __new__(cls, text):
        number = super().__new__(cls)
        number.text = text
        return number


@pytest.mark.wires("connect", "grpc", "grpc-web")
async def test_the_settings_are_needed(api, make):
    with refused("INVALID_ARGUMENT", "settings"):
        await api.organizations.upsert_user_management_settings(
            organization_id=(await make.organization())["id"]
        )
