"""An organization's own people set a session policy; they can only tighten the deployment's."""

from __future__ import annotations

import pytest
from apis import refused

DEPLOYMENT = 480  # minutes, the default


def custom(absolute=None, unit="MINUTES", **more: object):
    if absolute is not None:
        more |= {"absolute_session_timeout": absolute, "absolute_session_timeout_unit": unit}
    return {"policy_source": "CUSTOM", **more}


@pytest.mark.parametrize(
    "policy",
    [custom(DEPLOYMENT + 1), custom(9, "HOURS"), custom(1, "DAYS"), custom(525_600)],
)
async def test_an_organization_cannot_make_its_sessions_longer_than_the_deployments(
    wire, by_cookie, policy
):
    api, organization_id = await by_cookie(wire, "admin")
    with refused("INVALID_ARGUMENT", "absolute_session_timeout", says="at most 480 minutes"):
        await api.organizations.update_organization_session_policy(
            organization_id=organization_id, **policy
        )
    kept = await api.organizations.get_organization_session_policy(organization_id=organization_id)
    assert kept["policy"] == {"policy_source": "APPLICATION"}


async def test_an_organization_makes_its_sessions_shorter(wire, by_cookie):
    api, organization_id = await by_cookie(wire, "admin")
    for policy in (custom(DEPLOYMENT), custom(60, idle_session_timeout=30)):
        answer = await api.organizations.update_organization_session_policy(
            organization_id=organization_id, **policy
        )
        assert answer["policy"]["absolute_session_timeout"] == policy["absolute_session_timeout"]


async def test_what_the_product_has_set_longer_does_not_stop_them(wire, rest, by_cookie):
    """The contract lets a management client store it; a session ends by the stricter of both."""
    api, organization_id = await by_cookie(wire, "admin")
    await rest.organizations.update_organization_session_policy(
        organization_id=organization_id, **custom(7, "DAYS")
    )
    answer = await api.organizations.update_organization_session_policy(
        organization_id=organization_id, **custom(idle_session_timeout=30)
    )
    assert answer["policy"]["idle_session_timeout"] == 30
