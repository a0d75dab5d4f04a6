"""oidc-provider, an OpenID Provider of somebody else, as a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from turns import install_node_packages

_HERE = Path(__file__).parent / "oidc_provider_server"


def install():
    """Install it; where there is no Node.js, the test is skipped."""
    if not shutil.which("node"):
        if os.environ.get("CI") == "true":
            pytest.fail("node is not installed")
        pytest.skip("node is not installed")
    install_node_packages(_HERE)


@contextmanager
def running(folder, server, port, clients, people):
    """Start the provider; yield its URL, and the file of its log."""
    log = folder / "oidc-provider.log"
    settings = json.dumps({"port": port, "clients": clients, "people": people})
    with log.open("ab") as output:
        process = subprocess.Popen(
            ["node", "provider.mjs"],
            cwd=_HERE,
            env=os.environ | {"SETTINGS": settings, "NODE_EXTRA_CA_CERTS": str(server.ca)},
            stdout=output,
            stderr=output,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 60
        while not _answers(url):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        yield url, log
    finally:
        process.terminate()
        process.wait(60)


def _answers(url):
    try:
        return httpx.get(f"{url}/.well-known/openid-configuration").status_code == 200
    except httpx.TransportError:
        return False
