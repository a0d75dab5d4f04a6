"""The customer's IT admin sets up connections of their own organization, and of no other."""

from __future__ import annotations

import pytest
from apis import refused


@pytest.fixture
async def portal(api, make, http, organization):
    """The API as the IT admin calls it from the portal; single sign-on is on by default."""
    cookie = await make.portal_session(http, organization["id"])
    return api.sending(authorization=(), cookie=cookie)


async def test_a_connection_from_making_to_deleting(portal, organization):
    of = {"organization_id": organization["id"]}
    answer = await portal.connections.create_connection(
        **of, connection={"provider": "IDP_SIMULATOR", "type": "OIDC"}
    )
    made = answer["connection"]
    await portal.connections.update_connection(
        **of,
        id=made["id"],
        connection={"provider": "IDP_SIMULATOR", "attribute_mapping": {"email": "mail"}},
    )
    await portal.connections.enable_connection(**of, id=made["id"])
    listed = await portal.connections.list_connections()
    assert [one["id"] for one in listed["connections"]] == [made["id"]]
    await portal.connections.disable_connection(**of, id=made["id"])
    await portal.connections.delete_connection(**of, id=made["id"])
    assert not (await portal.connections.list_connections(include="all")).get("connections")


async def test_no_connection_of_others(portal, api, make, organization):
    other = (await make.organization())["id"]
    answer = await api.connections.create_connection(
        organization_id=other, connection={"provider": "OKTA", "type": "OIDC"}
    )
    theirs = answer["connection"]
    of = {"organization_id": other, "id": theirs["id"]}
    for call in (
        portal.connections.get_connection(**of),
        portal.connections.update_connection(**of, connection={"provider": "OKTA"}),
        portal.connections.enable_connection(**of),
        portal.connections.delete_connection(**of),
        portal.connections.list_connections(organization_id=other),
        portal.connections.create_connection(
            organization_id=other, connection={"provider": "OKTA", "type": "OIDC"}
        ),
        portal.connections.get_connection_context(connection_id=theirs["id"]),
        portal.connections.get_connection_test_result(
            connection_id=theirs["id"], test_request_id="test_1"
        ),
    ):
        with refused("NOT_FOUND"):
            await call
    domain = await make.domain(other)
    found = await portal.connections.list_connections(domain=domain["domain"], include="all")
    assert not found.get("connections")


async def test_what_is_the_operators_is_not_theirs(portal, organization):
    of = {"organization_id": organization["id"]}
    answer = await portal.connections.create_connection(
        **of, connection={"provider": "OKTA", "type": "SAML"}
    )
    made = answer["connection"]
    for changes, field in (
        ({"debug_enabled": True}, "connection.debug_enabled"),
        (
            {"saml_config": {"sp_entity_id": "urn:other"}},
            "connection.saml_config.sp_entity_id",
        ),
        (
            {"saml_config": {"default_redirect_uri": "https://evil.example"}},
            "connection.saml_config.default_redirect_uri",
        ),
    ):
        with refused("PERMISSION_DENIED", field):
            await portal.connections.update_connection(
                **of, id=made["id"], connection={"provider": "OKTA", **changes}
            )
    with refused("PERMISSION_DENIED"):
        await portal.connections.create_environment_connection(
            connection={"provider": "GITHUB", "type": "OAUTH"}
        )


async def test_a_portal_without_single_sign_on_reads_nothing(api, make, http, rest, organization):
    await rest.organizations.update_organization_settings(
        id=organization["id"],
        settings={
            "features": [
                {"name": "sso", "enabled": False},
                {"name": "domain_verification", "enabled": True},
            ]
        },
    )
    cookie = await make.portal_session(http, organization["id"])
    portal = api.sending(authorization=(), cookie=cookie)
    with refused("PERMISSION_DENIED"):
        await portal.connections.list_connections()


async def test_what_groups_come_from_is_bounded_by_the_roles_that_they_give(
    portal, api, make, organization
):
    of = {"organization_id": organization["id"]}
    manual = {
        **{name: f"https://idp.example.com/{name}" for name in ("authorize_uri", "jwks_uri")},
        "issuer": "https://idp.example.com",
        "token_uri": "https://idp.example.com/token",
        "client_id": "us",
        "client_secret": "a-secret-of-some-length",
    }
    answer = await portal.connections.create_connection(
        **of, connection={"provider": "OKTA", "type": "OIDC"}
    )
    id_ = answer["connection"]["id"]

    def update(**changes: object):
        connection = {"provider": "OKTA", **changes}
        return portal.connections.update_connection(**of, id=id_, connection=connection)

    def follow(**groups: str):
        return api.single_sign_on.update_connection_settings(
            connection_id=id_, settings={"group_roles": {"roles": groups}}
        )

    await update(configuration_type="MANUAL", oidc_config=manual)
    await follow(Bosses="admin", Staff=(await make.role())["name"])
    attributes = {"attributes": {"groups": "department"}}
    for change in (
        update(attribute_mapping={"groups": "department"}),
        update(oidc_config={"jwks_uri": "https://evil.example.com/keys"}),
        update(oidc_config={"jit_provisioning_with_sso_enabled": False}),
        portal.single_sign_on.update_connection_settings(
            connection_id=id_, settings={"attribute_mapping": attributes}
        ),
        portal.connections.enable_connection(**of, id=id_),
    ):
        with refused("PERMISSION_DENIED", says="admin"):
            await change
    await update(ui_button_title="Acme", oidc_config={"sync_user_profile_on_login": True})
    await api.connections.enable_connection(**of, id=id_)
    await portal.connections.disable_connection(**of, id=id_)
    await follow(Staff=(await make.role())["name"])
    await update(attribute_mapping={"groups": "department"})
    await portal.connections.enable_connection(**of, id=id_)
