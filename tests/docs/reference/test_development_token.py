"""`POST /dev/token`: a token for the docs of a server that only this machine can reach."""

from __future__ import annotations

import httpx
import pytest


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": ""},
        {"origin": "https://elsewhere.example"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": ""},
        {"host": "elsewhere.example"},
        {"x-forwarded-for": "192.0.2.1"},
        {"forwarded": "for=192.0.2.1"},
    ],
)
def test_the_token_is_for_pages_of_this_server_alone(live_server, headers):
    with httpx.Client(base_url=live_server.url, verify=live_server.trust) as http:
        own = {"origin": live_server.url, "sec-fetch-site": "same-origin"}
        answer = http.post("/dev/token", headers=own | headers)
        assert answer.status_code == (404 if headers else 200)
        if not headers:
            assert answer.headers["cache-control"] == "no-store"
            assert "access-control-allow-origin" not in answer.headers
            assert answer.json()["client_id"] == live_server.client_id
        assert http.get("/dev/token", headers=own).status_code in {404, 405}


@pytest.mark.parametrize(
    "settings",
    [{"development": "false"}, {"development": "true", "listen": "0.0.0.0:8443"}],
    ids=["production", "reachable"],
)
async def test_a_server_for_others_has_no_such_token(start_app, settings):
    app = await start_app("no-token", **settings)
    headers = {"origin": app.url, "sec-fetch-site": "same-origin"}
    async with httpx.AsyncClient(transport=app.transport, base_url=app.url) as http:
        answer = await http.post("/dev/token", headers=headers)
    assert answer.status_code == 404
