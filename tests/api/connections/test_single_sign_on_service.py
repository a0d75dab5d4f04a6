"""Further settings of connections, and what providers say of themselves."""

from __future__ import annotations

import pytest
from apis import refused
from idp_metadata_pages import MetadataPage, certificate, pem
from openid_providers import OpenIDProvider


async def test_settings_are_those_of_the_type(api, connections, make):
    role = (await make.role())["name"]
    oidc, saml = await connections.make(), await connections.make("OKTA", "SAML")
    answer = await api.single_sign_on.get_connection_settings(connection_id=oidc["id"])
    assert answer["settings"] == {
        "group_roles": {"roles": {}},
        "attribute_mapping": {"attributes": {}},
        "end_session_uri": "",
        "login_uri": "",
        "private_key_jwt": False,
        "id_jag_enabled": False,
        "fault": "",
    }
    answer = await api.single_sign_on.update_connection_settings(
        connection_id=saml["id"],
        settings={
            "group_roles": {"roles": {"Engineering": role}},
            "allow_idp_initiated_login": True,
            "accept_sha1": True,
        },
    )
    changed = {
        "group_roles": {"roles": {"Engineering": role}},
        "allow_idp_initiated_login": True,
        "accept_sha1": True,
        "attribute_mapping": {"attributes": {}},
        "fault": "",
    }
    assert answer["settings"] == changed
    answer = await api.single_sign_on.update_connection_settings(
        connection_id=saml["id"], settings={"accept_sha1": False}
    )
    assert answer["settings"] == changed | {"accept_sha1": False}
    after = await connections.get(saml)
    assert after["saml_config"]["allow_idp_initiated_login"] is True
    answer = await api.single_sign_on.update_connection_settings(
        connection_id=saml["id"], settings={"group_roles": {}}
    )
    assert answer["settings"]["group_roles"] == {"roles": {}}


async def test_a_mapping_of_attributes_can_be_taken_away(api, connections):
    made = await connections.make()
    await connections.update(made, attribute_mapping={"email": "user.mail"})

    async def say(**attributes: str):
        answer = await api.single_sign_on.update_connection_settings(
            connection_id=made["id"], settings={"attribute_mapping": {"attributes": attributes}}
        )
        said = answer["settings"]["attribute_mapping"]["attributes"]
        assert said == (await connections.get(made)).get("attribute_mapping", {})
        return said

    assert await say(email="mail", given_name="first") == {"email": "mail", "given_name": "first"}
    assert await say() == {}


async def test_groups_give_roles_that_are_there(api, connections, make):
    made = await connections.make()
    await api.roles.create_organization_role(
        org_id=connections.organization_id, role={"name": "auditor", "display_name": "Auditor"}
    )
    elsewhere = await make.organization()
    await api.roles.create_organization_role(
        org_id=elsewhere["id"], role={"name": "other_role", "display_name": "Other"}
    )

    def give(**group_roles: str):
        return api.single_sign_on.update_connection_settings(
            connection_id=made["id"], settings={"group_roles": {"roles": group_roles}}
        )

    await give(Auditors="auditor", Staff="member")
    fields = (f'settings.group_roles.roles["{group}"]' for group in ("Gone", "Others"))
    with refused("INVALID_ARGUMENT", *fields):
        await give(Staff="member", Gone="no_such_role", Others="other_role")
    answer = await api.single_sign_on.get_connection_settings(connection_id=made["id"])
    roles = answer["settings"]["group_roles"]["roles"]
    assert roles == {"Auditors": "auditor", "Staff": "member"}


async def test_a_signed_assertion_stands_for_a_secret(api, connections):
    made = await connections.make()
    whole = {
        "issuer": "https://idp.example.com",
        "authorize_uri": "https://idp.example.com/authorize",
        "token_uri": "https://idp.example.com/token",
        "jwks_uri": "https://idp.example.com/keys",
        "client_id": "us",
    }
    after = await connections.update(made, configuration_type="MANUAL", oidc_config=whole)
    assert after["status"] == "IN_PROGRESS"
    where = {"connection_id": made["id"]}
    await api.single_sign_on.update_connection_settings(**where, settings={"private_key_jwt": True})
    assert (await connections.get(made))["status"] == "COMPLETED"
    await connections.enable(made)
    with refused("INVALID_ARGUMENT", "connection.oidc_config.client_secret"):
        await api.single_sign_on.update_connection_settings(
            **where, settings={"private_key_jwt": False}
        )


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"accept_sha1": True}, "accept_sha1"),
        ({"fault": "mine"}, "fault"),
        ({"end_session_uri": "http://idp.example.com"}, "end_session_uri"),
    ],
)
async def test_a_setting_that_cannot_be_is_refused(api, connections, settings, field):
    made = await connections.make()
    with refused("INVALID_ARGUMENT", f"settings.{field}"):
        await api.single_sign_on.update_connection_settings(
            connection_id=made["id"], settings=settings
        )


async def test_endpoints_of_an_issuer(reaching):
    service = reaching.whole.single_sign_on
    async with OpenIDProvider() as provider:
        said = await service.read_issuer(issuer=provider.issuer)
        assert said["token_endpoint"] == f"{provider.issuer}/token"
    with refused("INVALID_ARGUMENT", "issuer"):
        await service.read_issuer(issuer="http://127.0.0.1:1")


async def test_metadata_at_its_address_and_itself(reaching):
    service = reaching.whole.single_sign_on
    async with MetadataPage() as page:
        said = await service.read_metadata(metadata_url=page.url)
        assert said == await service.read_metadata(metadata=page.xml.decode())
    assert said["idp_entity_id"] == page.entity_id
    assert said["idp_sso_request_binding"] == "HTTP_POST"
    (one,) = said["idp_certificates"]
    assert one["subject"] == one["issuer"] == "CN=idp"
    for given in ({}, {"metadata_url": page.url, "metadata": "x"}):
        with refused("INVALID_ARGUMENT", "metadata_url"):
            await service.read_metadata(**given)
    with refused("INVALID_ARGUMENT", "metadata"):
        await service.read_metadata(metadata="<html/>")


async def test_no_private_address_is_asked(api):
    for call in (
        api.single_sign_on.read_issuer(issuer="https://127.0.0.1:1"),
        api.single_sign_on.read_metadata(metadata_url="https://169.254.169.254/latest"),
    ):
        with refused("INVALID_ARGUMENT", says="public"):
            await call


async def test_a_certificate_says_whose_it_is(api):
    for pasted in (certificate("idp"), pem(certificate("idp"))):
        answer = await api.single_sign_on.read_certificate(certificate=pasted)
        assert answer["certificate"]["subject"] == "CN=idp"
        assert answer["certificate"]["certificate"].startswith("-----BEGIN CERTIFICATE-----")
    with refused("INVALID_ARGUMENT", "certificate"):
        await api.single_sign_on.read_certificate(certificate="none")


async def test_the_next_key_pair_of_ours_is_made_once(api, make, organization):
    domain = await make.domain(organization["id"])
    where = {"id": domain["environment_id"]}
    made = await api.environments.generate_new_saml_certificate(**where)
    assert made["id"].startswith("cer_")
    assert made["certificate"].startswith("-----BEGIN CERTIFICATE-----")
    assert await api.environments.generate_new_saml_certificate(**where) == made
    with refused("NOT_FOUND"):
        await api.environments.generate_new_saml_certificate(id="env_1")


async def test_a_portal_reads_what_providers_say_and_sets_what_is_its_own(
    api, make, http, organization, connections
):
    made = await connections.make()
    cookie = await make.portal_session(http, organization["id"])
    portal = api.sending(authorization=(), cookie=cookie)
    answer = await portal.single_sign_on.read_certificate(certificate=certificate("idp"))
    assert answer["certificate"]["subject"] == "CN=idp"
    given = {"attribute_mapping": {"attributes": {"email": "mail"}}}
    answer = await portal.single_sign_on.update_connection_settings(
        connection_id=made["id"], settings=given
    )
    assert answer["settings"]["attribute_mapping"] == given["attribute_mapping"]
    for name, value in (
        ("group_roles", {"roles": {"Staff": "admin"}}),
        ("login_uri", "https://app.example.com/login"),
        ("private_key_jwt", True),
    ):
        with refused("PERMISSION_DENIED", f"settings.{name}"):
            await portal.single_sign_on.update_connection_settings(
                connection_id=made["id"], settings={name: value}
            )
