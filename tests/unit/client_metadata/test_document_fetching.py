"""Fetching of client ID metadata documents from a host that anybody can name."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl

import pytest

from tenantry.access.client_metadata import documents, fetching
from tenantry.access.client_metadata.documents import DocumentError
from tenantry.access.client_metadata.fetching import DocumentFetcher
from tenantry.net.outgoing import Outgoing
from tenantry.server.certificates.authority import Authority

HOST = "client.example"


class DocumentHost:
    """A host of documents on loopback, by TLS."""

    def __init__(self) -> None:
        self.status = "200 OK"
        self.headers = "content-type: application/json\r\n"
        self.body = b""
        self.requests = []
        self.asked = asyncio.Event()
        self.port = 0
        self.held = None  # an event that each response waits for

    @property
    def url(self):
        return f"https://{HOST}:{self.port}/client.json"

    def publish(self, changes=None):
        document = {
            "client_id": self.url,
            "client_name": "Client",
            "redirect_uris": ["https://client.example/callback"],
        } | (changes or {})
        self.body = json.dumps(document).encode()

    async def handle(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.requests.append(head)
        self.asked.set()
        if self.held is not None:
            await self.held.wait()
        writer.write(
            f"HTTP/1.1 {self.status}\r\n{self.headers}connection: close\r\n"
            f"content-length: {len(self.body)}\r\n\r\n".encode()
            + self.body
        )
        writer.close()


@pytest.fixture
async def host(tmp_path, monkeypatch):
    issued = Authority.create(tmp_path).issue([HOST])
    (tmp_path / "host.pem").write_bytes(issued.chain + issued.key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "host.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    real = socket.getaddrinfo

    def look(name, port, family, kind):
        return real("127.0.0.1" if name == HOST else name, port, family, kind)

    monkeypatch.setattr(socket, "getaddrinfo", look)
    started = DocumentHost()
    listener = await asyncio.start_server(started.handle, "127.0.0.1", 0, ssl=context)
    started.port = listener.sockets[0].getsockname()[1]
    started.publish()
    async with listener:
        yield started


@pytest.fixture
async def fetcher():
    outgoing = Outgoing(("127.0.0.0/8",))
    yield DocumentFetcher(outgoing)
    await outgoing.close()


async def test_a_document_is_fetched_once_for_requests_at_once(host, fetcher):
    host.headers += "cache-control: max-age=900\r\n"
    host.held = asyncio.Event()
    waiting = [asyncio.create_task(fetcher.fetch(host.url)) for _ in range(5)]
    await host.asked.wait()
    host.held.set()
    found = await asyncio.gather(*waiting)
    assert {document.metadata.name for document in found} == {"Client"}
    assert found[0].seconds == 900
    assert len(host.requests) == 1
    assert "accept: application/json" in host.requests[0].lower()
    assert "cookie" not in host.requests[0].lower()


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary Redirect"])
async def test_a_redirect_is_not_followed(host, fetcher, status):
    host.status = status
    host.headers += f"location: https://{HOST}:{host.port}/other.json\r\n"
    with pytest.raises(DocumentError, match=status[:3]):
        await fetcher.fetch(host.url)
    assert len(host.requests) == 1


@pytest.mark.parametrize("status", ["404 Not Found", "500 Error", "201 Created"])
async def test_only_200_is_a_document_and_errors_are_shared_for_seconds(host, fetcher, status):
    host.status = status
    for _ in range(3):
        with pytest.raises(DocumentError, match=status[:3]):
            await fetcher.fetch(host.url)
    assert len(host.requests) == 1


async def test_a_document_that_is_too_large_is_refused(host, fetcher):
    host.publish({"padding": "x" * 2_000_000})
    with pytest.raises(DocumentError, match="10240 bytes"):
        await fetcher.fetch(host.url)


async def test_a_document_of_another_client_is_refused(host, fetcher):
    host.publish({"client_id": "https://claude.ai/oauth/claude-code-client-metadata"})
    with pytest.raises(DocumentError, match="not its URL"):
        await fetcher.fetch(host.url)


async def test_a_host_that_does_not_answer_is_given_up(host, fetcher, monkeypatch):
    monkeypatch.setattr(fetching, "SECONDS", 0.3)
    host.held = asyncio.Event()
    with pytest.raises(DocumentError, match="within"):
        await fetcher.fetch(host.url)


async def test_more_documents_at_once_than_allowed_are_refused(host, fetcher, monkeypatch):
    monkeypatch.setattr(fetching, "_AT_ONCE", 1)
    host.held = asyncio.Event()
    first = asyncio.create_task(fetcher.fetch(host.url))
    await host.asked.wait()
    with pytest.raises(DocumentError, match="too many"):
        await fetcher.fetch(f"https://{HOST}:{host.port}/other.json")
    host.held.set()
    assert (await first).metadata.name == "Client"


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/c",
        "https://[::1]/c",
        "https://[::ffff:127.0.0.1]/c",
        "https://10.0.0.1/c",
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/c",
        "https://2130706433/c",
        "https://0x7f000001/c",
    ],
)
async def test_addresses_that_are_not_public_are_not_asked(url):
    outgoing = Outgoing(())
    with pytest.raises(DocumentError, match="not fetched"):
        await DocumentFetcher(outgoing).fetch(url)
    await outgoing.close()


async def test_a_name_of_an_address_that_is_not_public_is_not_asked(host):
    outgoing = Outgoing(())
    with pytest.raises(DocumentError, match="not public"):
        await DocumentFetcher(outgoing).fetch(host.url)
    await outgoing.close()
    assert host.requests == []


def test_the_limits_are_those_of_the_documentation():
    assert documents.MAX_BYTES == 10 << 10
    assert fetching.SECONDS == 5
