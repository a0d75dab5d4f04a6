"""Links that let operators in: printed at a start, made by a command, opened once."""

from __future__ import annotations

import asyncio
import json
import re
import time

import httpx
import pytest
from operators_with_passkeys import OURS, link_of
from servers import LiveServer

pytestmark = pytest.mark.process


@pytest.fixture
def browser(server):
    with httpx.Client(base_url=server.url, verify=server.trust) as client:
        yield client


def said_by(server):
    """The line of the console among those of a start, which come once the server answers."""
    until = time.monotonic() + 60
    while "Tenantry is ready" not in server.log.read_text():
        assert time.monotonic() < until
        time.sleep(0.02)
    return re.search(r"Console +(\S+)(.*)", server.log.read_text())


@pytest.mark.thorough
def test_a_start_prints_a_link_only_while_there_is_no_operator(tmp_path):
    server = LiveServer(tmp_path).fork()
    try:
        address, rest = said_by(server).groups()
        assert "/console/enter/" in address
        assert rest == " (once)"
        with httpx.Client(verify=server.trust) as client:
            assert client.post(address, data={"name": "Ada"}, headers=OURS).status_code == 303
        server.stop()
        server.log.write_text("")
        server.fork()
        assert said_by(server).groups() == (f"{server.url}/console", "")
    finally:
        server.stop()


@pytest.mark.thorough
def test_a_server_without_a_console_has_no_link(tmp_path):
    server = LiveServer(tmp_path, console="false").fork()
    try:
        assert said_by(server) is None
        done = server.run("operators", "link")
        assert (done.returncode, done.stdout) == (1, "")
        assert "TENANTRY_CONSOLE" in done.stderr
        assert httpx.get(f"{server.url}/console", verify=server.trust).status_code == 404
    finally:
        server.stop()


def test_a_look_at_a_link_does_not_use_it_up_and_a_second_opening_fails(server, browser):
    link = link_of(server, "--role", "reader")
    assert browser.get(link).status_code == 200
    assert browser.get(link).status_code == 200
    assert browser.post(link, data={"name": "Ada"}, headers=OURS).status_code == 303
    assert browser.get("/console").status_code == 200
    again = httpx.post(link, data={"name": "Eve"}, headers=OURS, verify=server.trust)
    assert again.status_code == 404
    assert "set-cookie" not in again.headers
    assert browser.get(link).status_code == 404


async def test_of_two_that_open_a_link_at_once_one_gets_in(server):
    link = link_of(server)
    async with httpx.AsyncClient(verify=server.trust) as client:
        answers = await asyncio.gather(
            *(client.post(link, data={"name": f"N{n}"}, headers=OURS) for n in range(8))
        )
    assert sorted(one.status_code for one in answers) == [303] + [404] * 7


def test_a_link_is_opened_from_its_own_page_alone(server, browser):
    link = link_of(server)
    for headers in ({}, {"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
        assert browser.post(link, data={"name": "Eve"}, headers=headers).status_code == 403
    assert browser.get(link).status_code == 200


def test_the_operator_with_an_address_is_let_back_in_and_earlier_links_end(server, browser):
    first = link_of(server, "--email", "grace@example.com", "--name", "Grace", "--role", "OPERATOR")
    second = link_of(server, "--email", "Grace@example.com")
    assert browser.get(first).status_code == 404
    assert "Grace" in browser.get(second).text
    assert browser.post(second, data={"name": ""}, headers=OURS).status_code == 303
    listed = json.loads(server.run("operators", "list", "--json").stdout)
    (one,) = [each for each in listed if each["email"] == "grace@example.com"]
    assert (one["name"], one["role"]) == ("Grace", "OPERATOR")
    assert one["last_sign_in_time"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(("--role", "ADMIN"), "operator.role"), (("--email", "nobody"), "operator.email")],
)
def test_a_wrong_option_is_named(server, arguments, named):
    done = server.run("operators", "link", *arguments)
    assert done.returncode == 1
    assert named in done.stderr


def test_attempts_to_come_in_are_limited_by_network(tmp_path):
    server = LiveServer(
        tmp_path,
        rate_limit_sign_ins="3/hour",
        console_oidc_issuer="https://127.0.0.1:1",
        console_oidc_client_id="console",
        console_oidc_client_secret="secret",
    ).start()
    try:
        with httpx.Client(base_url=server.url, verify=server.trust, headers=OURS) as client:
            asked = [client.post(f"/console/enter/wrong-{n}", data={"name": ""}) for n in range(4)]
            assert [one.status_code for one in asked] == [404, 404, 404, 303]
            assert "failed=" in asked[-1].headers["location"]
            refused = client.post("/console/sign-in/provider", data={"next": ""})
            assert "failed=" in refused.headers["location"]
            assert not refused.headers["location"].startswith("https://127.0.0.1:1")
    finally:
        server.stop()
