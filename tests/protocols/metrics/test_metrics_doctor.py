"""`tenantry doctor` about the address of `/metrics`."""

from __future__ import annotations

import json
import socket

import pytest
from servers import LiveServer, free_port

TOKEN = "0123456789abcdef"


def finding(folder, **settings: object):
    done = LiveServer(folder, **settings).run("doctor", "--json")
    checks = {one["check"]: one for one in json.loads(done.stdout)["checks"]}
    return checks["metrics"]


def test_without_an_address_nothing_is_wrong(tmp_path):
    found = finding(tmp_path)
    assert found["ok"]
    assert "disabled" in found["text"]


def test_a_public_address_needs_a_token(tmp_path):
    address = f"0.0.0.0:{free_port()}"
    found = finding(tmp_path, metrics_listen=address)
    assert not found["ok"]
    assert "TENANTRY_METRICS_TOKEN" in found["advice"]
    found = finding(tmp_path, metrics_listen=address, metrics_token=TOKEN)
    assert found["ok"]
    assert TOKEN not in found["text"]
    assert finding(tmp_path, metrics_listen=f"127.0.0.1:{free_port()}")["ok"]


def test_an_address_that_is_taken_is_told(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        found = finding(tmp_path, metrics_listen=f"127.0.0.1:{other.getsockname()[1]}")
    assert not found["ok"]
    assert "is in use" in found["text"]


@pytest.mark.parametrize("token", ["short", "with spaces in the token", "ein-schlüssel-umlaut"])
def test_a_token_that_no_header_can_hold_is_refused(tmp_path, token):
    done = LiveServer(tmp_path, metrics_token=token).run("doctor", "--settings")
    assert done.returncode != 0
    assert "TENANTRY_METRICS_TOKEN" in done.stderr + done.stdout
    assert token not in done.stderr + done.stdout
