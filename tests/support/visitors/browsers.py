"""Chromium for tests, without a window; where it is not installed they are skipped."""

from __future__ import annotations

import base64
import hashlib
import os
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright import async_api, sync_api
from playwright.async_api import async_playwright
from playwright.sync_api import sync_playwright
from waiting import SECONDS

for one in (async_api, sync_api):  # whose own limit is five seconds
    one.expect.set_options(timeout=SECONDS * 1000)

CHROMIUM = Path("/usr/bin/chromium")
_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@asynccontextmanager
async def chromium(server: Any = None, *, port: int = 0):
    """A browser that trusts the certificate of this server: passkeys want that.

    At ``port`` other programs may drive it.
    """
    options = _options(server)
    if port:
        options["args"].append(f"--remote-debugging-port={port}")
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(**options)
        yield launched
        await launched.close()


@contextmanager
def chromium_in_step(server: Any = None):
    """The same for tests without an event loop."""
    options = _options(server)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(**options)
        yield launched
        launched.close()


def _options(server: Any) -> dict[str, Any]:
    if not CHROMIUM.exists():
        if os.environ.get("CI") == "true":
            pytest.fail("chromium is not installed")
        pytest.skip("chromium is not installed")
    trusted = []
    if server is not None:
        root = x509.load_pem_x509_certificate(server.ca.read_bytes())
        key = root.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        digest = base64.b64encode(hashlib.sha256(key).digest()).decode()
        trusted = [f"--ignore-certificate-errors-spki-list={digest}"]
    return {"executable_path": CHROMIUM, "args": [*_ARGUMENTS, *trusted]}
