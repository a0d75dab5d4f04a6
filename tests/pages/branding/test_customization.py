"""The look of the portal, the sign-in pages and the mails, by the API."""

from __future__ import annotations

import pytest
from apis import refused


@pytest.fixture(autouse=True)
async def _as_before(api):
    """Leave the look as it is by itself: other tests use the server too."""
    yield
    await replaced(api, {})


async def environment_id(api):
    listed = await api.environments.list_environment()
    return listed["environments"][0]["id"]


async def replaced(api, look):
    answer = await api.environments.update_portal_customization(
        id=await environment_id(api), customization_settings=look
    )
    return answer["customization_settings"]


async def test_a_look_is_replaced_and_read(api):
    look = {
        "app_name": "Acme Projects",
        "color": "#0f766e",
        "portal": {"accent_color": "#7c3aed"},
        "login": {"border_radius": "L", "background_style": "linear-gradient(red,  #00f)"},
    }
    after = await replaced(api, look)
    assert after["app_name"] == "Acme Projects"
    assert after["login"]["background_style"] == "linear-gradient(red, #00f)"
    assert after["login"]["logo_position"] == "OUTSIDE"
    read = await api.environments.get_portal_customization()
    assert read["customization_settings"] == after
    assert read["settings"]["custom_branding"] is True
    # A member that is left out goes back to its default.
    after = await replaced(api, {"portal": {"accent_color": "#7c3aed"}})
    assert (after["app_name"], after["color"]) == ("", "#1f5eff")


async def test_what_is_read_can_be_written_back(api):
    look = await replaced(api, {"login": {"border_radius": "S"}, "color": "#123456"})
    assert await replaced(api, look) == look
    listed = await api.settings.list_settings()
    stored = {one["name"] for one in listed["settings"] if one["source"] == "STORED"}
    assert stored == {"login_border_radius", "app_color"}


async def test_members_that_nobody_knows_are_kept(api):
    look = {"theme": {"dark": True}, "login": {"font": "Inter", "border_radius": "S"}}
    after = await replaced(api, look)
    assert after["theme"] == {"dark": True}
    assert (after["login"]["font"], after["login"]["border_radius"]) == ("Inter", "S")


@pytest.mark.parametrize(
    ("look", "field"),
    [
        ({"color": "red"}, "color"),
        ({"color": 5}, "color"),
        ({"login": []}, "login"),
        ({"login": {"border_radius": "XL"}}, "login.border_radius"),
        ({"login": {"background_style": "url(https://evil.example/x)"}}, "login.background_style"),
        ({"login": {"background_color": "#12"}}, "login.background_color"),
        ({"portal": {"logo_url": "javascript:alert(1)"}}, "portal.logo_url"),
        ({"logo_url": "data:image/svg+xml,<svg/>"}, "logo_url"),
        ({"support_email": "nobody"}, "support_email"),
        ({"app_name": "x" * 101}, "app_name"),
    ],
)
async def test_a_member_that_cannot_be_used_is_named(api, look, field):
    before = (await api.environments.get_portal_customization())["customization_settings"]
    with refused("INVALID_ARGUMENT", f"customization_settings.{field}"):
        await replaced(api, look)
    after = await api.environments.get_portal_customization()
    assert after["customization_settings"] == before


async def test_a_look_is_bounded(api):
    with refused("INVALID_ARGUMENT", "customization_settings"):
        await replaced(api, {"theme": "x" * 40_000})


@pytest.mark.wires("rest")
async def test_both_routes_of_the_contract_write_and_read(api, wire):
    id_ = await environment_id(api)
    headers = dict(api.headers)
    for name in ("portal_customizations", "customizations"):
        sent = await wire.http.put(
            f"/api/v1/environments/{id_}/{name}", json={"color": "#00aa00"}, headers=headers
        )
        assert sent.json()["customization_settings"]["color"] == "#00aa00"
    for path in ("portal_customizations", "environments/-/portal_customizations"):
        read = await wire.http.get(f"/api/v1/{path}", headers=headers)
        assert read.json()["customization_settings"]["color"] == "#00aa00"
