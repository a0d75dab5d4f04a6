"""The guides about events do as they say, with a receiver that takes all deliveries."""

from __future__ import annotations

import json
import re
import threading
import time
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

import pytest
from doc_programs import RUNNERS, forget, management, settings_for
from servers import TENANTRY
from test_guides import GUIDES, JANE, fits, program, script

from tenantry import settings
from tenantry.events.log_streams import targets

ROOT = GUIDES.parent.parent
RECEIVE, AUDIT = "receive-events", "replay-and-audit"
# The official SDKs for the others cannot verify, or list events.
LANGUAGES = [
    (RECEIVE, "js"),
    (RECEIVE, "python"),
    (RECEIVE, "go"),
    (AUDIT, "js"),
    (AUDIT, "python"),
]
ENDPOINTS = "/api/v1/webhooks/endpoints"


class Receiver:
    """Takes all requests, and keeps them."""

    def __init__(self) -> None:
        self.requests = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(handler):  # noqa: N805 - `self` is the receiver
                body = handler.rfile.read(int(handler.headers["content-length"]))
                self.requests.append((dict(handler.headers), body.decode()))
                handler.send_response(201)
                handler.send_header("content-length", "0")
                handler.end_headers()

            def log_message(self, *args: object):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/webhooks"

    def __enter__(self) -> Self:
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture(scope="module")
def api(sending_server):
    with management(sending_server) as client:
        yield client


@pytest.fixture
def receiver(api):
    with Receiver() as receiver:
        yield receiver
        for endpoint in api.get(ENDPOINTS).json()["endpoints"]:
            api.delete(f"{ENDPOINTS}/{endpoint['id']}").raise_for_status()


@pytest.fixture
def run(api, sending_server, receiver, tmp_path):
    """Run a program after what "Model your tenants" leaves; the second guide has an endpoint."""

    def create(path, **fields: object):
        return api.post(f"/api/v1/{path}", json=fields).raise_for_status().json()

    def variables(guide, language):
        environment = sending_server.environment
        found = {k: v for k, v in environment.items() if k.startswith("TENANTRY_")}
        found |= {"PATH": f"{TENANTRY.parent}:{environment['PATH']}"}
        found |= settings_for(language, sending_server) | {"WEBHOOK_URL": receiver.url}
        acme = create("organizations", display_name="Acme Corp", external_id="acme_in_our_app")
        users = f"organizations/{acme['id']}/users?send_invitation_email=false"
        jane = create(users, email=JANE, external_id="jane_in_our_app")["user"]
        found |= {"ORGANIZATION_ID": acme["id"], "USER_ID": jane["id"]}
        await_log(api, acme["id"], "user.organization_membership_created")
        if guide == AUDIT:
            types = ["organization.deleted"]  # nothing that the guide causes by itself
            made = create("webhooks/endpoints", url=receiver.url, event_types=types)
            found["ENDPOINT_ID"] = made["endpoint"]["id"]
        return found

    def run(guide, language, source):
        done = RUNNERS[language](tmp_path, source, variables(guide, language))
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    forget(api)
    yield run
    forget(api)


def await_log(api, organization_id, event_type):
    """Wait until the worker has seen it: an endpoint made later does not get it."""
    asked = {"organization_id": organization_id, "event_types": event_type}
    until = time.monotonic() + 60
    while not api.get("/api/v1/events:export", params=asked).raise_for_status().text:
        assert time.monotonic() < until, "the worker stands still"
        time.sleep(0.05)


def shell(run, guide, folder):
    """Run the shell blocks; return all that they print."""
    source, answers = script(guide)
    run(guide, "sh", source)
    outputs = {path.name: path.read_text() for path in folder.glob("*.out")}
    for name, shown in answers.items():
        answer = json.loads(outputs[name])
        assert fits(shown, answer), (shown, answer)
    return "\n".join(outputs.values())


def assert_received(api, receiver):
    """The state after the first guide: one endpoint, a test event that was taken, a new secret."""
    (endpoint,) = api.get(ENDPOINTS).raise_for_status().json()["endpoints"]
    assert (endpoint["url"], endpoint["description"]) == (receiver.url, "Our application")
    assert "previous_secret_expire_time" in endpoint
    path = f"{ENDPOINTS}/{endpoint['id']}/deliveries"
    (delivery,) = api.get(path).raise_for_status().json()["deliveries"]
    assert delivery["test"]


def test_receive_events_in_the_shell(api, receiver, run, tmp_path):
    shell(run, RECEIVE, tmp_path)
    assert_received(api, receiver)
    ((headers, body),) = receiver.requests
    assert json.loads(body)["id"] == headers["webhook-id"]
    assert headers["webhook-signature"].startswith("v1,")


@pytest.mark.thorough
def test_replay_and_audit_in_the_shell(api, run, tmp_path):
    told = shell(run, AUDIT, tmp_path)
    assert re.search(r"^erased usr_\d+\b.*, with \d+ events$", told, re.MULTILINE)
    assert re.search(r"^\d+ events in \d+ chains, 0 problems$", told, re.MULTILINE)
    rows = (tmp_path / "events.csv").read_text().splitlines()
    lines = [json.loads(line) for line in (tmp_path / "events.ndjson").read_text().splitlines()]
    assert rows[0].startswith("position,")
    assert lines[-1]["type"] == "organization.updated"
    assert api.get("/api/v1/users:external/jane_in_our_app").status_code == 404
    assert JANE not in json.dumps(api.post("/api/v1/events", json={}).json())


@pytest.mark.one_of("js", "python", "go")
@pytest.mark.parametrize(("guide", "language"), LANGUAGES)
def test_every_language_gets_there(guide, language, api, receiver, run):
    printed = run(guide, language, program(guide, language))
    if guide == RECEIVE:
        assert_received(api, receiver)
    else:
        told = printed.splitlines()
        assert [line.partition(" ")[2] for line in told[:2]] == [
            "user.organization_membership_created",
            "organization.created",
        ]
        assert told[2:] == ["organization.created", "user.organization_membership_created"]


def test_the_receivers_are_those_of_the_examples():
    text = (GUIDES / f"{RECEIVE}.md").read_text(encoding="utf-8")
    parts = re.findall(r"^```\w+ (examples/\S+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(parts) == 2
    for path, code in parts:
        assert code in (ROOT / path).read_text(encoding="utf-8"), path


def test_the_request_that_is_shown_has_the_headers_that_are_sent():
    text = (GUIDES / f"{RECEIVE}.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```http\n(.*?)\n\n", text, re.MULTILINE | re.DOTALL)
    names = [line.partition(":")[0] for line in shown.splitlines()[1:]]
    assert names == ["content-type", "webhook-id", "webhook-timestamp", "webhook-signature"]


def test_settings_that_are_shown_can_be_used():
    text = (GUIDES / f"{AUDIT}.md").read_text(encoding="utf-8")
    for block in re.findall(r"^```toml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        given = {
            f"TENANTRY_{name.upper()}": ",".join(value)
            for name, value in tomllib.loads(block).items()
        }
        known = settings.load(given)
        assert len(targets.of(known)) == 3
