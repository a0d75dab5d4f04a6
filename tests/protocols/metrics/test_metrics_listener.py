"""The listener: what it answers, to whom, and how little a scraper can hold."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
import time

import pytest
from servers import free_port

from tenantry.settings import load
from tenantry.telemetry.metrics import listener, table
from tenantry.telemetry.metrics.listener import listening

TOKEN = "0123456789abcdef"


class Figures:
    """Figures of a database, and how often they were asked for."""

    def __init__(self) -> None:
        self.asked = 0
        self.stuck = False

    async def __call__(self) -> object:
        self.asked += 1
        if self.stuck:
            await asyncio.Event().wait()
        return [(table.USERS, (), 7.0), (table.DATABASE_UP, (), 1.0)]


@pytest.fixture
def figures():
    return Figures()


@pytest.fixture
def settings(request, tmp_path):
    given = {
        "TENANTRY_DATA_DIR": str(tmp_path),
        "TENANTRY_METRICS_LISTEN": f"127.0.0.1:{free_port()}",
    }
    return load(given | getattr(request, "param", {}))


@pytest.fixture
async def served(settings, figures):
    async with listening(settings, figures):
        yield settings


async def ask(settings, verb="GET", target="/metrics", **headers: str):
    return await asyncio.to_thread(_ask, settings, verb, target, headers)


def _ask(settings, verb, target, headers):
    connection = http.client.HTTPConnection(settings.metrics_listen, timeout=60)
    connection.request(verb, target, headers=headers)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer, body


async def test_it_answers_at_one_path_by_get_and_head(served):
    answer, body = await ask(served)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["connection"] == "close"
    assert "\ntenantry_users 7\n" in body
    assert "\ntenantry_processes 1\n" in body
    assert 'tenantry_build_info{version="0.1.0"' in body
    head, nothing = await ask(served, "HEAD")
    assert (head.status, nothing) == (200, "")
    assert int(head.headers["content-length"]) >= len(body)
    for verb, target, status in (
        ("POST", "/metrics", 405),
        ("OPTIONS", "/metrics", 405),
        ("GET", "/", 404),
        ("GET", "/metrics/x", 404),
    ):
        assert (await ask(served, verb, target))[0].status == status
    assert (await ask(served, "GET", "/metrics?name[]=x"))[0].status == 200


async def test_openmetrics_is_answered_to_those_who_like_it(served):
    answer, body = await ask(served, accept="application/openmetrics-text;version=1.0.0")
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert body.endswith("# EOF\n")


async def test_a_counter_without_labels_is_there_before_it_counts(served):
    _, body = await ask(served)
    assert "\ntenantry_events_logged_total 0\n" in body
    assert "\ntenantry_database_wait_seconds_count 0\n" in body


@pytest.mark.parametrize("settings", [{"TENANTRY_METRICS_TOKEN": TOKEN}], indirect=True)
async def test_with_a_token_nobody_is_answered_without(served):
    for headers in ({}, {"authorization": "Bearer x"}, {"authorization": f"Basic {TOKEN}"}):
        answer, body = await ask(served, **headers)
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "tenantry_" not in body
    answer, body = await ask(served, authorization=f"bearer {TOKEN}")
    assert answer.status == 200


async def test_a_body_is_made_once_a_second_however_many_ask(served, figures):
    began = time.monotonic()
    answers = await asyncio.gather(*(ask(served) for _ in range(8)))
    took = time.monotonic() - began
    assert {answer.status for answer, _ in answers} == {200}
    assert figures.asked <= 1 + took // listener.FRESH_SECONDS


async def test_an_application_that_is_stuck_does_not_hold_it(served, figures, monkeypatch):
    monkeypatch.setattr(listener, "FIGURES_SECONDS", 0.1)
    figures.stuck = True
    answer, body = await ask(served)
    assert answer.status == 200
    assert "\ntenantry_database_up 0\n" in body
    assert "tenantry_users" not in body


def connected(settings):
    host, _, port = settings.metrics_listen.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=60)


async def test_a_head_that_is_too_large_is_refused(served):
    def send():
        with connected(served) as peer:
            peer.sendall(
                b"GET /metrics HTTP/1.1\r\nx: " + b"a" * listener.HEADER_BYTES + b"\r\n\r\n"
            )
            return peer.recv(100)

    assert (await asyncio.to_thread(send)).startswith(b"HTTP/1.1 431 ")
    assert (await ask(served))[0].status == 200


@pytest.mark.parametrize("sent", [b"\r\n\r\n", b"GET /metrics\r\n\r\n", b"\x16\x03\x01\r\n\r\n"])
async def test_what_is_not_http_is_refused(served, sent):
    def send():
        with connected(served) as peer:
            peer.sendall(sent)
            return peer.recv(100)

    assert (await asyncio.to_thread(send)).startswith(b"HTTP/1.1 400 ")


async def test_slow_scrapers_are_cut_off_and_others_answered_meanwhile(served, monkeypatch):
    monkeypatch.setattr(listener, "REQUEST_SECONDS", 0.5)

    def hold():
        slow = [connected(served) for _ in range(listener.MOST_CONNECTIONS - 1)]
        for peer in slow:
            peer.sendall(b"GET /metrics HTTP/1.1\r\nx: ")
        return slow

    def ends(peer):
        with peer:
            try:
                return peer.recv(100)
            except ConnectionResetError:
                return b""

    slow = await asyncio.to_thread(hold)
    assert (await ask(served))[0].status == 200
    assert [await asyncio.to_thread(ends, peer) for peer in slow] == [b""] * len(slow)
    assert (await ask(served))[0].status == 200


async def test_connections_beyond_the_most_are_cut_off(served):
    def hold():
        open_ = [connected(served) for _ in range(listener.MOST_CONNECTIONS)]
        for peer in open_:
            peer.sendall(b"GET")
        with connected(served) as one_more:
            try:
                found = one_more.recv(100)
            except ConnectionResetError:
                found = b""
        for peer in open_:
            peer.close()
        return found

    assert await asyncio.to_thread(hold) == b""


async def test_an_address_that_is_taken_leaves_the_server_as_it_is(settings, figures, caplog):
    host, _, port = settings.metrics_listen.rpartition(":")
    with socket.create_server((host, int(port))):
        async with listening(settings, figures):
            pass
    assert caplog.records[0].message == "failed to serve metrics"


async def test_it_ends_with_its_application(settings, figures):
    async with listening(settings, figures):
        assert any(thread.name == "metrics" for thread in threading.enumerate())
    assert not any(thread.name == "metrics" for thread in threading.enumerate())
    with pytest.raises(ConnectionRefusedError):
        await ask(settings)
