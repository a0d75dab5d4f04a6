"""Dynamic client registration (RFC 7591) and its management (RFC 7592)."""

from __future__ import annotations

import json

import pytest
from mcp_clients import CLIENTS
from mcp_resources import CALLBACK, bearer, registration

from tenantry.access.clients import reading
from tenantry.access.clients.reading import ClientIdentifier


def has_null(value):
    if isinstance(value, dict):
        return any(map(has_null, value.values()))
    return value is None or (isinstance(value, list) and any(map(has_null, value)))


async def register(http, resource, body):
    return await http.post(f"/resources/{resource.id}/register", json=body)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
async def test_known_clients_register(http, resource, client):
    response = await register(http, resource, client.registration)
    assert response.status_code == 201, response.text
    assert response.headers["cache-control"] == "no-store"
    answer = response.json()
    assert not has_null(answer)
    assert answer["client_id"].startswith("m2m_")
    assert answer["client_name"] == client.registration["client_name"]
    assert answer["redirect_uris"] == client.registration["redirect_uris"]
    assert answer["grant_types"] == ["authorization_code", "refresh_token"]
    assert answer["response_types"] == ["code"]
    method = client.registration["token_endpoint_auth_method"]
    assert answer["token_endpoint_auth_method"] == method
    assert ("client_secret" in answer) is (method != "none")
    assert ("client_secret_expires_at" in answer) is (method != "none")
    assert answer["registration_client_uri"].endswith(
        f"/resources/{resource.id}/register/{answer['client_id']}"
    )


async def test_the_response_has_all_registered_members(http, new_resource):
    scope = await new_resource.permission()
    resource = await new_resource(scopes=[scope])
    body = registration(
        client_uri="https://client.example",
        policy_uri="https://client.example/privacy",
        tos_uri="javascript:alert(1)",
        scope="claudeai",
        resource="https://other.example/mcp",
        contacts=["admin@client.example"],
    )
    answer = (await register(http, resource, body)).json()
    assert answer["client_uri"] == "https://client.example"
    assert answer["policy_uri"] == "https://client.example/privacy"
    assert answer["scope"] == scope
    assert not {"tos_uri", "resource", "contacts"} & set(answer)


async def test_one_refused_redirect_uri_does_not_refuse_the_others(http, resource):
    uris = ["myapp://callback/x", CALLBACK, "http://192.0.2.1/callback"]
    body = registration(redirect_uris=uris, application_type="web")
    answer = (await register(http, resource, body)).json()
    assert answer["redirect_uris"] == [CALLBACK]
    assert answer["application_type"] == "web"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (registration(redirect_uris=["http://192.0.2.1/"]), "invalid_redirect_uri"),
        (registration(redirect_uris=None), "invalid_redirect_uri"),
        (registration(grant_types=["implicit"]), "invalid_client_metadata"),
        (registration(token_endpoint_auth_method="private_key_jwt"), "invalid_client_metadata"),
        ([], "invalid_client_metadata"),
        (None, "invalid_client_metadata"),
        (registration(client_name="\x00"), "invalid_client_metadata"),
    ],
)
async def test_errors_of_registrations(http, resource, body, error):
    response = await register(http, resource, body)
    assert response.status_code == 400, response.text
    assert response.json()["error"] == error
    assert response.json()["error_description"]


async def test_a_body_that_is_not_json_is_refused(http, resource):
    for content in (b"", b"{", b"\xff", b"[" * 10_000):
        response = await http.post(f"/resources/{resource.id}/register", content=content)
        assert response.json()["error"] == "invalid_client_metadata"


async def test_a_resource_may_have_no_registration(http, new_resource):
    resource = await new_resource(disable_dynamic_client_registration=True)
    response = await register(http, resource, registration())
    assert response.status_code == 403
    assert response.json()["error"] == "access_denied"
    for unknown in ("res_1", "res_9999999999999999999", "x"):
        response = await http.post(f"/resources/{unknown}/register", json=registration())
        assert response.status_code == 404


async def test_a_client_manages_its_registration(http, resource):
    made = (await register(http, resource, registration())).json()
    path = f"/resources/{resource.id}/register/{made['client_id']}"
    held = bearer(made["registration_access_token"])
    read = await http.get(path, headers=held)
    assert read.status_code == 200
    expected = {k: v for k, v in made.items() if k != "registration_access_token"}
    assert read.json() == expected

    changes = registration(client_id=made["client_id"], client_name="New name")
    changes["redirect_uris"] = ["https://client.example/new"]
    changed = await http.put(path, headers=held, json=changes)
    assert changed.status_code == 200, changed.text
    assert changed.json()["client_name"] == "New name"
    assert changed.json()["redirect_uris"] == ["https://client.example/new"]
    assert (await http.get(path, headers=held)).json() == changed.json()

    for wrong, error in (
        (registration(), "invalid_request"),
        (registration(client_id="m2m_1"), "invalid_request"),
        (
            registration(client_id=made["client_id"], redirect_uris=["javascript:x"]),
            "invalid_redirect_uri",
        ),
        (
            registration(
                client_id=made["client_id"], token_endpoint_auth_method="client_secret_basic"
            ),
            "invalid_client_metadata",
        ),
    ):
        response = await http.put(path, headers=held, json=wrong)
        assert response.status_code == 400
        assert response.json()["error"] == error

    assert (await http.delete(path, headers=held)).status_code == 204
    assert (await http.get(path, headers=held)).status_code == 401
    assert (await http.delete(path, headers=held)).status_code == 401


async def test_only_the_token_of_a_registration_manages_it(http, resource, new_resource):
    one = (await register(http, resource, registration())).json()
    other = (await register(http, resource, registration())).json()
    elsewhere = await new_resource()
    own = one["registration_access_token"]
    for path, headers in (
        (f"/resources/{resource.id}/register/{one['client_id']}", {}),
        (f"/resources/{resource.id}/register/{one['client_id']}", bearer("x")),
        (f"/resources/{resource.id}/register/{one['client_id']}", bearer("")),
        (f"/resources/{resource.id}/register/{one['client_id']}", {"authorization": own}),
        (f"/resources/{resource.id}/register/{other['client_id']}", bearer(own)),
        (f"/resources/{elsewhere.id}/register/{one['client_id']}", bearer(own)),
        (f"/resources/{resource.id}/register/skc_1", bearer(own)),
    ):
        for verb in ("GET", "PUT", "DELETE"):
            response = await http.request(verb, path, headers=headers, json={})
            assert response.status_code == 401, (verb, path)
            assert response.json()["error"] == "invalid_token"
            assert response.headers["www-authenticate"].startswith("Bearer")


async def test_tokens_and_secrets_are_not_stored(http, resource, database):
    body = registration(token_endpoint_auth_method="client_secret_post")
    made = (await register(http, resource, body)).json()
    path = f"/resources/{resource.id}/register/{made['client_id']}"
    read = (await http.get(path, headers=bearer(made["registration_access_token"]))).json()
    assert "client_secret" not in read
    assert read["client_secret_expires_at"] == 0
    identity = ClientIdentifier(made["client_id"], anywhere=True)
    stored = await reading.get(database, identity)
    text = json.dumps(stored.to_event())
    assert made["client_secret"] not in text
    assert made["registration_access_token"] not in text
    assert stored.is_public is False


async def test_a_browser_of_another_origin_may_register(http, resource):
    origin = {"origin": "http://localhost:6274"}
    path = f"/resources/{resource.id}/register"
    response = await http.post(path, json=registration(), headers=origin)
    assert response.headers["access-control-allow-origin"] == origin["origin"]
    preflight = await http.options(
        path,
        headers=origin
        | {
            "access-control-request-method": "POST",
            "access-control-request-headers": "content-type",
        },
    )
    assert preflight.status_code in {200, 204}
    assert preflight.headers["access-control-allow-origin"] == origin["origin"]
