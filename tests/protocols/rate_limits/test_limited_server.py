"""Limits of the server that users run, over every wire."""

from __future__ import annotations

import httpx
import pytest
from apis import Api
from servers import LiveServer
from wires import WIRES, ApiError, over_https

IMPORT = "/api/v1/users:import"


@pytest.fixture(scope="module")
def limited(tmp_path_factory):
    """A server behind a proxy on this machine, whose clients may make 5 calls a day."""
    server = LiveServer(
        tmp_path_factory.mktemp("limited"),
        rate_limit_client="5/day",
        rate_limit_address="50/day",
        rate_limit_token="3/day",
        rate_limit_failures="4/day",
        trusted_proxies="127.0.0.1",
        background="false",
    )
    yield server.fork()
    server.stop()


@pytest.fixture(scope="module")
def token(limited):
    form = {
        "grant_type": "client_credentials",
        "client_id": limited.client_id,
        "client_secret": limited.client_secret,
    }
    headers = {"x-forwarded-for": "192.0.2.200"}
    url = f"{limited.url}/oauth/token"
    answer = httpx.post(url, data=form, headers=headers, verify=limited.trust)
    assert answer.headers["ratelimit-policy"].startswith('"address";q=50;w=86400')
    return answer.json()["access_token"]


async def test_all_wires_share_the_count_of_a_client(limited, token):
    """Each of them says how it stands, and refuses in its own words."""
    authorization = ("authorization", f"Bearer {token}")
    wires = {name: kind(limited) for name, kind in WIRES.items()}
    remaining = 5
    for n, wire in enumerate(wires.values()):
        api = Api(wire, (authorization, ("x-forwarded-for", f"192.0.2.{n}")))
        answer = await api.organizations.list_organization(page_size=1)
        remaining -= 1
        policies = answer.headers["ratelimit-policy"]
        assert policies == '"address";q=50;w=86400, "client";q=5;w=86400'
        address, client = answer.headers["ratelimit"].split(", ")
        assert address.startswith('"address";r=49;t=')
        assert client.startswith(f'"client";r={remaining};t=')
    async with over_https(limited) as http:
        headers = dict([authorization]) | {"content-type": "application/x-ndjson"}
        answer = await http.post(IMPORT, content=b"", headers=headers)
        assert answer.status_code == 200, answer.text
        assert '"client";r=0;' in answer.headers["ratelimit"]
        answer = await http.post(IMPORT, content=b"x" * 3_000_000, headers=headers)
        assert answer.status_code == 429
        assert answer.json()["details"][0]["error_code"] == "RATE_LIMITED"
    for name, wire in wires.items():
        api = Api(wire, (authorization,))
        with pytest.raises(ApiError) as refused:
            await api.organizations.list_organization(page_size=1)
        error = refused.value
        assert (error.code, error.error_code) == ("RESOURCE_EXHAUSTED", "RATE_LIMITED")
        assert error.http_status == (429 if name == "rest" else None)
        assert 1 <= int(error.headers["retry-after"]) <= 86400
        await wire.aclose()


@pytest.mark.usefixtures("token")
async def test_who_guesses_secrets_locks_out_nobody(limited):
    """Neither others behind the same address, nor the client whose id it uses."""
    right = {
        "grant_type": "client_credentials",
        "client_id": limited.client_id,
        "client_secret": limited.client_secret,
    }
    wrong = right | {"client_secret": "wrong"}
    async with over_https(limited) as http:

        async def ask(form, *said: str):
            headers = [("x-forwarded-for", one) for one in said]
            return await http.post("/oauth/token", data=form, headers=headers)

        for n in range(4):
            answer = await ask(wrong, f"198.51.100.{n}", "192.0.2.150")
            assert answer.status_code == 401
        answer = await ask(wrong, "192.0.2.151", "192.0.2.150")
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1
        assert '"failures";q=4;w=86400' in answer.headers["ratelimit-policy"]
        # One of the tokens for today was issued for the first test.
        for n, address in enumerate(("192.0.2.150", "192.0.2.151", "192.0.2.151")):
            answer = await ask(right, address)
            assert answer.status_code == (200 if n < 2 else 429), n
            assert '"token";q=3;w=86400' in answer.headers["ratelimit-policy"]


async def test_addresses_count_apart_as_the_proxy_names_them(limited):
    async with over_https(limited) as http:
        for said, remaining in [
            ("192.0.2.100", 49),
            ("192.0.2.100", 48),
            ("192.0.2.101", 49),
            ("192.0.2.66, 192.0.2.101", 48),
            ("2001:db8:1:1::1", 49),
            ("[2001:db8:1:1::2]:4711", 48),
        ]:
            answer = await http.get("/keys", headers={"x-forwarded-for": said})
            assert answer.headers["ratelimit"].startswith(f'"address";r={remaining};'), said
