"""Development: on by itself where nobody else comes, never on a public name, and said at start."""

from __future__ import annotations

import time

import httpx
import pytest
from servers import LiveServer

from tenantry.settings import SettingError, load

MAIL = {"TENANTRY_SMTP_URL": "smtp://localhost:25", "TENANTRY_MAIL_FROM": "a@b.example"}


@pytest.mark.parametrize(
    ("given", "development"),
    [
        ({}, True),
        ({"TENANTRY_PUBLIC_URL": "https://127.0.0.1:8443"}, True),
        ({"TENANTRY_PUBLIC_URL": "http://app.localhost:8443"}, True),
        ({"TENANTRY_DEVELOPMENT": "false"}, False),
        (MAIL, False),
        ({**MAIL, "TENANTRY_DEVELOPMENT": "true"}, True),
        ({"TENANTRY_PUBLIC_URL": "https://auth.example.com"}, False),
        ({"TENANTRY_PUBLIC_URL": "https://localhost.example.com"}, False),
        ({"TENANTRY_PUBLIC_URL": "https://192.168.1.5:8443"}, False),
        ({"TENANTRY_LISTEN": "0.0.0.0:8443"}, False),
        ({"TENANTRY_LISTEN": "[::]:8443"}, False),
        ({"TENANTRY_LISTEN": "0.0.0.0:8443", "TENANTRY_DEVELOPMENT": "true"}, True),
        ({"TENANTRY_TRUSTED_PROXIES": "10.0.0.0/8"}, False),
        ({"TENANTRY_PUBLIC_URL": "https://tenantry:8443", "TENANTRY_DEVELOPMENT": "true"}, True),
        ({"TENANTRY_PUBLIC_URL": "https://auth.test", "TENANTRY_DEVELOPMENT": "true"}, True),
        ({"TENANTRY_PUBLIC_URL": "https://10.0.0.1", "TENANTRY_DEVELOPMENT": "true"}, True),
    ],
    ids=str,
)
def test_development_is_on_by_itself_only_where_nobody_else_comes(given, development):
    assert load(given).development is development


@pytest.mark.parametrize("host", ["auth.acme.com", "localhost.acme.com", "8.8.8.8", "acme.com."])
def test_development_is_refused_on_a_public_name(host):
    given = {"TENANTRY_PUBLIC_URL": f"https://{host}", "TENANTRY_DEVELOPMENT": "true"}
    with pytest.raises(
        SettingError, match="TENANTRY_DEVELOPMENT: cannot be true with the public host"
    ):
        load(given)


def test_a_process_that_is_started_by_another_has_the_same_mode():
    for given in ({}, {"TENANTRY_PUBLIC_URL": "https://auth.acme.com"}, MAIL):
        settings = load(given)
        assert load(settings.environment()).development is settings.development


def said_by(server):
    until = time.monotonic() + 60
    while "Mode" not in (said := server.log.read_text()) and time.monotonic() < until:
        time.sleep(0.05)
    return said


def test_a_fresh_start_says_where_docs_and_mail_are_and_the_code_is_in_both(tmp_path):
    server = LiveServer(tmp_path).start()
    try:
        said = said_by(server)
        assert f"Docs          {server.url}/docs\n" in said
        assert f"Mail          {server.url}/dev/mail\n" in said
        assert "Mode          development: " in said
        with httpx.Client(base_url=server.url, verify=server.trust) as http:
            credentials = {"grant_type": "client_credentials", "client_id": server.client_id}
            credentials["client_secret"] = server.client_secret
            token = http.post("/oauth/token", data=credentials).json()["access_token"]
            http.headers["authorization"] = f"Bearer {token}"
            made = http.post("/api/v1/organizations", json={"display_name": "Acme"}).json()
            path = f"/api/v1/organizations/{made['id']}/users"
            http.post(path, json={"email": "ann@acme.com"}).raise_for_status()
            until = time.monotonic() + 60
            while "Open link" not in (page := http.get("/dev/mail").text):
                assert time.monotonic() < until
                time.sleep(0.05)
        link = page.partition('<a href="https://localhost')[2].partition('"')[0]
        assert link
        assert "ann@acme.com" in server.log.read_text()
        assert link in server.log.read_text()
    finally:
        server.stop()


@pytest.mark.thorough
def test_a_start_for_production_says_so_and_shows_no_mail(tmp_path):
    server = LiveServer(tmp_path, development="false").start()
    try:
        said = said_by(server)
        assert "Mode          production: " in said
        assert "/dev/mail" not in said
        with httpx.Client(base_url=server.url, verify=server.trust) as http:
            assert http.get("/dev/mail").status_code == 404
            assert "/dev/mail" not in http.get("/").text
    finally:
        server.stop()
