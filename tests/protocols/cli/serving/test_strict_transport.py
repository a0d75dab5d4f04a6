"""Strict-Transport-Security is on every answer of a server whose public URL is a real one."""

from __future__ import annotations

import httpx
import pytest
from servers import LiveServer

from tenantry.net.http import strict_transport

YEAR = "max-age=31536000"
PATHS = [
    *("/", "/docs", "/favicon.ico", "/healthz", "/readyz", "/keys", "/nowhere", "/logout"),
    "/.well-known/openid-configuration",
    "/oauth/authorize?client_id=nosuch",
    "/oauth/userinfo",
    "/api/v1/organizations",
    "/login/areq_1",
    "/account",
    "/%ff",  # the server around us answers this one
]


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    folder = tmp_path_factory.mktemp("strict")
    server = LiveServer(folder, public_url="https://auth.example.com", background="false")
    yield server.fork()
    server.stop()


@pytest.mark.parametrize("scheme", ["https", "http"], ids=["tls", "behind a proxy with the TLS"])
def test_every_answer_of_a_real_address_has_hsts(strict, scheme):
    with httpx.Client(
        base_url=f"{scheme}://localhost:{strict.port}", verify=strict.trust
    ) as client:
        for path in PATHS:
            for accept in ("text/html", "application/json"):
                answer = client.get(path, headers={"accept": accept, "sec-fetch-mode": "navigate"})
                assert answer.headers.get_list("strict-transport-security") == [YEAR], path
        for path in ("/oauth/token", "/scalekit.v1.organizations.OrganizationService/Nothing"):
            answer = client.post(path, content=b"{}")
            assert answer.headers["strict-transport-security"] == YEAR
        answer = client.post("/api/v1/organizations", content=b"x" * (2 << 20))
        assert (answer.status_code, answer.headers["strict-transport-security"]) == (413, YEAR)


def test_localhost_has_none(live_server):
    answer = httpx.get(f"{live_server.url}/healthz", verify=live_server.trust)
    assert "strict-transport-security" not in answer.headers


@pytest.mark.parametrize(
    "url",
    [
        *("http://auth.example.com", "https://localhost:1", "https://a.localhost"),
        *("https://127.0.0.1", "https://[::1]:8443"),
    ],
)
def test_neither_http_nor_local_addresses_have_it(url):
    assert strict_transport(url) == {}
