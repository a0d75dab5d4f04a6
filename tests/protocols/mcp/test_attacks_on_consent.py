"""Attacks on the authorization of MCP clients: mix-up, confused deputy, SSRF, redirects, floods."""

from __future__ import annotations

import socket
from urllib.parse import urlencode

import pytest
from authorizations import CHALLENGE, VERIFIER, SignedIn, answer_of, is_refused, with_cookies
from hosted import deployment
from mcp_resources import CALLBACK, Resources, registration

from tenantry.access.clients.uris import return_targets
from tenantry.identity.consents import service as consents


@pytest.fixture
def signed_in(make, database):
    """Makes signed-in people."""
    return SignedIn(make, database)


async def register(http, resource, **changes: object):
    response = await http.post(f"/resources/{resource.id}/register", json=registration(**changes))
    assert response.status_code == 201, response.text
    return response.json()["client_id"]


def authorize_path(resource, client_id, **parameters: str):
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": CALLBACK,
        "state": "s",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **parameters,
    }
    return f"/resources/{resource.id}/authorize?{urlencode(query)}"


async def redeem(http, resource, client_id, code):
    return await http.post(
        f"/resources/{resource.id}/token",
        data={
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "client_id": client_id,
            "code_verifier": VERIFIER,
        },
    )


@pytest.fixture
async def granted(http, database, new_resource, signed_in):
    """A client with a consent, the cookie of its user, and their resource."""
    from tenantry.access.clients import reading
    from tenantry.access.clients.reading import ClientIdentifier
    from tenantry.call import Call
    from tenantry.core.caller import SYSTEM

    resource = await new_resource(scopes=[await new_resource.permission()])
    client_id = await register(http, resource)
    session, cookie = await signed_in()
    client = await reading.get(database, ClientIdentifier(client_id, anywhere=True))
    await consents.grant(
        Call(SYSTEM, database, "test"),
        client,
        resource,
        user_id=session.user_id,
        organization_id=session.organization_id,
        scopes=[*resource.scopes, "openid"],
    )
    return resource, client_id, cookie


async def test_each_answer_names_the_issuer_that_gave_it(http, server, granted, new_resource):
    """A client that talks to several servers tells their answers apart (RFC 9207)."""
    resource, client_id, cookie = granted
    issuer = f"{server.url}/resources/{resource.id}"
    found = await http.get(authorize_path(resource, client_id), headers=with_cookies(cookie))
    assert answer_of(found, CALLBACK)["iss"] == issuer
    failed = await http.get(
        authorize_path(resource, client_id, response_type="token"), headers=with_cookies(cookie)
    )
    answer = answer_of(failed, CALLBACK)
    assert (answer["error"], answer["iss"]) == ("unsupported_response_type", issuer)
    other = await new_resource()
    assert is_refused(
        await http.get(authorize_path(other, client_id), headers=with_cookies(cookie))
    )


async def test_a_code_is_of_one_client_and_one_issuer(http, granted, new_resource):
    resource, client_id, cookie = granted
    path = authorize_path(resource, client_id)
    code = answer_of(await http.get(path, headers=with_cookies(cookie)), CALLBACK)["code"]
    attacker = await register(http, resource)
    other = await new_resource()
    for place, client in ((resource, attacker), (other, client_id)):
        refused = await redeem(http, place, client, code)
        assert refused.status_code in {400, 401}
        assert refused.json()["error"] in {"invalid_grant", "invalid_client"}
    assert (await redeem(http, resource, client_id, code)).status_code == 200


async def test_a_second_client_does_not_inherit_a_consent(http, granted):
    """The confused deputy: the user has allowed one client, and another one asks."""
    resource, client_id, cookie = granted
    found = await http.get(authorize_path(resource, client_id), headers=with_cookies(cookie))
    assert "code" in answer_of(found, CALLBACK)
    attacker = await register(http, resource, client_name="Client")
    path = authorize_path(resource, attacker)
    asked = await http.get(path, headers=with_cookies(cookie))
    assert asked.headers["location"].startswith("/login/areq_")
    silent = await http.get(f"{path}&prompt=none", headers=with_cookies(cookie))
    assert answer_of(silent, CALLBACK)["error"] == "consent_required"


async def test_another_user_of_the_browser_is_asked(http, granted, signed_in):
    resource, client_id, _ = granted
    _, cookie = await signed_in()
    path = authorize_path(resource, client_id)
    asked = await http.get(path, headers=with_cookies(cookie))
    assert asked.headers["location"].startswith("/login/areq_")


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/latest/meta-data",
        "https://127.0.0.1/c",
        "https://[::1]/c",
        "https://[::ffff:10.0.0.1]/c",
        "https://10.0.0.1/c",
        "https://metadata.internal/c",
        "https://localhost:8443/oauth/client.json",
        "https://user@client.example/c",
        "https://client.example/a/../c",
        "https://client.example/c?x=1",
        "https://client.example",
        "https://" + "a" * 2000 + ".example/c",
    ],
)
async def test_documents_are_not_fetched_from_inside(http, new_resource, monkeypatch, url):
    connected = []
    real = socket.getaddrinfo

    def look(host, port, family, kind):
        if host == "metadata.internal":
            return real("127.0.0.1", port, family, kind)
        connected.append(host)
        return real(host, port, family, kind)

    monkeypatch.setattr(socket, "getaddrinfo", look)
    resource = await new_resource(enable_cimd=True)
    response = await http.get(authorize_path(resource, url))
    assert is_refused(response)
    page = await http.get(response.headers["location"])
    assert page.status_code == 400
    assert CALLBACK not in page.text


async def test_a_resource_without_documents_fetches_none(http, resource):
    response = await http.get(authorize_path(resource, "https://client.example/c"))
    assert is_refused(response)
    page = await http.get(response.headers["location"])
    assert "does not accept this client" in page.text


async def test_redirect_uris_of_third_parties_are_not_return_targets(http, database, resource):
    """Pages do not link or redirect to addresses of clients that registered themselves."""
    before = await return_targets.of_only_application(database)
    client_id = await register(http, resource, redirect_uris=["https://evil.example/callback"])
    assert not await return_targets.is_at_registered_origin(database, "https://evil.example/x")
    assert await return_targets.of_client(database, client_id) is None
    assert await return_targets.name_of(database, client_id) == ""
    assert await return_targets.of_only_application(database) == before
    assert "https://evil.example" not in await return_targets.environment_origins(database)


@pytest.mark.parametrize(
    "uri",
    [
        "https://client.example/callback/../evil",
        "https://client.example/callback%2f..%2fevil",
        "https://client.example/callback#https://evil.example",
        "https://client.example@evil.example/callback",
        "https://client.example.evil.example/callback",
        "https://client.example:444/callback",
        "http://client.example/callback",
        "//client.example/callback",
        "javascript:alert(1)",
        "https://CLIENT.example/callback",
    ],
)
async def test_a_code_goes_to_no_other_address(http, granted, uri):
    resource, client_id, cookie = granted
    path = authorize_path(resource, client_id, redirect_uri=uri)
    assert is_refused(await http.get(path, headers=with_cookies(cookie)))


async def test_registrations_are_limited_by_network(start_app):
    server = await start_app(
        "flood", rate_limit_registrations="3/day", trusted_proxies="127.0.0.0/8"
    )
    async with deployment(server) as place, place.visitor() as visitor:
        resource = await Resources(place.api, place.database)()

        async def send(address, body):
            return await visitor.http.post(
                f"/resources/{resource.id}/register",
                json=body,
                headers={"x-forwarded-for": address},
            )

        for number in range(3):
            assert (await send(f"2001:db8::{number}", registration())).status_code == 201
        refused = await send("2001:db8::9", registration())
        assert refused.status_code == 429
        assert refused.json()["error"] == "temporarily_unavailable"
        assert int(refused.headers["retry-after"]) > 0
        # Invalid registrations are told so, and do not count.
        assert (await send("192.0.2.1", {})).status_code == 400
        assert (await send("192.0.2.1", registration())).status_code == 201
    await server.stop()
