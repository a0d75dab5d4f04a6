"""The overview of the portal: the state of each area, its next step, and what failed."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from organization_visitors import by_link, new_organization, text
from waiting import eventually


@pytest.fixture
async def organization(make, rest):
    return await new_organization(make, rest, display_name="Hollis Robotics")


async def test_an_organization_at_the_beginning_sees_the_first_step_of_each_area(
    http, make, organization
):
    portal = await by_link(http, make, organization["id"])
    page = await portal.get("/portal")
    assert page.status_code == 200
    said = text(page.text)
    assert "Hollis Robotics admin portal" in said
    assert said.count("Not set up") == 3
    assert "Connect your identity provider" in said
    for path in ("sso/new", "scim", "domains"):
        assert f'href="/portal/{path}"' in page.text
    # One primary button: that of the first area.
    assert page.text.count('class="button"') == 1
    assert page.text.count('aria-current="step"') == 3


async def test_areas_that_are_not_enabled_are_not_there(http, make, rest):
    organization = await new_organization(make, rest, "sso", "domain_verification")
    portal = await by_link(http, make, organization["id"])
    page = (await portal.get("/portal")).text
    assert "Single sign-on" in page
    assert "Domain verification" in page
    assert "SCIM provisioning" not in page


async def test_a_link_for_one_area_leads_to_it(http, make, organization):
    portal = await by_link(http, make, organization["id"], "sso")
    page = await portal.get("/portal")
    assert (page.status_code, page.headers["location"]) == (303, "/portal/sso")
    assert "Overview" not in (await portal.get("/portal/sso")).text


async def test_progress_of_a_connection_and_a_directory(http, make, organization):
    portal = await by_link(http, make, organization["id"])
    await portal.post("sso/new/okta", {"protocol": "saml"})
    await portal.post("scim/new", {"provider": "okta"})
    await portal.post("domains/add", {"domain": "hollis-robotics-overview.com"})
    page = (await portal.get("/portal")).text
    said = text(page)
    assert "Setup incomplete Okta" in said
    assert "Not set up Okta" in said
    assert "Pending hollis-robotics-overview.com" in said
    assert said.count("Continue setup") == 3
    assert page.count('<li class="done">') == 1  # the domain was added


async def test_a_failed_request_of_a_directory_is_on_top(http, make, rest, organization):
    portal = await by_link(http, make, organization["id"])
    made = await portal.post("scim/new", {"provider": "okta"})
    directory_id = made.headers["location"].partition("?")[0].rpartition("/")[2]
    answer = await rest.directories.create_directory_secret(
        organization_id=organization["id"], directory_id=directory_id
    )
    directory = await rest.directories.get_directory(
        organization_id=organization["id"], id=directory_id
    )
    sent = await http.post(
        f"{urlsplit(directory['directory']['directory_endpoint']).path}/Users",
        headers={"authorization": f"Bearer {answer['plain_secret']}"},
        json={"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "active": True},
    )
    assert sent.status_code >= 400

    async def is_shown():
        page = (await portal.get("/portal")).text
        return (
            "The last request of your identity provider failed:" in page
            and f"/portal/scim/{directory_id}/requests/" in page
        )

    await eventually(is_shown)


async def test_it_speaks_the_reader_s_language(http, make, organization):
    portal = await by_link(http, make, organization["id"])
    page = await portal.get("/portal", **{"accept-language": "de"})
    assert '<html lang="de">' in page.text


async def test_without_a_session_there_is_no_overview(http):
    assert (await http.get("/portal")).status_code == 401
