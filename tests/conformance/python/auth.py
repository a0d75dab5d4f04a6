"""Drive AuthService with the official Python SDK and print each step's answer.

Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET. Prints one line of
JSON per step of ../steps.json; the first step that fails ends the program.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import requests
from scalekit import ScalekitClient
from scalekit.common.scalekit import AuthorizationUrlOptions
from scalekit.v1.auth.auth_pb2 import GetLoginRequestDetailsRequest
from scalekit.v1.clients.clients_pb2 import CreateClient, CreateClientRequest
from scalekit.v1.connections.connections_pb2 import IDP_SIMULATOR, OIDC, CreateConnection
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

CALLBACK = "https://app.example.com/callback"
client = ScalekitClient(URL, CLIENT_ID, CLIENT_SECRET)
core, service = client.core_client, client.auth.auth_service
name = f"acme-{RUN}.com"

made = client.organization.create_organization(CreateOrganization(display_name=f"Acme {RUN}"))
acme = made[0].organization.id
given = CreateConnection(provider=IDP_SIMULATOR, type=OIDC)
connection = client.connection.create_connection(acme, given)[0].connection.id
client.connection.enable_connection(acme, connection)
client.domain.create_domain(acme, name)
given = CreateClient(name=f"App {RUN}", client_type="SPA", post_login_uris=[CALLBACK])
application = core.grpc_exec(
    client.m2m_client.client_service.CreateClient.with_call, CreateClientRequest(client=given)
)[0].client.id


def pending():
    """Return a sign-in that waits for the connection, and its browser."""
    options = AuthorizationUrlOptions()
    options.connection_id = connection
    browser = requests.Session()
    address = client.get_authorization_url(CALLBACK, options).replace(CLIENT_ID, application)
    address += f"&code_challenge={'c' * 43}&code_challenge_method=S256"
    location = browser.get(address, allow_redirects=False).headers["location"]
    return parse_qs(urlsplit(location).query)["login"][0], browser


def back(login, browser):
    """Return the parameters of the answer that the application gets."""
    answer = browser.get(f"{URL}/login/{login}", allow_redirects=False)
    return parse_qs(urlsplit(answer.headers["location"]).query)


def user(**more):  # noqa: ANN003
    return {"sub": f"jane-{RUN}", "email": f"jane@{name}"} | more


login, page = pending()
update = client.auth.update_login_user_details

with step("details"):
    call = service.GetLoginRequestDetails.with_call
    details = core.grpc_exec(call, GetLoginRequestDetailsRequest(login_request_id=login))[0]
    assert details.auth_request.id == login
    assert details.client.client_id == application

with step("bad_user"):
    expect_bad_request(update, connection, login, {"sub": "jane"})
    expect_bad_request(update, connection, login)

with step("update_user"):
    assert update(connection, login, user(given_name="Jane"))[0].auth_request_id == login

with step("update_once"):
    expect_bad_request(update, connection, login, user())
    assert "code" in back(login, page)

with step("other_domain"):
    login, page = pending()
    update(connection, login, user(sub=f"joe-{RUN}", email="joe@elsewhere.example"))
    assert back(login, page)["error"] == ["invalid_user_domain"]

with step("not_found"):
    login, _ = pending()
    expect_not_found(update, f"conn_{UNKNOWN}", login, user())
    expect_not_found(update, connection, f"areq_{UNKNOWN}", user())
    client.organization.delete_organization(acme)
