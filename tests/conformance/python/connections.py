"""Drive ConnectionService with the official Python SDK and print each step's answer.

Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET. Prints one line of
JSON per step of ../steps.json; the first step that fails ends the program.
"""

from __future__ import annotations

from google.protobuf.wrappers_pb2 import StringValue
from scalekit import ScalekitClient
from scalekit.v1.connections.connections_pb2 import (
    COMPLETED,
    DRAFT,
    GITHUB,
    GOOGLE_DWD,
    IDP_SIMULATOR,
    OAUTH,
    OIDC,
    OKTA,
    SAML,
    CreateConnection,
    Flags,
    GoogleDWDConfig,
    OAuthConnectionConfig,
    UpdateConnection,
)
from scalekit.v1.organizations.organizations_pb2 import CreateOrganization
from steps import (
    CLIENT_ID,
    CLIENT_SECRET,
    RUN,
    UNKNOWN,
    URL,
    expect_bad_request,
    expect_not_found,
    step,
)

client = ScalekitClient(URL, CLIENT_ID, CLIENT_SECRET)
connections = client.connection


def create_organization(name):
    request = CreateOrganization(display_name=f"{name} {RUN}")
    return client.organization.create_organization(request)[0].organization.id


def create(organization_id, provider, type_):
    given = CreateConnection(provider=provider, type=type_)
    return connections.create_connection(organization_id, given)[0].connection


def create_app(provider_key, type_, key_id=None):
    given = CreateConnection(provider_key=provider_key, type=type_, key_id=key_id)
    return connections.create_environment_connection(given, Flags(is_app=True))[0].connection


def get(connection_id):
    return connections.get_connection(acme, connection_id)[0].connection


def listed(include=None):
    page = connections.list_connections(acme, include)[0]
    return [one.id for one in page.connections]


acme, globex = create_organization("Acme"), create_organization("Globex")

with step("create") as seen:
    oidc = create(acme, OKTA, OIDC)
    assert oidc.id.startswith("conn_")
    assert (oidc.provider, oidc.type, oidc.organization_id) == (OKTA, OIDC, acme)
    assert (oidc.status, oidc.enabled) == (DRAFT, False)
    assert oidc.test_connection_uri == f"{URL}/sso/v1/oidc/{oidc.id}/test"
    saml = create(acme, OKTA, SAML)
    assert saml.saml_config.sp_entity_id == f"{URL}/sso/v1/saml/{saml.id}"
    seen["id"] = oidc.id

with step("create_refused"):
    expect_bad_request(create, acme, GITHUB, OAUTH)

with step("get"):
    assert get(oidc.id) == oidc

with step("list"):
    assert listed() == []
    assert listed("all") == [oidc.id, saml.id]

with step("enable_refused"):
    expect_bad_request(connections.enable_connection, acme, oidc.id)

with step("enable_and_disable"):
    simulator = create(acme, IDP_SIMULATOR, OIDC)
    assert simulator.status == COMPLETED
    assert connections.enable_connection(acme, simulator.id)[0].enabled
    assert get(simulator.id).enabled
    assert listed() == [simulator.id]
    assert not connections.disable_connection(acme, simulator.id)[0].enabled
    assert listed() == []

with step("list_by_domain"):
    connections.enable_connection(acme, simulator.id)
    name = f"acme-{RUN}.com"
    client.domain.create_domain(acme, name)
    (found,) = connections.list_connections_by_domain(name)[0].connections
    assert (found.id, list(found.domains)) == (simulator.id, [name])
    assert not connections.list_connections_by_domain(f"not-{name}")[0].connections

with step("environment"):
    made = connections.create_environment_connection(CreateConnection(provider=GITHUB, type=OAUTH))
    made = made[0].connection
    secret = StringValue(value="a secret of GitHub")
    config = OAuthConnectionConfig(client_id=StringValue(value="us"), client_secret=secret)
    after = connections.update_environment_connection(
        made.id, UpdateConnection(provider=GITHUB, oauth_config=config)
    )[0].connection
    assert after.status == COMPLETED
    assert after.oauth_config.client_secret.value == "********tHub"
    assert connections.get_environment_connection(made.id)[0].connection == after

with step("app"):
    apps = [create_app("HUBSPOT", OAUTH) for _ in range(2)]
    made = apps[0]
    assert (made.provider_key, made.type, made.enabled) == ("HUBSPOT", OAUTH, True)
    assert made.key_id.startswith("hubspot-")
    assert "hubspot.com" in made.oauth_config.authorize_uri.value
    assert made.oauth_config.token_uri.value
    assert made.oauth_config.user_info_uri.value
    config = OAuthConnectionConfig(client_id=StringValue(value="us"), client_secret=secret)
    after = connections.update_environment_connection(
        made.id, UpdateConnection(provider_key="HUBSPOT", type=OAUTH, oauth_config=config)
    )[0].connection
    assert after.oauth_config.client_id.value == "us"
    assert after.oauth_config.authorize_uri == made.oauth_config.authorize_uri
    assert connections.get_environment_connection(made.id)[0].connection == after

with step("app_delegated"):
    made = create_app("GOOGLEDWD", GOOGLE_DWD, key_id=f"drive-{RUN}")
    assert (made.key_id, made.enabled) == (f"drive-{RUN}", True)
    account = StringValue(value='{"type": "service_account"}')
    config = GoogleDWDConfig(service_account_json=account, scopes=["drive"])
    after = connections.update_environment_connection(
        made.id, UpdateConnection(provider_key="GOOGLEDWD", google_dwd_config=config)
    )[0].connection
    assert list(after.google_dwd_config.scopes) == ["drive"]
    assert after.google_dwd_config.token_uri.value
    assert not after.google_dwd_config.HasField("service_account_json")

with step("list_app"):
    page = connections.list_app_connections(page_size=1, provider="HUBSPOT")[0]
    (row,) = page.connections
    assert (row.id, row.type, row.status) == (apps[1].id, OAUTH, apps[1].status)
    assert (row.enabled, row.provider_key, row.key_id) == (True, "HUBSPOT", apps[1].key_id)
    (row,) = connections.list_app_connections(
        page_size=1, provider="HUBSPOT", page_token=page.next_page_token
    )[0].connections
    assert row.id == apps[0].id
    assert not connections.list_app_connections(page_size=10, provider="ZOOM")[0].connections

with step("not_found") as seen:
    error = expect_not_found(get, f"conn_{UNKNOWN}")
    expect_not_found(connections.get_connection, globex, oidc.id)
    expect_not_found(connections.enable_connection, globex, simulator.id)
    expect_not_found(create, f"org_{UNKNOWN}", OKTA, OIDC)
    seen["message"] = error.message

with step("delete"):
    for one in (oidc, saml, simulator):
        connections.delete_connection(acme, one.id)
    expect_not_found(get, oidc.id)
    assert listed("all") == []
    for organization in (acme, globex):
        client.organization.delete_organization(organization)
