"""Session policies: the organization's own, in minutes, or the application's."""

from __future__ import annotations

import pytest
from apis import refused


async def give(api, organization, **policy: object):
    """Set a policy, check that it reads back equal, and return it."""
    answer = await api.organizations.update_organization_session_policy(
        organization_id=organization["id"], **policy
    )
    read = await api.organizations.get_organization_session_policy(
        organization_id=organization["id"]
    )
    assert read == answer
    return answer["policy"]


def custom(absolute, unit=None, idle=None, idle_unit=None, *, idle_enabled=None):
    given = {
        "policy_source": "CUSTOM",
        "absolute_session_timeout": absolute,
        "absolute_session_timeout_unit": unit,
        "idle_session_timeout": idle,
        "idle_session_timeout_unit": idle_unit,
        "idle_session_timeout_enabled": idle is not None if idle_enabled is None else idle_enabled,
    }
    return {name: value for name, value in given.items() if value is not None}


def in_minutes(absolute, idle=None):
    policy = {
        "policy_source": "CUSTOM",
        "absolute_session_timeout": absolute,
        "absolute_session_timeout_unit": "MINUTES",
        "idle_session_timeout_enabled": idle is not None,
    }
    if idle is not None:
        policy |= {"idle_session_timeout": idle, "idle_session_timeout_unit": "MINUTES"}
    return policy


APPLICATION = {"policy_source": "APPLICATION"}


async def test_a_new_organization_has_the_applications_policy_and_no_timeouts(api, make):
    made = await make.organization()
    answer = await api.organizations.get_organization_session_policy(organization_id=made["id"])
    assert answer == {"policy": APPLICATION}


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (custom(8, "HOURS"), in_minutes(480)),
        (custom(1, "DAYS"), in_minutes(1440)),
        (custom(7, "DAYS", 1, "DAYS"), in_minutes(10_080, 1440)),
        (custom(480, "MINUTES", 60, "MINUTES"), in_minutes(480, 60)),
        (custom(8, "HOURS", 2, "HOURS"), in_minutes(480, 120)),
        (custom(480, "MINUTES", idle_enabled=False), in_minutes(480)),
        (custom(360, idle=60), in_minutes(360, 60)),
        (custom(360, "SESSION_TIME_UNIT_UNSPECIFIED"), in_minutes(360)),
        (custom(365, "DAYS", 7, "DAYS"), in_minutes(525_600, 10_080)),
        (custom(6), in_minutes(6)),
        (custom(7, idle=6), in_minutes(7, 6)),
    ],
)
async def test_it_is_shown_in_minutes_whatever_the_unit(api, make, given, shown):
    assert await give(api, await make.organization(), **given) == shown


async def test_switched_off_the_idle_timeout_is_absent_though_given(api, make):
    given = custom(480, idle=60, idle_enabled=False)
    assert await give(api, await make.organization(), **given) == in_minutes(480)


async def test_only_the_source_goes_back_to_the_application(api, make):
    made = await make.organization()
    await give(api, made, **custom(480, idle=60))
    assert await give(api, made, policy_source="APPLICATION") == APPLICATION


async def test_timeouts_beside_the_applications_source_do_not_count(api, make):
    given = custom(480, idle=60) | APPLICATION
    assert await give(api, await make.organization(), **given) == APPLICATION


async def test_what_is_absent_keeps_its_value(api, make):
    made = await make.organization()
    await give(api, made, **custom(480, idle=60))
    assert await give(
        api, made, policy_source="CUSTOM", absolute_session_timeout=300
    ) == in_minutes(300, 60)
    assert await give(
        api, made, policy_source="CUSTOM", idle_session_timeout_enabled=False
    ) == in_minutes(300)


async def test_the_feature_need_not_be_on(api, make):
    made = await make.organization()
    assert {"name": "session_policy", "enabled": False} in made["settings"]["features"]
    assert await give(api, made, **custom(480)) == in_minutes(480)


@pytest.mark.parametrize("source", [{}, {"policy_source": "SESSION_POLICY_TYPE_UNSPECIFIED"}])
async def test_a_source_is_needed(api, make, source):
    with refused("INVALID_ARGUMENT", "policy_source"):
        await give(api, await make.organization(), **source)


@pytest.mark.wires("connect", "grpc", "grpc-web")
async def test_a_source_that_is_none_is_refused(api, make):
    with refused("INVALID_ARGUMENT", "policy_source"):
        await give(api, await make.organization(), policy_source=7)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (custom(0), "absolute_session_timeout"),
        (custom(-1, "DAYS"), "absolute_session_timeout"),
        (custom(5), "absolute_session_timeout"),
        (custom(525_601), "absolute_session_timeout"),
        (custom(366, "DAYS"), "absolute_session_timeout"),
        (custom(2_147_483_647, "DAYS"), "absolute_session_timeout"),
        (custom(60, unit=7), "absolute_session_timeout_unit"),
        (custom(480, idle=0), "idle_session_timeout"),
        (custom(480, idle=-5), "idle_session_timeout"),
        (custom(480, idle=5), "idle_session_timeout"),
        (custom(480, idle=480), "idle_session_timeout"),
        (custom(480, idle=9, idle_unit="HOURS"), "idle_session_timeout"),
        (custom(365, "DAYS", 8, "DAYS"), "idle_session_timeout"),
        (custom(480, idle=60, idle_unit=7), "idle_session_timeout_unit"),
    ],
)
async def test_absolute_over_idle_over_the_life_of_an_access_token(api, make, given, field):
    made = await make.organization()
    with refused("INVALID_ARGUMENT", field):
        await give(api, made, **given)
    answer = await api.organizations.get_organization_session_policy(organization_id=made["id"])
    assert answer == {"policy": APPLICATION}


async def test_the_applications_policy_can_be_read(api, make):
    made = await make.organization()
    answer = await api.organizations.get_application_session_policy(organization_id=made["id"])
    assert answer == {
        "application_policy": {
            "absolute_session_timeout": 480,
            "absolute_session_timeout_unit": "MINUTES",
            "idle_session_timeout_enabled": False,
            "idle_session_timeout": 60,
            "idle_session_timeout_unit": "MINUTES",
            "access_token_expiry": 5,
        }
    }
