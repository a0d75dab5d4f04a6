"""The decision of a sign-in policy about one access."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tenantry.core.times import DAY, MINUTE
from tenantry.tenants.organizations.policy import Evidence, OrganizationPolicy, Refusal

EVIDENCE = Evidence(
    user_id="usr_1",
    at=100 * DAY,
    member_since=0,
    methods=("EMAIL",),
    has_second_factor=False,
    address="192.0.2.7",
)


def test_a_policy_without_rules_refuses_nothing_and_is_not_stored():
    assert OrganizationPolicy().refusals(EVIDENCE) == []
    assert OrganizationPolicy().to_row() is None


@pytest.mark.parametrize(
    ("address", "is_allowed"),
    [
        ("203.0.113.9", True),
        ("::ffff:203.0.113.9", True),
        ("203.0.114.1", False),
        ("2001:db8:42::1", True),
        ("2001:db8:43::1", False),
        ("", False),
        ("unknown", False),
        (None, True),
    ],
)
def test_addresses(address, is_allowed):
    policy = OrganizationPolicy(networks=("203.0.113.0/24", "2001:db8:42::/48"))
    assert policy.allows_address(address) is is_allowed
    found = policy.refusals(replace(EVIDENCE, address=address))
    assert found == ([] if is_allowed else [Refusal.NETWORK])


def test_single_sign_on_comes_before_the_list_of_methods():
    policy = OrganizationPolicy(sso_required=True, methods=("EMAIL", "SSO"))
    assert policy.refusals(EVIDENCE) == [Refusal.SSO]
    assert policy.refusals(replace(EVIDENCE, methods=("EMAIL", "SSO"))) == []


def test_break_glass_access_is_limited_to_the_allowed_methods():
    policy = OrganizationPolicy(sso_required=True, break_glass_user_ids=("usr_1",))
    assert policy.refusals(EVIDENCE) == []
    only_passkeys = replace(policy, methods=("PASSKEY", "SSO"))
    assert only_passkeys.refusals(EVIDENCE) == [Refusal.METHOD]


@pytest.mark.parametrize(
    ("since", "member_since", "is_refused"),
    [
        (90 * DAY, 0, True),
        (94 * DAY, 0, False),
        (0, 94 * DAY, False),
        (93 * DAY, 0, True),
    ],
)
def test_the_grace_period_counts_from_the_later_time(since, member_since, is_refused):
    policy = OrganizationPolicy(
        second_factor_required=True, second_factor_grace_days=7, second_factor_since=since
    )
    evidence = replace(EVIDENCE, member_since=member_since)
    assert policy.refusals(evidence) == ([Refusal.SECOND_FACTOR] if is_refused else [])
    assert policy.lacks_second_factor(evidence)
    for satisfied in (
        replace(evidence, has_second_factor=True),
        replace(evidence, methods=("SSO",)),
    ):
        assert policy.refusals(satisfied) == []
        assert not policy.lacks_second_factor(satisfied)


def test_only_sensitive_scopes_take_a_recent_sign_in():
    policy = OrganizationPolicy(reauthentication_minutes=10, reauthentication_scopes=("pay",))
    times = {"auth_time": 0, "at": 11 * MINUTE}
    assert policy.is_too_old(["openid", "pay"], **times)
    assert not policy.is_too_old(["openid"], **times)
    assert not policy.is_too_old(["pay"], auth_time=0, at=10 * MINUTE)


def test_a_stored_policy_is_read_again_without_members_of_another_version():
    policy = OrganizationPolicy(networks=("203.0.113.0/24",), sso_required=True)
    text = policy.to_row()
    assert text is not None
    assert OrganizationPolicy.read(text) == policy
    later = text.replace("{", '{"of_tomorrow":1,', 1)
    assert OrganizationPolicy.read(later) == policy
    assert OrganizationPolicy.read(None) is None
