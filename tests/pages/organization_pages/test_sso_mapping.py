"""What a test of a connection received, beside the mapping of its attributes."""

from __future__ import annotations

import pytest
from sso_pages import Pages

from tenantry.db.sql.schema import to_json
from tenantry.endpoints.organization.single_sign_on.attributes import Row
from tenantry.endpoints.organization.single_sign_on.comparison import AttributeComparison
from tenantry.identity.connections import diagnostics
from tenantry.identity.connections.federated_identities import FederatedIdentity

EMAIL = Row("email", "", "email", "", required=True)
FIRST = Row("given_name", "", "firstName", "", required=False)
LAST = Row("family_name", "", "lastName", "", required=False)
PHONE = Row("phone_number", "", "", "", required=False)


def mapping(received, *rows: Row, is_saml=True, **taken: str):
    return AttributeComparison.of(to_json({**taken, "received": received}), rows, is_saml=is_saml)


def received_as(found):
    return {one.key: (one.received, one.value) for one in found.mapped}


def test_known_spellings_are_found_as_at_a_sign_in():
    found = mapping({"Email": "ann@a.example", "FirstName": ["Ann"], "dept": "R&D"}, EMAIL, FIRST)
    assert received_as(found) == {
        "email": ("Email", "ann@a.example"),
        "given_name": ("FirstName", "Ann"),
    }
    assert found.unmapped == [("dept", "R&D")]


def test_a_missing_attribute_names_what_was_expected():
    (last,) = mapping({"email": "ann@a.example"}, LAST).mapped
    assert (last.received, last.value, last.expected) == ("", "", "lastName")


def test_the_address_of_a_name_id_is_no_attribute():
    found = mapping({}, EMAIL, email="ann@a.example")
    assert received_as(found) == {"email": ("", "ann@a.example")}


def test_attributes_that_nobody_maps_or_sends_are_left_out():
    assert mapping({"email": "a@a.example"}, PHONE).mapped == []


def test_a_mapping_is_taken_letter_by_letter():
    row = Row("family_name", "", "lastName", "sn", required=False)
    assert received_as(mapping({"SN": "Lee"}, row)) == {"family_name": ("", "")}
    assert received_as(mapping({"sn": "Lee"}, row)) == {"family_name": ("sn", "Lee")}


def test_a_claim_at_the_end_of_a_path():
    row = Row("family_name", "", "family_name", "name.last", required=False)
    found = mapping({"name": {"last": "Lee"}}, row, is_saml=False)
    assert received_as(found) == {"family_name": ("name", '{"last": "Lee"}')}
    assert found.unmapped == []


@pytest.fixture
async def portal(http, make, rest):
    organization = await make.organization()
    await rest.organizations.update_organization_settings(
        id=organization["id"], settings={"features": [{"name": "sso", "enabled": True}]}
    )
    return Pages(http, await make.portal_session(http, organization["id"]))


async def test_the_page_shows_values_and_marks_what_is_missing(portal, database):
    path = await portal.make("okta", "saml")
    test_id = await diagnostics.begin(database, path.strip("/"))
    identity = FederatedIdentity(
        subject="ann",
        email="ann@a.example",
        email_verified=True,
        profile={},
        received={"email": ["ann@a.example"], "department": ["<b>R&D</b>"]},
    )
    await diagnostics.succeed(database, test_id, identity)
    page = (await portal.get(f"{path}/test")).text
    assert "<code><bdi>email</bdi></code>" in page
    assert page.count('<span class="pill good">Mapped</span>') == 1
    assert page.count('<span class="pill bad">Missing</span>') == 2
    assert "Send <bdi>firstName</bdi> at the identity provider, or map another attribute." in page
    assert "&lt;b&gt;R&amp;D&lt;/b&gt;" in page
    assert f"{path.strip('/')}/attributes" in page
