"""How long sessions live: the deployment's limits and an organization's, the stricter wins."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tenantry import settings
from tenantry.core import errors
from tenantry.core.times import now
from tenantry.identity.sessions.model import Bounds
from tenantry.identity.sessions.policies import bounds_of
from tenantry.tenants.organizations import session_policies
from tenantry.tenants.organizations.model import ApplicationPolicy, Organization, SessionPolicy

ACME = Organization(
    id="org_1",
    display_name="Acme",
    external_id=None,
    slug=None,
    logo_url=None,
    region_code="US",
    metadata={},
    features=frozenset({"session_policy"}),
    max_allowed_users=None,
    session_policy=None,
    branding=None,
    revision=1,
    create_time=now(),
    update_time=now(),
)


def configured(**values: int) -> settings.Settings:
    """Settings as an operator writes them."""
    named = {f"TENANTRY_{name.upper()}": str(value) for name, value in values.items()}
    return settings.load({**named, "TENANTRY_CONFIG": "/dev/null"})


@pytest.mark.parametrize(
    ("absolute", "idle", "own", "bounds"),
    [
        (480, 0, None, Bounds(480, None)),
        (480, 60, None, Bounds(480, 60)),
        (480, 0, SessionPolicy(60, None), Bounds(60, None)),
        (480, 0, SessionPolicy(1440, None), Bounds(480, None)),
        (480, 0, SessionPolicy(480, 30), Bounds(480, 30)),
        (480, 60, SessionPolicy(480, 30), Bounds(480, 30)),
        (480, 60, SessionPolicy(480, 120), Bounds(480, 60)),
        (480, 60, SessionPolicy(480, None), Bounds(480, 60)),
    ],
)
def test_the_stricter_wins(absolute, idle, own, bounds):
    known = configured(session_absolute_minutes=absolute, session_idle_minutes=idle)
    assert bounds_of(known, replace(ACME, session_policy=own)) == bounds


def test_an_organizations_own_counts_only_while_its_feature_is_on():
    own = replace(ACME, session_policy=SessionPolicy(60, 30))
    assert bounds_of(configured(), own) == Bounds(60, 30)
    assert bounds_of(configured(), replace(own, features=frozenset({"sso"}))) == Bounds(480, None)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"session_absolute_minutes": 5}, "session_absolute_minutes"),
        ({"access_token_minutes": 480}, "session_absolute_minutes"),
        ({"session_idle_minutes": 5}, "session_idle_minutes"),
        ({"session_idle_minutes": 480}, "session_idle_minutes"),
        ({"session_idle_minutes": 30, "access_token_minutes": 30}, "session_idle_minutes"),
    ],
)
def test_a_token_ends_before_idle_time_and_that_before_the_session(values, name):
    with pytest.raises(settings.SettingError, match=name.upper()):
        configured(**values)


def test_the_least_there_is_between():
    configured(access_token_minutes=1, session_idle_minutes=2, session_absolute_minutes=3)


async def test_an_organizations_policy_starts_from_the_applications(call, new_organization):
    application = ApplicationPolicy.of(
        configured(session_absolute_minutes=120, session_idle_minutes=40, access_token_minutes=10)
    )

    async def give(**members: object):
        given = {"absolute": None, "idle_enabled": None, "idle": None, **members}
        acme = await new_organization()
        changed = await session_policies.set_own(call, acme.id, application=application, **given)
        return changed.session_policy

    assert await give() == SessionPolicy(120, 40)
    assert await give(absolute=60) == SessionPolicy(60, 40)
    assert await give(idle=20) == SessionPolicy(120, 20)
    assert await give(idle_enabled=False) == SessionPolicy(120, None)
    for members, field in (
        ({"idle": 10}, "idle_session_timeout"),
        ({"absolute": 40}, "idle_session_timeout"),
        ({"absolute": 10, "idle_enabled": False}, "absolute_session_timeout"),
    ):
        with pytest.raises(errors.InvalidArgument, match=field):
            await give(**members)


def test_an_idle_timeout_that_is_off_is_shown_as_an_hour():
    assert ApplicationPolicy.of(configured()) == ApplicationPolicy(
        absolute=480, idle=60, idle_enabled=False, access_token=5
    )
