"""Drive ClientService with the official Python SDK and print each step's answer.

Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET. Prints one line of
JSON per step of ../steps.json; the first step that fails ends the program.
"""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import patch

import jwt
import requests
from google.protobuf.wrappers_pb2 import BoolValue
from scalekit import ScalekitClient
from scalekit.common.exceptions import (
    ScalekitBadRequestException,
    ScalekitForbiddenException,
    ScalekitNotFoundException,
    ScalekitUnauthorizedException,
    ScalekitValidateTokenFailureException,
)
from scalekit.common.scalekit import TokenValidationOptions
from scalekit.v1.clients.clients_pb2 import (
    CreateClient,
    CreateClientRequest,
    CustomClaim,
    DeleteClientRequest,
    GetClientRequest,
    GetResourceClientResponse,
    M2MClient,
    OrganizationClient,
)
from scalekit.v1.organizations.organizations_pb2 import CreateOrganization
from steps import (
    CLIENT_ID,
    CLIENT_SECRET,
    RUN,
    UNKNOWN,
    URL,
    expect_bad_field,
    expect_bad_request,
    expect_error,
    expect_not_found,
    read_pages,
    soon,
    step,
)

NOBODY = f"m2morg_{UNKNOWN}"
NOWHERE = f"org_{UNKNOWN}"
SCOPES = ["orders:write", "orders:read", "deploy"]
AUDIENCE = ["https://orders.example.com", "https://api.example.com"]
CLAIMS = {"tier": "gold", "region": "eu-west"}

client = ScalekitClient(URL, CLIENT_ID, CLIENT_SECRET)
machines = client.m2m_client


def create_organization(name):
    request = CreateOrganization(display_name=f"{name} {RUN}")
    return client.organization.create_organization(request)[0].organization.id


def create(organization_id, **fields):  # noqa: ANN003
    return machines.create_organization_client(organization_id, OrganizationClient(**fields))[0]


def get(organization_id, client_id):
    return machines.get_organization_client(organization_id, client_id)[0].client


def update(organization_id, client_id, **fields):  # noqa: ANN003
    change = OrganizationClient(**fields)
    return machines.update_organization_client(organization_id, client_id, change)[0].client


def listed(organization_id, **page):  # noqa: ANN003
    return machines.list_organization_clients(organization_id, **page)[0]


def add_secret(client_id):
    return machines.add_organization_client_secret(acme, client_id)[0]


def pairs(claims):
    return [CustomClaim(key=key, value=value) for key, value in claims.items()]


def expect_no_token(kind, error, *credentials):  # noqa: ANN002
    """The token endpoint answers so; return all that it said."""
    refusal = expect_error(kind, client.generate_client_token, *credentials)
    assert f'"{error}"' in refusal.err_details, refusal.err_details
    return refusal.err_details


acme = create_organization("Acme")
globex = create_organization("Globex")

with step("empty_list"):
    nothing = listed(acme)
    assert list(nothing.clients) == []
    assert nothing.total_size == 0

with step("create") as seen:
    fields = {
        "name": f"Orders {RUN}",
        "description": "Reads orders every night",
        "scopes": SCOPES,
        "audience": AUDIENCE,
        "custom_claims": pairs(CLAIMS),
        "expiry": 7200,
    }
    created = create(acme, **fields)
    orders, secret = created.client, created.plain_secret
    assert orders.client_id.startswith("m2morg_")
    assert orders.organization_id == acme
    for name, value in fields.items():
        assert getattr(orders, name) == value, name
    assert orders.create_time.seconds > 0
    assert orders.update_time.seconds > 0
    assert [each.id[:4] for each in orders.secrets] == ["sec_"]
    assert secret.endswith(orders.secrets[0].secret_suffix)
    seen["id"] = orders.client_id

with step("create_by_name"):
    plain = create(acme, name="Plain").client
    assert list(plain.scopes) == list(plain.audience) == list(plain.custom_claims) == []
    assert plain.description == ""
    assert plain.expiry == 3600

with step("get"):
    read = get(acme, orders.client_id)
    assert read == orders
    assert secret not in str(read)

with step("list_pages") as seen:
    ours = [orders.client_id, plain.client_id]
    ours += [create(acme, name=f"Machine {n}").client.client_id for n in range(3)]

    def page(token):
        answer = listed(acme, page_size=2, page_token=token)
        assert answer.total_size == len(ours)
        return [SimpleNamespace(id=each.client_id) for each in answer.clients], answer

    seen["listed"] = len(read_pages(page, ours))
    first = listed(acme, page_size=2)
    second = listed(acme, page_size=2, page_token=first.next_page_token)
    assert listed(acme, page_size=2, page_token=second.prev_page_token).clients == first.clients
    assert list(listed(globex).clients) == []

with step("update"):
    updated = update(acme, orders.client_id, description="Nightly")
    assert updated.description == "Nightly"
    expected = M2MClient()
    expected.CopyFrom(orders)
    expected.description, expected.update_time.nanos = "Nightly", updated.update_time.nanos
    expected.update_time.seconds = updated.update_time.seconds
    assert updated == expected
    updated = update(acme, orders.client_id, name="Orders", custom_claims=pairs({"tier": "silver"}))
    assert updated.name == "Orders"
    assert list(updated.custom_claims) == pairs({"tier": "silver"})
    assert list(updated.scopes) == SCOPES
    assert get(acme, orders.client_id) == updated
    update(acme, orders.client_id, custom_claims=pairs(CLAIMS))

with step("access_token") as seen:

    def current():
        token = client.generate_client_token(orders.client_id, secret)
        claims = client.validate_access_token_and_get_claims(token)
        assert claims["custom_claims"] == CLAIMS
        return token, claims

    token, claims = soon(current)
    assert claims["iss"] == URL
    assert claims["sub"] == claims["client_id"] == orders.client_id
    assert claims["aud"] == AUDIENCE
    assert claims["oid"] == acme
    assert claims["scopes"] == SCOPES
    assert claims["scope"] == " ".join(SCOPES)
    assert all(type(claims[name]) is int for name in ("iat", "nbf", "exp"))
    assert claims["exp"] - claims["iat"] == 7200
    assert claims["jti"].startswith("tkn_")
    header = jwt.get_unverified_header(token)
    assert (header["alg"], header["typ"]) == ("RS256", "JWT")
    again = client.generate_client_token(orders.client_id, secret)
    assert client.validate_access_token_and_get_claims(again)["jti"] != claims["jti"]
    seen["claims"] = sorted(claims)

with step("validate_access_token"):

    def valid(token, **options):  # noqa: ANN003
        return client.validate_access_token(token, TokenValidationOptions(**options))

    asked = {"issuer": URL, "audience": AUDIENCE[1:], "required_scopes": SCOPES[1:]}
    assert valid(token, **asked)
    assert not valid(token, **asked | {"issuer": "https://elsewhere.example.com"})
    assert not valid(token, **asked | {"audience": ["https://elsewhere.example.com"]})
    assert not valid(token, **asked | {"required_scopes": ["orders:delete"]})
    assert not valid(token[:-8] + "AAAAAAAA", **asked)
    assert client.validate_access_token(client.get_client_access_token())
    assert client.verify_scopes(token, SCOPES)
    expect_error(
        ScalekitValidateTokenFailureException, client.verify_scopes, token, ["orders:delete"]
    )
    expect_error(
        ScalekitValidateTokenFailureException,
        client.validate_access_token_and_get_claims,
        token,
        TokenValidationOptions(audience=["https://elsewhere.example.com"]),
    )

with step("narrowed_scopes") as seen:
    narrow = client.generate_client_token(orders.client_id, secret, ["deploy"])
    assert valid(narrow, **asked | {"required_scopes": ["deploy"]})
    assert not valid(narrow, **asked)
    seen["error"] = expect_no_token(
        ScalekitBadRequestException,
        "invalid_scope",
        *(orders.client_id, secret, ["deploy", "orders:delete"]),
    )

with step("wrong_secret") as seen:
    kind, error = ScalekitUnauthorizedException, "invalid_client"
    wrong = expect_no_token(kind, error, orders.client_id, secret + "x")
    assert expect_no_token(kind, error, NOBODY, secret) == wrong
    assert expect_no_token(kind, error, plain.client_id, secret) == wrong
    seen["error"] = wrong

with step("management_api"):
    stranger = ScalekitClient(URL, orders.client_id, secret)
    refusal = expect_error(ScalekitForbiddenException, stranger.organization.get_organization, acme)
    assert refusal.error_code == "PERMISSION_DENIED"
    expect_error(ScalekitForbiddenException, stranger.m2m_client.list_organization_clients, acme)

with step("es256"):
    changed = requests.patch(
        f"{URL}/api/v1/clients/{orders.client_id}/settings",
        json={"access_token_signing_alg": "ES256"},
        headers={"authorization": f"Bearer {client.core_client.access_token}"},
        timeout=10,
    )
    assert changed.ok, changed.text

    def by_es256():
        token = client.generate_client_token(orders.client_id, secret)
        assert jwt.get_unverified_header(token)["alg"] == "ES256"
        return token

    curve = soon(by_es256)
    # This SDK reads the whole key set, and then knows RS256 alone.
    fresh = ScalekitClient(URL, CLIENT_ID, CLIENT_SECRET)
    assert fresh.validate_access_token(token, TokenValidationOptions(issuer=URL))
    assert not fresh.validate_access_token(curve)
    key = fresh.core_client.keys[jwt.get_unverified_header(curve)["kid"]]
    assert jwt.decode(curve, key, ["ES256"], audience=AUDIENCE[0])["client_id"] == orders.client_id

with step("secrets"):
    second = add_secret(plain.client_id)
    third = add_secret(plain.client_id)
    assert second.plain_secret.endswith(second.secret.secret_suffix)
    shown = list(get(acme, plain.client_id).secrets)
    assert [each.id for each in shown][1:] == [second.secret.id, third.secret.id]
    assert second.plain_secret not in str(shown)
    for each in (second, third):
        assert client.generate_client_token(plain.client_id, each.plain_secret)
    for gone in (shown[0].id, second.secret.id):
        machines.remove_organization_client_secret(acme, plain.client_id, gone)
    assert [each.id for each in get(acme, plain.client_id).secrets] == [third.secret.id]
    soon(lambda: expect_no_token(kind, error, plain.client_id, second.plain_secret))
    assert client.generate_client_token(plain.client_id, third.plain_secret)

with step("last_secret") as seen:
    refusal = expect_bad_request(
        machines.remove_organization_client_secret, acme, plain.client_id, third.secret.id
    )
    assert refusal.message == "last client cannot be deleted", refusal.message
    assert client.generate_client_token(plain.client_id, third.plain_secret)
    seen["message"] = refusal.message

with step("not_found") as seen:
    for organization_id, client_id in ((acme, NOBODY), (globex, orders.client_id)):
        missing = expect_not_found(get, organization_id, client_id)
        expect_not_found(update, organization_id, client_id, name="Nobody")
        expect_not_found(machines.delete_organization_client, organization_id, client_id)
        expect_not_found(machines.add_organization_client_secret, organization_id, client_id)
        expect_not_found(
            machines.remove_organization_client_secret,
            *(organization_id, client_id, orders.secrets[0].id),
        )
    expect_not_found(
        machines.remove_organization_client_secret, acme, orders.client_id, f"sec_{UNKNOWN}"
    )
    expect_not_found(listed, NOWHERE)
    expect_not_found(create, NOWHERE, name="Nowhere")
    seen["message"] = missing.message

with step("bad_field") as seen:
    expect_bad_field("name", create, acme, name="x" * 129)
    expect_bad_field("description", create, acme, name="Long", description="x" * 513)
    expect_bad_field("client_id", get, acme, f"skc_{UNKNOWN}")
    expect_bad_request(create, acme, name="Brief", expiry=299)
    expect_bad_request(create, acme, name="Spaced", scopes=["two words"])
    seen["violations"] = expect_bad_field(
        "key", create, acme, name="Key", custom_claims=pairs({"": ""})
    )

with step("delete"):
    machines.delete_organization_client(acme, orders.client_id)
    expect_not_found(get, acme, orders.client_id)
    expect_not_found(machines.delete_organization_client, acme, orders.client_id)
    soon(lambda: expect_no_token(kind, error, orders.client_id, secret))
    assert client.validate_access_token(token), "what it had is good by its signature"

with step("delete_organization"):
    client.organization.delete_organization(acme)
    expect_not_found(get, acme, plain.client_id)
    soon(lambda: expect_no_token(kind, error, plain.client_id, third.plain_secret))

# The SDK has no call that makes an application, only one that adds secrets: to the client of a
# resource, which it asks for first.
core, service, resources = client.core_client, machines.client_service, client.resources


def create_application(name, **fields):  # noqa: ANN003
    request = CreateClient(name=f"{name} {RUN}", client_type="WEB_APP", **fields)
    call = service.CreateClient.with_call
    return core.grpc_exec(call, CreateClientRequest(client=request))[0].client.id


def secrets_of(application_id):
    request = GetClientRequest(client_id=application_id)
    return [each.id for each in core.grpc_exec(service.GetClient, request).client.secrets]


def of_resource(call, *arguments):  # noqa: ANN002
    owned = GetResourceClientResponse(client={"resource_id": "res_1"})
    with patch.object(resources, "get_resource_client", return_value=(owned, None)):
        return call("res_1", *arguments)[0]


with step("application_secrets") as seen:
    web = create_application("Web")
    assert secrets_of(web) == []
    one, two = (of_resource(resources.create_resource_client_secret, web) for _ in range(2))
    assert one.plain_secret.endswith(one.secret.secret_suffix)
    assert secrets_of(web) == [one.secret.id, two.secret.id]
    seen["message"] = expect_bad_request(
        of_resource, resources.create_resource_client_secret, web
    ).message
    of_resource(resources.delete_resource_client_secret, web, one.secret.id)
    assert secrets_of(web) == [two.secret.id]
    soon(lambda: expect_no_token(kind, error, web, one.plain_secret))
    expect_error(
        ScalekitNotFoundException,
        *(of_resource, resources.delete_resource_client_secret, web, one.secret.id),
    )

with step("application_api_access") as seen:
    allowed = ScalekitClient(URL, web, two.plain_secret)
    assert allowed.organization.get_organization(globex)[0].organization.id == globex
    closed = create_application("Closed", disallow_scalekit_api_access=BoolValue(value=True))
    closed_secret = of_resource(resources.create_resource_client_secret, closed).plain_secret
    refusal = expect_error(
        ScalekitUnauthorizedException, ScalekitClient, URL, closed, closed_secret
    )
    assert "unauthorized" in refusal.err_details, refusal.err_details
    seen["error"] = refusal.err_details
    for application_id in (web, closed):
        core.grpc_exec(service.DeleteClient, DeleteClientRequest(client_id=application_id))
    expect_not_found(secrets_of, web)
    client.organization.delete_organization(globex)
