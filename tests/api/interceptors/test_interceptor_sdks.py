"""The official SDKs take our requests, and nothing else."""

from __future__ import annotations

import json
import subprocess
import time

import pytest
from doc_programs import CONFORMANCE, need
from interceptor_receivers import a_call, interceptor
from scalekit import ScalekitClient
from turns import install_node_packages

from tenantry.events.interceptors import exchange, registry
from tenantry.events.interceptors.model import PRE_SESSION_CREATION
from tenantry.events.interceptors.model import interceptors as table
from tenantry.events.signing import Signer

pytestmark = pytest.mark.timeout(300)


def python(requests):
    # Without a client of a server, which it would ask for keys; verifying needs none.
    client = ScalekitClient.__new__(ScalekitClient)

    def taken(one):
        try:
            return client.verify_interceptor_payload(one["secret"], one["headers"], one["payload"])
        except Exception:  # noqa: BLE001 - it has several
            return False

    return [taken(one) for one in requests]


def node(requests):
    need("node", "npm")
    install_node_packages(CONFORMANCE / "node")
    return printed(["node", "interceptors.mjs"], requests, cwd=CONFORMANCE / "node")


def go(requests):
    need("go")
    return printed(["go", "run", "./interceptors"], requests, cwd=CONFORMANCE / "go")


def printed(command, requests, cwd):
    done = subprocess.run(
        command,
        cwd=cwd,
        input=json.dumps(requests),
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("sdk", [python, node, go])
async def test_a_request_is_taken_as_it_was_sent_and_not_otherwise(sdk, interceptors, db, receiver):
    made, former = await interceptor(db, receiver.url())
    made, secret = await registry.rotate_secret(a_call(db), made.id)
    data = {"user": {"name": "Jané 🐘", "id": "usr_1"}}
    await interceptors.run(a_call(db), PRE_SESSION_CREATION, context={}, data=data)
    (got,) = receiver.got
    headers = {name: value for name, value in got.headers.items() if "-" in name}
    good = {"secret": secret, "headers": headers, "payload": got.body.decode()}

    def signed(at):
        """The same at another time, with good signatures."""
        message_id = headers["interceptor-id"]
        when = int(at * 1_000_000)
        signer = Signer(db.vault, table, made, when)
        made_headers = signer.headers(message_id, good["payload"], when, exchange.PREFIXES)
        return {**good, "headers": made_headers}

    def but(**changed: str):
        """The same with one part of both sets of headers changed."""
        other = {f"{p}-{name}": value for p in exchange.PREFIXES for name, value in changed.items()}
        return {**good, "headers": {**headers, **other}}

    requests = {
        "as sent": (good, True),
        "by the secret before": ({**good, "secret": former}, True),
        "signed again": (signed(time.time()), True),
        "another secret": (
            {**good, "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"},
            False,
        ),
        "another body": ({**good, "payload": good["payload"].replace("usr_1", "usr_2")}, False),
        "written again": ({**good, "payload": json.dumps(got.content)}, False),
        "another id": (but(id="icc_9"), False),
        "another time": (but(timestamp=str(int(headers["webhook-timestamp"]) + 1)), False),
        "another signature": (but(signature="v1,AAAA"), False),
        "no signature": (but(signature=""), False),
        "6 minutes old": (signed(time.time() - 360), False),
        "6 minutes early": (signed(time.time() + 360), False),
    }
    found = sdk([request for request, _ in requests.values()])
    assert dict(zip(requests, found, strict=True)) == {
        name: taken for name, (_, taken) in requests.items()
    }
