"""The example receivers take what Tenantry sends, once each, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

import httpx
import pytest
from doc_programs import management, need
from repository import ROOT
from servers import free_port
from standardwebhooks import Webhook
from turns import install_node_packages

EXAMPLES = ROOT / "examples"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
UNSIGNED = {"webhook-id": "evt_9", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}


def fastapi(port):
    return [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port)]


def express(port):
    need("node", "npm")
    install_node_packages(EXAMPLES / "webhook-receiver-express")
    return ["node", "app.js"]


@contextmanager
def started(command, server, folder, *, port=0, secret=SECRET):
    """One of the examples, running: a client of it."""
    port, log = port or free_port(), folder / "log"
    settings = {"PORT": str(port), "INBOX": str(folder / "inbox"), "WEBHOOK_SECRET": secret}
    with log.open("ab") as output:
        process = subprocess.Popen(
            command(port),
            cwd=EXAMPLES / f"webhook-receiver-{command.__name__}",
            env=server.environment | server.env | settings,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
            wait_for(lambda: process.poll() is not None or answers(http))
            assert process.poll() is None, log.read_text()
            yield http
    finally:
        process.kill()
        process.wait(60)


def answers(http):
    try:
        return http.get("/organizations").status_code == 200
    except httpx.TransportError:
        return False


def wait_for(whether, seconds=30):
    until = time.monotonic() + seconds
    while not (found := whether()):
        assert time.monotonic() < until
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module", params=[fastapi, express], ids=["fastapi", "express"])
def command(request):
    return request.param


@pytest.fixture(scope="module")
def receiver(command, live_server, tmp_path_factory):
    with started(command, live_server, tmp_path_factory.mktemp("receiver")) as http:
        yield http


def event(number, kind="created", organization="org_1", name="Acme"):
    """An event and its bytes."""
    found = {
        "id": f"evt_{1000 + number}",
        "type": f"organization.{kind}",
        "data": {"id": organization, "display_name": name},
    }
    return found["id"], json.dumps(found)


def signed(event_id, body, *, at=None, secret=SECRET):
    at = at or datetime.now(UTC)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(event_id, at, body),
        "content-type": "application/json",
    }


def post(http, event_id, body, **how: object):
    return http.post("/webhooks", content=body, headers=signed(event_id, body, **how)).status_code


def names(http, organization):
    return http.get("/organizations").json().get(organization)


@pytest.mark.thorough
def test_what_tenantry_sends_is_taken(command, sending_server, tmp_path):
    port = free_port()
    with management(sending_server) as api:

        def call(verb, path, **body: object):
            answer = api.request(verb, f"/api/v1/{path}", json=body or None)
            return answer.raise_for_status().json()

        url = f"http://127.0.0.1:{port}/webhooks"
        made = call("POST", "webhooks/endpoints", url=url, event_types=[])
        endpoint = f"webhooks/endpoints/{made['endpoint']['id']}"
        with started(command, sending_server, tmp_path, port=port, secret=made["secret"]) as http:
            acme = call("POST", "organizations", display_name="Acme")["id"]
            wait_for(lambda: names(http, acme) == "Acme")
            call("PATCH", f"organizations/{acme}", display_name="Acme Corp")
            wait_for(lambda: names(http, acme) == "Acme Corp")
            # Both secrets sign now; this receiver knows the former one.
            call("POST", f"{endpoint}/secret:rotate")
            api.delete(f"/api/v1/organizations/{acme}").raise_for_status()
            wait_for(lambda: names(http, acme) is None)

            def delivered():
                found = call("GET", f"{endpoint}/deliveries")["deliveries"]
                return {one["state"] for one in found} == {"SUCCEEDED"} and found

            found = wait_for(delivered)
            assert [one["event_type"] for one in found] == [
                "organization.deleted",
                "organization.updated",
                "organization.created",
            ]
            assert {one["last_status"] for one in found} == {201}
        api.delete(f"/api/v1/{endpoint}").raise_for_status()


def test_an_event_is_taken_once(receiver):
    made = event(1, organization="org_1", name="Acme")
    assert post(receiver, *made) == 201
    assert post(receiver, *made) == 200
    wait_for(lambda: names(receiver, "org_1") == "Acme")


def test_an_older_event_that_comes_later_undoes_nothing(receiver):
    assert post(receiver, *event(12, "updated", "org_2", "Newer")) == 201
    wait_for(lambda: names(receiver, "org_2") == "Newer")
    assert post(receiver, *event(11, "created", "org_2", "Older")) == 201
    assert post(receiver, *event(13, "created", "org_3", "After it")) == 201
    wait_for(lambda: names(receiver, "org_3") == "After it")
    assert names(receiver, "org_2") == "Newer"
    assert post(receiver, *event(14, "deleted", "org_2")) == 201
    wait_for(lambda: names(receiver, "org_2") is None)


def test_other_events_are_taken_and_passed_over(receiver):
    body = json.dumps({"id": "evt_2000", "type": "role.created", "data": {"id": "role_1"}})
    assert post(receiver, "evt_2000", body) == 201


def test_what_is_not_signed_right_is_refused(receiver):
    event_id, body = event(21, organization="org_4")
    good = signed(event_id, body)
    now = datetime.now(UTC)
    others = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
    for headers, content in (
        ({}, body),
        (UNSIGNED, body),
        *((good | {name: ""}, body) for name in UNSIGNED),
        (good | {"webhook-id": "evt_9"}, body),
        (good | {"webhook-timestamp": "soon"}, body),
        (good | {"webhook-signature": "v1,"}, body),
        (good | {"webhook-signature": "v1,###"}, body),
        (good | {"webhook-signature": good["webhook-signature"].replace("v1", "v2")}, body),
        (good, body.replace("org_4", "org_5")),
        (good, body.encode() + b"\xff"),
        (good, ""),
        (signed(event_id, body, secret=others), body),
        (signed(event_id, body, at=now - timedelta(minutes=6)), body),
        (signed(event_id, body, at=now + timedelta(minutes=6)), body),
    ):
        answer = receiver.post("/webhooks", content=content, headers=headers)
        assert answer.status_code == 400, (headers, content, answer.text)
    assert names(receiver, "org_4") is None
    # During a rotation there are two signatures, and one has to fit.
    other = signed(event_id, body, secret=others)["webhook-signature"]
    both = {"webhook-signature": f"{other} {good['webhook-signature']}"}
    assert receiver.post("/webhooks", content=body, headers=good | both).status_code == 201


@pytest.mark.thorough
def test_what_was_taken_before_the_end_is_there_after_it(command, live_server, tmp_path):
    made = event(1)
    with started(command, live_server, tmp_path) as http:
        assert post(http, *made) == 201
    with started(command, live_server, tmp_path) as http:
        wait_for(lambda: names(http, "org_1") == "Acme")
        assert post(http, *made) == 200


def test_the_requirements_are_what_is_tested():
    needed = (EXAMPLES / "webhook-receiver-fastapi" / "requirements.txt").read_text()
    for line in needed.splitlines():
        name, _, pinned = line.partition("==")
        assert version(name) == pinned, name
