"""Streams out of the event log."""

from __future__ import annotations

import pytest
from log_of_events import certificates

from tenantry.events.log_streams import streaming
from tenantry.events.log_streams.targets import parse


@pytest.fixture(scope="session")
def tls(tmp_path_factory):
    """A server's TLS settings for 127.0.0.1, and the file that trusts it."""
    return certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def stream():
    """Open the stream of a URL; all are closed after the test."""
    opened = []

    def open_(url):
        opened.append(streaming.Stream(parse(url), hostname="tenants.example"))
        return opened[-1]

    yield open_
    for one in opened:
        await one.close()
