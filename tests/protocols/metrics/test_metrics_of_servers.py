"""The figures of real servers: what people, programs and workers do is seen in them."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import time
from typing import Self

import httpx
import psutil
import pytest
from aiosmtpd.controller import Controller
from apis import unique
from hosted import answered, deployment
from providers import connect
from scrapes import Figures, scrape, until
from servers import TENANTRY, LiveServer, free_port

from tenantry.telemetry.metrics.listener import FRESH_SECONDS

_CODE = re.compile(rb"^\d{6}\r?$", re.MULTILINE)
DATABASES = ("sqlite", "postgresql")


class MailServer:
    """A mail server that keeps what it takes; it refuses mail to an address with "nobody"."""

    def __init__(self) -> None:
        self.port = free_port()
        self.received: list[bytes] = []
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_RCPT(self, _server, _session, envelope, address, _options) -> str:  # noqa: N802
        if "nobody" in address:
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, _session, envelope) -> str:  # noqa: N802
        self.received.append(envelope.content)
        return "250 OK"

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop(no_assert=True)

    async def code(self, email: str) -> str:
        """The code of the newest mail to an address."""
        async with asyncio.timeout(60):
            while True:
                for content in reversed(self.received):
                    if email.encode() in content and (found := _CODE.findall(content)):
                        return found[0].decode().strip()
                await asyncio.sleep(0.1)


@pytest.fixture(scope="module")
def mail_server():
    with MailServer() as server:
        yield server


@pytest.fixture(scope="module", params=DATABASES)
def counting(request, start_server, mail_server):
    """Two processes that do all the work, and count."""
    more = {}
    if request.param == "postgresql":
        more["database_url"] = request.getfixturevalue("postgresql").fresh()
    started = start_server(
        f"metrics-{request.param}",
        workers="2",
        background="true",
        metrics_listen=f"127.0.0.1:{free_port()}",
        smtp_url=f"smtp://127.0.0.1:{mail_server.port}",
        mail_from="no-reply@example.com",
        outgoing_allow="127.0.0.0/8",
        trusted_proxies="127.0.0.0/8",
        **more,
    )
    until(address(started), lambda found: found.total("tenantry_processes") == 2)
    yield started
    started.stop()


@pytest.fixture
async def place(counting):
    async with deployment(counting) as opened:
        yield opened


def address(server: LiveServer) -> str:
    return str(server.environment["TENANTRY_METRICS_LISTEN"])


def requests(found: Figures, **labels: str) -> float:
    return found.total("tenantry_http_request_duration_seconds_count", **labels)


def start_worker(server: LiveServer, **settings: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [TENANTRY, "worker"],
        cwd=server.folder,
        env=server.environment | settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


async def grown(server, before: Figures, name: str, by: float = 1, **labels: str) -> Figures:
    """Wait until a number has grown, by exactly so much."""
    wanted = before.total(name, **labels) + by
    found = await asyncio.to_thread(
        until, address(server), lambda found: found.total(name, **labels) >= wanted
    )
    assert found.total(name, **labels) == wanted, (name, labels)
    return found


async def test_requests_are_counted_by_the_templates_of_their_routes(counting, place):
    organization = await place.make.organization()
    before = await asyncio.to_thread(scrape, address(counting))
    rest = place.api.organizations
    for _ in range(3):
        await rest.get_organization(id=organization["id"])
    async with place.visitor() as browser:
        for path in ("/made/up", "/another?secret=1", f"/{unique('x')}"):
            assert (await browser.get(path)).status_code == 404
        assert (await browser.http.request("PROPFIND", "/made/up")).status_code == 404
    get = {"route": "/api/v1/organizations/{id}", "method": "GET", "wire": "rest"}
    name = "tenantry_http_request_duration_seconds_count"
    found = await grown(counting, before, name, 3, **get, status="200")
    unmatched = {"route": "unmatched", "status": "404"}
    found = await grown(counting, before, name, 3, **unmatched, method="GET")
    found = await grown(counting, before, name, 1, **unmatched, method="_OTHER")
    found = await grown(counting, before, "tenantry_http_errors_total", 4, error="NOT_FOUND")
    assert found.total("tenantry_http_response_body_bytes_total") > 0
    assert "secret" not in found.text
    assert organization["id"] not in found.text
    assert "PROPFIND" not in found.text
    assert found.total("tenantry_database_statements_total", kind="read") > 0
    assert found.total("tenantry_database_statements_total", kind="change") > 0
    assert found.total("tenantry_cache_lookups_total", cache="clients") > 0
    assert found.total("tenantry_event_loop_delay_seconds_count") > 0
    assert found.total("tenantry_process_cpu_seconds_total") > 0.5
    assert found.total("tenantry_process_resident_memory_bytes") > 100e6


@pytest.mark.thorough
async def test_sign_ins_and_tokens_are_counted(counting, place, mail_server):
    application = await place.application()
    user = await place.make.user()
    before = await asyncio.to_thread(scrape, address(counting))
    async with place.visitor() as browser:
        await browser.begin(application)
        await browser.step("email", email=user["email"])
        code = await mail_server.code(user["email"])
        await browser.step("code", code=f"{(int(code) + 1) % 10**6:06}")
        done = answered(await browser.step("code", code=code))
        await application.tokens(browser.http, done["code"])
        wrong = {"grant_type": "authorization_code", "code": "x", "client_id": application.id}
        answer = await browser.http.post(
            "/oauth/token", data=wrong | {"client_secret": application.secret}
        )
        assert answer.status_code == 400
        error = answer.json()["error"]
    async with place.visitor() as browser:
        await browser.begin(application, prompt="login")
        await browser.step("cancel")
    proofs = {"name": "tenantry_sign_in_proofs_total", "method": "email"}
    await grown(counting, before, **proofs, outcome="refused")
    await grown(counting, before, **proofs, outcome="accepted")
    await grown(counting, before, "tenantry_sign_ins_total", method="email", outcome="succeeded")
    grant = {"grant": "authorization_code"}
    await grown(counting, before, "tenantry_tokens_issued_total", **grant)
    await grown(counting, before, "tenantry_token_refusals_total", error=error)
    found = await grown(counting, before, "tenantry_mail_attempts_total", outcome="sent")
    assert found.total("tenantry_mail_age_seconds_count", outcome="sent") >= 1


async def test_mail_that_fails_is_seen(counting, place):
    before = await asyncio.to_thread(scrape, address(counting))
    application = await place.application()
    async with place.visitor() as browser:
        await browser.begin(application)
        await browser.step("email", email=f"{unique('nobody')}@example.com")
    found = await grown(counting, before, "tenantry_mail_attempts_total", outcome="failed")
    assert found.total("tenantry_mail_age_seconds_count", outcome="failed") >= 1


@pytest.mark.thorough
async def test_webhooks_that_are_refused_or_not_answered_are_seen(counting, place):
    async def refuse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    before = await asyncio.to_thread(scrape, address(counting))
    receiver = await asyncio.start_server(refuse, "127.0.0.1", 0)
    made = []
    for port in (receiver.sockets[0].getsockname()[1], free_port()):
        answer = await place.api.webhooks.create_endpoint(
            endpoint={
                "url": f"http://127.0.0.1:{port}/hook",
                "event_types": ["organization.created"],
            }
        )
        made.append(answer["endpoint"]["id"])
    await place.make.organization()
    name = "tenantry_webhook_attempt_duration_seconds_count"
    wanted = [before.total(name, outcome=one) + 1 for one in ("refused", "unanswered")]
    found = await asyncio.to_thread(
        until,
        address(counting),
        lambda found: (
            found.total(name, outcome="refused") >= wanted[0]
            and found.total(name, outcome="unanswered") >= wanted[1]
            and found.total("tenantry_webhook_deliveries_waiting") >= 2
        ),
    )
    assert found.total("tenantry_events_logged_total") > 0
    for endpoint_id in made:
        await place.api.webhooks.delete_endpoint(endpoint_id=endpoint_id)
    receiver.close()


async def test_requests_of_directories_are_counted(counting, place):
    provider = await connect(place.database, counting, place.make)
    before = await asyncio.to_thread(scrape, address(counting))
    await provider.create("ada")
    await provider("GET", "/Users")
    await provider("GET", f"/{unique('Nothing')}")
    await provider("GET", "/Schemas")
    name = "tenantry_scim_requests_total"
    await grown(counting, before, name, resource="users", method="POST", status="201")
    await grown(counting, before, name, resource="users", method="GET", status="200")
    await grown(counting, before, name, resource="other", method="GET", status="404")
    found = await grown(counting, before, name, resource="discovery", method="GET", status="200")
    assert found.labels(name, "resource") <= {"users", "groups", "bulk", "discovery", "other"}
    await provider.aclose()


@pytest.mark.thorough
async def test_a_process_that_is_killed_takes_no_count_with_it(counting, place):
    organization = await place.make.organization()
    for _ in range(20):
        async with httpx.AsyncClient(verify=counting.trust) as fresh:  # of either process
            await fresh.get(f"{counting.url}/keys")
    await place.api.organizations.get_organization(id=organization["id"])
    keys = {"route": "/keys"}
    before = await asyncio.to_thread(
        until, address(counting), lambda found: requests(found, **keys) >= 20
    )
    await asyncio.sleep(FRESH_SECONDS)
    victim = psutil.Process(counting.process.pid).children()[0]
    os.kill(victim.pid, signal.SIGKILL)
    seen = [before]
    end = time.monotonic() + 60
    while True:
        found = await asyncio.to_thread(until, address(counting), lambda _: True)
        seen.append(found)
        back = psutil.Process(counting.process.pid).children()
        if found.total("tenantry_processes") == 2 and victim.pid not in {p.pid for p in back}:
            break
        assert time.monotonic() < end
        # Each process makes its answer anew after that time; a scraper takes longer turns.
        await asyncio.sleep(FRESH_SECONDS)
    for name in (
        "tenantry_http_request_duration_seconds_count",
        "tenantry_http_request_duration_seconds_sum",
        "tenantry_database_statements_total",
        "tenantry_process_cpu_seconds_total",
        "tenantry_event_loop_delay_seconds_count",
    ):
        values = [found.total(name) for found in seen]
        assert values == sorted(values), name


@pytest.mark.thorough
async def test_a_worker_counts_with_the_server_of_its_data_folder(counting):
    worker = start_worker(counting)
    try:
        await asyncio.to_thread(
            until, address(counting), lambda found: found.total("tenantry_processes") == 3
        )
    finally:
        worker.terminate()
        worker.wait(60)
    await asyncio.to_thread(
        until, address(counting), lambda found: found.total("tenantry_processes") == 2
    )
    taken = counting.run("worker", TENANTRY_DATA_DIR=str(counting.folder / "another"))
    assert "TENANTRY_METRICS_LISTEN" in taken.stderr + taken.stdout
    assert "in use" in taken.stderr + taken.stdout


@pytest.mark.thorough
def test_a_worker_answers_by_itself(tmp_path, sqlite_server):
    at = f"127.0.0.1:{free_port()}"
    worker = start_worker(sqlite_server, TENANTRY_METRICS_LISTEN=at)
    try:
        found = until(at, lambda found: found.total("tenantry_database_up") == 1)
        assert found.total("tenantry_processes") == 1
        assert found.total("tenantry_schema_info") == 1
    finally:
        worker.terminate()
        worker.wait(60)


@pytest.mark.thorough
def test_it_answers_while_the_server_drains(start_server):
    at = f"127.0.0.1:{free_port()}"
    server = start_server("draining", metrics_listen=at, drain_seconds="300")
    before = until(at, lambda found: requests(found, route="/healthz") > 0)
    server.process.terminate()
    with httpx.Client(verify=server.trust, base_url=server.url) as client:
        end = time.monotonic() + 60
        while client.get("/readyz").status_code != 503:
            assert time.monotonic() < end
            time.sleep(0.1)
        client.get("/healthz")
    after = until(at, lambda found: requests(found, route="/readyz", status="503") > 0)
    assert requests(after, route="/healthz") > requests(before, route="/healthz")
    server.process.terminate()  # the second signal stops the waiting
    server.process.wait(30)


@pytest.mark.thorough
def test_without_an_address_nothing_is_imported_or_written(own_server):
    source = (
        "import sys, tenantry.server.worker;"
        "print(*{'tenantry.telemetry.metrics.listener', 'tenantry.telemetry.metrics.exposition',"
        "'tenantry.transfer.deployment.figures'} & sys.modules.keys())"
    )
    done = subprocess.run(
        [TENANTRY.parent / "python", "-c", source], capture_output=True, text=True, check=True
    )
    assert done.stdout == "\n"
    assert not list((own_server.data_dir / "run").glob("metrics*"))


@pytest.mark.parametrize("given", ["9464", "localhost:9464", "127.0.0.1:0"])
def test_an_address_that_is_none_is_refused(tmp_path, given):
    done = LiveServer(tmp_path, metrics_listen=given).run("serve")
    assert done.returncode != 0
    assert done.stderr.startswith("tenantry: TENANTRY_METRICS_LISTEN: ")


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_port_of_the_wires_is_refused(tmp_path, host):
    server = LiveServer(tmp_path)
    server._settings["metrics_listen"] = f"{host}:{server.port}"
    done = server.run("serve")
    assert "TENANTRY_METRICS_LISTEN: must use a different port" in done.stderr
