"""Settings that the API stores: which may be set, which are fixed, and when they hold."""

from __future__ import annotations

import asyncio

import pytest
from apis import refused

from tenantry.core import errors
from tenantry.settings import load
from tenantry.tenants.environment import service
from tenantry.tenants.environment.effective import Effective

LATER = 3.0  # seconds in which a change holds everywhere


@pytest.fixture(autouse=True)
async def _as_before(api):
    """Leave every setting by its default: other tests use the server too."""
    yield
    listed = await api.settings.list_settings()
    stored = [one["name"] for one in listed["settings"] if one["source"] == "STORED"]
    if stored:
        await api.settings.update_settings(reset=stored)


async def shown(api, name):
    listed = await api.settings.list_settings()
    (found,) = [one for one in listed["settings"] if one["name"] == name]
    return found


async def environment_id(api):
    listed = await api.environments.list_environment()
    return listed["environments"][0]["id"]


async def test_a_setting_is_stored_shown_and_reset(api):
    before = await shown(api, "sign_up")
    assert (before["value"], before["source"], before["changeable"]) == ("true", "DEFAULT", True)
    answer = await api.settings.update_settings(settings={"sign_up": "no"})
    assert [one["value"] for one in answer["settings"]] == ["false"]
    assert (await shown(api, "sign_up"))["source"] == "STORED"
    await api.settings.update_settings(reset=["sign_up"])
    assert await shown(api, "sign_up") == before


@pytest.mark.process
async def test_what_the_server_is_started_with_is_fixed(api):
    found = await shown(api, "listen")
    assert (found["source"], found.get("changeable", False)) == ("FIXED", False)
    assert found["set_by"] == "TENANTRY_LISTEN"
    assert (await shown(api, "compact_tokens"))["source"] == "DEFAULT"
    for name in ("listen", "public_url", "master_key", "no_such_setting"):
        with refused("INVALID_ARGUMENT", f"settings.{name}"):
            await api.settings.update_settings(settings={name: "x"})
    with refused("INVALID_ARGUMENT", "reset"):
        await api.settings.update_settings(reset=["listen"])


def test_a_setting_that_is_fixed_names_its_variable():
    effective = Effective(load({"TENANTRY_SIGN_UP": "false"}))
    with pytest.raises(errors.InvalidArgument, match="TENANTRY_SIGN_UP: unset it there") as problem:
        service._check_storable(effective, "sign_up", "settings.sign_up")
    assert [each.field for each in problem.value.violations] == ["settings.sign_up"]


async def test_no_secret_is_shown(api):
    listed = await api.settings.list_settings()
    secrets = [one for one in listed["settings"] if one.get("secret")]
    assert {"master_key", "database_url", "smtp_url"} <= {one["name"] for one in secrets}
    assert not any(one.get("value") or one.get("changeable") for one in secrets)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sign_up", "maybe"),
        ("app_color", "red"),
        ("app_name", "two\nlines"),
        ("app_logo_url", "http://example.com/x.png"),
        ("invitation_days", "0"),
        ("session_idle_minutes", "480"),
        ("access_token_minutes", "480"),
        ("login_background_style", "red;}"),
        ("login_border_radius", "XL"),
    ],
)
async def test_a_value_that_cannot_be_used_is_named_and_changes_nothing(api, name, value):
    with refused("INVALID_ARGUMENT", f"settings.{name}"):
        await api.settings.update_settings(settings={"organizations_per_user": "7", name: value})
    assert (await shown(api, "organizations_per_user"))["value"] == "10"


async def test_sessions_are_those_of_the_contract(api):
    id_ = await environment_id(api)
    given = {
        "absolute_session_timeout": 2,
        "absolute_session_timeout_unit": "DAYS",
        "access_token_expiry": 10,
        "idle_session_enabled": True,
        "idle_session_timeout": 3,
        "idle_session_timeout_unit": "HOURS",
        "cookie_persistence_type": "SESSION",
        "cookie_same_site_setting": "NONE_MODE",
    }
    answer = await api.environments.update_environment_session_settings(
        id=id_, session_settings=given
    )
    found = answer["session_settings"]
    assert found["absolute_session_timeout"] == 2880
    assert found["idle_session_timeout"] == 180
    assert found["cookie_persistence_type"] == "SESSION"
    read = await api.environments.get_environment_session_settings(id=id_)
    assert read["session_settings"] == found
    assert (await shown(api, "session_absolute_minutes"))["value"] == "2880"
    off = {"idle_session_enabled": False}
    answer = await api.environments.create_environment_session_settings(
        id=id_, session_settings=off
    )
    assert answer["session_settings"]["idle_session_enabled"] is False
    for field, value in (
        ("client_access_token_expiry", 60),
        ("session_management_enabled", False),
        ("cookie_custom_domain", "example.com"),
        ("access_token_expiry", 2880),
    ):
        with refused("INVALID_ARGUMENT"):
            await api.environments.update_environment_session_settings(
                id=id_, session_settings={field: value}
            )


async def test_an_organization_sees_the_new_policy_of_the_application(api, make):
    id_ = await environment_id(api)
    organization = await make.organization()
    await api.environments.update_environment_session_settings(
        id=id_, session_settings={"absolute_session_timeout": 600}
    )
    answer = await api.organizations.get_application_session_policy(
        organization_id=organization["id"]
    )
    assert answer["application_policy"]["absolute_session_timeout"] == 600


async def test_user_management_is_that_of_the_contract(api):
    id_ = await environment_id(api)
    given = {
        "allow_organization_signup": False,
        "invitation_expiry": 7 * 1440,
        "block_disposable_email_domains": True,
    }
    answer = await api.environments.update_environment_user_management(
        id=id_, user_management=given
    )
    found = answer["user_management"]
    assert found["allow_organization_signup"] is False
    assert found["invitation_expiry"] == 7 * 1440
    assert found["allow_multiple_memberships"] is True
    for field, value in (
        ("invitation_expiry", 1441),
        ("allow_multiple_memberships", False),
        ("max_users_limit", 5),
        ("org_user_relationship", "SINGLE_ORGANIZATION"),
    ):
        with refused("INVALID_ARGUMENT", f"user_management.{field}"):
            await api.environments.update_environment_user_management(
                id=id_, user_management={field: value}
            )


async def test_an_address_is_refused_as_soon_as_it_is_set(api, make):
    organization = await make.organization()
    await api.settings.update_settings(settings={"block_public_emails": "true"})
    with refused("INVALID_ARGUMENT"):
        await make.user(organization["id"], email="ada@gmail.com")


async def test_features_are_switches(api):
    id_ = await environment_id(api)
    await api.environments.disable_feature(id=id_, feature_id="sign_up")
    listed = await api.environments.get_features(id=id_)
    assert {"name": "sign_up", "enabled": False} in [
        {"enabled": False, **one} for one in listed["features"]
    ]
    flags = await api.environments.get_host_scoped_public_feature_flags()
    assert {one["key"]: one["variant"] for one in flags["flags"]}["sign_up"] == "off"
    await api.environments.update_features(
        id=id_,
        features=[{"name": "sign_up", "enabled": True}, {"name": "console", "enabled": True}],
    )
    assert (await shown(api, "sign_up"))["value"] == "true"
    with refused("INVALID_ARGUMENT", "feature_id"):
        await api.environments.enable_feature(id=id_, feature_id="no_such")
    with refused("INVALID_ARGUMENT", "feature_id"):
        await api.environments.disable_feature(id=id_, feature_id="full_stack_auth")


async def test_a_context_is_kept_as_it_is(api):
    id_ = await environment_id(api)
    content = {"plan": "gold", "limits": {"seats": 5}, "tags": ["a", None]}
    await api.environments.update_context(environment_id=id_, context=content)
    assert (await api.environments.get_context(environment_id=id_))["context"] == content
    with refused("INVALID_ARGUMENT", "context"):
        await api.environments.update_context(environment_id=id_, context={"x": "y" * 40_000})


async def test_the_environment_has_a_name(api):
    id_ = await environment_id(api)
    answer = await api.environments.update_environment(
        id=id_, environment={"display_name": "Acme in Europe"}
    )
    assert answer["environment"]["display_name"] == "Acme in Europe"
    found = await api.environments.get_environment(id=id_)
    assert found["environment"]["domain"] == "localhost"
    with refused("NOT_FOUND"):
        await api.environments.get_environment(id="env_1")


@pytest.mark.wires("rest")
async def test_many_at_once_leave_one_of_them(api):
    values = [str(n) for n in range(20, 28)]
    await asyncio.gather(
        *(api.settings.update_settings(settings={"organizations_per_user": v}) for v in values)
    )
    assert (await shown(api, "organizations_per_user"))["value"] in values
